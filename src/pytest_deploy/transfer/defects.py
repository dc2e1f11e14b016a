"""
Finds the rows that Postgres would refuse, and leaves out of the copy what a remedy says.

Values that do not fit, NULL where none may be, orphans, violated checks: each becomes a finding,
and where the remedy is quarantine, an exclusion; then the rows that refer to a row left out
follow it, to a fixpoint.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_deploy.findings import SAMPLE_KEYS, Finding, Severity
from pytest_deploy.schema.constraints import foreign_key_name, translatable_checks
from pytest_deploy.schema.identifiers import quoted
from pytest_deploy.schema.profile import unfit_rows
from pytest_deploy.schema.types import described
from pytest_deploy.transfer.keys import shown_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_deploy.schema.constraints import Relaxed
    from pytest_deploy.schema.kinds import RawValue
    from pytest_deploy.schema.model import ForeignKey, SourceSchema, Table
    from pytest_deploy.schema.plan import PlannedTable
    from pytest_deploy.schema.profile import TableProfile
    from pytest_deploy.schema.remedies import Decision, Remedies
    from pytest_deploy.schema.translation.expressions import Context
    from pytest_deploy.schema.types import TypeChoice
    from pytest_deploy.transfer.exclusions import ExclusionWriter
    from pytest_deploy.transfer.snapshot import Snapshot

Keys = list[tuple["RawValue", ...]]
_RARE = 10  # one value in ten: fewer are mistakes, more are how the column is used


class Defects:
    """
    Examines the rows of a snapshot, table by table, in the order that remedies need.

    Args:
        snapshot: The snapshot.
        schema: What it declares.
        remedies: Decides.
        writer: Takes what stays behind.
        relaxed: Takes what the plan gives up.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        schema: SourceSchema,
        remedies: Remedies,
        writer: ExclusionWriter,
        relaxed: Relaxed,
    ) -> None:
        self._snapshot = snapshot
        self._schema = schema
        self._remedies = remedies
        self._writer = writer
        self._relaxed = relaxed
        self.findings: list[Finding] = []
        self.nullable: dict[str, set[str]] = {table.name: set() for table in schema.tables}

    def settle_unfit_values(
        self, table: Table, profile: TableProfile, choices: dict[str, TypeChoice]
    ) -> dict[str, TypeChoice]:
        """
        Look at every row of the columns that may hold what does not fit.

        Args:
            table: The table.
            profile: What it holds.
            choices: The types chosen from the profile.

        Returns:
            The types in force: wider ones where that is the remedy.
        """
        suspects = {name: c.target for name, c in choices.items() if c.suspect}
        if not suspects:
            return choices
        found: dict[str, Keys] = {name: [] for name in suspects}
        for name, key, _ in unfit_rows(self._snapshot.connect, table, suspects):
            found[name].append(key)
        settled = dict(choices)
        for name, keys in found.items():
            if keys:
                settled[name] = self._settle_unfit(table, name, keys, profile, choices[name])
        return settled

    def _settle_unfit(
        self, table: Table, column: str, keys: Keys, profile: TableProfile, choice: TypeChoice
    ) -> TypeChoice:
        is_key = self._is_key(table, column)
        whole_row = is_key or table.column(column).not_null
        often = _RARE * len(keys) > profile.columns[column].values
        widen = choice.wider is not None and not is_key and (whole_row or often)
        name = f"{table.name}.{column}"
        suggested = "widen" if widen else "quarantine"
        decision = self._remedies.decide("columns", name, "unfit", suggested=suggested)
        remedies = ("widen", "quarantine") if choice.wider else ("quarantine",)
        message = f"values that do not fit {choice.target.sql}"
        finding = _finding("unfit_values", name, message, table, keys, decision)
        self.findings.append(replace(finding, remedies=remedies, suggested=suggested))
        if decision.remedy == "widen" and choice.wider:
            wider = replace(choice, target=choice.wider, suspect=False)
            return described(wider, profile.columns[column])
        if whole_row:
            self._writer.add_rows(table, keys, "unfit_values")
        else:
            self._writer.add_cells(table, column, keys, "unfit_values")
        return choice

    def _is_key(self, table: Table, column: str) -> bool:
        return column in table.primary_key or any(
            key.parent == table.name and column in key.parent_columns
            for child in self._schema.tables
            for key in child.foreign_keys
        )

    def settle_nulls(self, table: Table, profile: TableProfile) -> None:
        """
        Find NULL in NOT NULL columns and in primary keys, which SQLite lets in.

        Args:
            table: The table.
            profile: What it holds.
        """
        holding = {n for n, seen in profile.columns.items() if seen.classes["null"]}
        key = tuple(n for n in table.primary_key if n in holding and n != table.rowid_column)
        for column in table.columns:
            if column.not_null and column.name in holding and column.name not in key:
                self._settle_null(table, column.name)
        if key:
            self._settle_null_in_key(table, key)

    def _settle_null(self, table: Table, column: str) -> None:
        keys = self._keys(table, _is_null(column))
        if not keys:
            return
        name = f"{table.name}.{column}"
        decision = self._remedies.decide("columns", name, "nulls", suggested="allow")
        message = "NULL in a column that is declared NOT NULL"
        finding = _finding("null_in_not_null", name, message, table, keys, decision)
        self.findings.append(replace(finding, remedies=("allow", "quarantine"), suggested="allow"))
        if decision.remedy == "quarantine":
            self._writer.add_rows(table, keys, "null_in_not_null")
        else:
            self.nullable[table.name].add(column)

    def _settle_null_in_key(self, table: Table, columns: tuple[str, ...]) -> None:
        keys = self._keys(table, " OR ".join(map(_is_null, columns)))
        decision = self._remedies.decide("tables", table.name, "primary_key", suggested="unique")
        message = f"NULL inside the primary key ({', '.join(columns)})"
        finding = _finding("null_in_primary_key", table.name, message, table, keys, decision)
        self.findings.append(
            replace(finding, remedies=("unique", "quarantine"), suggested="unique")
        )
        if decision.remedy == "quarantine":
            self._writer.add_rows(table, keys, "null_in_primary_key")
        else:
            self._relaxed.keys_without_primary.add(table.name)
            self.nullable[table.name].update(columns)

    def settle_orphans(self) -> None:
        """Find rows that refer to a row that is not there, for every foreign key that is kept."""
        for table, key, name in self._kept_foreign_keys():
            keys = self._orphans(table, key)
            if not keys:
                continue
            clearable = self._clearable(table, key)
            suggested = "null" if clearable else "quarantine"
            decision = self._remedies.decide("foreign_keys", name, "orphans", suggested=suggested)
            message = f"rows that refer to a row of {key.parent} that is not there"
            finding = _finding("orphans", name, message, table, keys, decision)
            remedies = ("null", "quarantine", "keep") if clearable else ("quarantine", "keep")
            self.findings.append(replace(finding, remedies=remedies, suggested=suggested))
            self._apply_to_orphans(table, name, keys, clearable, decision)

    def _apply_to_orphans(
        self, table: Table, name: str, keys: Keys, clearable: str | None, decision: Decision
    ) -> None:
        if decision.remedy == "keep":
            self._relaxed.unvalidated.add(name)
        elif decision.remedy == "null" and clearable:
            self._writer.add_cells(table, clearable, keys, "orphans")
        else:
            self._writer.add_rows(table, keys, "orphans")

    def _clearable(self, table: Table, key: ForeignKey) -> str | None:
        """Name a column of a foreign key that can be NULL without harm to another key."""
        for name in key.columns:
            if not table.column(name).not_null and not self._is_key(table, name):
                return name
        return None

    def _kept_foreign_keys(self) -> Iterable[tuple[Table, ForeignKey, str]]:
        for table in self._schema.tables:
            for key in table.foreign_keys:
                name = foreign_key_name(table, key)
                if name not in self._relaxed.dropped_foreign_keys:
                    yield table, key, name

    def _orphans(self, table: Table, key: ForeignKey) -> Keys:
        now = self._writer.so_far()
        parent = self._schema.table(key.parent)
        child = [f"({now.cell(table, name)})" for name in key.columns]
        pairs = zip(key.parent_columns, child, strict=True)
        # The parent stands left: SQLite compares by its collation and affinity.
        joined = " AND ".join(f"p.{quoted(above)} = {below}" for above, below in pairs)
        present = " AND ".join(f"{below} IS NOT NULL" for below in child)
        return self._select(
            table,
            f"main.{quoted(table.name)} AS s LEFT JOIN main.{quoted(parent.name)} AS p ON {joined}"
            f" WHERE {now.is_kept(table, 's')} AND {present}"
            f" AND p.{quoted(parent.identity[0])} IS NULL",
        )

    def settle_checks(self, planned: PlannedTable, context: Context) -> None:
        """
        Find rows that violate a check, which SQLite lets in when it is told to.

        Args:
            planned: The table with its columns.
            context: What expressions are translated by.
        """
        table = planned.source
        for check, translated in translatable_checks(planned, context):
            if not isinstance(translated, str):
                continue
            condition = check.expression
            keys = self._keys(table, f"NOT ({condition})")
            emptied = set(self._violating_as_they_go(table, condition)) - set(keys)
            self._writer.add_rows(table, emptied, "check_violated")
            if not keys:
                continue
            name = f"{table.name}.{check.name}"
            decision = self._remedies.decide("checks", name, "violated", suggested="keep")
            message = "rows that violate the check"
            finding = _finding("check_violated", name, message, table, keys, decision)
            self.findings.append(replace(finding, remedies=("keep",), suggested="keep"))
            self._relaxed.unvalidated.add(name)

    def _violating_as_they_go(self, table: Table, condition: str) -> Keys:
        """Find rows that violate a check once the cells that stay behind are NULL."""
        now = self._writer.so_far()
        if not now.cells_of(table.name):
            return []
        cells = (f"{now.cell(table, c.name)} AS {quoted(c.name)}" for c in table.columns)
        keys = [f"s.{quoted(name)} AS {quoted(f'k {n}')}" for n, name in enumerate(table.identity)]
        wanted = ", ".join(quoted(f"k {n}") for n in range(len(keys)))
        return self._writer.connection.execute(
            f"SELECT {wanted} FROM (SELECT {', '.join([*keys, *cells])} FROM"
            f" {now.source_of(table)}) WHERE NOT ({condition})"
        ).fetchall()

    def settle_large_rows(self, table: Table, keys: Keys) -> None:
        """
        Leave the rows out that no page of Postgres holds.

        Args:
            table: The table.
            keys: Their identities; none where all fit.
        """
        if not keys:
            return
        decision = self._remedies.decide("tables", table.name, "too_large", suggested="quarantine")
        message = "rows of more numbers and dates than the 8,160 bytes that Postgres allows"
        finding = _finding("row_too_large", table.name, message, table, keys, decision)
        self.findings.append(replace(finding, remedies=("quarantine",), suggested="quarantine"))
        self._writer.add_rows(table, keys, "row_too_large")

    def follow_references(self) -> None:
        """Leave out the rows that refer to a row left out, until there are none."""
        grew = True
        while grew:
            grew = False
            for table, key, name in self._kept_foreign_keys():
                if name not in self._relaxed.unvalidated:
                    grew = self._follow(table, key) or grew

    def _follow(self, table: Table, key: ForeignKey) -> bool:
        now = self._writer.so_far()
        parent = self._schema.table(key.parent)
        if not now.rows_of(parent.name):
            return False
        pairs = zip(key.parent_columns, key.columns, strict=True)
        joined = " AND ".join(
            f"p.{quoted(above)} = ({now.cell(table, below)})" for above, below in pairs
        )
        keys = self._select(
            table,
            f"main.{quoted(table.name)} AS s JOIN main.{quoted(parent.name)} AS p ON {joined}"
            f" WHERE {now.is_kept(table, 's')} AND NOT ({now.is_kept(parent, 'p')})",
        )
        self._writer.add_rows(table, keys, "refers_to_quarantined")
        return bool(keys)

    def _keys(self, table: Table, condition: str) -> Keys:
        now = self._writer.so_far()
        return self._select(table, f"{now.source_of(table)} AND ({condition})")

    def _select(self, table: Table, rest: str) -> Keys:
        wanted = ", ".join(f"s.{quoted(name)}" for name in table.identity)
        return self._writer.connection.execute(f"SELECT DISTINCT {wanted} FROM {rest}").fetchall()


def _is_null(column: str) -> str:
    # SQLite takes `x IS NULL` for false where x is declared NOT NULL, without looking.
    return f"typeof(s.{quoted(column)}) = 'null'"


def _finding(
    code: str,
    name: str,
    message: str,
    table: Table,
    keys: Sequence[tuple[RawValue, ...]],
    decision: Decision,
) -> Finding:
    return Finding(
        code,
        Severity.BLOCKER,
        name,
        message,
        count=len(keys),
        sample_keys=tuple(shown_key(table.identity, key) for key in keys[:SAMPLE_KEYS]),
        setting=decision.setting,
        settled_by=decision.settled_by,
    )
