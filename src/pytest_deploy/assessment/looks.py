"""One small look at the facts for each kind of risk: how likely is it, and what says so."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_deploy.assessment.environment import Look, Weight
from pytest_deploy.assessment.risks import Likely
from pytest_deploy.assessment.variables import MISSING
from pytest_deploy.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_deploy.assessment.facts import Facts
    from pytest_deploy.findings import Finding

_SHOWN = 3
_GIVEN_UP = ("keep", "drop")
_ANOTHER_MAJOR = "postgres_major_differs"
_DISK_FACTOR = 20
_UNKNOWN_ENV = (Look.UNREACHABLE, Look.NOT_CONFIGURED, Look.NOT_YET)
_SPARE_ROWS = 10
_LONG_S = (30.0, 300.0, 1_800.0, 7_200.0)


def _steps_up(amount: float, bounds: Sequence[float], lowest: int = 1) -> int:
    """Give the likelihood: the lowest, and one more for each bound that is passed."""
    return min(5, lowest + sum(amount > bound for bound in bounds))


def _named(names: Iterable[str]) -> str:
    told = list(names)
    more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return ", ".join(told[:_SHOWN]) + more


def _counted(findings: Iterable[Finding]) -> str:
    counts = Counter(finding.code for finding in findings)
    return _named(f"{count} {code}" for code, count in sorted(counts.items()))


def rehearsal_not_whole(facts: Facts) -> Likely | None:
    """Did it come to its end?"""
    return Likely(5, facts.ended_at) if facts.ended_at else None


def blockers_open(facts: Facts) -> Likely | None:
    """Is everything settled that blocks?"""
    found = facts.of_severity(Severity.BLOCKER, settled=False)
    return Likely(5, f"not settled: {_counted(found)}") if found else None


def remedies_in_force(facts: Facts) -> Likely | None:
    """Is something changed on purpose?"""
    found = [f for f in facts.findings if f.settled_by is not None]
    return Likely(_steps_up(len(found), (3, 10)), f"settled: {_counted(found)}") if found else None


def constraints_given_up(facts: Facts) -> Likely | None:
    """Is a constraint given up, or not looked at?"""
    found = [f for f in facts.findings if (f.settled_by or "").split(" ")[0] in _GIVEN_UP]
    if not found:
        return None
    objects = _named(finding.object for finding in found)
    return Likely(_steps_up(len(found), (3, 10)), f"kept or dropped as remedy: {objects}")


def left_behind(facts: Facts) -> Likely | None:
    """Is something in quarantine?"""
    source = facts.source
    if source is None or not source.left_behind:
        return None
    share = source.left_behind / max(source.rows, 1)
    told = f"{source.left_behind:,} rows and cells of {source.rows:,} rows go into quarantine"
    small = source.left_behind <= _SPARE_ROWS
    return Likely(2 if small else _steps_up(share, (0.01, 0.1), lowest=2), told)


def schema_not_kept(facts: Facts) -> Likely | None:
    """Is an object of the schema missing?"""
    lost = facts.not_kept
    if not lost:
        return None
    objects = _named(f"{one.kind} {one.object}" for one in lost)
    return Likely(_steps_up(len(lost), (3, 10)), f"{len(lost)} not kept: {objects}")


def risky_findings(facts: Facts) -> Likely | None:
    """Is there a finding of the severity risk?"""
    found = facts.of_severity(Severity.RISK, settled=False)
    elsewhere = {one.object for one in facts.not_kept}  # told as not kept already
    rest = [f for f in found if f.code != _ANOTHER_MAJOR and f.object not in elsewhere]
    return Likely(_steps_up(len(rest), (3, 10)), _counted(rest)) if rest else None


def notes_unread(facts: Facts) -> Likely | None:
    """Are there notes?"""
    found = facts.of_severity(Severity.NOTE, settled=False)
    return Likely(_steps_up(len(found), (5, 20)), _counted(found)) if found else None


def irreversible_steps(facts: Facts) -> Likely | None:
    """Is there a step without a way back?"""
    found = [step.step for step in facts.steps if step.irreversible]
    return Likely(3, f"no way back: {_named(found)}") if found else None


def another_major(facts: Facts) -> Likely | None:
    """Does a configured env have another major version?"""
    found = [f.message for f in facts.findings if f.code == _ANOTHER_MAJOR]
    return Likely(3, "; ".join(found)) if found else None


def env_unknown(facts: Facts) -> Likely | None:
    """Is the env's database not known?"""
    seen = facts.environment
    if seen.look not in _UNKNOWN_ENV:
        return None
    reason = f": {seen.reason}" if seen.reason else ""
    return Likely(3, f"database of {seen.env} {seen.look.value}{reason}")


