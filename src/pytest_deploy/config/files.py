"""`[files]` of `deploy.toml`: which bucket the uploads go to, and how the app refers to them."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field

from pytest_deploy.config.fields import ColumnName, Section, Text

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
_MIME = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]*")
_PLACEHOLDERS = re.compile(r"\{(\w*)\}")
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)


def _buckets(buckets: dict[str, Section]) -> dict[str, Section]:
    if all(_BUCKET.fullmatch(name) for name in buckets):
        return buckets
    raise ValueError("names of 3 to 63 small letters, digits, dots, dashes and underscores")


def _template(text: str) -> str:
    if set(_PLACEHOLDERS.findall(text)) != {"bucket", "key"}:
        raise ValueError("a text with {bucket} and {key}")
    if _ABSOLUTE.match(text):
        # A project may move, and a signed URL ends: neither belongs into a row.
        raise ValueError("a relative reference: the address of a project does not belong into rows")
    return text


def _types(types: tuple[str, ...]) -> tuple[str, ...]:
    if all(_MIME.fullmatch(one) for one in types):
        return types
    raise ValueError("MIME types such as image/png, each by its whole name")


Columns: TypeAlias = Annotated[tuple[ColumnName, ...], Field(strict=False)]
Patterns: TypeAlias = Annotated[tuple[Text, ...], Field(strict=False)]
Types: TypeAlias = Annotated[tuple[Text, ...], Field(strict=False), AfterValidator(_types)]
Template: TypeAlias = Annotated[Text, AfterValidator(_template)]


class BucketSettings(Section):
    """
    `[files.buckets.NAME]`.

    Args:
        paths: Which files go here, by patterns such as `fotos/*`; `*` also stands for `/`.
        public: Whether anybody who knows an address may read.
        members: Whether everybody who is signed in may read: a policy on storage.objects lets them.
        types: MIME types, by content, that may be in it; empty for all but programs.
        largest_mb: The largest file, in MB of 1,000,000 bytes.
    """

    paths: Patterns = ("*",)
    public: bool = False
    members: bool = False
    types: Types = ()
    largest_mb: Annotated[float, Field(gt=0, le=50_000)] = 50.0


class FilesSettings(Section):
    """
    `[files]`: what becomes of the uploads, and of what refers to them.

    Args:
        buckets: By name; a file goes to the first one whose patterns match its path.
        prefixes: What stands before the path of a file where the app refers to it.
        columns: Columns that hold one reference each.
        texts: Columns of HTML, Markdown or JSON that hold references among other things.
        reference: What is written in place of prefix and path.
        missing: What is done about references to files that are not there: `fail`, or `keep`.
        workers: How many files are sent side by side.
    """

    buckets: Annotated[dict[str, BucketSettings], AfterValidator(_buckets), Field(min_length=1)]
    prefixes: Patterns = ("/uploads/", "uploads/")
    columns: Columns = ()
    texts: Columns = ()
    reference: Template = "{bucket}/{key}"
    missing: Literal["fail", "keep"] = "fail"
    workers: Annotated[int, Field(ge=1, le=64)] = 8
