"""What names mean: the columns that a piece of SQL can see."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.schema.kinds import INSTANTS, Kind
from pytest_deploy.schema.translation.values import (
    SORT_OF,
    Moment,
    Sort,
    UntranslatableError,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlglot.expressions.core import Expr

    from pytest_deploy.schema.dates import DateForm

_AN_INSTANT = re.compile(r'now\(\)|(?:(?:OLD|NEW|"[^"]+")\.)?"[^"]+"')
_ROWID_NAMES = frozenset({"rowid", "_rowid_", "oid"})


# Types that say more than SQLite has in their columns.
CARRIED = frozenset({Kind.UUID, Kind.JSON, *INSTANTS})


def as_sqlite_has_it(sql: str, kind: Kind) -> str:
    """
    Read a column whose type in Postgres says more than SQLite has in it.

    Args:
        sql: The column.
        kind: The family of its type.

    Returns:
        SQL for the text or the number.
    """
    if kind.unit is None:
        return f"{sql}::text"
    # By way of UTC, so that Postgres knows that it depends on no setting.
    seconds = f"extract(epoch from ({sql} AT TIME ZONE 'UTC'))"
    return f"({kind.unit.read.replace('{e}', seconds)})"


def as_postgres_has_it(sql: str, kind: Kind) -> str:
    """
    Bring a text or number to a column whose type in Postgres says more.

    Args:
        sql: What SQLite would store.
        kind: The family of the column's type.

    Returns:
        SQL of that type.
    """
    if kind.unit is None:
        return f"({sql})::{kind.sql}"
    return f"(({kind.unit.written.replace('{n}', sql)}) AT TIME ZONE 'UTC')"


@dataclass(frozen=True)
class VisibleColumn:
    """
    A column of a table, view or subquery.

    Args:
        source: Its name in SQLite.
        name: Its name in Postgres.
        sort: What it holds.
        collation: SQLite's collation, upper case.
        numeric: Whether it has a numeric affinity.
        textual: Whether it has text affinity.
        form: The one form in which SQLite writes its dates; None where there are several.
        zone: The zone of dates that name none.
        hidden: Whether `*` leaves it out, as in the right side of USING.
        mixed: Whether SQLite has numbers and texts in it, and Postgres has texts.
        reals: Whether some of those numbers are reals.
        expression: What stands for it where it cannot be named, as in a generated column.
        instead_of_null: What is written where NULL is given, as in a key that is assigned.
        kind: The family of its type in Postgres, where that is not what SQLite has in it.
        document: The column beside it that has it as JSON, where it comes out of a document.
    """

    source: str
    name: str
    sort: Sort
    collation: str = "BINARY"
    numeric: bool = False
    textual: bool = False
    form: DateForm | None = None
    zone: str = "UTC"
    hidden: bool = False
    mixed: bool = False
    reals: bool = False
    expression: str | None = None
    instead_of_null: str | None = None
    kind: Kind | None = None
    document: str = ""

    @classmethod
    def of_kind(
        cls, name: str, kind: Kind, *, form: DateForm | None = None, zone: str = "UTC"
    ) -> VisibleColumn:
        """
        Make a column with the affinity that goes with its type.

        Args:
            name: Its name on both sides.
            kind: The family of its type.
            form: See the class.
            zone: See the class.

        Returns:
            The column.
        """
        sort = SORT_OF[kind]
        textual = sort is Sort.TEXT
        numeric = not textual and sort is not Sort.BLOB
        return cls(
            name,
            name,
            sort,
            numeric=numeric,
            textual=textual,
            form=form,
            zone=zone,
            kind=kind if kind in CARRIED else None,
        )

    def value(self, alias: str | None) -> Value:
        """
        Give the column as a value.

        Args:
            alias: What its relation is called; None where columns stand alone.

        Returns:
            The value.
        """
        sql = quoted(self.name) if alias is None else f"{alias}.{quoted(self.name)}"
        sql = self.expression or (as_sqlite_has_it(sql, self.kind) if self.kind else sql)
        return Value(
            sql,
            self.sort,
            numeric=self.numeric,
            textual=self.textual,
            collation=self.collation,
            mixed=self.mixed,
            loose=self.reals,
            moment=self._moment(sql),
            document=f"{alias}.{quoted(self.document)}" if self.document else "",
        )

    def _moment(self, sql: str) -> Moment | None:
        if self.sort is Sort.DAY:
            return Moment(f"{sql}::timestamp", self.zone, self.form)
        if self.sort is not Sort.MOMENT:
            return None
        zone = self.zone_of_texts
        return Moment(f"({sql} AT TIME ZONE {_zone_sql(zone)})", zone, self.form)

    @property
    def zone_of_texts(self) -> str:
        """The zone in which SQLite's text of a moment reads: its own, else the app's."""
        if self.form is None or not self.form.zone:
            return self.zone
        return "UTC" if self.form.zone == "Z" else self.form.zone


def _zone_sql(zone: str) -> str:
    is_offset = zone[:1] in ("+", "-")
    return f"INTERVAL '{zone}'" if is_offset else f"'{zone}'"


def at_zone(naive: str, zone: str) -> str:
    """
    Give the instant that a day and time names in a zone.

    Args:
        naive: SQL of type `timestamp`.
        zone: A zone's name, or an offset such as `+02:00`.

    Returns:
        SQL of type `timestamptz`.
    """
    spelt = _zone_sql(zone)
    inner = naive.removeprefix("(").removesuffix(f" AT TIME ZONE {spelt})")
    if _AN_INSTANT.fullmatch(inner):
        return inner  # there and back again
    return f"({naive} AT TIME ZONE {spelt})"


@dataclass(frozen=True)
class Relation:
    """
    A table, view or subquery in a FROM clause.

    Args:
        name: What its columns may be qualified with in SQLite, lower case; empty for nothing.
        alias: What it is called in Postgres, quoted; None where columns stand alone.
        columns: Its columns in their order.
        rowid: The column that is its rowid; None where it cannot be asked for.
        key: The names in Postgres of its primary key's columns; empty where it has none.
        by_name_only: Whether its columns must be qualified, as those of OLD and NEW.
    """

    name: str
    alias: str | None
    columns: tuple[VisibleColumn, ...]
    rowid: str | None = None
    key: tuple[str, ...] = ()
    by_name_only: bool = False

    def find(self, name: str) -> Value | None:
        """
        Look a column up, without regard to case.

        Args:
            name: Its name in SQLite.

        Returns:
            The column as a value; None where there is none.
        """
        lowered = name.lower()
        if self.rowid and lowered in _ROWID_NAMES and not self._has(lowered):
            lowered = self.rowid.lower()
        for column in self.columns:
            if column.source.lower() == lowered:
                return column.value(self.alias)
        return None

    def _has(self, lowered: str) -> bool:
        return any(column.source.lower() == lowered for column in self.columns)


@dataclass
class Scope:
    """
    What one SELECT sees.

    Args:
        relations: Of its FROM clause, from the left.
        outer: What it may also refer to.
        aliases: What its output columns are made of, by their alias in lower case.
        grouped: The SQL by which rows are grouped; None where they are not.
        pick: How a column by which rows are not grouped is picked from its group.
    """

    relations: list[Relation] = field(default_factory=list)
    outer: Scope | None = None
    aliases: dict[str, Expr] = field(default_factory=dict)
    grouped: frozenset[str] | None = None
    pick: str = "(array_agg({0}))[1]"

    def find(self, name: str, qualifier: str) -> tuple[Value, Relation] | None:
        """
        Look a column up among the relations, then outside.

        Args:
            name: Its name.
            qualifier: What stands before its dot, lower case; empty for nothing.

        Returns:
            The column as a value, and where it is from; None where there is none.
        """
        for relation in self.relations:
            if qualifier == relation.name or not (qualifier or relation.by_name_only):
                value = relation.find(name)
                if value is not None:
                    return value, relation
        return self.outer.find(name, qualifier) if self.outer else None


@dataclass(frozen=True)
class Known:
    """
    A table, view or common table expression that a FROM clause may name.

    Args:
        sql: How Postgres is told it.
        columns: Its columns in their order.
        rowid: See `Relation`.
        key: See `Relation`.
    """

    sql: str
    columns: tuple[VisibleColumn, ...]
    rowid: str | None = None
    key: tuple[str, ...] = ()

    def called(self, name: str) -> Relation:
        """
        Give it a name in a FROM clause.

        Args:
            name: Its alias in SQLite.

        Returns:
            The relation; its alias in Postgres is the same.
        """
        return Relation(name.lower(), quoted(name), self.columns, self.rowid, self.key)


@dataclass(frozen=True)
class Database:
    """
    All that SQL may name.

    Args:
        schema: The Postgres schema it stands in.
        known: By name in SQLite, in lower case.
    """

    schema: str
    known: Mapping[str, Known] = field(default_factory=dict)

    def named(self, name: str) -> Known:
        """
        Look a table or view up.

        Args:
            name: Its name in SQLite.

        Returns:
            What is known of it.

        Raises:
            UntranslatableError: There is none, or it was not kept itself.
        """
        found = self.known.get(name.lower())
        if found is None:
            raise UntranslatableError(f"{name!r}, which is not there in Postgres,")
        return found

    def joined_by(self, name: str, known: Known) -> Database:
        """Add a common table expression, which hides what has its name."""
        return Database(self.schema, {**self.known, name.lower(): known})
