"""A column that is declared personal and misspelt protects nothing, which is told."""

import pytest

from pytest_deploy.config import load
from pytest_deploy.findings import Severity
from pytest_deploy.validation.personal import personal_of_nothing

COLUMNS = ("usuarios.nombre", "usuarios.email")


@pytest.fixture
def settings(tmp_path):
    """Settings that call two columns personal, one of them by a wrong name."""
    path = tmp_path / "deploy.toml"
    path.write_text(
        '[app]\nname = "a"\n[source]\ndatabase = "a.db"\n'
        '[privacy]\npersonal = ["usuarios.nmbre", "usuarios.email"]\n'
    )
    return load(path)


def test_a_personal_column_that_is_nobodys_is_told_with_the_nearest(settings):
    """A risk; what is spelt well is not told."""
    (found,) = personal_of_nothing(settings, COLUMNS)
    assert (found.code, found.severity) == ("setting_of_nothing", Severity.RISK)
    assert found.object == "usuarios.nmbre"
    assert "did you mean 'usuarios.nombre'?" in found.message


def test_of_a_borrowed_database_none_is_expected(settings):
    """The configuration is another database's."""
    assert personal_of_nothing(settings.model_copy(update={"borrowed": True}), COLUMNS) == ()
