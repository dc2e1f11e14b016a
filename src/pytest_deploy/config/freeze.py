"""`[freeze]` of `deploy.toml`: how the source app is kept from writing while it is deployed."""

from __future__ import annotations

from typing import Annotated, Self, TypeAlias

from pydantic import Field, model_validator

from pytest_deploy.config.fields import FilePath, Section, Text

Command: TypeAlias = Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]


class FreezeSettings(Section):
    """
    `[freeze]`: a file that the app takes for its maintenance mode, or commands; not in a rehearsal.

    Args:
        flag: A file that is made, and removed on the way back; relative to `deploy.toml`.
        command: A program and its arguments that stop the app from writing; no shell.
        undo: The same for the way back. Both may be run twice.
        timeout_s: How long each may take, in seconds.
    """

    flag: FilePath | None = None
    command: Command | None = None
    undo: Command | None = None
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 60.0

    @model_validator(mode="after")
    def _whole(self) -> Self:
        commands = (self.command is None, self.undo is None)
        if commands not in ((False, False), (True, True)) or (self.flag is None) is commands[0]:
            raise ValueError("a flag, or a command with its undo")
        return self
