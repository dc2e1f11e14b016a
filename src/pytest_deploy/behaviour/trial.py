"""The whole comparison: both sides are made, used, and gone; the target is as before."""

from __future__ import annotations

import re
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_deploy.behaviour.asked import Asked
from pytest_deploy.behaviour.postgres_side import PostgresSide, put_back, sequences_kept
from pytest_deploy.behaviour.sqlite_side import SqliteSide, rows_of
from pytest_deploy.behaviour.subset import subset_of
from pytest_deploy.behaviour.views import view_differs
from pytest_deploy.behaviour.writes import Coverage, Writes
from pytest_deploy.schema.constraints import foreign_key_name, refers_by_collation
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.transfer.refusals import refusal, transfer_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from pytest_deploy.behaviour.queries import AppQuery
    from pytest_deploy.schema.fidelity import Fidelity
    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.plan import PlannedTable, PlannedView
    from pytest_deploy.transfer.planning import Prepared

MOST_ROWS = 200_000
# Among equals, and in a group of which one row is picked, either may come first.
_OPEN = re.compile(r"LIMIT|array_agg\(|(?:row_number|ntile|lag|lead|\w+_value)\(|ROWS BETWEEN")


@dataclass(frozen=True)
class Limits:
    """
    How much is tried.

    Args:
        seed: For what is random.
        seconds: When to stop.
    """

    seed: int = 1
    seconds: float = 20.0


@dataclass
class Behaviour:
    """
    What was compared, and what differs.

    Args:
        writes: Inserts, updates and deletes.
        views: Views compared, by how: on all rows, on a few, after the operations.
        view_problems: Views that show something else, without values.
        queries: Statements of the app that were compared.
        query_problems: Those that come to something else, without values.
        role: The role that operations ran as; empty for the one that connected.
        seed: For what was random.
    """

    writes: Coverage = field(default_factory=Coverage)
    views: Counter[str] = field(default_factory=Counter)
    view_problems: list[str] = field(default_factory=list)
    queries: Counter[str] = field(default_factory=Counter)
    query_problems: list[str] = field(default_factory=list)
    role: str = ""
    seed: int = 1


def compare_behaviour(
    prepared: Prepared,
    fidelity: Fidelity,
    queries: tuple[AppQuery, ...],
    limits: Limits,
) -> Behaviour:
    """
    Compare what both sides do.

    Args:
        prepared: The plan and the two sides; everything of it stands on the target.
        fidelity: What is not kept: what depends on it may differ.
        queries: The app's own statements.
        limits: How much is tried.

    Returns:
        What was compared, and what differs.

    Raises:
        TransferError: The target could not be used.
    """
    import psycopg

    compared = Behaviour(seed=limits.seed)
    try:
        with _taken_back(prepared) as connection:
            trial = _Trial(prepared, connection, fidelity, compared)
            trial.run(queries, limits)
    except psycopg.Error as error:
        raise transfer_error("comparing behaviour", error) from None
    return compared


@contextmanager
def _taken_back(prepared: Prepared) -> Iterator[psycopg.Connection]:
    """Give a connection whose transaction is rolled back; sequences are put back by hand."""
    with prepared.transfer.target.connect() as connection:
        sequences = list(sequences_kept(connection, prepared.plan))
        connection.commit()
        try:
            with connection.transaction(force_rollback=True):
                yield connection
        finally:
            put_back(connection, sequences)


