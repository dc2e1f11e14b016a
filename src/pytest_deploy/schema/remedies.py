"""Which remedy is in force for a finding: the configuration's, else the suggested one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_deploy.config import setting_lines

if TYPE_CHECKING:
    from pytest_deploy.config import Settings
    from pytest_deploy.schema.lock import SchemaLock

FAIL = "fail"
# What leaves the schema as it is: under a lock, rows give way to it and not it to the rows.
_SCHEMA_STAYS = {"unfit": "quarantine", "nulls": "quarantine", "primary_key": "quarantine"}


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
    Decides, from configuration, the remedies of `schema.lock`, and `--accept-remedies`.

    Args:
        settings: The configuration.
        accept: Whether suggested remedies are accepted.
        lock: The frozen plan; what was settled when it was made stays settled.
    """

    def __init__(self, settings: Settings, *, accept: bool, lock: SchemaLock | None = None) -> None:
        self._settings = settings
        self._accept = accept
        self._lock = lock

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

    def named(self, section: str) -> tuple[str, ...]:
        """
        Name what is configured of single objects.

        Args:
            section: See `configured`.

        Returns:
            The names; none where the configuration is another database's.
        """
        of_objects: dict[str, object] = getattr(self._settings.schema_, section)
        return () if self._settings.borrowed else tuple(of_objects)

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
        locked = self._lock.remedy(key, name) if self._lock is not None else None
        if locked is not None:
            return Decision(locked, f"{locked} (schema.lock)", setting)
        accepted = f"{suggested} (--accept-remedies)" if self._accept else None
        return Decision(suggested, accepted, setting)


class LockedRemedies(Remedies):
    """
    Decides by a lock alone: its types and remedies are in force, and nothing else settles anything.

    Args:
        settings: The configuration; what it leaves out and what it says must fail still counts.
        lock: The frozen plan.
    """

    def __init__(self, settings: Settings, lock: SchemaLock) -> None:
        super().__init__(settings, accept=False, lock=lock)
        self._frozen = lock

    def configured(self, section: str, name: str, key: str) -> str | None:
        """Look a setting up; a column's type is the lock's, where the lock has that column."""
        locked = self._frozen.type_of(name) if (section, key) == ("columns", "type") else None
        return locked or super().configured(section, name, key)

    def decide(self, section: str, name: str, key: str, *, suggested: str) -> Decision:
        """Choose the lock's remedy; without one the rows give way, and nobody has settled it."""
        setting = super().decide(section, name, key, suggested=suggested).setting
        locked = self._frozen.remedy(key, name)
        # The lock's type is the wider one already: what does not fit that is new.
        if locked is None or locked == "widen":
            return Decision(_SCHEMA_STAYS.get(key, suggested), None, setting)
        fails = self.configured(section, name, key) == FAIL
        return Decision(locked, None if fails else f"{locked} (schema.lock)", setting)
