"""Keeps the source app from writing while its data is deployed; the way back lets it go on."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from pytest_deploy.audit.log import noted
from pytest_deploy.engine.step import Description, Observed, Result
from pytest_deploy.errors import StepError
from pytest_deploy.secrets import SEAL_KEY
from pytest_deploy.steps.service import ServiceStep
from pytest_deploy.transfer.replacing import read_plain, replace

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_deploy.config.freeze import FreezeSettings
    from pytest_deploy.providers.supabase.base import Supabase

_RUNBOOK = "see runbooks/freeze.md"
_OVER = "SELECT FROM deploy.releases WHERE id = %s AND state IN ('complete', 'undone')"
_WHERE = "deploy.toml, [freeze]"


class FreezeSource(ServiceStep):
    """
    Makes the flag of the app's maintenance mode, or runs the command that stops it.

    Args:
        project: The project, whose journal says that it was done.
        release: The release's id; the flag holds it, so that nobody else's is removed.
        settings: `[freeze]`.
        folder: Where commands run: that of `deploy.toml`.
    """

    name = "freeze_source"

    def __init__(
        self, project: Supabase, release: str, settings: FreezeSettings, folder: Path
    ) -> None:
        super().__init__(project, release)
        self._settings, self._folder = settings, folder

    def describe(self) -> Description:
        """See `Step`."""
        flag = self._settings.flag
        return Description(
            does=f"makes {flag.name}" if flag else "runs [freeze] command: the app writes no more",
            way_back="removes the flag that it made" if flag else "runs [freeze] undo",
            stops_for="a flag of somebody else" if flag else "a command that fails",
        )

    def observe(self) -> Observed:
        """See `Step`; commands may be run twice, so that one nobody knows of is not done."""
        return Observed.DONE if self._held_by() == self._release else Observed.NOTHING

    def _apply(self) -> Result:
        flag, command = self._settings.flag, self._settings.command
        if flag is not None:
            self._raise_flag(flag)
        elif command is not None:
            self._run("command", command)
        return {"by": "flag" if flag else "command"}

    def thaw(self) -> None:
        """
        Let the app write again; the release stays as it is.

        Raises:
            StepError: The command fails.
        """
        if self._settings.flag is not None and self._held_by() == self._release:
            with noted("file", "remove", self._settings.flag.name):
                self._settings.flag.unlink(missing_ok=True)
        if self._settings.undo is not None:
            self._run("undo", self._settings.undo)

    def _compensate(self) -> None:
        self.thaw()

    def _complete(self) -> None:
        """Nothing is kept for the way back; the app is let go by a person."""

    def _held_by(self) -> str:
        flag = self._settings.flag
        try:
            return flag.read_text(encoding="utf-8").strip() if flag is not None else ""
        except FileNotFoundError:
            return ""
        except (OSError, ValueError):
            return "somebody else"

    def _raise_flag(self, flag: Path) -> None:
        try:
            with noted("file", "make", flag.name), flag.open("x", encoding="utf-8") as file:
                file.write(f"{self._release}\n")
        except FileExistsError:
            holder = self._held_by()
            if holder != self._release and self._is_over(holder):
                replace(flag, read_plain(flag), f"{self._release}\n".encode())
            elif holder != self._release:
                raise self._failed(
                    "flag",
                    "expected no such file, seen one that this release has not made",
                    "let whoever made it remove it, or wait for that deployment",
                ) from None
        except OSError as error:
            raise self._failed(
                "flag", f"expected to make it, seen: {error.strerror}", "correct the path"
            ) from None

    def _is_over(self, holder: str) -> bool:
        """Tell whether a flag is one that nobody has taken away after a former release."""
        with self.project.database.connect() as connection:
            row = connection.execute("SELECT to_regclass('deploy.releases') IS NOT NULL").fetchone()
            if not (row and row[0]):
                return False
            found = connection.execute(_OVER, (holder,)).fetchone()
        return found is not None

    def _run(self, key: str, command: tuple[str, ...]) -> None:
        """Run a program; what it prints may be personal, so nobody reads it."""
        environment = {name: value for name, value in os.environ.items() if name != SEAL_KEY}
        try:
            with noted("command", key, "[freeze]"):
                done = subprocess.run(  # noqa: S603 - the app's own, as its configuration names it
                    command,
                    cwd=self._folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=self._settings.timeout_s,
                    check=False,
                )
        except subprocess.TimeoutExpired:
            seen = f"no end after {self._settings.timeout_s:g} s"
        except OSError as error:
            seen = f"{error.strerror}"
        else:
            if not done.returncode:
                return
            seen = f"exit code {done.returncode}"
        raise self._failed(
            key, f"expected it to end with exit code 0, seen {seen}", "run it by hand to see why"
        )

    def _failed(self, key: str, problem: str, remedy: str) -> StepError:
        return StepError(
            f"step {self.name!r}",
            problem=problem,
            where=f"{_WHERE} {key}",
            remedy=f"{remedy}; {_RUNBOOK}",
        )
