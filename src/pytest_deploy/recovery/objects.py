"""The objects of Storage in a backup: a list of all of them first, then one after the other."""

from __future__ import annotations

import io
import json
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from typing import IO, TYPE_CHECKING

from pytest_deploy.errors import BackupError
from pytest_deploy.providers.supabase import storage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import psycopg

    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.providers.supabase.storage import Storage

MANIFEST = "manifest.json"
_AT_ONCE = 16
_BUCKETS = """
SELECT id, public, file_size_limit, allowed_mime_types FROM storage.buckets ORDER BY id
"""
_OBJECTS = "SELECT bucket_id, name, metadata::text FROM storage.objects ORDER BY 1, 2"
_ANY_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class KeptBucket:
    """
    A bucket.

    Args:
        name: Its name.
        public: Whether anybody reads.
        largest_bytes: The largest object that it takes; None for any.
        types: The types that it takes; None for any.
    """

    name: str
    public: bool
    largest_bytes: int | None
    types: tuple[str, ...] | None


@dataclass(frozen=True)
class KeptObject:
    """
    An object.

    Args:
        bucket: Where it is.
        key: Its name.
        mime: Its type.
    """

    bucket: str
    key: str
    mime: str


@dataclass(frozen=True)
class Objects:
    """
    What of Storage a backup holds.

    Args:
        buckets: The buckets.
        objects: The objects.
    """

    buckets: tuple[KeptBucket, ...]
    objects: tuple[KeptObject, ...]


def list_objects(connection: psycopg.Connection) -> Objects:
    """
    List what is in Storage.

    Args:
        connection: To the project's database, in the snapshot of the backup.

    Returns:
        Buckets and objects.
    """
    row = connection.execute("SELECT to_regclass('storage.objects') IS NOT NULL").fetchone()
    if not (row and row[0]):
        return Objects((), ())
    buckets = connection.execute(_BUCKETS).fetchall()
    return Objects(
        tuple(KeptBucket(n, bool(p), size, _types(types)) for n, p, size, types in buckets),
        tuple(KeptObject(b, n, _mime(m)) for b, n, m in connection.execute(_OBJECTS).fetchall()),
    )


def _mime(metadata: str | None) -> str:
    """Read a type that Supabase Lite keeps in a text of JSON, and the hosted service in JSON."""
    told = json.loads(metadata or "{}")
    told = json.loads(told) if isinstance(told, str) else told
    return str(told.get("mimetype") or _ANY_TYPE)


def _types(told: object) -> tuple[str, ...] | None:
    """Read a list that Supabase Lite keeps as JSON, and the hosted service as an array."""
    listed = json.loads(told) if isinstance(told, str) else told
    return tuple(listed) if isinstance(listed, list) and listed else None


def write_objects(
    project: Supabase, listed: Objects, folder: Path, sink: IO[bytes]
) -> dict[str, str]:
    """
    Write a tar of all objects, the list of them first.

    Args:
        project: Where they are.
        listed: What is there.
        folder: Private; each object passes through it.
        sink: Where to.

    Returns:
        The SHA-256 of each object, by the number of its entry.

    Raises:
        BackupError: One cannot be read.
    """
    digests: dict[str, str] = {}
    told = json.dumps(
        {
            "buckets": [asdict(b) for b in listed.buckets],
            "objects": [asdict(o) for o in listed.objects],
        }
    ).encode()
    with (
        tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        storage.opened(project, _AT_ONCE) as there,
        ThreadPoolExecutor(_AT_ONCE) as threads,
    ):
        tar.addfile(_entry(MANIFEST, len(told)), io.BytesIO(told))
        numbered = enumerate(listed.objects)
        while some := list(islice(numbered, _AT_ONCE)):
            kept = list(threads.map(lambda one: _kept(there, one[1], folder / str(one[0])), some))
            for (number, _), (path, sha256) in zip(some, kept, strict=True):
                with path.open("rb") as file:
                    tar.addfile(_entry(_name(number), path.stat().st_size), file)
                path.unlink()
                digests[_name(number)] = sha256
    return digests


def read_objects(stream: IO[bytes], folder: Path) -> Iterator[Objects | tuple[KeptObject, Path]]:
    """
    Read what `write_objects` wrote.

    Args:
        stream: Of the tar.
        folder: Private; each object is there until the next one is asked for.

    Yields:
        The list, then each object with its content.

    Raises:
        BackupError: One is missing, or too many.
    """
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        listed: Objects | None = None
        count = 0
        for entry in tar:
            content = tar.extractfile(entry)
            if content is None:
                continue
            if listed is None:
                listed = _listed(json.loads(content.read()))
                yield listed
                continue
            path = folder / f"restored-{count}"
            with path.open("wb") as file:
                while piece := content.read(1 << 18):
                    file.write(piece)
            yield listed.objects[count], path
            count += 1
    if listed is None or count != len(listed.objects):
        there = 0 if listed is None else len(listed.objects)
        raise _missing(there, count)


def put_back(project: Supabase, pieces: Iterable[Objects | tuple[KeptObject, Path]]) -> int:
    """
    Bring objects into an empty Storage.

    Args:
        project: Where to.
        pieces: From `read_objects`.

    Returns:
        How many there are.

    Raises:
        TargetError: Storage refuses.
    """
    count = 0
    with storage.opened(project, _AT_ONCE) as there, ThreadPoolExecutor(_AT_ONCE) as threads:
        waiting: list[tuple[KeptObject, Path]] = []
        for piece in pieces:
            if isinstance(piece, Objects):
                for bucket in piece.buckets:
                    there.make_bucket(
                        bucket.name,
                        public=bucket.public,
                        largest_bytes=bucket.largest_bytes,
                        types=bucket.types or (),
                    )
                continue
            waiting.append(piece)
            if len(waiting) == _AT_ONCE:
                count += _sent(threads, there, waiting)
        count += _sent(threads, there, waiting)
    return count


def _sent(
    threads: ThreadPoolExecutor, there: Storage, waiting: list[tuple[KeptObject, Path]]
) -> int:
    list(
        threads.map(lambda one: there.put(one[0].bucket, one[0].key, one[1], one[0].mime), waiting)
    )
    for _, path in waiting:
        path.unlink()
    count = len(waiting)
    waiting.clear()
    return count


def _kept(there: Storage, one: KeptObject, path: Path) -> tuple[Path, str]:
    fetched = there.download(one.bucket, one.key, path)
    if not fetched.sha256:
        raise BackupError(
            "backup",
            problem="expected every object that Storage lists, seen status"
            f" {fetched.status} for one",
            where="Storage of the project",
            remedy="take it again; if it stays so an object is lost: see runbooks/files.md",
        )
    return path, fetched.sha256


def _listed(told: dict[str, list[dict[str, object]]]) -> Objects:
    buckets = tuple(
        KeptBucket(str(b["name"]), bool(b["public"]), b["largest_bytes"], _types(b["types"]))  # type: ignore[arg-type]
        for b in told["buckets"]
    )
    return Objects(buckets, tuple(KeptObject(**o) for o in told["objects"]))  # type: ignore[arg-type]


def _name(number: int) -> str:
    return f"objects/{number:08}"


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry


def _missing(expected: int, seen: int) -> BackupError:
    return BackupError(
        "backup, storage.tar.age",
        problem=f"expected {expected:,} objects, seen {seen:,}",
        where="the list at the beginning of the file",
        remedy="take another backup of these; see runbooks/backup.md",
    )
