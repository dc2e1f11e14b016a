"""A `.env` file, read and written so that not a byte changes but those of the values meant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BOM = "\ufeff"
_ENTRY = re.compile(
    r"""(?P<head>[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*)
    (?:
        (?P<quoted>"(?:\\[^\n]|[^"\\])*"|'[^']*'|`[^`]*`)(?=[ \t]*(?:\#[^\r\n]*)?(?:\r?\n|\Z))
        | (?P<plain>[^\r\n]*?)(?=[ \t]*(?:(?<=[ \t])\#[^\r\n]*)?(?:\r?\n|\Z))
    )
    (?P<tail>[^\n]*(?:\n|\Z))""",
    re.VERBOSE,
)
_LINE = re.compile(r"[^\n]*(?:\n|\Z)")
_SAFE = re.compile(r"[A-Za-z0-9_.:/@,+=-]*")  # means the same to every reader, quoted or not


@dataclass(frozen=True)
class Piece:
    """
    A line, or the several lines of one value.

    Args:
        head: Up to the value; the whole line where it sets nothing.
        name: The variable that it sets; empty for comments, blanks and what is none.
        token: The value as written, with its quotes.
        tail: What follows the value, with the line's end.
    """

    head: str
    name: str = ""
    token: str = ""
    tail: str = ""

    @property
    def raw(self) -> str:
        """What stands in the file."""
        return self.head + self.token + self.tail

    @property
    def value(self) -> str:
        """The value without its quotes."""
        quoted = len(self.token) > 1 and self.token[0] in "\"'`" and self.token[0] == self.token[-1]
        return self.token[1:-1] if quoted else self.token


@dataclass(frozen=True)
class Change:
    """
    One value that was changed, with what its way back needs.

    Args:
        name: The variable.
        former: Its value as it was written; None where the file did not set it.
        written: Its value as it is written now.
        lead: The line's end that had to be set before it, where the file's last line had none.
    """

    name: str
    former: str | None
    written: str
    lead: str = ""


def pieces_of(content: bytes) -> tuple[Piece, ...]:
    """
    Take a file apart; the pieces, put together, are the same bytes.

    Args:
        content: What stands in the file.

    Returns:
        Its pieces, in order.
    """
    return tuple(_pieces(content.decode("utf-8", "surrogateescape")))


def _pieces(text: str) -> Iterator[Piece]:
    at = 0
    if text.startswith(_BOM):
        yield Piece(_BOM)
        at = len(_BOM)
    while at < len(text):
        if entry := _ENTRY.match(text, at):
            token = entry["quoted"] or entry["plain"] or ""
            yield Piece(entry["head"], entry["name"], token, entry["tail"])
            at = entry.end()
        else:
            line = _LINE.match(text, at)
            assert line is not None
            yield Piece(line[0])
            at = line.end()


def content_of(pieces: tuple[Piece, ...]) -> bytes:
    """
    Put pieces together.

    Args:
        pieces: In order.

    Returns:
        What stands in the file.
    """
    return "".join(piece.raw for piece in pieces).encode("utf-8", "surrogateescape")


def changes_to(content: bytes, wanted: Mapping[str, str], where: str) -> tuple[Change, ...]:
    """
    Say which values have to change.

    Args:
        content: What stands in the file.
        wanted: The values that are wanted, by name.
        where: The file, for the error.

    Returns:
        One for each value that is another.

    Raises:
        ConfigError: A name is set twice, or a value is not the same to every reader.
    """
    pieces = pieces_of(content)
    lead = _lead(pieces)
    found = ((name, value, _of(pieces, name, where)) for name, value in wanted.items())
    return tuple(
        Change(name, None, _safe(name, value), lead)
        if piece is None
        else Change(name, piece.token, _as_quoted(piece.token, _safe(name, value)))
        for name, value, piece in found
        if piece is None or piece.value != value
    )


def _of(pieces: tuple[Piece, ...], name: str, where: str) -> Piece | None:
    found = [piece for piece in pieces if piece.name == name]
    if len(found) > 1:
        raise ConfigError(
            f"variable {name} in {where}",
            problem=f"expected it once, seen {len(found)} times",
            where=f"{where}, and [configuration] of deploy.toml",
            remedy="keep one of these lines; readers differ in which one counts",
        )
    return found[0] if found else None


def _safe(name: str, value: str) -> str:
    if not _SAFE.fullmatch(value):
        raise ConfigError(
            f"variable {name}",
            problem="expected letters, digits and _.:/@,+=-; seen something else",
            where="[configuration.switch] of deploy.toml",
            remedy="name a value that every reader of .env files understands alike",
        )
    return value


def _as_quoted(former: str, value: str) -> str:
    quote = former[:1] if former[:1] in ('"', "'", "`") and former[-1:] == former[:1] else ""
    return f"{quote}{value}{quote}"


def _lead(pieces: tuple[Piece, ...]) -> str:
    text = "".join(piece.raw for piece in pieces).removeprefix(_BOM)
    return "" if not text or text.endswith("\n") else _line_end(text)


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def changed(content: bytes, changes: tuple[Change, ...]) -> bytes:
    """
    Make changes.

    Args:
        content: What stands in the file.
        changes: Those of `changes_to`.

    Returns:
        What is to stand there.
    """
    for change in changes:
        pieces = pieces_of(content)
        if change.former is None:
            end = "" if change.lead else _line_end(content.decode("utf-8", "surrogateescape"))
            line = f"{change.lead}{change.name}={change.written}{end}"
            content += line.encode()
        else:
            content = _with_token(pieces, change.name, change.former, change.written)
    return content


def _with_token(pieces: tuple[Piece, ...], name: str, old: str, new: str) -> bytes:
    return content_of(
        tuple(
            Piece(one.head, one.name, new, one.tail)
            if one.name == name and one.token == old
            else one
            for one in pieces
        )
    )


def unchanged(content: bytes, changes: tuple[Change, ...], where: str) -> bytes:
    """
    Take changes back; what a person changed elsewhere in the file stays.

    Args:
        content: What stands in the file.
        changes: What was changed.
        where: The file, for the error.

    Returns:
        What is to stand there; the same bytes as before the changes where nobody else was at it.

    Raises:
        ConfigError: One of the values is neither what was written nor what was there before.
    """
    for change in reversed(changes):
        pieces = pieces_of(content)
        piece = _of(pieces, change.name, where)
        if (piece and piece.token) == change.former:
            continue
        if piece is None or piece.token != change.written:
            raise ConfigError(
                f"variable {change.name} in {where}",
                problem="expected the value that the release wrote; seen another, or none",
                where=f"{where}, and [configuration.switch] of deploy.toml",
                remedy="somebody edited it since: settle that line by hand, then undo again; "
                "see runbooks/configuration.md",
            )
        if change.former is None:
            content = _without(pieces, piece, change.lead)
        else:
            content = _with_token(pieces, change.name, change.written, change.former)
    return content


def _without(pieces: tuple[Piece, ...], piece: Piece, lead: str) -> bytes:
    rest = content_of(tuple(one for one in pieces if one is not piece))
    is_last = not piece.tail.endswith("\n")
    return rest.removesuffix(lead.encode()) if is_last else rest
