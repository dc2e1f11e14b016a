"""Which remedy is in force for a finding: the configuration's, else the suggested one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.config import setting_lines

if TYPE_CHECKING:
    from pytest_deploy.config import Settings

FAIL = "fail"


@dataclass(frozen=True)
class Decision:
    """
    What is done about a finding.

    Args:
        remedy: The remedy carried out.
        settled_by: Who chose it; None where nobody has: the rehearsal goes on with it
            so that one run names all that is wrong, and the gate is closed.
        setting: The lines of `deploy.toml` that choose it.
    """

    remedy: str
    settled_by: str | None
    setting: str


class Remedies:
    """
    Decides, from configuration and `--accept-remedies`.

    Args:
        settings: The configuration.
        accept: Whether suggested remedies are accepted.
    """

    def __init__(self, settings: Settings, *, accept: bool) -> None:
        self._settings = settings
        self._accept = accept

    def configured(self, section: str, name: str, key: str) -> str | None:
        """
        Look a setting up.

        Args:
            section: Below `[schema]`: `columns`, `tables`, `indexes`, `foreign_keys`, `checks`.
            name: The object as a finding names it.
            key: The setting's key.

        Returns:
            Its value; `drop` for `keep = false`; None where nothing was set.
        """
        of_object = getattr(self._settings.schema_, section).get(name)
        if of_object is None:
            return None
        if getattr(of_object, "keep", None) is False:
            return "drop"
        value = getattr(of_object, key, None)
        return None if value is None else str(value)

    def decide(self, section: str, name: str, key: str, *, suggested: str) -> Decision:
        """
        Choose the remedy for one finding.

        Args:
            section: See `configured`.
            name: See `configured`.
            key: See `configured`.
            suggested: What is best as a rule.

        Returns:
            The remedy, and who chose it.
        """
        keep = key == "keep"
        setting = setting_lines(section, name, key, "false" if keep else suggested)
        chosen = self.configured(section, name, key)
        if chosen == FAIL:
            return Decision(suggested, None, setting)
        if chosen is not None:
            return Decision(chosen, f"{chosen} (deploy.toml)", setting)
        accepted = f"{suggested} (--accept-remedies)" if self._accept else None
        return Decision(suggested, accepted, setting)
