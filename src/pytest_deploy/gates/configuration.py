"""Has the app the variables that it needs on the env, and does no browser see a secret."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_deploy.gates.verdict import Check, CheckState, Verdict
from pytest_deploy.transfer.credentials import looks_secret
from pytest_deploy.transfer.env_file import pieces_of
from pytest_deploy.transfer.replacing import read_plain

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_deploy.config.configuration import ConfigurationSettings

_REMEDY = "see runbooks/configuration.md"


def configuration_is_complete(settings: ConfigurationSettings, target: Path) -> Verdict:
    """
    Compare the variables of the app's files, by name and never by value.

    Args:
        settings: `[configuration]`.
        target: The file that the app reads on the env, or the copy that is rehearsed on.

    Returns:
        One check for each variable: what is missing, empty, doubled, or secret and public, fails.
    """
    here = _values(settings.source) if settings.source else {}
    there, doubled = _values(target), _doubled(target)
    checks = tuple(
        _check(name, here, there, doubled, settings)
        for name in sorted({*here, *there, *settings.switch})
    )
    failed = [check for check in checks if check.state is not CheckState.HOLDS]
    return Verdict(
        examined=len(checks),
        unit="variables",
        problems=tuple(f"{check.name}: {check.seen}" for check in failed),
        measured={"only_on_the_env": len(there.keys() - here.keys())},
        checks=checks,
        remedy=_REMEDY,
    )


def _check(
    name: str,
    here: dict[str, str],
    there: dict[str, str],
    doubled: frozenset[str],
    settings: ConfigurationSettings,
) -> Check:
    public = name.startswith(settings.public_prefixes)
    wrong = ""
    if name not in there:
        wrong = "missing in the file of the env"
    elif not there[name] and here.get(name):
        wrong = "empty in the file of the env"
    elif name in doubled:
        wrong = "set twice in the file of the env"
    elif public and (looks_secret(there[name]) or looks_secret(here.get(name, ""))):
        wrong = "its name is public, and its value looks secret"
    if wrong:
        return Check(name, CheckState.FAILS, wrong)
    same = "only there" if name not in here else "same" if here[name] == there[name] else "changed"
    return Check(name, CheckState.HOLDS, same)


def _values(file: Path) -> dict[str, str]:
    return {piece.name: piece.value for piece in pieces_of(read_plain(file)) if piece.name}


def _doubled(file: Path) -> frozenset[str]:
    counts = Counter(piece.name for piece in pieces_of(read_plain(file)) if piece.name)
    return frozenset(name for name, count in counts.items() if count > 1)
