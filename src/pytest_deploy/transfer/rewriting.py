"""Rewrites, in the copy of the source, what refers to uploads; and tells what it found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_deploy.errors import ConfigError
from pytest_deploy.schema.identifiers import quoted

if TYPE_CHECKING:
    import apsw

    from pytest_deploy.config.files import FilesSettings
    from pytest_deploy.transfer.references import References

_FUNCTION = "deploy_rewrite"
_HIDDEN_GENERATED, _STORED_GENERATED = 2, 3


@dataclass
class Rewritten:
    """
    What was found and rewritten.

    Args:
        found: References to files that are there, by `table.column`.
        missing: References to files that are not there, by `table.column`.
        paths: The files that anything refers to.
    """

    found: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    paths: set[str] = field(default_factory=set)


class RewriteReferences:
    """
    The change of references, see `adapting.Change`.

    Args:
        references: Knows the files.
        settings: `[files]`: which columns hold one reference each, and which are texts.
    """

    def __init__(self, references: References, settings: FilesSettings) -> None:
        self._references = references
        self._alone = tuple(map(_split, settings.columns))
        self._texts = tuple(map(_split, settings.texts))
        self.told = Rewritten()

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """The columns that it may change."""
        return (*self._alone, *self._texts)

    def __call__(self, connection: apsw.Connection) -> int:
        """
        Rewrite every value.

        Args:
            connection: To the copy.

        Returns:
            How many values were changed.

        Raises:
            ConfigError: A column is not there, or is computed.
        """
        for table, column in self.columns:
            _refuse_unless_written(connection, table, column)
        changed = 0
        for listed, alone in ((self._alone, True), (self._texts, False)):
            for table, column in listed:
                changed += self._rewrite(connection, table, column, alone=alone)
        return changed

    def _rewrite(self, connection: apsw.Connection, table: str, column: str, *, alone: bool) -> int:
        changed, name = 0, f"{table}.{column}"

        def rewritten(*values: Any) -> Any:  # noqa: ANN401 - SQLite's
            nonlocal changed
            (value,) = values
            try:
                text = value.decode()
            except UnicodeDecodeError:
                return value  # whatever it is, it stays
            after = self._one(text, name) if alone else self._all(text, name)
            changed += after != text
            return after

        connection.create_scalar_function(_FUNCTION, rewritten, 1, deterministic=False)
        written, is_text = quoted(column), f"typeof({quoted(column)}) = 'text'"
        # What is not UTF-8 comes back as it went in: bytes, of which a text is made again.
        connection.execute(
            f"UPDATE {quoted(table)} SET {written} ="
            f" CAST({_FUNCTION}(CAST({written} AS BLOB)) AS TEXT) WHERE {is_text}"
        )
        return changed

    def _one(self, text: str, name: str) -> str:
        found = self._references.alone(text)
        if found is None:
            return text
        self._note(name, found.path)
        return (
            text if found.path is None else self._references.written(found.path) + text[found.end :]
        )

    def _all(self, text: str, name: str) -> str:
        after, found = self._references.rewrite(text)
        for one in found:
            self._note(name, one.path)
        return after

    def _note(self, name: str, path: str | None) -> None:
        if path is None:
            self.told.missing[name] += 1
        else:
            self.told.found[name] += 1
            self.told.paths.add(path)


def _split(column: str) -> tuple[str, str]:
    table, _, name = column.rpartition(".")
    return table, name


def _refuse_unless_written(connection: apsw.Connection, table: str, column: str) -> None:
    columns = {row[1]: row[6] for row in connection.execute(f"PRAGMA table_xinfo({quoted(table)})")}
    hidden = columns.get(column)
    if hidden in (0, 1):
        return
    seen = "one that is computed" if hidden in (_HIDDEN_GENERATED, _STORED_GENERATED) else "none"
    raise ConfigError(
        f"column {table}.{column}",
        problem=f"expected a column of the source that holds references, seen {seen}",
        where="deploy.toml, [files] columns and texts",
        remedy="correct its name, as table.column, or leave it out; see runbooks/references.md",
    )
