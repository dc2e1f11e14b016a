"""A defect planted in a rehearsal that goes on as any other: its verdict and all it tells count."""

import pytest


class Planted:
    """
    A plugin of pytest that changes the target as soon as a fixture is there.

    Args:
        after: The fixture.
        sql: What changes the target.
    """

    def __init__(self, after, sql):
        self.after, self.sql = after, sql

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef, request):
        value = yield
        if fixturedef.argname == self.after:
            with request.getfixturevalue("target").connect() as connection:
                connection.execute(self.sql)
        return value
