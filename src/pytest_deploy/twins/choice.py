"""Which red twins there are: those of the package, and those that the fixture `red_twins` adds."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from pytest_deploy.errors import ConfigError
from pytest_deploy.twins.catalogue import CATALOGUE
from pytest_deploy.twins.twin import RedTwin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FIXTURE = "red_twins"
_LONG = frozenset({"load_carried", "http_load_carried"})
_WHERE = f"the fixture `{FIXTURE}`, in a conftest.py"


def all_twins(session: pytest.Session, gates: Sequence[pytest.Item]) -> tuple[RedTwin, ...]:
    """
    List all red twins of a run.

    Args:
        session: pytest's.
        gates: Its gates; at least one.

    Returns:
        Those of the package first.

    Raises:
        ConfigError: Two have one name, or the fixture gives something else.
    """
    twins = dict.fromkeys((*CATALOGUE, *_added(session, gates)))
    folders = Counter(twin.folder for twin in twins)
    if twice := sorted(twin.name for twin in twins if folders[twin.folder] > 1):
        raise ConfigError(
            f"red twins {twice}",
            problem="expected a name of its own for each, seen two of the same",
            where=_WHERE,
            remedy='name the defect: RedTwin(..., defect="...")',
        )
    return tuple(twins)


def chosen(
    session: pytest.Session, gates: Sequence[pytest.Item], names: Sequence[str]
) -> tuple[RedTwin, ...]:
    """
    Look some up by their names.

    Args:
        session: pytest's.
        gates: Its gates; at least one.
        names: What the defects are called; none for all there are.

    Returns:
        The twins, in the order in which they stand.

    Raises:
        UsageError: There is none of such a name, or the fixture does not give what it should.
    """
    try:
        twins = all_twins(session, gates)
        known = {twin.name for twin in twins}
        if unknown := [name for name in names if name not in known]:
            raise _unknown(unknown[0], sorted(known))
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from None
    return tuple(twin for twin in twins if not names or twin.name in names)


def is_long(gate: pytest.Item) -> bool:
    """
    Tell whether a gate takes so long that it runs only with the defects that it must catch.

    Args:
        gate: The gate.

    Returns:
        Whether it needs the measurement of load.
    """
    return not _LONG.isdisjoint(getattr(gate, "fixturenames", ()))


def _unknown(name: str, known: list[str]) -> ConfigError:
    return ConfigError(
        f"--red-twin {name!r}",
        problem="expected the name of a red twin, seen another one",
        where="--red-twin",
        remedy="take one of: " + ", ".join(known),
    )


def _added(session: pytest.Session, gates: Sequence[pytest.Item]) -> Iterator[RedTwin]:
    """Ask for the fixture where each gate stands: a conftest.py is seen from below it alone."""
    modules = dict.fromkeys(item.getparent(pytest.Module) for item in gates)
    asking: list[pytest.Item] = [
        pytest.Function.from_parent(module, name=FIXTURE, callobj=_asks)
        for module in modules
        if module is not None
    ]
    for item, following in pairwise((*asking, gates[0])):
        try:
            session.config.hook.pytest_runtest_setup(item=item)
            given = item.funcargs[FIXTURE]  # type: ignore[attr-defined]
        except Exception as error:  # noqa: BLE001 - whatever a project's fixture raises
            raise _not_given(item, type(error).__name__) from None
        finally:
            session.config.hook.pytest_runtest_teardown(item=item, nextitem=following)
        if not isinstance(given, tuple) or not all(isinstance(one, RedTwin) for one in given):
            raise _not_given(item, "something else")
        yield from given


def _not_given(item: pytest.Item, seen: str) -> ConfigError:
    return ConfigError(
        f"red twins of {item.path}",
        problem=f"expected a tuple of RedTwin, seen {seen}",
        where=_WHERE,
        remedy="return a tuple of pytest_deploy.testing.RedTwin",
    )


def _asks(red_twins: object) -> None:
    """Stand for a test that needs them."""
