"""Where the steps of a release are carried out: on a rehearsal's target, or on that of an env."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.engine.phases import CHANGING

if TYPE_CHECKING:
    from pytest_deploy.providers.postgres.base import Target
    from pytest_deploy.providers.supabase.base import Supabase

REHEARSAL, ENV = "rehearsal", "env"


@dataclass(frozen=True)
class Stage:
    """
    A project, and why steps are carried out there.

    Args:
        kind: `rehearsal` in predeploy, `env` in phases that change a target or look at it.
        env: The env that is deployed to, or rehearsed for.
        project: The Supabase project.
    """

    kind: str
    env: str
    project: Supabase

    @property
    def is_rehearsal(self) -> bool:
        """Whether it is thrown away, and the app goes on writing."""
        return self.kind == REHEARSAL

    @property
    def target(self) -> Target:
        """The project's database."""
        return self.project.database


def kind_for(phase: str) -> str:
    """
    Say where the steps of a phase are carried out.

    Args:
        phase: The phase.

    Returns:
        `rehearsal` or `env`.
    """
    return ENV if phase in CHANGING else REHEARSAL
