"""Defects of uploads, and of what stands of them in Storage."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.transfer.mime import PROGRAM
from pytest_deploy.twins.twin import NotApplicable, RedTwin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx
    import pytest

    from pytest_deploy.providers.supabase.base import Supabase
    from pytest_deploy.transfer.manifest import Entry, Manifest

_OTHER_TYPES = ("text/plain", "application/pdf")


def _on_object(
    change: Callable[[httpx.Client, str, Entry, bytes], None],
) -> Callable[[pytest.FixtureRequest, Supabase | None], None]:
    """Plant a defect in the first object, by the means that everybody with the key has."""

    def plant(request: pytest.FixtureRequest, project: Supabase | None) -> None:
        manifest: Manifest | None = request.getfixturevalue("manifest")
        if project is None or manifest is None or not manifest.entries:
            raise NotApplicable("no file goes to Storage")
        settings = request.getfixturevalue("deploy").settings
        entry = manifest.entries[0]
        content = (settings.source.uploads / entry.path).read_bytes()
        with _asking(project) as http:
            change(http, f"{project.url}/storage/v1", entry, content)

    return plant


@contextmanager
def _asking(project: Supabase) -> Iterator[httpx.Client]:
    import httpx

    from pytest_deploy.providers.supabase.storage import headers_of

    with httpx.Client(headers=headers_of(project.secret_key.reveal())) as http:
        yield http


def _gone(http: httpx.Client, url: str, entry: Entry, _content: bytes) -> None:
    told = {"prefixes": [entry.key]}
    http.request("DELETE", f"{url}/object/{entry.bucket}", json=told).raise_for_status()


def _put(http: httpx.Client, url: str, entry: Entry, content: bytes) -> None:
    http.post(
        f"{url}/object/{entry.bucket}/{entry.key}",
        content=content,
        headers={"content-type": entry.mime, "x-upsert": "true"},
    ).raise_for_status()


def _changed(http: httpx.Client, url: str, entry: Entry, content: bytes) -> None:
    if not content:
        raise NotApplicable("the first file is empty")
    _put(http, url, entry, content[:-1] + bytes([content[-1] ^ 1]))


def _of_another_type(http: httpx.Client, url: str, entry: Entry, content: bytes) -> None:
    bucket = f"{url}/bucket/{entry.bucket}"
    other = next(one for one in _OTHER_TYPES if one != entry.mime)
    told = {"public": False, "allowed_mime_types": [entry.mime, other]}
    http.put(bucket, json=told).raise_for_status()
    _gone(http, url, entry, content)
    _put(http, url, replace(entry, mime=other), content)


def _public(http: httpx.Client, url: str, entry: Entry, _content: bytes) -> None:
    http.put(f"{url}/bucket/{entry.bucket}", json={"public": True}).raise_for_status()


def _program(_request: pytest.FixtureRequest, manifest: Manifest | None) -> Manifest:
    if manifest is None or not manifest.entries:
        raise NotApplicable("no file goes to Storage")
    first, *others = manifest.entries
    return replace(manifest, entries=(replace(first, mime=PROGRAM), *others))


def _link(request: pytest.FixtureRequest, others: tuple[str, ...]) -> tuple[str, ...]:
    if request.getfixturevalue("deploy").settings.storage is None:
        raise NotApplicable("no file goes to Storage")
    return (*others, "symbolic link")


FILES: tuple[RedTwin, ...] = (
    RedTwin(
        gate="uploads_are_valid",
        after="manifest",
        plant=_program,
        replaces=True,
        defect="program among the uploads",
    ),
    RedTwin(
        gate="uploads_are_valid",
        after="other_uploads",
        plant=_link,
        replaces=True,
        defect="symbolic link among the uploads",
    ),
    RedTwin(
        gate="objects_are_whole",
        after="files_uploaded",
        plant=_on_object(_gone),
        defect="object missing",
    ),
    RedTwin(
        gate="objects_are_whole",
        after="files_uploaded",
        plant=_on_object(_changed),
        defect="one byte of an object changed",
    ),
    RedTwin(
        gate="objects_are_whole",
        after="files_uploaded",
        plant=_on_object(_of_another_type),
        defect="object of another type",
    ),
    RedTwin(
        gate="private_objects_are_closed",
        after="files_uploaded",
        plant=_on_object(_public),
        defect="public bucket that should be private",
    ),
)
