"""Does the project carry its users over HTTP: the same thresholds as at the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.gates.asked import not_asked
from pytest_deploy.gates.load import judged
from pytest_deploy.gates.verdict import Check, CheckState, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_deploy.config.gates import LoadSettings
    from pytest_deploy.load.http_trial import HttpLoad

_WHAT = "load over HTTP"


def http_load_is_carried(load: HttpLoad | None, settings: LoadSettings | None) -> Verdict:
    """
    Judge what was measured over HTTP.

    Args:
        load: What was measured; None where no load is asked for, or no project is there.
        settings: The thresholds.

    Returns:
        One problem for each threshold that is not kept; nothing proven where no journey asks the
        project.
    """
    if settings is None:
        return not_asked(_WHAT, "[gates.load]")
    if load is None:
        return not_asked(_WHAT, "[access]")
    more: Mapping[str, int | str] = {
        "rows_taken_back": load.taken_back,
        "journeys_left_out": load.left_out,
    }
    if load.load.journeys:
        return judged(load.load, settings.over_http, more)
    name = "a journey that asks the project"
    seen = "none in [gates.load] folder imports pytest_deploy.load.http"
    check = Check(name, CheckState.UNPROVEN, seen)
    return Verdict(
        examined=0,
        unit="requests",
        measured=dict(more),
        checks=(check,),
        remedy="write one, see loadtests/README.md and runbooks/load-gate.md",
    )
