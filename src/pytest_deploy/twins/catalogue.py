"""All red twins of the package: one file adds one tuple here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_deploy.twins.assessment import ASSESSMENT
from pytest_deploy.twins.audit import AUDIT
from pytest_deploy.twins.backup import BACKUP
from pytest_deploy.twins.configuration import CONFIGURATION
from pytest_deploy.twins.constraints import CONSTRAINTS
from pytest_deploy.twins.data import DATA
from pytest_deploy.twins.files import FILES
from pytest_deploy.twins.http_load import HTTP_LOAD
from pytest_deploy.twins.load import LOAD
from pytest_deploy.twins.programs import PROGRAMS
from pytest_deploy.twins.references import REFERENCES
from pytest_deploy.twins.release import RELEASE
from pytest_deploy.twins.rollback import ROLLBACK
from pytest_deploy.twins.rows import CELLS, ROWS
from pytest_deploy.twins.source import SOURCE
from pytest_deploy.twins.users import USERS

if TYPE_CHECKING:
    from pytest_deploy.twins.twin import RedTwin

CATALOGUE: tuple[RedTwin, ...] = (
    *SOURCE,
    *ASSESSMENT,
    *ROWS,
    *CELLS,
    *CONSTRAINTS,
    *PROGRAMS,
    *DATA,
    *RELEASE,
    *BACKUP,
    *FILES,
    *REFERENCES,
    *USERS,
    *CONFIGURATION,
    *LOAD,
    *HTTP_LOAD,
    *AUDIT,
    *ROLLBACK,
)
