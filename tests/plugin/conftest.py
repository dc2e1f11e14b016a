"""A small project, configured and without suites."""

import pytest
from projects import Project


@pytest.fixture
def project(pytester):
    """A configured project without suites."""
    found = Project(pytester)
    found.configure()
    return found
