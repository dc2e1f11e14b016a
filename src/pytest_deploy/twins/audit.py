"""Defects of the audit log: somebody has changed it while it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.twins.twin import RedTwin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from pytest_deploy.twins.twin import Plant

_GATE, _AFTER = "audit_log_is_whole", "audit_log"


def _rewritten(change: Callable[[list[bytes]], list[bytes]]) -> Plant:
    def plant(_request: pytest.FixtureRequest, log: Path) -> None:
        lines = log.read_bytes().splitlines(keepends=True)
        log.write_bytes(b"".join(change(lines)))

    return plant


def _tampered(lines: list[bytes]) -> list[bytes]:
    changed = lines[2].replace(b'"result":"', b'"result":"x', 1)
    return [*lines[:2], changed, *lines[3:]]


def _dropped(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], *lines[3:]]


def _reordered(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[3], lines[2], *lines[4:]]


def _cut_off(lines: list[bytes]) -> list[bytes]:
    return lines[:-2]


AUDIT: tuple[RedTwin, ...] = (
    RedTwin(_GATE, _AFTER, _rewritten(_tampered), defect="audit line changed"),
    RedTwin(_GATE, _AFTER, _rewritten(_dropped), defect="audit line dropped"),
    RedTwin(_GATE, _AFTER, _rewritten(_reordered), defect="audit lines in another order"),
    RedTwin(_GATE, _AFTER, _rewritten(_cut_off), defect="audit log cut off"),
)
