"""Has the app the variables that it needs, as it stands."""

from pytest_deploy.gates.asked import not_asked
from pytest_deploy.gates.configuration import configuration_is_complete


def test_configuration_is_complete(gate, deploy, configuration_file):
    """The app has every variable on the env that it has now; none that is public holds a secret."""
    settings = deploy.settings.variables
    if settings is None or configuration_file is None:
        gate.judge(not_asked("configuration", "[configuration]"))
        return
    gate.judge(configuration_is_complete(settings, configuration_file))