def env_not_compared(facts: Facts) -> Likely | None:
    """Is no real target meant?"""
    is_rehearsal = facts.environment.look is Look.REHEARSAL
    return Likely(1, "env rehearsal: no real target was looked at") if is_rehearsal else None


def env_differs(facts: Facts) -> Likely | None:
    """Is the env's server another one than the rehearsal's?"""
    found = [d for d in facts.environment.differences if d.weight is not Weight.NOTE]
    if not found:
        return None
    told = _named(f"{d.name} {d.rehearsed}, there {d.env}" for d in found)
    return Likely(_steps_up(len(found), (2, 5), lowest=2), told)


def needs_unmet(facts: Facts) -> Likely | None:
    """Does a server lack what the plan needs?"""
    found = [f"{met.need}: {met.problem}" for met in facts.environment.needs if met.problem]
    return Likely(5, _named(found)) if found else None


def another_kind_of_server(facts: Facts) -> Likely | None:
    """Was it rehearsed on a server that no target is like?"""
    if facts.server != "embedded":
        return None
    return Likely(1 if facts.is_for_rehearsal else 2, "rehearsed on the embedded Postgres")


def variables_missing(facts: Facts) -> Likely | None:
    """Is a variable missing that the deployment or the app needs?"""
    found = facts.environment.variables
    missing = [v.name for v in found if v.state == MISSING and v.needed]
    if not missing or facts.is_for_rehearsal:
        return None
    return Likely(_steps_up(len(missing), (2, 5), lowest=2), f"missing: {_named(missing)}")


def writes_wait_long(facts: Facts) -> Likely | None:
    """Does it take long, when there are as many rows as there may be?"""
    expected = facts.seconds * facts.given.growth
    if not facts.steps or expected <= _LONG_S[0]:
        return None
    longest = max(facts.steps, key=lambda step: step.seconds or 0.0)
    told = (
        f"{facts.seconds:,.1f} s measured, {expected:,.1f} s where rows grow"
        f" {facts.given.growth:g} times; longest {longest.step}"
    )
    return Likely(_steps_up(expected, _LONG_S[1:], lowest=2), told)


def statement_timeout(facts: Facts) -> Likely | None:
    """Would the env's own limit stop a step?"""
    told = facts.environment.statement_timeout
    limit_s = int(told.removesuffix("ms") or 0) / 1_000
    longest = max((step.seconds or 0.0 for step in facts.steps), default=0.0) * facts.given.growth
    if not limit_s or longest <= limit_s:
        return None
    return Likely(2, f"statement_timeout {told} there, the longest step may take {longest:,.1f} s")


def disk_headroom(facts: Facts) -> Likely | None:
    """Is there not much more room than the gate asks for?"""
    if facts.source is None or facts.free_bytes is None:
        return None
    needed = _DISK_FACTOR * facts.source.size_bytes
    if facts.free_bytes >= needed:
        return None
    return Likely(3, f"{facts.free_bytes:,} bytes free, {needed:,} would be comfortable")


def source_is_live(facts: Facts) -> Likely | None:
    """Does somebody write to the source?"""
    if facts.source is None or not facts.source.is_live:
        return None
    return Likely(3, "the app was writing while the snapshot was taken")


def uploads_stay(facts: Facts) -> Likely | None:
    """Are there files that nothing moves?"""
    moved = any("file" in step.step or "upload" in step.step for step in facts.steps)
    if facts.source is None or not facts.source.uploads or moved:
        return None
    return Likely(3, f"{facts.source.uploads:,} files of uploads, and no step that moves files")


def restore_untested(facts: Facts) -> Likely | None:
    """Has no gate restored a backup?"""
    drilled = any("restore" in name for name in facts.gates)
    return None if drilled else Likely(1, f"none of {len(facts.gates)} gates restores a backup")


def no_seal_would_count(facts: Facts) -> Likely | None:
    """Would the deployment refuse the seal?"""
    if facts.is_for_rehearsal or facts.given.trusted_keys:
        return None
    return Likely(3, "[seal] trusted_keys is empty")


def schema_not_frozen(facts: Facts) -> Likely | None:
    """Is no frozen plan in force?"""
    return None if facts.given.lock else Likely(1, "no schema.lock in force")


def load_unknown(facts: Facts) -> Likely | None:
    """Has nobody said which load it must carry?"""
    return None if facts.given.load else Likely(1, "no [gates.load] for this source")


def rules_unknown(facts: Facts) -> Likely | None:
    """Has nobody said which rules the data keeps?"""
    return None if facts.given.expectations else Likely(1, "no expectations for this source")


def queries_unknown(facts: Facts) -> Likely | None:
    """Has nobody said what the app asks of its database?"""
    return None if facts.given.queries else Likely(1, "no [behaviour] queries for this source")
