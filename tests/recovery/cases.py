"""Where a run can be killed: before, in the middle of and after everything that it changes."""

import os
import random
import re
import struct
from dataclasses import dataclass

from tests.recovery.wire import Moment

STEPS = (
    *("prepare_ledger", "freeze_source", "create_schema", "copy_rows", "add_constraints"),
    *("set_sequences", "upload_files", "create_users", "publish_release", "record_migration"),
    *("grant_access", "switch_configuration"),
)
SERVICES = ("freeze_source", "upload_files", "create_users", "switch_configuration")
ASKS = re.compile(rb"FOR KEY SHARE")  # the first thing in the transaction of every change
COMMITTED = re.compile(rb"COMMIT\x00")
COPIES = re.compile(rb"COPY .{1,300} FROM STDIN")
_LEASE = re.compile(rb"INSERT INTO deploy\.lease|UPDATE deploy\.lease SET token")
_RETAINED = re.compile(rb"SET state = 'retained'")
_LEDGER_DROPPED = re.compile(rb"DROP SCHEMA IF EXISTS deploy CASCADE")
_PUT = re.compile(rb"POST /storage/v1/object/")
_MIDDLE = {
    "copy_rows": Moment(COPIES, nth=2),
    "add_constraints": Moment(re.compile(rb"ADD CONSTRAINT")),
    "create_users": Moment(re.compile(rb"INSERT INTO auth\.users")),
    "publish_release": Moment(re.compile(rb"LOCK TABLE")),
    "switch_configuration": Moment(re.compile(rb"INSERT INTO deploy\.configuration"), COMMITTED),
}
_SAMPLED = 8


@dataclass(frozen=True)
class Case:
    """
    One way to be killed, and what is done then.

    Args:
        begun: What is killed: `deploy`, `undo`, or a deployment with a red gate.
        step: In which step.
        where: Where in it.
        then: `deploy` or `undo`.
        moments: What passes at that moment.
        on_http: Whether it passes on the line to the services.
    """

    begun: str
    step: str
    where: str
    then: str
    moments: tuple[Moment, ...]
    on_http: bool = False

    def __str__(self) -> str:
        return f"{self.begun}-{self.step}-{self.where}-{self.then}"


def cases():
    """List those of this run: all of them where it is asked for, else some, by a seed."""
    found = tuple(every())
    if os.environ.get("PYTEST_DEPLOY_MATRIX") == "whole":
        return found
    chance = random.Random(os.environ.get("PYTEST_DEPLOY_SEED", "1"))
    return tuple(chance.sample(found, _SAMPLED))


def noted(step, state):
    """What passes when a row of `deploy.journal` is written: two parameters, each with its length."""
    parameters = b"".join(struct.pack(">I", len(one)) + one.encode() for one in (step, state))
    return re.compile(re.escape(parameters))


def every():
    """List all of them."""
    for step, where, moments, on_http in _of_a_deployment():
        for then in ("deploy", "undo"):
            yield Case("deploy", step, where, then, moments, on_http)
    for step, where, moment in _of_a_way_back(("undo", *SERVICES)):
        for then in ("deploy", "undo"):
            yield Case("undo", step, where, then, (moment,))
    for step, where, moment in _of_a_way_back(STEPS):
        if step != "prepare_ledger":
            yield Case("red", step, where, "deploy", (moment,))
        yield Case("red", step, where, "undo", (moment,))


def _of_a_deployment():
    yield "lease", "in the middle", (Moment(_LEASE),), False
    yield "lease", "after", (Moment(_LEASE, COMMITTED),), False
    before = ()
    for step in STEPS:
        yield step, "before", (*before, Moment(ASKS)), False
        if step in _MIDDLE:
            yield step, "in the middle", (_MIDDLE[step],), False
        yield step, "not committed", (Moment(noted(step, "applied")),), False
        yield step, "after", (Moment(noted(step, "applied"), COMMITTED),), False
        before = (Moment(noted(step, "applied"), COMMITTED),)
    yield "upload_files", "in the middle", (Moment(_PUT, nth=2),), True
    yield "upload_files", "answer lost", (Moment(_PUT, re.compile(rb"HTTP/1.1 200")),), True
    yield "retained", "not committed", (Moment(_RETAINED),), False
    yield "retained", "after", (Moment(_RETAINED, COMMITTED),), False


def _of_a_way_back(steps):
    for step in steps:
        # All that is the database's alone is undone in one transaction.
        first = "grant_access" if step == "undo" else step
        if step == "prepare_ledger":  # with it goes the journal
            yield step, "not committed", Moment(_LEDGER_DROPPED)
            yield step, "after", Moment(_LEDGER_DROPPED, COMMITTED)
            continue
        yield step, "not committed", Moment(noted(first, "compensated"))
        yield step, "after", Moment(noted(first, "compensated"), COMMITTED)
