"""
The pytest plugin: its options, and where it begins. The hooks of a run are in `hooks/`.

Inert where there is neither `deploy.toml` nor `--source`.
"""

from __future__ import annotations

import pytest

from pytest_deploy.engine.phases import DESCRIPTIONS, PHASES
from pytest_deploy.hooks.keys import SESSION, is_worker, usage_errors
from pytest_deploy.hooks.options import WITH_VALUE, add_options
from pytest_deploy.report import usage
from pytest_deploy.report.opening import open_session
from pytest_deploy.report.selection import asks_for_suites, names_phase, with_values_joined

pytest_plugins = tuple(
    f"pytest_deploy.hooks.{part}" for part in ("collecting", "running", "judging", "ending")
)
_FIXTURES = (
    *("databases", "steps", "gates", "data", "load", "assessment", "twins"),
    *("release", "http_load", "ending", "postdeploy", "files", "references", "users"),
    *("access", "backup", "configuration", "doorstep", "freeze", "history", "audit", "rollback"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the group `deploy`."""
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | pytest.ExitCode | None:
    """
    Begin again with `--source=FILE` where `--source FILE` was typed.

    pytest looks for its root before plugins have told it their options, and takes FILE for a test:
    it would go by a configuration beside the source, or none, and leave its cache there.
    """
    typed = [str(argument) for argument in config.invocation_params.args]
    joined = with_values_joined(typed, WITH_VALUE)
    if joined == typed:
        return None
    return pytest.main(joined, plugins=config.invocation_params.plugins)


def pytest_configure(config: pytest.Config) -> None:
    """Register the phases; read the configuration and load the fixtures where there is one."""
    for phase in PHASES:
        config.addinivalue_line("markers", f"{phase}: {DESCRIPTIONS[phase]}")
    with usage_errors():
        session = open_session(config.option, config.invocation_params.dir, config.rootpath)
        if session is None:
            if names_phase(config.option.markexpr or "") and not is_worker(config):
                raise usage.inert(config.rootpath)
            return
        _refuse_workers(config)
    config.stash[SESSION] = session
    if session.options.plants:
        from pytest_deploy.twins.hooks import hooks_of

        with usage_errors():
            config.pluginmanager.register(hooks_of(session))
    for name in _FIXTURES:
        config.pluginmanager.import_plugin(f"pytest_deploy.fixtures.{name}")


def _refuse_workers(config: pytest.Config) -> None:
    option, folder = config.option, config.invocation_params.dir
    if not (getattr(option, "numprocesses", None) or getattr(option, "tx", None)):
        return
    phases = names_phase(option.markexpr or "")
    if phases or any(asks_for_suites(argument, folder) for argument in config.args):
        raise usage.workers()
