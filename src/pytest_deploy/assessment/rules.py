"""The rules by which risks are found, as one table: what it is, how much it weighs, what helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.assessment import looks
from pytest_deploy.assessment.risks import Risk, Risks, Rule

if TYPE_CHECKING:
    from pytest_deploy.assessment.facts import Facts

_FINDINGS = "settle them in deploy.toml; see runbooks/schema-findings.md"
RULES = (
    Rule(
        looks.rehearsal_not_whole,
        "what was not rehearsed fails for the first time in production",
        5,
        "mend what is red and rehearse again",
    ),
    Rule(looks.blockers_open, "rows or constraints do not go over", 5, _FINDINGS),
    Rule(
        looks.needs_unmet,
        "the target does not have what the plan needs",
        5,
        "give the target what it lacks, or choose another one",
    ),
    Rule(
        looks.irreversible_steps,
        "a step cannot be undone when a later one fails",
        5,
        "take a backup, prove that it restores, and let a person start that step",
    ),
    Rule(
        looks.restore_untested,
        "when the way back fails there is nothing to restore from",
        5,
        "keep the source as it is, and restore a backup of the target once",
    ),
    Rule(
        looks.another_major,
        "another Postgres plans, refuses or writes something else",
        4,
        "rehearse on that major version: --postgres URL, or [rehearsal] image",
    ),
    Rule(
        looks.source_is_live,
        "rows that are written after the snapshot stay behind",
        4,
        "stop the app, or let it only read, until traffic is switched",
    ),
    Rule(
        looks.writes_wait_long,
        "users cannot write for as long as the deployment takes",
        4,
        "announce it, choose a quiet hour, or give it more cores: [rehearsal] workers",
    ),
    Rule(
        looks.env_unknown,
        "the target differs from what was rehearsed, and nobody has looked",
        4,
        'give [env.NAME] a database = "env:NAME" that this machine can reach',
    ),
    Rule(
        looks.env_not_compared,
        "the target differs from what was rehearsed, and nobody has looked",
        3,
        "rehearse for the real one: --env NAME",
    ),
    Rule(
        looks.left_behind,
        "the app misses rows or values",
        3,
        "mend them in the source, or choose a type that takes them; deploy.quarantine has them",
    ),
    Rule(
        looks.constraints_given_up,
        "bad rows that the source refuses are let in",
        3,
        "mend the rows in the source, then take the remedy out of deploy.toml",
    ),
    Rule(
        looks.schema_not_kept,
        "what relies on it stops working",
        3,
        "write it anew for Postgres; the report has a remedy for each: schema.not_kept",
    ),
    Rule(looks.risky_findings, "what is stored is read as something else", 3, _FINDINGS),
    Rule(
        looks.variables_missing,
        "what needs them cannot start",
        3,
        "set them where the deployment and the app run",
    ),
    Rule(
        looks.statement_timeout,
        "the server stops a long statement",
        3,
        "ALTER ROLE ... SET statement_timeout = 0 for the role that deploys",
    ),
    Rule(
        looks.disk_headroom,
        "the disk is full before the last step",
        3,
        "free space, or set TMPDIR to a larger disk",
    ),
    Rule(
        looks.load_unknown,
        "the new version is too slow for its users",
        3,
        "write a journey and [gates.load] in deploy.toml",
    ),
    Rule(
        looks.env_differs,
        "what was rehearsed behaves otherwise on the target",
        2,
        "make the settings alike, or rehearse on a server like it: --postgres URL",
    ),
    Rule(
        looks.another_kind_of_server,
        "extensions, locale or a pooler of the target behave otherwise",
        2,
        "rehearse on a server like the target: --postgres URL or container",
    ),
    Rule(
        looks.uploads_stay,
        "pages show files that are only where they were",
        2,
        "keep the folder of uploads served, or move it by hand",
    ),
    Rule(
        looks.remedies_in_force,
        "rows or objects are not as they were",
        2,
        "mend the rows in the source; what stays, let somebody review",
    ),
    Rule(
        looks.no_seal_would_count,
        "the deployment refuses the seal of this rehearsal",
        2,
        "python -m pytest_deploy seal key, and its public half into [seal] trusted_keys",
    ),
    Rule(
        looks.schema_not_frozen,
        "one new row changes a type between rehearsal and deployment",
        2,
        "python -m pytest_deploy schema lock",
    ),
    Rule(
        looks.rules_unknown,
        "rows break rules of the app that no constraint holds",
        2,
        "write expectations/, one suite for each table",
    ),
    Rule(
        looks.queries_unknown,
        "a statement of the app fails on Postgres",
        2,
        "list them in a file, and name it in [behaviour] queries",
    ),
    Rule(looks.notes_unread, "a detail surprises somebody", 1, "read them: pytest -v"),
)


def assess(facts: Facts, largest_total: int | None) -> Risks:
    """
    Look at the facts with every rule.

    Args:
        facts: Of this rehearsal.
        largest_total: The largest sum that may go on; None where nobody bounds it.

    Returns:
        What may go wrong.
    """
    found = [risk for rule in RULES if (risk := _risk(rule, facts)) is not None]
    found.sort(key=lambda risk: (-risk.score, risk.code))
    return Risks(sum(risk.score for risk in found), largest_total, tuple(found))


def _risk(rule: Rule, facts: Facts) -> Risk | None:
    likely = rule.look(facts)
    if likely is None:
        return None
    score = likely.likelihood * rule.impact
    return Risk(
        rule.code,
        rule.what,
        likely.likelihood,
        rule.impact,
        score,
        likely.evidence,
        rule.mitigation,
    )
