"""The step that brings the uploads to Storage: side by side, once each, and exactly undoable."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING

from pytest_deploy.engine.step import Description, Observed
from pytest_deploy.errors import StepError
from pytest_deploy.providers.supabase import storage
from pytest_deploy.providers.supabase.storage import ObjectTakenError
from pytest_deploy.steps.objects import MADE, Objects
from pytest_deploy.steps.service import ServiceStep
from pytest_deploy.transfer.mime import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pytest_deploy.config.files import BucketSettings, FilesSettings
    from pytest_deploy.engine.step import Result
    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.providers.supabase.storage import Storage
    from pytest_deploy.steps.objects import Known
    from pytest_deploy.transfer.manifest import Entry, Manifest

_RUNBOOK = "runbooks/files.md"
_NOTED_AT_ONCE = 50
_MB = 1_000_000


class UploadFiles(ServiceStep):
    """
    Makes the buckets, and sends every file that is not there yet.

    What was sent is noted in the target, so that a run that was killed is gone on with, and what
    others have put there stays.

    Args:
        project: The project.
        release: The release's id.
        folder: The uploads folder.
        manifest: What is sent.
        settings: `[files]`.
    """

    name = "upload_files"

    def __init__(
        self,
        project: Supabase,
        release: str,
        folder: Path,
        manifest: Manifest,
        settings: FilesSettings,
    ) -> None:
        super().__init__(project, release)
        self._folder, self._manifest, self._settings = folder, manifest, settings

    def describe(self) -> Description:
        """See `Step`."""
        return Description(
            does="makes the buckets of [files], and sends every upload that is not there yet",
            way_back="removes the objects and buckets that it made; what was there before stays",
            stops_for=f"an object or a bucket of somebody else under its name: see {_RUNBOOK}",
        )

    def observe(self) -> Observed:
        """See `Step`; what was begun is gone on with, so that half of it is nothing to undo."""
        with self.project.database.connect() as connection:
            known = Objects(connection, self._release).known()
        wanted = {(entry.bucket, entry.key) for entry in self._manifest.entries}
        there = {(one.bucket, one.key) for one in known if one.is_there}
        return Observed.DONE if known and wanted == there else Observed.NOTHING

    def _apply(self) -> Result:
        self._refuse_unfit()
        with (
            storage.opened(self.project, self._settings.workers) as there,
            self.project.database.connect(autocommit=True) as connection,
        ):
            objects = Objects(connection, self._release)
            objects.begin()
            missing = self._missing_buckets(there)
            self._refuse_others(there, objects, missing | objects.buckets())
            self._make_buckets(there, objects, missing)
            objects.plan(self._manifest.entries)
            todo = self._todo(objects.known())
            self._send(there, objects, todo)
        return {
            "files": len(self._manifest.entries),
            "sent": len(todo),
            "size_bytes": sum(entry.size_bytes for entry in todo),
        }

    def _compensate(self) -> None:
        undo_uploads(self.project, self._release)

    def _complete(self) -> None:
        complete_uploads(self.project, self._release)

    def _refuse_unfit(self) -> None:
        """Stop before anything is sent: a gate says of each file what is wrong with it."""
        unfit = sum(not one.bucket or one.mime == PROGRAM for one in self._manifest.entries)
        if unfit:
            raise StepError(
                f"step {self.name!r}",
                problem="expected files that a bucket takes and no machine runs, seen"
                f" {unfit:,} others",
                where="deploy.toml, [files.buckets]",
                remedy=f"see what the gate uploads_are_valid says of each; see {_RUNBOOK}",
            )

    def _missing_buckets(self, there: Storage) -> frozenset[str]:
        """Name the buckets that are not there, and refuse those that are open and should not be."""
        missing = set()
        for name, wanted in self._settings.buckets.items():
            found = there.bucket(name)
            if found is None:
                missing.add(name)
            elif found.public != wanted.public:
                raise _other_bucket(name, wanted)
        return frozenset(missing)

    def _make_buckets(self, there: Storage, objects: Objects, missing: frozenset[str]) -> None:
        for name in sorted(missing):
            wanted = self._settings.buckets[name]
            objects.note_bucket(name)
            there.make_bucket(
                name,
                public=wanted.public,
                largest_bytes=int(wanted.largest_mb * _MB),
                types=wanted.types,
            )

    def _refuse_others(self, there: Storage, objects: Objects, empty: frozenset[str]) -> None:
        """Look, before anything is sent, at what stands under our names in buckets of others."""
        noted = {(one.bucket, one.key) for one in objects.known()}
        asked = [
            entry
            for entry in self._manifest.entries
            if entry.bucket not in empty and (entry.bucket, entry.key) not in noted
        ]
        same, others = [], 0

        def look(entry: Entry) -> tuple[Entry, str]:
            return entry, there.fetch(entry.bucket, entry.key).sha256

        with ThreadPoolExecutor(self._settings.workers) as threads:
            for entry, sha256 in threads.map(look, asked):
                if sha256 == entry.sha256:
                    same.append(entry)
                elif sha256:
                    others += 1
        if others:
            raise _other_objects(others)
        objects.note_found(same)

    def _todo(self, known: Sequence[Known]) -> tuple[Entry, ...]:
        there = {(one.bucket, one.key) for one in known if one.is_there}
        entries = self._manifest.entries
        return tuple(one for one in entries if (one.bucket, one.key) not in there)

    def _send(self, there: Storage, objects: Objects, todo: Sequence[Entry]) -> None:
        sent: list[Entry] = []
        pool = ThreadPoolExecutor(self._settings.workers)
        try:
            running = {pool.submit(self._put, there, entry): entry for entry in todo}
            for done in as_completed(running):
                done.result()
                sent.append(running[done])
                if len(sent) == _NOTED_AT_ONCE:
                    objects.note(sent, MADE)
                    sent.clear()
        finally:
            pool.shutdown(cancel_futures=True)
            objects.note(sent, MADE)

    def _put(self, there: Storage, entry: Entry) -> None:
        try:
            there.put(entry.bucket, entry.key, self._folder / entry.path, entry.mime)
        except ObjectTakenError:
            # Of an attempt whose answer was lost, or of a run that was killed.
            if there.fetch(entry.bucket, entry.key).sha256 != entry.sha256:
                raise _other_objects(1) from None


def undo_uploads(project: Supabase, release: str) -> None:
    """
    Remove what a release has put into Storage; the target knows what that is.

    Args:
        project: The project.
        release: The release's id.

    Raises:
        TargetError: Storage refuses.
    """

    def undo(there: Storage, objects: Objects) -> None:
        gone = objects.to_remove(there.fetch)
        objects.begin_to_remove()
        for bucket, keys in gone.items():
            there.remove(bucket, keys)
        for bucket in objects.buckets():
            there.drop_bucket(bucket)
        objects.forget()

    _with_objects(project, release, undo)


def complete_uploads(project: Supabase, release: str) -> None:
    """
    Give up the way back of a release's uploads.

    Args:
        project: The project.
        release: The release's id.
    """
    _with_objects(project, release, lambda _there, objects: objects.complete())


def _with_objects(project: Supabase, release: str, do: Callable[[Storage, Objects], None]) -> None:
    with project.database.connect(autocommit=True) as connection:
        objects = Objects(connection, release)
        if objects.are_noted:
            with storage.opened(project, 1) as there:
                do(there, objects)


def _other_bucket(name: str, wanted: BucketSettings) -> StepError:
    now, then = ("private", "public") if wanted.public else ("public", "private")
    return StepError(
        "step 'upload_files'",
        problem=f"expected bucket {name} to be {then}, seen one that is {now}",
        where=f"deploy.toml, [files.buckets.{name}] public",
        remedy=f"choose another name, or change the bucket by hand; see {_RUNBOOK}",
    )


def _other_objects(count: int) -> StepError:
    return StepError(
        "step 'upload_files'",
        problem=f"expected no other object under the names of the uploads, seen {count:,}",
        where="the buckets of deploy.toml, [files]",
        remedy=f"choose other buckets, or move these objects away; see {_RUNBOOK}",
    )
