"""The server that was rehearsed on, the one of the env, and what the plan needs of both."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_deploy.assessment.variables import Variable
    from pytest_deploy.providers.postgres.looking import Seen
    from pytest_deploy.schema.plan import PlannedTable, SchemaPlan

_OLDEST_MAJOR = 15
_BLOCK_BYTES = "8192"  # what fits an index row was decided by it


class Look(StrEnum):
    """Whether the env's database was looked at."""

    REHEARSAL = "the env is the rehearsal itself"
    COMPARED = "compared"
    UNREACHABLE = "unreachable"
    NOT_CONFIGURED = "not configured"
    NOT_YET = "not looked at: the rehearsal ended before"


class Weight(StrEnum):
    """What a difference means."""

    DECIDES = "decides"
    MATTERS = "matters"
    NOTE = "note"


_WEIGHTS = {
    **dict.fromkeys(("Postgres", "encoding", "integer_datetimes"), Weight.DECIDES),
    **dict.fromkeys(("block_size", "max_index_keys", "max_identifier_length"), Weight.DECIDES),
    "standard_conforming_strings": Weight.DECIDES,
    **dict.fromkeys(("locale provider", "collation", "character classes"), Weight.MATTERS),
    **dict.fromkeys(("TimeZone", "DateStyle", "IntervalStyle", "bytea_output"), Weight.MATTERS),
    **dict.fromkeys(("default_text_search_config", "extra_float_digits"), Weight.MATTERS),
    **dict.fromkeys(("default_transaction_isolation", "row_security"), Weight.MATTERS),
}
_TOLD_OTHERWISE = ("server_version", "server_encoding", "default_transaction_read_only")


@dataclass(frozen=True)
class Difference:
    """
    One thing that is not the same on both servers.

    Args:
        name: A version, a property of the database, a setting, an extension.
        rehearsed: On the rehearsal's server.
        env: On the env's.
        weight: What it means.
    """

    name: str
    rehearsed: str
    env: str
    weight: Weight


@dataclass(frozen=True)
class Met:
    """
    One thing that the plan needs of a server.

    Args:
        need: What.
        problem: What is there instead; empty where it is met.
    """

    need: str
    problem: str = ""


@dataclass(frozen=True)
class Wanted:
    """
    What the plan asks of a server.

    Args:
        zone: The time zone of the source.
        widest_index: The columns of the widest key or index.
        longest_name: Bytes of the longest name.
        major: The major version that deploy.toml names; None where it names none.
        fresh: Whether nothing of somebody else may stand there under the plan's names.
    """

    zone: str
    widest_index: int
    longest_name: int
    major: int | None = None
    fresh: bool = False


@dataclass(frozen=True)
class Environment:
    """
    The surroundings of a deployment.

    Args:
        env: The env.
        look: Whether its database was looked at.
        reason: Why it was not; empty where it was.
        local: Versions of what works here, by name.
        compared: How many things were compared with the env.
        differences: Those that are not the same.
        needs: What the plan needs of the server it goes to, or would have gone to.
        variables: Environment variables, by name alone.
        postgres: The version of the env's Postgres; empty where it is not known.
        statement_timeout: What the env sets; empty where it is not known.
    """

    env: str
    look: Look = Look.NOT_YET
    reason: str = ""
    local: tuple[tuple[str, str], ...] = ()
    compared: int = 0
    differences: tuple[Difference, ...] = ()
    needs: tuple[Met, ...] = ()
    variables: tuple[Variable, ...] = ()
    postgres: str = ""
    statement_timeout: str = ""


def wanted(plan: SchemaPlan, zone: str, *, major: int | None, fresh: bool) -> Wanted:
    """
    Say what a plan asks of a server.

    Args:
        plan: The plan.
        zone: The time zone of the source.
        major: The major version that deploy.toml names.
        fresh: Whether nothing of somebody else may stand there under the plan's names.

    Returns:
        What it needs.
    """
    widths = [len(columns) for table in plan.tables for columns in _keys(table)]
    longest = max((len(name.encode()) for name in names(plan)), default=0)
    return Wanted(zone, max(widths, default=0), longest, major, fresh)


def _keys(table: PlannedTable) -> Iterator[tuple[object, ...]]:
    if table.primary_key is not None:
        yield table.primary_key.columns
    yield from (key.columns for key in table.uniques)
    yield from (index.terms for index in table.indexes)