class _Trial:
    def __init__(
        self,
        prepared: Prepared,
        connection: psycopg.Connection,
        fidelity: Fidelity,
        compared: Behaviour,
    ) -> None:
        self._prepared, self._plan = prepared, prepared.plan
        self._zone = prepared.transfer.zone
        self._connection = connection
        self._compared = compared
        self._loose = _loose_tables(prepared, fidelity)

    def run(self, queries: tuple[AppQuery, ...], limits: Limits) -> None:
        until_s = time.monotonic() + limits.seconds
        self._views_on_all_rows()
        transfer = self._prepared.transfer
        rows = subset_of(self._plan, transfer)
        sqlite = SqliteSide(self._plan, transfer, rows)
        postgres = PostgresSide(self._connection, self._plan, self._zone)
        self._compared.role = postgres.role
        writes = Writes(self._plan, (sqlite, postgres), self._zone, limits.seed, self._loose)
        self._views("on_few_rows", sqlite)
        self._queries(queries, (sqlite, postgres))
        self._compared.writes = writes.run(until_s)
        if not self._compared.writes.problems:
            self._views("after_writes", sqlite)
        sqlite.connection.close()

    def _views_on_all_rows(self) -> None:
        left_out = self._prepared.transfer.exclusions
        if any(left_out.rows_of(n) or left_out.cells_of(n) for n in self._prepared.source.profiles):
            return  # the snapshot has rows that are not on the target
        if self._prepared.source.rows > MOST_ROWS:
            return
        source = self._prepared.transfer.snapshot.connect()
        for view in self._plan.views:
            here = rows_of(source, view.source.name)
            if here is None:
                self._compared.views["not_for_sqlite"] += 1
                continue
            self._judge("on_all_rows", view, here, self._shown(view))

    def _views(self, how: str, sqlite: SqliteSide) -> None:
        for view in self._plan.views:
            here = sqlite.view(view.source.name)
            if here is None:
                self._compared.views["not_for_sqlite"] += 1
                continue
            self._judge(how, view, here, self._shown(view))

    def _shown(self, view: PlannedView) -> list[tuple[Any, ...]] | str:
        """Read a view in Postgres; where it cannot be computed, say why not."""
        import psycopg

        try:
            with self._connection.transaction():
                return self._connection.execute(
                    f"SELECT * FROM {quoted(self._plan.schema)}.{quoted(view.name)}"
                ).fetchall()
        except (psycopg.errors.NumericValueOutOfRange, psycopg.errors.DatetimeFieldOverflow):
            return ""
        except psycopg.errors.FeatureNotSupported as error:
            if "infinit" in str(error):  # so numeric says that it is beyond any integer
                return ""
            raise
        except psycopg.DataError as error:
            return refusal(error)

    def _judge(
        self,
        how: str,
        view: PlannedView,
        here: list[tuple[RawValue, ...]],
        there: list[tuple[Any, ...]] | str,
    ) -> None:
        if there == "":  # SQLite goes on with reals where integers end
            self._compared.views["out_of_range"] += 1
            return
        self._compared.views[how] += 1
        if isinstance(there, str):
            difference = f"Postgres cannot compute it: {there}"
        else:
            difference = view_differs(view, here, there, self._zone)
        if difference and _is_undefined(view):
            self._compared.views["of_undefined_order"] += 1
        elif difference:
            said = how.replace("_", " ")
            self._compared.view_problems.append(f"view {view.source.name}, {said}: {difference}")

    def _queries(
        self, queries: tuple[AppQuery, ...], sides: tuple[SqliteSide, PostgresSide]
    ) -> None:
        asked = Asked(self._prepared, self._connection, sides)
        for query in queries:
            problem = asked.differs(query)
            self._compared.queries["compared"] += 1
            if problem:
                self._compared.query_problems.append(f"query {query.name}: {problem}")


def _is_undefined(view: PlannedView) -> bool:
    """Tell whether SQLite itself leaves open which rows a view shows, or in which order."""
    return _OPEN.search(view.sql) is not None


def _loose_tables(prepared: Prepared, fidelity: Fidelity) -> frozenset[str]:
    """Name the tables of which something is not kept, in lower case."""
    lost = {one.object for one in fidelity.not_kept}
    findings, loose = prepared.plan.findings, set[str]()
    full = {f.object.rsplit(".", 1)[0] for f in findings if f.code == "keys_exhausted"}
    by_row = {f.object for f in findings if f.code == "row_by_row_differs"}
    as_bytes = {f.object for f in findings if f.code == "default_as_bytes"}
    for table in prepared.plan.tables:
        source = table.source
        own = {source.name, *(index.name for index in source.indexes)}
        own |= {f"{source.name}.{column.name}" for column in source.columns}
        own |= {f"{source.name}.{check.name}" for check in source.checks}
        own_triggers = {
            t.name for t in prepared.plan.source.triggers if t.table.lower() == source.name.lower()
        }
        named = any(name in own or name.startswith(f"{source.name}_") for name in lost)
        collated = any(c.collation not in ("BINARY", "NOCASE", "RTRIM") for c in source.columns)
        differs = not by_row.isdisjoint(own_triggers)
        # A text and a blob of the same bytes are two keys for SQLite, and one for Postgres.
        collides = not as_bytes.isdisjoint(f"{source.name}.{name}" for name in _keyed(table))
        said = source.conflict_clauses or source.name in full
        if named or collated or differs or collides or said:
            loose.add(source.name.lower())
        for key in source.foreign_keys:
            name = foreign_key_name(source, key)
            if name in lost or refers_by_collation(prepared.plan.source, key):
                loose |= {source.name.lower(), key.parent.lower()}
    return frozenset(loose)


def _keyed(table: PlannedTable) -> frozenset[str]:
    """Name the columns of a table's keys and unique indexes."""
    unique = (index.columns for index in table.source.indexes if index.unique)
    return frozenset(table.source.primary_key).union(*unique)
