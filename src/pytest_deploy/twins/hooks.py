"""Which hooks a command line with red twins asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.errors import ConfigError
from pytest_deploy.twins.planting import Planting
from pytest_deploy.twins.rehearsals import RedTwins

if TYPE_CHECKING:
    from pytest_deploy.report.session import Session


def hooks_of(deploy: Session) -> RedTwins | Planting:
    """
    Choose: one defect is planted here, several are planted in runs of their own.

    Args:
        deploy: The run.

    Returns:
        A plugin of pytest.

    Raises:
        ConfigError: Several defects, and one run.
    """
    options = deploy.options
    if options.red_twins:
        return RedTwins(deploy)
    if len(options.red_twin) > 1:
        raise ConfigError(
            "--red-twin, several times",
            problem=f"expected one defect in one rehearsal, seen {len(options.red_twin)}",
            where="the command line",
            remedy="add --red-twins: then each of them gets a rehearsal of its own",
        )
    return Planting(deploy, options.planted)
