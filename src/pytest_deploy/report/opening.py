"""Opens the session of a run: from a command line, and the configuration that it means."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_deploy.load.nodes import nodes_of
from pytest_deploy.report import usage
from pytest_deploy.report.options import Options
from pytest_deploy.report.session import Session

if TYPE_CHECKING:
    from argparse import Namespace

CONFIGURATION = "deploy.toml"
APPROVE = "DEPLOY_APPROVE"
_SUITES = "pytest_deploy.suites"


def open_session(option: Namespace, folder: Path, rootdir: Path) -> Session | None:
    """
    Read the configuration that a command line means.

    Args:
        option: The options of pytest, ours among them.
        folder: Where the command was typed; what relative paths are relative to.
        rootdir: pytest's root.

    Returns:
        The session; None where there is neither a configuration nor a source.

    Raises:
        ConfigError: The configuration or an option is not what it should be.
    """
    usage.refuse_slips(option, folder)
    source = folder / option.source if option.source else None
    path = _configuration(option, folder, rootdir)
    if path is None and source is None:
        return None
    from pytest_deploy.config import settings_of

    settings = settings_of(path, source)
    settings.environment(option.env)
    nodes = nodes_of(option.load_workers, option.load_expect, option.load_bind)
    if nodes.workers and settings.load is None:
        raise usage.no_load()
    options = Options(
        env=option.env,
        postgres=option.postgres,
        keep_target=option.keep_target,
        accept_remedies=option.accept_remedies,
        evidence=folder / option.evidence,
        schema_lock=folder / option.schema_lock if option.schema_lock else None,
        seal=folder / option.seal if option.seal else None,
        nodes=nodes,
        red_twins=option.red_twins,
        red_twin=tuple(option.red_twin),
        approved=_approved(option.approve),
        take_over=option.take_over,
        components=frozenset(option.component),
        emergency=option.emergency,
        carry_back=folder / option.carry_back if option.carry_back else None,
        carry_over=option.carry_over,
        complete=option.complete,
    )
    return Session(settings, options, Path(str(import_module(_SUITES).__file__)).parent)


def _approved(given: list[str]) -> frozenset[str]:
    listed = os.environ.get(APPROVE, "").replace(",", " ").split()
    return frozenset((*given, *listed))


def _configuration(option: Namespace, folder: Path, rootdir: Path) -> Path | None:
    if option.deploy_config:
        return folder / str(option.deploy_config)
    beside = (folder / CONFIGURATION, rootdir / CONFIGURATION)
    return next((path for path in beside if path.is_file()), None)
