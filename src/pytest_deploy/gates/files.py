"""May the uploads go to Storage, are they there, and do they open to nobody but their audience."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from pytest_deploy.gates.verdict import Verdict
from pytest_deploy.providers.supabase import storage
from pytest_deploy.providers.supabase.http import http_client
from pytest_deploy.providers.supabase.storage import Fetched, Storage
from pytest_deploy.transfer.mime import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import httpx

    from pytest_deploy.config.files import FilesSettings
    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.transfer.manifest import Entry, Manifest

_REMEDY = "see runbooks/files.md"
_MB = 1_000_000
_SHOWN = 20
_SOME = 20  # files that are asked for in a further way, of each private bucket
_SIGNED_S = 60
_OK = 200

# Supabase Lite keeps the object as a text within JSON.
_TYPES = """
SELECT bucket_id, name, coalesce(CASE jsonb_typeof(metadata)
    WHEN 'string' THEN (metadata #>> '{}')::jsonb ELSE metadata END ->> 'mimetype', 'none')
FROM storage.objects WHERE bucket_id = ANY(%s)
"""

Told = TypeVar("Told")


def uploads_are_valid(
    manifest: Manifest, others: Sequence[str], settings: FilesSettings
) -> Verdict:
    """
    Look for files that must not go to Storage.

    Args:
        manifest: The files.
        others: What else lies among them.
        settings: `[files]`.

    Returns:
        One problem for each; files are named by their hash and ending alone.
    """
    problems = [
        f"{count:,} of the kind {what}: it is not sent" for what, count in Counter(others).items()
    ]
    problems += [
        f"{shown(entry)}: {why}" for entry in manifest.entries for why in _against(entry, settings)
    ]
    return Verdict(
        examined=len(manifest.entries) + len(others),
        unit="files",
        problems=_few(problems),
        measured={
            "size_bytes": sum(entry.size_bytes for entry in manifest.entries),
            "empty": sum(not entry.size_bytes for entry in manifest.entries),
            "renamed": sum(entry.path != entry.key for entry in manifest.entries),
        },
        remedy=_REMEDY,
    )


def objects_are_whole(project: Supabase, manifest: Manifest, settings: FilesSettings) -> Verdict:
    """
    Fetch every object as its audience does, and compare it with the file.

    Of a public bucket as anybody; of a private one with the key that sees everything, and some of
    each by a signed address, too.

    Args:
        project: The project.
        manifest: The files.
        settings: `[files]`.

    Returns:
        One problem for each object that is missing or another one.
    """
    entries = _with_buckets(manifest)
    signed = frozenset(some_private(manifest, settings))
    with http_client(settings.workers) as http:
        there = Storage(project, http)

        def look(entry: Entry) -> tuple[str, ...]:
            if settings.buckets[entry.bucket].public:
                url = storage.public_address(project, entry.bucket, entry.key)
                return _compared(entry, storage.fetch(http, url))
            found = list(_compared(entry, there.fetch(entry.bucket, entry.key)))
            if not found and entry in signed:
                url = there.sign(entry.bucket, entry.key, _SIGNED_S)
                found += [f"signed, {one}" for one in _compared(entry, storage.fetch(http, url))]
            return tuple(found)

        problems = [one for found in _each(look, entries, settings) for one in found]
    problems += _of_other_types(project, manifest, settings)
    return Verdict(
        examined=len(manifest.entries),
        unit="objects",
        problems=_few(problems),
        measured={
            "size_bytes": sum(entry.size_bytes for entry in manifest.entries),
            "signed": len(signed),
        },
        remedy=_REMEDY,
    )


def private_objects_are_closed(
    project: Supabase, manifest: Manifest, settings: FilesSettings
) -> Verdict:
    """
    Ask for every private object as anybody: by its public address, and with the publishable key.

    Args:
        project: The project.
        manifest: The files.
        settings: `[files]`.

    Returns:
        One problem for each that opens, and for each bucket that is open and should not be.
    """
    entries = _with_buckets(manifest)
    private = tuple(one for one in entries if not settings.buckets[one.bucket].public)
    anybody = storage.headers_of(project.publishable_key.reveal())
    with http_client(settings.workers) as http:
        there = Storage(project, http)
        problems = [one for name in settings.buckets for one in _on_bucket(there, name, settings)]

        def look(entry: Entry) -> bool:
            public = storage.public_address(project, entry.bucket, entry.key)
            keyed = storage.address(project, entry.bucket, entry.key)
            return _opens(http, public, None) or _opens(http, keyed, anybody)

        with ThreadPoolExecutor(settings.workers) as threads:
            opened = [
                e for e, is_open in zip(private, threads.map(look, private), strict=True) if is_open
            ]
    problems += [
        f"{shown(entry)} of bucket {entry.bucket}: anybody can open it" for entry in opened
    ]
    return Verdict(
        examined=len(private) + len(settings.buckets),
        unit="objects and buckets",
        problems=_few(problems),
        measured={"private": len(private)},
        remedy=_REMEDY,
    )


def shown(entry: Entry) -> str:
    """
    Name a file without its name, which is somebody's.

    Args:
        entry: The file.

    Returns:
        The beginning of its hash, and its ending.
    """
    ending = PurePosixPath(entry.path).suffix
    plain = ending if ending.isascii() and ending.isprintable() else ""
    return f"file {entry.sha256[:12]}{plain}"


def some_private(manifest: Manifest, settings: FilesSettings) -> tuple[Entry, ...]:
    """
    Choose some files of each private bucket.

    Args:
        manifest: The files.
        settings: `[files]`.

    Returns:
        The first ones, as many as are worth a question each.
    """
    taken: Counter[str] = Counter()
    some = []
    for entry in _with_buckets(manifest):
        if not settings.buckets[entry.bucket].public and taken[entry.bucket] < _SOME:
            taken[entry.bucket] += 1
            some.append(entry)
    return tuple(some)


def _against(entry: Entry, settings: FilesSettings) -> Iterator[str]:
    if not entry.bucket:
        yield "no bucket takes it: none of its patterns matches the path"
        return
    bucket = settings.buckets[entry.bucket]
    if entry.size_bytes > bucket.largest_mb * _MB:
        yield f"{entry.size_bytes:,} bytes, more than the {bucket.largest_mb:g} MB of its bucket"
    if entry.mime == PROGRAM:
        yield "a program, by its content"
    elif bucket.types and entry.mime not in bucket.types:
        yield f"{entry.mime}, which bucket {entry.bucket} does not take"


def _compared(entry: Entry, found: Fetched) -> tuple[str, ...]:
    name = f"{shown(entry)} in bucket {entry.bucket}"
    if found.status != _OK:
        return (f"{name}: not there, status {found.status}",)
    problems = []
    if found.sha256 != entry.sha256:
        problems.append(
            f"{name}: another content, {found.size_bytes:,} bytes of {entry.size_bytes:,}"
        )
    if found.mime != entry.mime:
        problems.append(f"{name}: expected type {entry.mime}, seen {found.mime or 'none'}")
    return tuple(problems)


def _of_other_types(
    project: Supabase, manifest: Manifest, settings: FilesSettings
) -> Iterator[str]:
    """Compare the types that Storage has noted: some servers tell another one, by the name."""
    with project.database.connect() as connection:
        rows = connection.execute(_TYPES, (list(settings.buckets),)).fetchall()
    noted = {(bucket, key): mime for bucket, key, mime in rows}
    for entry in manifest.entries:
        mime = noted.get((entry.bucket, entry.key), entry.mime)
        if mime != entry.mime:
            yield f"{shown(entry)} in bucket {entry.bucket}: noted as {mime}, it is {entry.mime}"


def _on_bucket(there: Storage, name: str, settings: FilesSettings) -> Iterator[str]:
    found, wanted = there.bucket(name), settings.buckets[name]
    if found is None:
        yield f"bucket {name}: it is not there"
    elif found.public != wanted.public:
        now, then = _kind(public=found.public), _kind(public=wanted.public)
        yield f"bucket {name}: expected a {then} one, seen a {now} one"


def _kind(*, public: bool) -> str:
    return "public" if public else "private"


def _opens(http: httpx.Client, url: str, headers: dict[str, str] | None) -> bool:
    return storage.fetch(http, url, headers).status == _OK


def _with_buckets(manifest: Manifest) -> tuple[Entry, ...]:
    """Leave out what no bucket takes: another gate is closed for it."""
    return tuple(entry for entry in manifest.entries if entry.bucket)


def _each(
    look: Callable[[Entry], Told], entries: Sequence[Entry], settings: FilesSettings
) -> list[Told]:
    with ThreadPoolExecutor(settings.workers) as threads:
        return list(threads.map(look, entries))


def _few(problems: list[str]) -> tuple[str, ...]:
    if len(problems) <= _SHOWN:
        return tuple(problems)
    return (*problems[:_SHOWN], f"+{len(problems) - _SHOWN:,} more")
