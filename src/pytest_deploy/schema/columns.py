"""Plans the columns of every table: names, types, defaults, and the notes that go with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.config import setting_lines
from pytest_deploy.findings import Finding, Severity
from pytest_deploy.schema.default_values import stored_default
from pytest_deploy.schema.defaults import translate_default
from pytest_deploy.schema.identifiers import column_name
from pytest_deploy.schema.kinds import Kind, TargetType
from pytest_deploy.schema.plan import PlannedColumn
from pytest_deploy.schema.relations import generated_columns
from pytest_deploy.schema.translation.values import UntranslatableError
from pytest_deploy.schema.types import Use, choose_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_deploy.schema.model import Column, SourceSchema, Table
    from pytest_deploy.schema.profile import TableProfile
    from pytest_deploy.schema.remedies import Remedies
    from pytest_deploy.schema.translation.expressions import Context
    from pytest_deploy.schema.types import TypeChoice

KEPT_COLLATIONS = frozenset({"BINARY", "NOCASE", "RTRIM"})
_LARGEST_KEY = 2**63 - 1
_OF_CORE_DATA = frozenset({"Z_METADATA", "Z_PRIMARYKEY"})
_NOTES = {
    "unknown_type": "declared {declared!r}, which is no type we know: by its data it is {type}",
    "kept_as_text": "declared {declared!r}: carried as {type}, exactly as it is stored",
    "declaration_not_kept": "declared {declared!r}, but most values are something else: {type}",
    "dates_from_numbers": (
        "declared {declared!r}, and its numbers are instants: carried as {type};"
        " 'bigint' or 'double precision' keeps the numbers"
    ),
    "date_as_number": (
        "declared {declared!r}, but its dates are numbers: kept as {type};"
        " 'timestamptz from seconds' (milliseconds, julian days, core data) makes instants of them"
    ),
    "mixed_date_forms": "dates in {forms} written forms: instants are kept, the forms are not",
    "infinity": "infinite values: JSON cannot carry them to API clients",
    "integer_beyond_json": "integers beyond 2^53: JavaScript clients read them inexactly",
}


def compared_columns(schema: SourceSchema) -> frozenset[tuple[str, str]]:
    """
    Name the columns that keys, unique indexes and foreign keys compare.

    Args:
        schema: What the source declares.

    Returns:
        Pairs of table and column name.
    """
    found: set[tuple[str, str]] = set()
    for table in schema.tables:
        found.update((table.name, name) for name in table.primary_key)
        for index in table.indexes:
            if index.unique:
                found.update((table.name, name) for name in index.columns)
        for key in table.foreign_keys:
            found.update((table.name, name) for name in key.columns)
            found.update((key.parent, name) for name in key.parent_columns)
    return frozenset(found)


def uses_of_columns(schema: SourceSchema) -> dict[tuple[str, str], Use]:
    """
    Say what is done with every column.

    Args:
        schema: What the source declares.

    Returns:
        By table and column name.
    """
    compared = compared_columns(schema)
    core_data = any(table.name in _OF_CORE_DATA for table in schema.tables)
    uses: dict[tuple[str, str], Use] = {}
    for table in schema.tables:
        indexed = {name for index in table.indexes for name in index.columns}
        for column in table.columns:
            is_compared = (table.name, column.name) in compared
            is_indexed = is_compared or column.name in indexed
            uses[table.name, column.name] = Use(is_compared, is_indexed, core_data)
    return uses


def choose_types(
    table: Table,
    profile: TableProfile,
    uses: Mapping[tuple[str, str], Use],
    remedies: Remedies,
) -> dict[str, TypeChoice]:
    """
    Choose the type of every column of a table.

    Args:
        table: The table.
        profile: What it holds.
        uses: See `uses_of_columns`.
        remedies: Overrides from configuration.

    Returns:
        By column name.
    """
    choices: dict[str, TypeChoice] = {}
    for column in table.columns:
        wanted = remedies.configured("columns", f"{table.name}.{column.name}", "type")
        choices[column.name] = choose_type(
            column,
            profile.columns[column.name],
            override=TargetType.parse(wanted) if wanted else None,
            row_key=column.name == table.rowid_column,
            use=uses[table.name, column.name],
        )
    return choices


def notes_on(
    table: Table, profile: TableProfile, choices: Mapping[str, TypeChoice]
) -> list[Finding]:
    """
    Say what a person should know of a table's columns.

    Args:
        table: The table.
        profile: What it holds.
        choices: The types chosen.

    Returns:
        One note for each column and code.
    """
    findings: list[Finding] = []
    for column in table.columns:
        choice, seen = choices[column.name], profile.columns[column.name]
        name = f"{table.name}.{column.name}"
        for code in choice.notes:
            message = _NOTES[code].format(
                declared=column.declared, type=choice.target.name, forms=len(seen.date_forms)
            )
            setting = setting_lines("columns", name, "type", choice.target.name)
            count = seen.infinities if code == "infinity" else seen.values
            findings.append(Finding(code, Severity.NOTE, name, message, count, setting=setting))
        findings += _not_kept(table, column)
        if column.name == table.rowid_column and seen.largest == _LARGEST_KEY:
            message = "the largest key there can be is taken: no insert gets a key of its own"
            findings.append(Finding("keys_exhausted", Severity.RISK, name, message))
    return findings


def _not_kept(table: Table, column: Column) -> list[Finding]:
    name, found = f"{table.name}.{column.name}", []
    if column.collation not in KEPT_COLLATIONS:
        message = f"COLLATE {column.collation} is the application's own: Postgres compares by bytes"
        found.append(Finding("collation_not_kept", Severity.RISK, name, message))
    if column_name(column.name) != column.name:
        message = f"Postgres cannot carry the name; it is {column_name(column.name)!r} there"
        found.append(Finding("name_shortened", Severity.NOTE, name, message))
    return found


def _on_bytes(table: Table, column: Column) -> list[Finding]:
    if not isinstance(stored_default(column), str):
        return []
    message = "its default is a text among blobs: it is the bytes of that text, in UTF-8"
    name = f"{table.name}.{column.name}"
    return [Finding("default_as_bytes", Severity.NOTE, name, message)]


def plan_columns(
    table: Table,
    choices: Mapping[str, TypeChoice],
    context: Context,
    *,
    nullable: frozenset[str],
    keyed: bool,
) -> tuple[tuple[PlannedColumn, ...], list[Finding]]:
    """
    Plan the columns of a table.

    Args:
        table: The table.
        choices: The type of each column.
        context: What expressions are translated by.
        nullable: Columns whose NOT NULL is given up, since they hold NULL.
        keyed: Whether its primary key stays one, whose columns are NOT NULL in Postgres.

    Returns:
        The columns, and a finding for each default or formula that could not be kept.
    """
    columns: list[PlannedColumn] = []
    findings: list[Finding] = []
    for column in table.columns:
        choice = choices[column.name]
        target = choice.target
        try:
            default = translate_default(column, choice, context)
        except UntranslatableError as error:
            default = None
            message = f"its default is not kept: {error} has no equal that we know"
            name = f"{table.name}.{column.name}"
            findings.append(Finding("default_not_translated", Severity.RISK, name, message))
        if default is not None and target.kind is Kind.BYTEA:
            findings += _on_bytes(table, column)
        required = column.not_null or (keyed and column.name in table.primary_key)
        columns.append(
            PlannedColumn(
                name=column_name(column.name),
                source=column,
                type=target,
                not_null=required and column.name not in nullable,
                default=default,
                identity=column.name == table.rowid_column,
                form=choice.form,
                mixed=choice.mixed,
                reals=choice.reals,
                stored=choice.stored,
            )
        )
    made, not_made = generated_columns(table, tuple(columns), context)
    return made, findings + not_made
