"""Defects in a rehearsal's database, as plugins for `pytest.main`: any number of them in one run."""

import pytest


class Planted:
    """
    A defect.

    Args:
        after: The fixture after which it is planted.
        sql: Plants it.
    """

    def __init__(self, after, sql):
        self.after, self.sql = after, sql

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef, request):
        """Plant it as soon as the fixture is there."""
        value = yield
        if fixturedef.argname == self.after:
            with request.getfixturevalue("target").connect() as connection:
                connection.execute(self.sql)
        return value
