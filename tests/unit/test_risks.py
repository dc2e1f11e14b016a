"""Each risk rests on a fact: without the fact there is none, and nothing is a risk by itself."""

from dataclasses import replace

import pytest

from pytest_deploy.assessment import looks
from pytest_deploy.assessment.environment import Difference, Environment, Look, Met, Weight
from pytest_deploy.assessment.facts import Facts, Given, SourceFacts
from pytest_deploy.assessment.plan import manual
from pytest_deploy.assessment.risks import Risk, Risks
from pytest_deploy.assessment.rules import RULES, assess
from pytest_deploy.assessment.steps import PlannedStep
from pytest_deploy.assessment.variables import MISSING, Variable
from pytest_deploy.findings import Finding, Severity
from pytest_deploy.gates.plan import risk_is_bounded
from pytest_deploy.gates.verdict import CheckState
from pytest_deploy.schema.fidelity import NotKept

GIVEN = Given(lock=True, expectations=6, queries=True, load=True, trusted_keys=1, growth=2.0)
SOURCE = SourceFacts(rows=1_000, size_bytes=10**6, left_behind=0, uploads=0, is_live=False)
STEP = PlannedStep("copy_rows", "copies", 1.0, 1_000, 10**5, (), False, "truncates", "")
SOUND = Facts(
    environment=Environment("production", Look.COMPARED, compared=30, needs=(Met("UTF8"),)),
    given=GIVEN,
    steps=(STEP,),
    source=SOURCE,
    server="url",
    gates=frozenset({"restore_drill"}),
    free_bytes=10**12,
)


def finding(severity, code="orphans", settled=None):
    return Finding(code, severity, "t.c", "m", settled_by=settled)


def seen(**changes):
    return {"environment": replace(SOUND.environment, **changes)}


def given(**changes):
    return {"given": replace(GIVEN, **changes)}


def source(**changes):
    return {"source": replace(SOURCE, **changes)}


def steps(**changes):
    return {"steps": (replace(STEP, **changes),)}


MAJOR = finding(Severity.RISK, "postgres_major_differs")
BAD = {
    "rehearsal_not_whole": {"ended_at": "it came as far as copy_rows"},
    "blockers_open": {"findings": (finding(Severity.BLOCKER),)},
    "needs_unmet": seen(needs=(Met("UTF8", "LATIN1"),)),
    "irreversible_steps": steps(irreversible=True),
    "restore_untested": {"gates": frozenset({"every_cell_matches"})},
    "another_major": {"findings": (MAJOR,)},
    "source_is_live": source(is_live=True),
    "writes_wait_long": steps(seconds=400.0),
    "env_unknown": seen(look=Look.UNREACHABLE, reason="nothing answers there"),
    "env_not_compared": seen(env="rehearsal", look=Look.REHEARSAL),
    "left_behind": source(left_behind=40),
    "constraints_given_up": {"findings": (finding(Severity.BLOCKER, settled="keep (accepted)"),)},
    "schema_not_kept": {"not_kept": (NotKept("views", "v", "r", "m"),)},
    "risky_findings": {"findings": (finding(Severity.RISK),)},
    "variables_missing": seen(variables=(Variable("API_KEY", MISSING, (".env.example",)),)),
    "statement_timeout": {**seen(statement_timeout="1500ms"), **steps(seconds=1.0)},
    "disk_headroom": {"free_bytes": 4 * 10**6},
    "load_unknown": given(load=False),
    "env_differs": seen(differences=(Difference("collation", "C", "es", Weight.MATTERS),)),
    "another_kind_of_server": {"server": "embedded"},
    "uploads_stay": source(uploads=60),
    "remedies_in_force": {"findings": (finding(Severity.BLOCKER, settled="null (accepted)"),)},
    "no_seal_would_count": given(trusted_keys=0),
    "schema_not_frozen": given(lock=False),
    "rules_unknown": given(expectations=0),
    "queries_unknown": given(queries=False),
    "notes_unread": {"findings": (finding(Severity.NOTE),)},
}
BESIDES = {"constraints_given_up": {"remedies_in_force"}}


