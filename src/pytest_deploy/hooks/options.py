"""The options of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.report.opening import CONFIGURATION
from pytest_deploy.report.options import COMPONENTS

if TYPE_CHECKING:
    import pytest

WITH_VALUE = frozenset(
    {"--env", "--deploy-config", "--source", "--postgres", "--evidence", "--schema-lock", "--seal"}
    | {
        "--load-workers",
        "--load-bind",
        "--load-expect",
        "--red-twin",
        "--approve",
        "--take-over",
        "--component",
        "--carry-back",
    }
)


def add_options(parser: pytest.Parser) -> None:
    """
    Add the options of the group `deploy`.

    Args:
        parser: Of pytest.
    """
    group = parser.getgroup("deploy", "deployments (pytest-deploy)")
    group.addoption(
        "--env", default="rehearsal", metavar="NAME", help="the target; default: %(default)s"
    )
    group.addoption(
        "--deploy-config", metavar="FILE", help=f"the configuration; default: {CONFIGURATION}"
    )
    group.addoption(
        "--source", metavar="FILE.db", help="any SQLite file, in place of the configured one"
    )
    group.addoption(
        "--postgres",
        metavar="auto|embedded|container|URL",
        help="where the rehearsal runs; env:NAME for a URL in a variable; default: auto",
    )
    group.addoption(
        "--schema-lock",
        metavar="FILE",
        help="the frozen plan; default: schema.lock beside the configuration of its own source",
    )
    group.addoption(
        "--seal",
        metavar="FILE",
        help="the seal of the rehearsal; default: seal-ENV.json in the evidence folder",
    )
    group.addoption(
        "--load-workers",
        type=int,
        default=0,
        metavar="N",
        help="share the load out to N processes here; default: one makes it",
    )
    group.addoption(
        "--load-expect",
        type=int,
        default=0,
        metavar="N",
        help="and to N that join from elsewhere: python -m pytest_deploy load worker",
    )
    group.addoption(
        "--load-bind",
        metavar="ADDRESS:PORT",
        help="where they join; default: the loopback, port 5557 for those from elsewhere",
    )
    group.addoption(
        "--keep-target", action="store_true", help="leave the rehearsal's database, print its URL"
    )
    group.addoption(
        "--accept-remedies", action="store_true", help="apply the remedies that findings suggest"
    )
    group.addoption(
        "--red-twins", action="store_true", help="plant each known defect: does its gate catch it?"
    )
    group.addoption(
        "--red-twin",
        action="append",
        default=[],
        metavar="DEFECT",
        help="rehearse with this defect planted; with --red-twins plant no others",
    )
    group.addoption(
        "--approve",
        action="append",
        default=[],
        metavar="STEP",
        help="go on with a step that waits for a person; also in the variable DEPLOY_APPROVE",
    )
    group.addoption(
        "--take-over",
        default="",
        metavar="RUN",
        help="work on a target that RUN holds, which you know is dead",
    )
    group.addoption(
        "--component",
        action="append",
        default=[],
        choices=COMPONENTS,
        help="rollback: take back this part of the release alone; several are given one by one",
    )
    group.addoption(
        "--carry-back",
        metavar="FOLDER",
        help="rollback: first make a copy of the source there, with what people have written since",
    )
    group.addoption(
        "--carry-over",
        action="store_true",
        help="rollback: write what people have written since into the former tables, too",
    )
    group.addoption(
        "--emergency",
        action="store_true",
        help="rollback: at once, without a backup first; people are told as [release] alert says",
    )
    group.addoption(
        "--complete",
        action="store_true",
        help="postdeploy: give up the way back of a release that has proven itself",
    )
    group.addoption(
        "--evidence", default=".deploy", metavar="DIR", help="evidence; default: %(default)s"
    )
