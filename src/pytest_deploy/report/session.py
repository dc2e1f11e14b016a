"""Everything of one run in one place: what was asked for, and what came of it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_deploy.config import REHEARSAL
from pytest_deploy.engine.actor import actor
from pytest_deploy.engine.approval import Approvals
from pytest_deploy.engine.deployment import Deployment
from pytest_deploy.engine.journal import Journal
from pytest_deploy.engine.phases import Stage
from pytest_deploy.engine.release import Release
from pytest_deploy.errors import EvidenceError
from pytest_deploy.findings import Finding, in_order
from pytest_deploy.gates.required import required_gates
from pytest_deploy.report.results import GateState, PhaseVerdict, Results, worst
from pytest_deploy.report.tables import TableResult, table_results

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from pytest_deploy.assessment.facts import Surroundings
    from pytest_deploy.assessment.plan import Plan
    from pytest_deploy.config import Settings
    from pytest_deploy.engine.opening import Opened
    from pytest_deploy.engine.seal import Grounds
    from pytest_deploy.engine.step import Step
    from pytest_deploy.gates.access import RightSeen
    from pytest_deploy.gates.rows import RowCount
    from pytest_deploy.load.results import Load
    from pytest_deploy.providers.postgres.choice import Choice
    from pytest_deploy.recovery.shelf import Shelf
    from pytest_deploy.recovery.taking import Wanted
    from pytest_deploy.report.answer import Action
    from pytest_deploy.report.options import Options
    from pytest_deploy.report.red_twins import Score
    from pytest_deploy.report.results import Sealed
    from pytest_deploy.schema.fidelity import Fidelity
    from pytest_deploy.transfer.differences import Comparison
    from pytest_deploy.transfer.planning import Prepared
    from pytest_deploy.transfer.rows import Copied

JOURNAL = "journal.jsonl"
JOURNALS = {Stage.REHEARSAL: "release.jsonl", Stage.ENV: "deployment.jsonl"}
_READING = "nightly"


class Session:
    """
    One run: what it was asked, and what hooks, fixtures and gates have found so far.

    Args:
        settings: The configuration.
        options: The command line.
        suites: The package's folder of suites: what the phases require.
    """

    def __init__(self, settings: Settings, options: Options, suites: Path) -> None:
        self.settings = settings
        self.options = options
        self.started_s = time.time()
        self._suites = suites
        self._release: Release | None = None
        self.rests_on: Grounds | None = None

        # What hooks saw: which gates there are, by their node id, and what became of them.
        self.gates: dict[str, tuple[str, str]] = {}
        self.left_out: set[str] = set()
        self.not_imported: dict[str, set[str]] = {}
        self.suites_named: tuple[str, ...] = ()
        self.results = Results()
        self.trouble = ""

        # What fixtures found on the way; None, or empty, where the run did not come as far.
        self.target = ""
        self.kept_target = ""
        self.postgres_major: int | None = None
        self.steps: list[Step] = []
        self.opened: Opened | None = None
        self.access: tuple[RightSeen, ...] = ()
        self.release_deployment: Deployment
        self.timings_s: dict[str, float] = {}
        self.surroundings: Surroundings | None = None
        self.fidelity: Fidelity | None = None
        self.tables: tuple[TableResult, ...] = ()
        self.load: Load | None = None
        self.plan: Plan | None = None
        self._findings: dict[tuple[str, str, str], Finding] = {}

        # What was made of it at the end.
        self.seal: Sealed | None = None
        self.red_twins: Score | None = None
        self.annotations: tuple[str, ...] = ()
        self.next_actions: tuple[Action, ...] = ()

    def begin(self) -> Release:
        """
        Make the release's folder; nothing else happens before.

        Returns:
            The release.

        Raises:
            EvidenceError: The evidence folder cannot be written.
        """
        from pytest_deploy.report.auditing import begin_log
        from pytest_deploy.report.grounds import grounds_of

        if self._release is None:
            evidence = self.options.evidence
            self.rests_on = grounds_of(
                self.settings,
                self.options.env,
                evidence,
                postgres=None,
                schema_lock=self.options.schema_lock,
            )
            self._release = Release.begin(evidence)
            begin_log(self._release.folder, self._release.id, self.options.env)
        return self._release

    @property
    def has_begun(self) -> bool:
        """Whether gates run."""
        return self._release is not None

    @property
    def release(self) -> Release:
        """The release; only while gates run."""
        if self._release is None:
            raise EvidenceError(
                "release",
                problem="expected one that has begun, seen none",
                where="pytest_deploy.hooks.collecting",
                remedy="ask for fixtures of a deployment in a phase's suite only",
            )
        return self._release

    @property
    def only_reads(self) -> bool:
        """Whether the run looks at an env's own database, and makes none."""
        return self.options.env != REHEARSAL and self.results.phases == (_READING,)

    @property
    def folder_for_docs(self) -> Path | None:
        """Where the Data Docs go; None for a run with a defect: its verdict alone is asked for."""
        return None if self.options.planted else self.release.folder

    @property
    def schema_lock(self) -> Path | None:
        """Where the frozen plan is or would be; None where nothing is frozen."""
        return self.options.schema_lock or self.settings.schema_lock

    @property
    def shelf(self) -> Shelf:
        """Where the backups of the env are."""
        from pytest_deploy.recovery.shelf import shelf_of

        return shelf_of(self.settings.backup, self.options.evidence, self.options.env)

    def kept_of(self, configuration: Path | None, *more: str) -> Wanted:
        """
        Say what a backup holds besides what stands on the project.

        Args:
            configuration: The app's file of variables; None where none is set.
            more: Public keys of age besides those that are configured.

        Returns:
            What is kept.
        """
        from pytest_deploy.recovery.taking import Wanted

        backup = self.settings.backup
        recipients = (*(backup.recipients if backup else ()), *more)
        name, env = self.settings.app.name, self.options.env
        return Wanted(name, env, recipients, configuration, self.options.evidence)

    @cached_property
    def postgres(self) -> Choice:
        """Which Postgres the run gets, and why."""
        from pytest_deploy.providers.postgres.choice import choose

        rehearsal = self.settings.rehearsal
        request = self.options.postgres or rehearsal.postgres.reveal()
        return choose(request, image=rehearsal.image)

    @cached_property
    def journal(self) -> Journal:
        """The release's journal."""
        return Journal(self.release.folder / JOURNAL, self.release.id)

    @cached_property
    def deployment(self) -> Deployment:
        """Carries steps out; they stay only when every required gate is green, or to be seen."""
        return Deployment(self.journal, self._stays)

    def open(self, stage: Stage, opened: Opened) -> None:
        """
        Begin with the steps on Supabase, which are named like those on the plain database.

        Args:
            stage: Whether they are rehearsed.
            opened: What of them is there already.
        """
        journal = Journal(self.release.folder / JOURNALS[stage], opened.id)
        approvals = None
        if self.is_real(stage):
            asked = frozenset(self.settings.release.approve)
            approvals = Approvals(asked, self.options.approved, actor())
        self.opened = opened
        self.release_deployment = Deployment(journal, self._stays, opened, approvals)

    def is_real(self, stage: Stage) -> bool:
        """
        Tell whether an env is meant, and no target that is thrown away.

        Args:
            stage: Whether this phase rehearses.

        Returns:
            False in a rehearsal, and wherever `--env` names none.
        """
        return stage is Stage.ENV and self.options.env != REHEARSAL

    def _stays(self) -> bool:
        return self.is_green() or self.options.keep_target

    def is_green(self) -> bool:
        """Whether all gates that the running phases require are green so far."""
        return self.rehearsed() is PhaseVerdict.GREEN

    def required(self, phase: str) -> frozenset[str]:
        """
        Name the gates that a phase requires.

        Args:
            phase: The phase.

        Returns:
            Their names.
        """
        return required_gates(self._suites, phase)

    def missing(self, phase: str) -> frozenset[str]:
        """
        Name the gates of a phase that did not end.

        Args:
            phase: The phase.

        Returns:
            Their names.
        """
        return self.results.missing(phase, self.required(phase))

    def closed(self, phase: str, *, besides: Collection[str]) -> tuple[str, ...]:
        """
        Name the gates of a phase that are not green, or did not end.

        Args:
            phase: The phase.
            besides: The gate that asks, and those that come after it.

        Returns:
            Their names.
        """
        ended = self.results.of_phase(phase)
        red = {result.name for result in ended if result.state is not GateState.GREEN}
        return tuple((red | self.missing(phase)).difference(besides))

    def rehearsed(self) -> PhaseVerdict:
        """Judge the gates as they stand."""
        phases = self.results.phases
        return worst(self.results.verdict(phase, self.required(phase)) for phase in phases)

    def verdict(self) -> PhaseVerdict:
        """Judge the run as it stands: its gates, and what became of planted defects."""
        if not self.options.plants:
            return self.rehearsed()
        planted = self.red_twins.verdict if self.red_twins else PhaseVerdict.UNPROVEN
        return worst((self.rehearsed(), planted))

    @property
    def began_at(self) -> str:
        """When the run began, in UTC, ISO 8601."""
        return datetime.fromtimestamp(self.started_s, UTC).isoformat(timespec="seconds")

    def add_trouble(self, text: str) -> None:
        """
        Tell what went wrong beside the gates; the first of it is what the rest followed from.

        Args:
            text: An error in its four parts.
        """
        self.trouble = f"{self.trouble}\n{text}" if self.trouble else text

    def spent_s(self) -> float:
        """Give the time since the run began, in seconds."""
        return time.time() - self.started_s

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, blockers first."""
        return in_order(tuple(self._findings.values()))

    def add_findings(self, findings: tuple[Finding, ...]) -> None:
        """
        Add findings to the report.

        Args:
            findings: What was found; the same one twice counts once.
        """
        for finding in findings:
            self._findings[finding.code, finding.object, finding.message] = finding

    def tell_rows(
        self,
        stage: Stage,
        loaded: Prepared,
        counts: tuple[RowCount, ...],
        compared: tuple[Comparison, ...] = (),
        copied: tuple[Copied, ...] = (),
    ) -> None:
        """
        Add the rows on an env to the report; in a rehearsal it tells of those on plain Postgres.

        Args:
            stage: Whether it is a rehearsal.
            loaded: The plan and the two sides.
            counts: Rows, by table.
            compared: Cells, by table.
            copied: The pieces as they were copied.
        """
        if stage is Stage.ENV:
            self.tables = table_results(counts, compared, loaded.transfer.exclusions, copied)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """
        Add the time of the body to the report.

        Args:
            name: What is done.
        """
        begin = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - begin
            self.timings_s[name] = self.timings_s.get(name, 0.0) + spent
