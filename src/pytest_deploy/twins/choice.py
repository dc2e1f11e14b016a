"""Which red twins there are: those of the package, and those that the fixture `red_twins` adds."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from pytest_deploy.engine.phases import phase_of
from pytest_deploy.errors import ConfigError
from pytest_deploy.twins.catalogue import CATALOGUE
from pytest_deploy.twins.twin import RedTwin

if TYPE_CHECKING:
    from collections.abc import Iterator

FIXTURE = "red_twins"
_WHERE = f"the fixture `{FIXTURE}`, in a conftest.py"


def all_twins(session: pytest.Session) -> tuple[RedTwin, ...]:
    """
    List all red twins of a run.

    Args:
        session: pytest's, with the gates collected.

    Returns:
        Those of the package first.

    Raises:
        ConfigError: Two have one name, or the fixture gives something else.
    """
    twins = dict.fromkeys((*CATALOGUE, *_added(session)))
    names = Counter(twin.name for twin in twins)
    if twice := sorted(name for name, count in names.items() if count > 1):
        raise ConfigError(
            f"red twins {twice}",
            problem="expected a name of its own for each, seen two of the same",
            where=_WHERE,
            remedy='name the defect: RedTwin(..., defect="...")',
        )
    return tuple(twins)


def chosen(session: pytest.Session, name: str) -> RedTwin:
    """
    Look one up by its name.

    Args:
        session: pytest's, with the gates collected.
        name: What the defect is called.

    Returns:
        The twin.

    Raises:
        ConfigError: There is none of that name.
    """
    twins = all_twins(session)
    for twin in twins:
        if twin.name == name:
            return twin
    raise ConfigError(
        f"--red-twin {name!r}",
        problem="expected the name of a red twin, seen another one",
        where="--red-twin",
        remedy="take one of: " + ", ".join(twin.name for twin in twins),
    )


def _added(session: pytest.Session) -> Iterator[RedTwin]:
    """Ask for the fixture where each gate stands: a conftest.py is seen from below it alone."""
    gates = [item for item in session.items if phase_of(item.path) is not None]
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
        finally:
            session.config.hook.pytest_runtest_teardown(item=item, nextitem=following)
        if not isinstance(given, tuple) or not all(isinstance(one, RedTwin) for one in given):
            raise ConfigError(
                f"red twins of {item.path}",
                problem="expected a tuple of RedTwin, seen something else",
                where=_WHERE,
                remedy="return a tuple of pytest_deploy.testing.RedTwin",
            )
        yield from given


def _asks(red_twins: object) -> None:
    """Stand for a test that needs them."""
