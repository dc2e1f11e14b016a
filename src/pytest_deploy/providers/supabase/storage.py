"""Storage of a project: buckets and objects, by the official client where it does not misread."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pytest_deploy.errors import TargetError
from pytest_deploy.providers.supabase.http import http_client
from pytest_deploy.retrying import retried

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import httpx
    from storage3 import SyncStorageClient
    from storage3.types import FileOptions

    from pytest_deploy.providers.supabase.base import Supabase

_OK, _NOT_FOUND, _CONFLICT, _TOO_MANY, _SERVERS = 200, 404, 409, 429, 500
_CHUNK_BYTES = 1 << 18
_AT_ONCE = 100  # keys in one request to remove


@dataclass(frozen=True)
class Bucket:
    """
    A bucket as Storage tells of it.

    Args:
        name: Its name.
        public: Whether anybody who knows an address may read.
    """

    name: str
    public: bool


@dataclass(frozen=True)
class Fetched:
    """
    What came of asking for an object.

    Args:
        status: The HTTP status.
        sha256: Of what came, in hex; empty where it was refused.
        size_bytes: Its size.
        mime: Its type, without parameters.
    """

    status: int
    sha256: str = ""
    size_bytes: int = 0
    mime: str = ""


class ObjectTakenError(Exception):
    """There is an object of that name."""


class Storage:
    """
    Asks Storage with the key that sees everything.

    Args:
        project: The project.
        http: Keeps connections open; used by several threads at once.
    """

    def __init__(self, project: Supabase, http: httpx.Client) -> None:
        from storage3 import SyncStorageClient

        self._url = f"{project.url}/storage/v1"
        self._http = http
        self._headers = headers_of(project.secret_key.reveal())
        self._client: SyncStorageClient = SyncStorageClient(
            f"{self._url}/", self._headers, http_client=http
        )

    def bucket(self, name: str) -> Bucket | None:
        """
        Look a bucket up.

        Args:
            name: Its name.

        Returns:
            The bucket; None where there is none.

        Raises:
            TargetError: Storage refuses to say.
        """
        # The client refuses the dates of other servers than the hosted one.
        answer = self._ask("GET", f"bucket/{quote(name, safe='')}")
        if _status(answer) == _NOT_FOUND:
            return None
        if answer.status_code != _OK:
            raise _refused("to look up a bucket", _status(answer))
        return Bucket(name, public=bool(answer.json().get("public")))

    def make_bucket(
        self, name: str, *, public: bool, largest_bytes: int | None, types: tuple[str, ...]
    ) -> None:
        """
        Make a bucket.

        Args:
            name: Its name.
            public: Whether anybody who knows an address may read.
            largest_bytes: The largest object that it takes; None for any.
            types: The MIME types that it takes; empty for all.

        Raises:
            TargetError: Storage refuses.
        """
        told: dict[str, Any] = {
            "id": name,
            "name": name,
            "public": public,
            **({"file_size_limit": largest_bytes} if largest_bytes else {}),
            **({"allowed_mime_types": list(types)} if types else {}),
        }
        answer = self._ask("POST", "bucket", json=told)
        if answer.status_code != _OK:
            raise _refused("to make a bucket", _status(answer))

    def drop_bucket(self, name: str) -> bool:
        """
        Remove a bucket that is empty.

        Args:
            name: Its name.

        Returns:
            Whether it is gone; not where somebody has put something into it.

        Raises:
            TargetError: Storage is out of order.
        """
        answer = self._ask("DELETE", f"bucket/{quote(name, safe='')}")
        if _status(answer) >= _SERVERS:
            raise _refused("to remove a bucket", _status(answer))
        return _status(answer) in (_OK, _NOT_FOUND)

    def put(self, bucket: str, key: str, path: Path, mime: str) -> None:
        """
        Send a file, if there is none of that name.

        Args:
            bucket: Where to.
            key: Under which name.
            path: The file; it is streamed.
            mime: Its type.

        Raises:
            ObjectTakenError: There is one.
            TargetError: Storage refuses it, or cannot be reached.
        """
        from storage3.exceptions import StorageApiError

        options: FileOptions = {"content-type": mime, "upsert": "false"}

        def send() -> None:
            with path.open("rb") as file:
                self._client.from_(bucket).upload(key, file, options)

        try:
            retried("upload", send, is_transient=_is_transient)
        except StorageApiError as error:
            if str(error.status) == str(_CONFLICT) or error.code in (
                "Duplicate",
                "KeyAlreadyExists",
            ):
                raise ObjectTakenError from None
            raise _refused("to take a file", error.status) from None

    def remove(self, bucket: str, keys: Iterable[str]) -> None:
        """
        Remove objects; those that are not there do no harm.

        Args:
            bucket: Where from.
            keys: Their names.

        Raises:
            TargetError: Storage refuses.
        """
        listed = list(keys)
        for begin in range(0, len(listed), _AT_ONCE):
            answer = self._ask(
                "DELETE",
                f"object/{quote(bucket, safe='')}",
                json={"prefixes": listed[begin : begin + _AT_ONCE]},
            )
            if _status(answer) not in (_OK, _NOT_FOUND):
                raise _refused("to remove objects", _status(answer))

    def fetch(self, bucket: str, key: str) -> Fetched:
        """
        Read an object with the key that sees everything.

        Args:
            bucket: Where from.
            key: Its name.

        Returns:
            Its hash, size and type.
        """
        return fetch(self._http, f"{self._url}/object/{_path(bucket, key)}", self._headers)

    def download(self, bucket: str, key: str, path: Path) -> Fetched:
        """
        Copy an object into a file.

        Args:
            bucket: Where from.
            key: Its name.
            path: Where to.

        Returns:
            Its hash, size and type; where it was refused, the status.
        """
        return fetch(self._http, f"{self._url}/object/{_path(bucket, key)}", self._headers, path)

    def sign(self, bucket: str, key: str, seconds: int) -> str:
        """
        Make an address that opens an object for a while.

        Args:
            bucket: Where from.
            key: Its name.
            seconds: How long.

        Returns:
            The address.

        Raises:
            TargetError: Storage refuses.
        """
        answer = self._ask("POST", f"object/sign/{_path(bucket, key)}", json={"expiresIn": seconds})
        told = answer.json() if answer.status_code == _OK else {}
        # Supabase Lite spells it in another way than the hosted service.
        signed = told.get("signedURL") or told.get("signedUrl")
        if not signed:
            raise _refused("to sign an address", _status(answer))
        return f"{self._url}/{str(signed).removeprefix('/storage/v1').lstrip('/')}"

    def _ask(self, method: str, path: str, **told: Any) -> httpx.Response:  # noqa: ANN401 - JSON
        return retried(
            f"{method} {path.partition('/')[0]}",
            lambda: _answered(
                self._http.request(method, f"{self._url}/{path}", headers=self._headers, **told)
            ),
            is_transient=_is_transient,
        )


@contextmanager
def opened(project: Supabase, connections: int) -> Iterator[Storage]:
    """
    Open Storage of a project.

    Args:
        project: The project.
        connections: How many questions are asked side by side.

    Yields:
        It.
    """
    with http_client(connections) as http:
        yield Storage(project, http)


def headers_of(key: str) -> dict[str, str]:
    """
    Write a key as the official clients do.

    Args:
        key: The key.

    Returns:
        Headers.
    """
    return {"apikey": key, "Authorization": f"Bearer {key}"}


def public_address(project: Supabase, bucket: str, key: str) -> str:
    """
    Name an object as anybody would ask for it.

    Args:
        project: The project.
        bucket: Where it is.
        key: Its name.

    Returns:
        The address.
    """
    return f"{project.url}/storage/v1/object/public/{_path(bucket, key)}"


def address(project: Supabase, bucket: str, key: str) -> str:
    """
    Name an object as somebody with a key would ask for it.

    Args:
        project: The project.
        bucket: Where it is.
        key: Its name.

    Returns:
        The address.
    """
    return f"{project.url}/storage/v1/object/{_path(bucket, key)}"


def fetch(
    http: httpx.Client,
    url: str,
    headers: dict[str, str] | None = None,
    into: Path | None = None,
) -> Fetched:
    """
    Read an object, and keep nothing of it but its hash, or all of it.

    Args:
        http: The client.
        url: The address.
        headers: With a key, or none.
        into: Where its content goes; None for nowhere.

    Returns:
        Its hash, size and type; where it was refused, the status.
    """

    def read() -> Fetched:
        digest, size = hashlib.sha256(), 0
        with http.stream("GET", url, headers=headers) as answer:
            if answer.status_code != _OK:
                answer.read()
                return Fetched(_status(_answered(answer)))
            with into.open("wb") if into else nullcontext() as file:
                for chunk in answer.iter_bytes(_CHUNK_BYTES):
                    size += len(chunk)
                    digest.update(chunk)
                    if file is not None:
                        file.write(chunk)
            told = answer.headers.get("content-type", "")
        return Fetched(_OK, digest.hexdigest(), size, told.partition(";")[0].strip())

    return retried("GET object", read, is_transient=_is_transient)


def _path(bucket: str, key: str) -> str:
    return f"{quote(bucket, safe='')}/{quote(key, safe='/')}"


def _status(answer: httpx.Response) -> int:
    """Read the status that is meant: Storage says 400, and within which one."""
    try:
        return int(answer.json().get("statusCode") or answer.status_code)
    except (ValueError, AttributeError):
        return answer.status_code


def _answered(answer: httpx.Response) -> httpx.Response:
    """Make an error of an answer that may be another one soon."""
    if answer.status_code == _TOO_MANY or answer.status_code >= _SERVERS:
        answer.raise_for_status()
    return answer


def _is_transient(error: BaseException) -> bool:
    import httpx
    from storage3.exceptions import StorageApiError

    if isinstance(error, httpx.HTTPStatusError):
        return True  # only of what `_answered` lets through
    if isinstance(error, StorageApiError):
        status = str(error.status)
        return status == str(_TOO_MANY) or status.startswith("5")
    return isinstance(error, httpx.TransportError)


def _refused(what: str, status: object) -> TargetError:
    return TargetError(
        "Storage of the project",
        problem=f"expected it {what}, seen status {status}",
        where="deploy.toml, [env.NAME] url and secret_key, and [files]",
        remedy="see runbooks/files.md",
    )
