"""
Are the rows what the app's rules say: suites of Great Expectations, run where the rows are.

Rows stay in Postgres: counts come out, and of a row that breaks a rule its key.
"""
