"""What a gate says where the app asks for nothing that it could look at."""

from __future__ import annotations

from pytest_deploy.gates.verdict import Verdict


def not_asked(what: str, section: str) -> Verdict:
    """
    Say that the configuration asks for nothing of a kind, which was looked up.

    Args:
        what: What is not asked for: `files`, `users`.
        section: The section of `deploy.toml` that would ask for it.

    Returns:
        A verdict over the one setting that was examined.
    """
    return Verdict(
        examined=1, unit="setting", measured={what: f"none asked for: see {section} of deploy.toml"}
    )
