"""One folder for each phase; each test in it is a gate."""
