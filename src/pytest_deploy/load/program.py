"""Inside Locust: its own command line, with our listeners."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

# The first of all imports that open sockets: it replaces what they would use.
import locust  # isort: skip
import locust.exception
import locust.main

from pytest_deploy.load.conducting import REFUSED, Conductor, Master, Worker
from pytest_deploy.load.http import SupabaseUser
from pytest_deploy.load.journeys import asks
from pytest_deploy.load.orders import GRACE_S, Orders, State
from pytest_deploy.load.recording import DiscreetLog, place_of
from pytest_deploy.load.user import DatabaseUser

if TYPE_CHECKING:
    from locust.env import Environment

_PARTS = {"alone": Conductor, "master": Master, "worker": Worker}
_OTHERS = {True: DatabaseUser, False: SupabaseUser}
_HTTP = "pytest_deploy.load.http"
_LONGEST = 200


def run(orders: Orders) -> int:
    """
    Run Locust.

    Args:
        orders: What to do.

    Returns:
        The exit code: 0; 3 where a reason was told; else Locust's own.
    """
    log = DiscreetLog(Path(orders.evidence) / "locust.log" if orders.evidence else None)
    logging.basicConfig(level=logging.INFO, handlers=[log])
    journey, begun = Path(orders.journey), False
    over_http = asks(journey) == "project"

    def begin(environment: Environment, runner: object, **_more: object) -> None:
        nonlocal begun
        begun = True
        if problem := _unusable(environment, over_http=over_http):
            raise SystemExit(problem)
        _PARTS[orders.part](environment, runner, orders)

    locust.events.init.add_listener(begin)
    sys.argv = ["locust", *arguments(orders)]
    problem = ""
    try:
        locust.main.main()
    except SystemExit as end:
        if not end.code:
            return 0
        if isinstance(end.code, str):
            log.last_error = end.code
        problem = log.last_error or f"Locust ended with exit code {end.code}"
        if begun and not log.last_error:
            return int(end.code) if isinstance(end.code, int) else 1
    except locust.exception.RPCError as error:
        problem = str(error)
    except ConnectionError:
        problem = f"no answer at {orders.host}:{orders.port}"
    except BaseException as error:  # noqa: BLE001 - of the journey, whatever it is
        problem = f"it cannot be imported: {place_of(error, journey)}"
    State(Path(orders.state)).tell(refused=problem[:_LONGEST])
    return REFUSED


def _unusable(environment: Environment, *, over_http: bool) -> str:
    """Say why a journey makes no load, or another than the one that is configured."""
    if environment.shape_class is not None:
        return "it has a LoadTestShape, which would go on without [gates.load]"
    for user in environment.user_classes:
        if not user.tasks:
            return f"its class {user.__name__} has no task"
        if issubclass(user, _OTHERS[over_http]):
            known = "does not import" if not over_http else "imports"
            return f"its class {user.__name__} asks another than the file, which {known} {_HTTP}"
    return ""


def arguments(orders: Orders) -> list[str]:
    """
    Write Locust's command line: without a secret, since it can be read by everybody.

    Args:
        orders: What to do.

    Returns:
        Arguments.

    Source: https://docs.locust.io/en/stable/configuration.html
    """
    words = ["--locustfile", orders.journey, "--headless", "--skip-log-setup", "--only-summary"]
    words += ["--stop-timeout", str(GRACE_S), "--exit-code-on-error", "0"]
    if orders.part == "worker":
        return [*words, "--worker", "--master-host", orders.host, "--master-port", str(orders.port)]
    users = 1 if orders.alone_s else orders.users
    words += ["--users", str(users), "--spawn-rate", str(orders.spawn_rate_per_s)]
    prefix = Path(orders.evidence) / "locust"
    words += ["--csv", str(prefix), "--csv-full-history", "--html", f"{prefix}.html"]
    words += ["--json-file", str(prefix)]  # Locust adds the ending itself
    if orders.part == "master":
        words += ["--master", "--master-bind-host", orders.host]
        words += ["--master-bind-port", str(orders.port)]
        words += ["--expect-workers", str(orders.workers)]
        words += ["--expect-workers-max-wait", str(orders.wait_s)]
    return words
