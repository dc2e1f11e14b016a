"""One table of rules: from the declared type and what is stored to a Postgres type."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_deploy.schema.dates import DateForm
from pytest_deploy.schema.declared_types import (
    AS_DECLARED,
    CARRIED_AS_STORED,
    DATE_KINDS,
    declared_decimal,
    declared_kind,
    normalised,
)
from pytest_deploy.schema.default_values import NOTHING, stored_default
from pytest_deploy.schema.kinds import INSTANTS, Kind, TargetType, fits
from pytest_deploy.schema.model import Affinity, Column

if TYPE_CHECKING:
    from pytest_deploy.schema.profile import ColumnProfile

_DAY, _MOMENT = DateForm(), DateForm(" ", seconds=True)  # what CURRENT_TIMESTAMP writes
_EXACT_IN_JSON = 2**53

_NUMBERS = frozenset({Kind.BIGINT, Kind.NUMERIC, Kind.DOUBLE})
_EMPTY = {Affinity.INTEGER: Kind.BIGINT, Affinity.REAL: Kind.DOUBLE}
_CLASSES = {
    Kind.BIGINT: ("integer",),
    Kind.BOOLEAN: ("integer",),
    Kind.DOUBLE: ("integer", "real"),
    Kind.NUMERIC: ("integer", "real"),
    Kind.TEXT: ("text", "integer", "real"),
    Kind.BYTEA: ("blob",),
}


@dataclass(frozen=True)
class Use:
    """
    What is done with a column.

    Args:
        compared: Whether keys or foreign keys compare it: it must not merge different texts then.
        indexed: Whether any index is on it.
        core_data: Whether it is in a database that Core Data wrote.
    """

    compared: bool = False
    indexed: bool = False
    core_data: bool = False


@dataclass(frozen=True)
class TypeChoice:
    """
    What a column becomes.

    Args:
        target: The Postgres type.
        suspect: Whether some value may not fit it, so that every row must be looked at.
        wider: A type that holds every value; None where there is none.
        notes: Codes of what a person should know: `unknown_type`, `date_as_number` and so on.
        form: The one form in which dates are written; None where there are several, or no dates.
        mixed: Whether SQLite has numbers and texts in it, and Postgres has texts.
        reals: Whether some of those numbers are reals, which SQLite writes in a form of its own.
        stored: The one storage class of all its values; None where there are several, or none.
        empty: Whether it holds no value at all.
        fixed: Whether somebody said so, or a lock: nothing makes another type of it.
    """

    target: TargetType
    suspect: bool = False
    wider: TargetType | None = None
    notes: tuple[str, ...] = ()
    form: DateForm | None = None
    mixed: bool = False
    reals: bool = False
    stored: str | None = None
    empty: bool = False
    fixed: bool = False


def choose_type(
    column: Column,
    seen: ColumnProfile,
    *,
    override: TargetType | None = None,
    row_key: bool = False,
    use: Use = Use(),
) -> TypeChoice:
    """
    Apply the rules to one column.

    Args:
        column: Its declaration.
        seen: Its profile.
        override: The type from configuration.
        row_key: Whether it is the INTEGER PRIMARY KEY that stands for the rowid.
        use: What else is done with it.

    Returns:
        The type, what does not fit it, and what would.
    """
    if override is not None:
        return described(TypeChoice(override, suspect=True, fixed=True), seen)
    if row_key:
        return TypeChoice(TargetType(Kind.BIGINT), notes=_notes_on_integers(seen))
    known = declared_kind(column.declared)
    target = _as_declared(column, seen, use) or _target(column, known, seen, use)
    suspect = _held(target.kind, seen) < seen.values
    wider = _wider(seen) if suspect else None
    notes = _notes(column, known, target, seen)
    return described(TypeChoice(target, suspect, wider, notes), seen)


def described(choice: TypeChoice, seen: ColumnProfile) -> TypeChoice:
    """
    Say what expressions over a column must know of its values.

    Args:
        choice: What the column becomes.
        seen: Its profile.

    Returns:
        The choice with the form of its dates, and whether texts and numbers are mixed.
    """
    kind = choice.target.kind
    classes = [name for name, count in seen.classes.items() if count and name != "null"]
    stored = classes[0] if len(classes) == 1 else None
    choice = replace(choice, stored=stored, empty=not classes)
    numbers = seen.classes["integer"] + seen.classes["real"]
    if kind not in DATE_KINDS:
        is_text = kind is Kind.TEXT
        reals = is_text and seen.classes["real"] > 0
        return replace(choice, mixed=is_text and numbers > 0, reals=reals)
    if not seen.date_forms:
        return replace(choice, form=_DAY if kind is Kind.DATE else _MOMENT)
    return replace(choice, form=next(iter(seen.date_forms)) if len(seen.date_forms) == 1 else None)


def _as_declared(column: Column, seen: ColumnProfile, use: Use) -> TargetType | None:
    """Take a declaration by its word where every value is what it says."""
    target = AS_DECLARED.get(normalised(column.declared))
    if target is None or column.generated or seen.as_declared < seen.values:
        return None
    if not _takes_default(column, target):
        return None
    if target.kind is Kind.JSON and use.indexed:  # Postgres does not compare documents
        return None
    return target if column.collation == "BINARY" else None


def _instant(column: Column, seen: ColumnProfile, use: Use) -> Kind | None:
    """Name the unit in which every value may be an instant; none where keys compare it."""
    if use.compared or column.generated or not seen.values:
        return None
    kinds = [kind for kind in INSTANTS if seen.instants[kind] == seen.values]
    # Seconds from 2001 are seconds from 1970 to anybody who does not know who wrote them.
    kinds = [kind for kind in kinds if (kind is Kind.CORE_DATA) == use.core_data]
    if len(kinds) != 1 or not _takes_default(column, TargetType(kinds[0])):
        return None
    return kinds[0]


def _takes_default(column: Column, target: TargetType) -> bool:
    """Tell whether a row that does not say the column would get what its type takes."""
    value = stored_default(column)
    return value is not NOTHING and fits(value, target)


def _target(column: Column, known: Kind | None, seen: ColumnProfile, use: Use) -> TargetType:
    if known is None:
        return _by_data(column, seen)
    instant = _instant(column, seen, use) if known in DATE_KINDS else None
    if instant is not None:
        return TargetType(instant)
    if 2 * _held(known, seen) < seen.values:
        return _by_data(column, seen)
    if known in DATE_KINDS:
        return _date(known, seen, compared=use.compared)
    if known is Kind.NUMERIC:
        return _decimal(column, seen)
    if known is Kind.BOOLEAN:
        is_boolean = seen.smallest >= 0 and seen.largest <= 1
        only_integers = seen.classes["integer"] == seen.values
        return TargetType(known) if is_boolean and only_integers else _by_data(column, seen)
    if known is Kind.BIGINT and seen.classes["real"]:
        return TargetType(Kind.NUMERIC)
    return TargetType(known)


def _decimal(column: Column, seen: ColumnProfile) -> TargetType:
    declared = declared_decimal(column.declared)
    if declared is None or seen.beyond_declared or seen.infinities:
        return TargetType(Kind.NUMERIC)
    return declared


def _date(known: Kind, seen: ColumnProfile, *, compared: bool) -> TargetType:
    if compared and len(seen.date_forms) > 1:
        return TargetType(Kind.TEXT)
    only_days = all(form.is_day for form in seen.date_forms)
    return TargetType(Kind.DATE if known is Kind.DATE and only_days else Kind.TIMESTAMPTZ)


def _by_data(column: Column, seen: ColumnProfile) -> TargetType:
    """Choose the family that holds most values; a word we do not know promises no number."""
    counts = seen.classes
    numbers = counts["integer"] + counts["real"]
    if not seen.values:
        return TargetType(_EMPTY.get(column.affinity, Kind.TEXT))
    if counts["blob"] > max(counts["text"], numbers):
        return TargetType(Kind.BYTEA)
    no_number_promised = declared_kind(column.declared) is None and bool(column.declared)
    if counts["text"] >= numbers or (counts["text"] and no_number_promised):
        return TargetType(Kind.TEXT)
    if counts["real"] == numbers:
        return TargetType(Kind.DOUBLE)
    return TargetType(Kind.NUMERIC if counts["real"] else Kind.BIGINT)


def _held(kind: Kind, seen: ColumnProfile) -> int:
    if kind not in _CLASSES and kind not in DATE_KINDS:
        return seen.values  # it was chosen because all of them are of it
    if kind in DATE_KINDS:
        return seen.dates
    held = sum(seen.classes[name] for name in _CLASSES[kind])
    return held - seen.unstorable_texts if kind is Kind.TEXT else held


def _wider(seen: ColumnProfile) -> TargetType | None:
    if seen.classes["blob"] or seen.unstorable_texts:
        return None
    return TargetType(Kind.TEXT if seen.classes["text"] else Kind.NUMERIC)


def _notes(
    column: Column, known: Kind | None, target: TargetType, seen: ColumnProfile
) -> tuple[str, ...]:
    notes: list[str] = []
    name = normalised(column.declared)
    if target.kind in INSTANTS:
        notes.append("dates_from_numbers")
    elif CARRIED_AS_STORED.fullmatch(name):
        notes += ["kept_as_text"] if target.kind is Kind.TEXT else []
    elif known is None and name and name != "ANY":
        notes.append("unknown_type")
    elif known in DATE_KINDS and target.kind in _NUMBERS:
        notes.append("date_as_number")
    elif known is not None and target.kind is not known and {known, target.kind} != DATE_KINDS:
        notes.append("declaration_not_kept")
    if target.kind in DATE_KINDS and len(seen.date_forms) > 1:
        notes.append("mixed_date_forms")
    if seen.infinities:
        notes.append("infinity")
    return (*notes, *_notes_on_integers(seen))


def _notes_on_integers(seen: ColumnProfile) -> tuple[str, ...]:
    beyond = max(seen.largest, -seen.smallest) > _EXACT_IN_JSON
    return ("integer_beyond_json",) if beyond else ()
