"""`deploy.toml` as frozen, typed settings; every error names file, key and what is allowed."""

from pytest_deploy.config.lines import setting_lines
from pytest_deploy.config.sections import EnvSettings
from pytest_deploy.config.settings import REHEARSAL, Settings, for_source, load, settings_of

__all__ = [
    "REHEARSAL",
    "EnvSettings",
    "Settings",
    "for_source",
    "load",
    "setting_lines",
    "settings_of",
]
