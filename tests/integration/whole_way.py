"""The whole way of a database, without pytest's fixtures: plan, steps, and every verdict."""

from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from pytest_deploy.behaviour.trial import Limits, compare_behaviour
from pytest_deploy.carrying.aged import aged
from pytest_deploy.carrying.back import Baseline, carry_back
from pytest_deploy.carrying.proof import prove
from pytest_deploy.config import for_source
from pytest_deploy.gates.behaviour import views_show_the_same, writes_behave_alike
from pytest_deploy.gates.carried import what_was_written_is_carried_back
from pytest_deploy.gates.cells import cells_are_equal
from pytest_deploy.gates.foreign_keys import references_hold
from pytest_deploy.gates.rows import count_rows, quarantine_is_whole, row_counts_agree
from pytest_deploy.gates.schema import nothing_is_lost_silently, schema_is_complete
from pytest_deploy.gates.sequences import next_inserts_work
from pytest_deploy.schema.fidelity import fidelity
from pytest_deploy.steps.add_constraints import AddConstraints
from pytest_deploy.steps.copy_rows import CopyRows
from pytest_deploy.steps.create_programs import CreatePrograms
from pytest_deploy.steps.create_schema import CreateSchema
from pytest_deploy.steps.prepare_ledger import PrepareLedger
from pytest_deploy.steps.set_sequences import SetSequences
from pytest_deploy.transfer.adapting import Adaptation
from pytest_deploy.transfer.digest import compare_tables
from pytest_deploy.transfer.planning import prepare, read_source
from pytest_deploy.transfer.snapshot import take

BEFORE = (PrepareLedger, CreateSchema, CopyRows)
AFTER = (SetSequences, CreatePrograms)


def planned(database, target, remedies, folder, *, zone="Europe/Madrid"):
    """Take a snapshot and make the plan."""
    for name in ("snapshot", "plan"):
        (folder / name).mkdir()
    source = read_source(database, take(database, folder / "snapshot", uploads=None))
    return prepare(
        source, target, remedies, schema="public", zone=ZoneInfo(zone), folder=folder / "plan"
    )


def problems(prepared, target, *, seed=1):
    """Carry a plan out, and give everything that does not hold."""
    for step in BEFORE:
        step(prepared, "tests").apply()
    constraints = AddConstraints(prepared, "tests")
    constraints.apply()
    for step in AFTER:
        step(prepared, "tests").apply()
    plan = prepared.plan
    given_up = tuple(refused.statement.object for refused in constraints.refused)
    labels = frozenset(refused.statement.label for refused in constraints.refused)
    verdicts = [
        nothing_is_lost_silently(plan, plan.findings),
        row_counts_agree(count_rows(prepared)),
        quarantine_is_whole(prepared),
        cells_are_equal(compare_tables(prepared.transfer, plan.tables, workers=1)),
        schema_is_complete(plan, target, given_up),
        references_hold(plan, target, given_up),
        next_inserts_work(plan, target),
        carried_back(prepared, target),
    ]
    kept = fidelity(plan, plan.findings, labels)
    behaviour = compare_behaviour(prepared, kept, (), Limits(seed, seconds=60))
    verdicts += [writes_behave_alike(prepared, behaviour), views_show_the_same(prepared, behaviour)]
    verdicts += [schema_is_complete(plan, target, given_up), next_inserts_work(plan, target)]
    return [problem for verdict in verdicts for problem in verdict.problems]


def carried_back(prepared, target):
    """Make the source older, carry back what the target holds, and judge what comes of it."""
    source = prepared.source
    settings = for_source(source.database)
    adaptation = Adaptation(source.snapshot, source.snapshot)
    with TemporaryDirectory() as made:
        older, only = aged(Baseline(settings, adaptation, prepared, None), Path(made))
        for name in ("back", "forth"):
            (Path(made) / name).mkdir()
        copy = carry_back(older, target, Path(made) / "back", schema="public", only=only)
        return what_was_written_is_carried_back(prove(copy, Path(made) / "forth"))
