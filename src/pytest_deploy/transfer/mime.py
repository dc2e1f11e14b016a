"""What a file is, told by its content: a name may say anything."""

from __future__ import annotations

import mimetypes

PROGRAM = "application/x-executable"
HEAD_BYTES = 8_192
_PROGRAMS = (
    b"\x7fELF",
    b"MZ",
    b"#!",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
)
_UNKNOWN = "application/octet-stream"


def mime_of(head: bytes, path: str) -> str:
    """
    Tell what a file is.

    Args:
        head: Its first `HEAD_BYTES` bytes.
        path: Its path: it decides only between what the content may be.

    Returns:
        A MIME type; `PROGRAM` for what a machine could run.
    """
    if head.startswith(_PROGRAMS):
        return PROGRAM
    told = mimetypes.guess_type(path)[0]
    found = _found(head)
    if found:
        return told if told in found else found[0]
    if not _is_text(head):
        return _UNKNOWN
    return told if told is not None and told.startswith("text/") else "text/plain"


def _found(head: bytes) -> list[str]:
    import puremagic

    try:
        matches = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):  # it knows nothing of it, or it is empty
        return []
    return [match.mime_type for match in matches if "/" in (match.mime_type or "")]


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.end == len(head) == HEAD_BYTES  # a letter that is cut in two
    return True