def names(plan: SchemaPlan) -> tuple[str, ...]:
    """
    Name the relations that a plan makes.

    Args:
        plan: The plan.

    Returns:
        Tables and views, by their names in Postgres.
    """
    return (*(table.name for table in plan.tables), *(view.name for view in plan.views))


class _Need(NamedTuple):
    """What is needed, and what is wrong where it is not met."""

    name: str
    problem: Callable[[Seen, Wanted], str]


_NEEDS = (
    _Need(
        f"Postgres {_OLDEST_MAJOR} or later",
        lambda s, _: "" if s.major >= _OLDEST_MAJOR else f"Postgres {s.version}",
    ),
    _Need(
        "the major version that deploy.toml names",
        lambda s, w: "" if w.major in (None, s.major) else f"{s.major}, deploy.toml says {w.major}",
    ),
    _Need(
        "a database in UTF8",
        lambda s, _: "" if s.database["encoding"] == "UTF8" else s.database["encoding"],
    ),
    _Need(
        "a server that takes writes",
        lambda s, _: "" if s.can_write else "a standby, or default_transaction_read_only is on",
    ),
    _Need(
        "a role that may make schemas",
        lambda s, _: "" if s.can_create else "no privilege CREATE on the database",
    ),
    _Need(
        "sessions of its own",
        lambda s, _: "port 6543 is a transaction pooler" if s.is_pooled else "",
    ),
    _Need(
        f"blocks of {_BLOCK_BYTES} bytes",
        lambda s, _: _other(s.settings["block_size"], _BLOCK_BYTES),
    ),
    _Need(
        "integer_datetimes",
        lambda s, _: _other(s.settings["integer_datetimes"], "on"),
    ),
    _Need(
        "standard_conforming_strings",
        lambda s, _: _other(s.settings["standard_conforming_strings"], "on"),
    ),
    _Need(
        "room for the columns of the widest index",
        lambda s, w: _fewer(s.settings["max_index_keys"], w.widest_index),
    ),
    _Need(
        "room for the longest name",
        lambda s, w: _fewer(s.settings["max_identifier_length"], w.longest_name),
    ),
    _Need(
        "the time zone of the source",
        lambda s, w: "" if s.knows_zone else f"{w.zone} is unknown there",
    ),
    _Need(
        "names that are free",
        lambda s, w: _taken(s) if w.fresh else "",
    ),
)


def _other(seen: str, expected: str) -> str:
    return "" if seen == expected else f"{seen}, not {expected}"


def _fewer(seen: str, needed: int) -> str:
    return "" if int(seen) >= needed else f"{seen}, {needed} are needed"


def _taken(seen: Seen) -> str:
    there = [*seen.standing, *(["the schema deploy"] if seen.other_ledger else [])]
    return f"{', '.join(there)} stand there already" if there else ""


def needs_of(seen: Seen, asked: Wanted) -> tuple[Met, ...]:
    """
    Compare a server with what the plan needs.

    Args:
        seen: The server.
        asked: What is needed.

    Returns:
        One for each need.
    """
    return tuple(Met(need.name, need.problem(seen, asked)) for need in _NEEDS)


def compare(rehearsed: Seen, env: Seen) -> tuple[int, tuple[Difference, ...]]:
    """
    Compare two servers.

    Args:
        rehearsed: The rehearsal's.
        env: The env's.

    Returns:
        How many things were compared, and those that are not the same.
    """
    here, there = _properties(rehearsed), _properties(env)
    all_names = list(dict.fromkeys((*here, *there)))
    return len(all_names), tuple(
        Difference(name, here.get(name, "none"), there.get(name, "none"), _weight(name, there))
        for name in all_names
        if here.get(name) != there.get(name)
    )


def _properties(seen: Seen) -> dict[str, str]:
    settings = {n: v for n, v in seen.settings.items() if n not in _TOLD_OTHERWISE}
    extensions = {f"extension {name}": version for name, version in seen.extensions.items()}
    return {"Postgres": str(seen.major), **seen.database, **settings, **extensions}


def _weight(name: str, there: dict[str, str]) -> Weight:
    if name.startswith("extension ") and name not in there:
        return Weight.MATTERS  # what was rehearsed with is missing; more of them do no harm
    return _WEIGHTS.get(name, Weight.NOTE)
