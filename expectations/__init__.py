"""Great Expectations suites, one JSON file for each table."""
