"""What was asked for on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.load.nodes import ONE_PROCESS, Nodes

if TYPE_CHECKING:
    from pathlib import Path


COMPONENTS = ("database", "files", "users", "config")


@dataclass(frozen=True)
class Options:
    """
    What was asked for on the command line.

    Args:
        env: The name of the target.
        postgres: auto, embedded, container, a URL or env:NAME; None for what configuration says.
        keep_target: Whether the rehearsal's database stays.
        accept_remedies: Whether suggested remedies are accepted.
        evidence: The folder of all releases.
        schema_lock: The frozen plan; None for the one beside the configuration.
        seal: The seal of the rehearsal; None for the last one in the evidence folder.
        nodes: The processes that make the load.
        red_twins: Whether a rehearsal with each defect follows the one without any.
        red_twin: The defects chosen; with `red_twins` others are left out, else it is the one that
            is planted in this run.
        approved: Steps that somebody approved, though they wait for a person.
        take_over: The run that a person says is dead, though it holds the target; empty for none.
        components: The parts of a release that are taken back; empty for all.
        emergency: Whether it is taken back at once, without a backup first.
        carry_back: The folder for a copy of the source with what people have written since; None
            where it is not asked for.
        carry_over: Whether what people have written since goes into the former tables.
        complete: Whether the way back of a release that has proven itself is given up.
    """

    env: str
    postgres: str | None
    keep_target: bool
    accept_remedies: bool
    evidence: Path
    schema_lock: Path | None = None
    seal: Path | None = None
    nodes: Nodes = ONE_PROCESS
    red_twins: bool = False
    red_twin: tuple[str, ...] = ()
    approved: frozenset[str] = frozenset()
    take_over: str = ""
    components: frozenset[str] = frozenset()
    emergency: bool = False
    carry_back: Path | None = None
    carry_over: bool = False
    complete: bool = False

    @property
    def planted(self) -> str:
        """The defect that is planted in this run; empty for none."""
        return "" if self.red_twins else "".join(self.red_twin[:1])

    @property
    def plants(self) -> bool:
        """Whether defects are planted on purpose: such a run proves gates, and no deployment."""
        return self.red_twins or bool(self.red_twin)