def test_where_nothing_is_wrong_there_is_no_risk():
    """A sound rehearsal of a known target carries none."""
    assert assess(SOUND, 40) == Risks(0, 40, ())


def test_every_rule_is_tried_here():
    """A new rule needs a fact that shows it."""
    assert {rule.code for rule in RULES} == set(BAD)


@pytest.mark.parametrize("code", BAD)
def test_a_fact_makes_its_risk_and_no_other(code):
    """With likelihood and impact in their bounds, evidence and what helps."""
    found = assess(replace(SOUND, **BAD[code]), 40)
    assert {risk.code for risk in found.risks} - BESIDES.get(code, set()) == {code}
    risk = next(risk for risk in found.risks if risk.code == code)
    assert 1 <= risk.likelihood <= 5
    assert 1 <= risk.impact <= 5
    assert risk.score == risk.likelihood * risk.impact
    assert risk.what
    assert risk.evidence
    assert risk.mitigation


def test_more_of_it_is_likelier():
    """One thousandth in quarantine is not a tenth."""
    shares = [looks.left_behind(replace(SOUND, **source(left_behind=n))) for n in (1, 15, 99, 500)]
    assert [likely.likelihood for likely in shares] == [2, 3, 3, 4]
    waits = [looks.writes_wait_long(replace(SOUND, **steps(seconds=s))) for s in (20, 400, 9000)]
    assert [likely.likelihood for likely in waits] == [2, 3, 5]


def test_a_target_that_nobody_looked_at_weighs_more_than_practice():
    """The rehearsal's own env promises nothing; production does."""
    practice = assess(replace(SOUND, **BAD["env_not_compared"]), 40).total
    assert practice < assess(replace(SOUND, **BAD["env_unknown"]), 40).total


def test_the_largest_come_first_and_the_total_is_their_sum():
    """Whoever reads but one line reads the one that weighs most."""
    everything = {
        "ended_at": "it came as far as copy_rows",
        "findings": (finding(Severity.BLOCKER), finding(Severity.NOTE)),
        **given(load=False),
    }
    found = assess(replace(SOUND, **everything), 40)
    scores = [risk.score for risk in found.risks]
    assert scores == sorted(scores, reverse=True)
    assert found.total == sum(scores)


def risk(code, score):
    return Risk(code, f"{code} happens", 1, score, score, f"{code} seen", f"mend {code}")


def test_over_the_bound_the_gate_names_what_would_bring_it_below():
    """The largest ones, as many as it takes, with what helps."""
    found = Risks(12, 6, (risk("a", 5), risk("b", 4), risk("c", 3)))
    verdict = risk_is_bounded(found)
    assert verdict.problems[0] == "risk 12 in all, [gates.risk] largest_total is 6"
    assert [check.state for check in verdict.checks] == [
        CheckState.FAILS,
        CheckState.FAILS,
        CheckState.HOLDS,
    ]
    assert "mend a" in verdict.remedy
    assert "mend b" in verdict.remedy
    assert "mend c" not in verdict.remedy
    assert "runbooks/risk-over-bound.md" in verdict.remedy


def test_at_the_bound_it_is_green():
    """At most means at most."""
    verdict = risk_is_bounded(Risks(6, 6, (risk("a", 6),)))
    assert verdict.problems == ()
    assert verdict.examined == len(RULES)
    assert verdict.measured == {"risk": 6, "largest_total": 6, "risks": 1}


def test_a_person_is_told_where_to_act():
    """In the order of a deployment."""
    facts = replace(
        SOUND,
        findings=(finding(Severity.BLOCKER),),
        **given(trusted_keys=0),
        **steps(irreversible=True, stops_for="a row that is refused"),
        **source(uploads=3),
    )
    assert [point.partition(":")[0].partition(",")[0] for point in manual(facts)] == [
        "before",
        "before",
        "before",
        "at copy_rows",
        "at copy_rows",
        "after",
    ]
