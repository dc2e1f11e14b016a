"""Backups of an env in an S3-compatible bucket: one is whole once its `backup.json` is there."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections import defaultdict
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_deploy.audit.log import noted
from pytest_deploy.errors import BackupError, ConfigError
from pytest_deploy.recovery.manifest import FILES, MANIFEST
from pytest_deploy.recovery.sealed_file import sha256_of
from pytest_deploy.retrying import retried
from pytest_deploy.secrets import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from pytest_deploy.config.backup import BucketSettings

_WHERE = "deploy.toml, [backup.bucket]"
_RUNBOOK = "runbooks/backup.md"
_CHUNK_BYTES = 1 << 20
_ATTEMPTS, _CONNECT_S, _SILENT_S = 6, 10, 30
T = TypeVar("T")
_NAME = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9]{3}")


class Bucket:
    """
    What is kept of an env: objects `[PREFIX/]ENV/BACKUP/FILE`.

    Args:
        settings: `[backup.bucket]`.
        env: The env.
    """

    def __init__(self, settings: BucketSettings, env: str) -> None:
        self._settings = settings
        self._root = "/".join(part for part in (settings.prefix.strip("/"), env) if part)
        self.place = f"s3://{settings.name}/{self._root}"

    def names(self) -> Mapping[str, frozenset[str]]:
        """
        List what is there.

        Returns:
            The names of the files of each backup.

        Raises:
            BackupError: It cannot be listed.
        """
        found: dict[str, set[str]] = defaultdict(set)
        with self._told("list what is there"), noted("bucket", "list", self._root):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._settings.name, Prefix=f"{self._root}/"
            )
            for page in pages:
                for one in page.get("Contents", ()):
                    backup, _, file = one["Key"].removeprefix(f"{self._root}/").partition("/")
                    if file in FILES and _NAME.fullmatch(backup):  # a key may be ../../anything
                        found[backup].add(file)
        return {name: frozenset(files) for name, files in found.items()}

    def manifest(self, name: str) -> bytes:
        """
        Read what a backup says of itself.

        Args:
            name: Of the backup.

        Returns:
            Its `backup.json`, as it is there.

        Raises:
            BackupError: It cannot be read.
        """
        return self._read(self._key(name, MANIFEST), b"".join)

    def send(self, folder: Path) -> None:
        """
        Send a backup, its `backup.json` last, and read every file again.

        Args:
            folder: Of the backup.

        Raises:
            BackupError: It cannot be sent, or what is there is not what was sent.
        """
        files = sorted(path.name for path in folder.iterdir() if path.name in FILES)
        for name in sorted(files, key=lambda name: name == MANIFEST):
            key = self._key(folder.name, name)
            with self._told(f"keep {key}"), noted("bucket", "put", key):
                self._client.upload_file(str(folder / name), self._settings.name, key)
            if self._read(key, _sha256) != sha256_of(folder / name):
                raise self._refused(f"expected {key} as it was sent, seen another content")

    def fetch(self, name: str, files: frozenset[str], shelf: Path) -> None:
        """
        Bring a backup here; it has its name only when all of it is there.

        Args:
            name: Of the backup.
            files: What there is of it.
            shelf: The folder it comes into; one of that name gives way.

        Raises:
            BackupError: It cannot be read.
            OSError: The disk is full.
        """
        shelf.mkdir(mode=0o700, parents=True, exist_ok=True)
        half = shelf / f".{name}"
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(mode=0o700)
        try:
            for file in sorted(files):
                key, path = self._key(name, file), half / file
                path.touch(mode=0o600)
                self._read(key, partial(_write, path))
            shutil.rmtree(shelf / name, ignore_errors=True)
            half.rename(shelf / name)
        except BaseException:
            shutil.rmtree(half, ignore_errors=True)
            raise

    def remove(self, name: str, files: frozenset[str]) -> None:
        """
        Let a backup go: its `backup.json` first, so that none is taken for whole that is not.

        Args:
            name: Of the backup.
            files: What there is of it.

        Raises:
            BackupError: It cannot be removed.
        """
        for file in sorted(files, key=lambda file: file != MANIFEST):
            key = self._key(name, file)
            with self._told(f"remove {key}"), noted("bucket", "remove", key):
                self._client.delete_object(Bucket=self._settings.name, Key=key)

    @cached_property
    def _client(self) -> Any:  # noqa: ANN401 - made at run time from a description of the service
        try:
            from boto3.session import Session
            from botocore.config import Config
        except ImportError:
            raise ConfigError(
                "backups in a bucket",
                problem="expected boto3, seen that it is not installed",
                where=_WHERE,
                remedy="pip install 'pytest-deploy[bucket]'",
            ) from None
        settings = self._settings
        return Session().client(
            "s3",
            endpoint_url=settings.endpoint,
            region_name=settings.region,
            aws_access_key_id=resolve(settings.access_key.reveal(), where=_WHERE).reveal(),
            aws_secret_access_key=resolve(settings.secret_key.reveal(), where=_WHERE).reveal(),
            config=Config(
                connect_timeout=_CONNECT_S,
                read_timeout=_SILENT_S,
                retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                # Many a server that is not Amazon's knows neither.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": "path" if settings.endpoint else "auto"},
            ),
        )

    def _key(self, name: str, file: str) -> str:
        return f"{self._root}/{name}/{file}"

    def _read(self, key: str, take: Callable[[Iterator[bytes]], T]) -> T:
        """Read an object to its end; from its beginning again where it is cut short."""
        with self._told(f"read {key}"), noted("bucket", "get", key):
            return retried(
                "read from a bucket", lambda: take(self._chunks(key)), is_transient=_is_transient
            )

    def _chunks(self, key: str) -> Iterator[bytes]:
        answer = self._client.get_object(Bucket=self._settings.name, Key=key)
        yield from answer["Body"].iter_chunks(_CHUNK_BYTES)
        if "ContentLength" not in answer:  # cut off in its head: nobody else sees it
            raise ConnectionResetError

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Tell errors by their code: a message may quote an address with a signature in it."""
        _ = self._client  # that something is not installed or not set is told as such
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            seen = _code(error)
        except (Boto3Error, BotoCoreError, ConnectionResetError) as error:
            cause = error.__context__
            seen = _code(cause) if isinstance(cause, ClientError) else type(error).__name__
        else:
            return
        raise self._refused(f"expected to {what}, seen {seen}") from None

    def _refused(self, problem: str) -> BackupError:
        return BackupError(
            f"backups in {self.place}",
            problem=problem,
            where=_WHERE,
            remedy=f"look at the bucket, its address and the rights of its keys; see {_RUNBOOK}",
        )


def _write(path: Path, chunks: Iterator[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(chunks)


def _sha256(chunks: Iterator[bytes]) -> str:
    found = hashlib.sha256()
    for chunk in chunks:
        found.update(chunk)
    return found.hexdigest()


def _is_transient(error: BaseException) -> bool:
    """Tell what ends a body in its middle: the client itself tries again what comes before one."""
    from botocore import exceptions

    broken = (exceptions.IncompleteReadError, exceptions.ResponseStreamingError)
    return isinstance(error, (*broken, exceptions.ReadTimeoutError, ConnectionResetError))


def _code(error: Any) -> str:  # noqa: ANN401 - boto3 has no types
    told = error.response
    return f"{told['ResponseMetadata'].get('HTTPStatusCode')} {told['Error']['Code']}"
