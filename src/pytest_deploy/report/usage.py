"""Command lines that are refused before anything happens, and what to type instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.errors import ConfigError, DeployError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable
    from pathlib import Path

_NAMING = (
    *("env", "deploy_config", "source", "postgres", "evidence", "schema_lock", "seal"),
    "load_bind",
)


class InterruptError(DeployError):
    """Somebody stopped the run."""


def inert(rootdir: Path) -> ConfigError:
    """
    Refuse a phase where there is nothing to deploy.

    Args:
        rootdir: pytest's root.

    Returns:
        The error to raise.
    """
    return ConfigError(
        f"no deploy.toml in {rootdir}, and no --source",
        problem="expected one of them for a phase of a deployment, seen none",
        where="--deploy-config, --source",
        remedy="write a deploy.toml, or name a database: --source FILE.db",
    )


def workers() -> ConfigError:
    """Refuse pytest-xdist for a phase."""
    return ConfigError(
        "-n: a deployment cannot be shared out",
        problem="expected one process, seen pytest-xdist: each worker would run every step",
        where="the command line, or addopts",
        remedy="leave -n out for a phase; rows are moved by several processes anyway",
    )


def no_load() -> ConfigError:
    """Refuse workers where there is nothing for them to do."""
    return ConfigError(
        "--load-workers, --load-expect",
        problem="expected a load to share out, seen none",
        where="deploy.toml, [gates.load]; it is not used for another --source",
        remedy="add the section, or leave the options out",
    )


def refuse_slips(option: Namespace, folder: Path) -> None:
    """
    Refuse values that cannot be meant: empty ones, as of a variable that is not set, and no lock.

    Args:
        option: The options of pytest, ours among them.
        folder: What relative paths are relative to.

    Raises:
        ConfigError: There is one: nothing stands in for what was named.
    """
    for name in _NAMING:
        if getattr(option, name) == "":
            raise _empty(f"--{name.replace('_', '-')}")
    if option.schema_lock and not (folder / option.schema_lock).is_file():
        raise _no_lock(option.schema_lock)


def _empty(option: str) -> ConfigError:
    return ConfigError(
        option,
        problem="expected a value, seen an empty one",
        where="the command line, or addopts",
        remedy="set the variable that it comes from, or leave the option out",
    )


def _no_lock(path: str) -> ConfigError:
    return ConfigError(
        f"--schema-lock {path}",
        problem="expected a file, seen none",
        where="the command line, or addopts",
        remedy="correct the path, or freeze the plan: python -m pytest_deploy schema lock",
    )


def selection(phases: Iterable[str]) -> ConfigError:
    """
    Refuse a part of a phase that changes a target.

    Args:
        phases: Of which gates were left out.

    Returns:
        The error to raise.
    """
    return ConfigError(
        f"a selection of {', '.join(sorted(phases))}",
        problem="expected every gate of a phase that changes a target, seen a part of them",
        where="-k, --deselect, --lf, -m or a path",
        remedy="run the whole phase: pytest -m PHASE",
    )


def interrupted(by: str) -> InterruptError:
    """
    Tell of a run that was stopped, and undone.

    Args:
        by: What stopped it: `Ctrl-C`, a signal.

    Returns:
        The error to tell.
    """
    return InterruptError(
        f"run stopped by {by}",
        problem="expected every gate to end, seen a signal before that",
        where="the shell or the CI job that sent it",
        remedy="what was begun has been undone, as the journal tells; run the same command again",
    )
