"""The plan as a page: short, in order, and no name of a table can break it."""

import json
from importlib import resources

import jsonschema

from pytest_deploy.report.plan_text import plan_text

STEP = {
    "step": "copy_rows",
    "does": "copies every row",
    "seconds": 12.4,
    "rows": 1_200_000,
    "size_bytes": 203_000_000,
    "locks": ["RowExclusiveLock on each table: builds of indexes wait (seen on 6)"],
    "irreversible": False,
    "way_back": "truncates the tables",
    "stops_for": "",
}
PLAN = {
    "format": 1,
    "release": "20261125-120000-abcd",
    "env": "production",
    "app": "club",
    "verdict": "green",
    "made_at": "2026-11-25T12:00:00+00:00",
    "database": "club.db",
    "rehearsed_on": "embedded Postgres 18.6",
    "source": {
        "rows": 1_200_000,
        "size_bytes": 203_000_000,
        "left_behind": 0,
        "uploads": 0,
        "is_live": False,
    },
    "seconds": 12.4,
    "steps": [STEP, {**STEP, "step": "drop_former", "seconds": None, "irreversible": True}],
    "unsaid": [],
    "environment": {
        "env": "production",
        "look": "compared",
        "reason": "",
        "local": [["Python", "3.11.7"]],
        "compared": 30,
        "differences": [
            {"name": "TimeZone", "rehearsed": "UTC", "env": "Etc/UTC", "weight": "matters"}
        ],
        "needs": [{"need": "a database in UTF8", "problem": ""}],
        "variables": [
            {"name": "API_KEY", "state": "missing", "named_in": [".env.example"], "needed": True}
        ],
        "postgres": "18.6",
        "statement_timeout": "0ms",
    },
    "dependencies": [
        {
            "name": "Python",
            "kind": "tool",
            "version": "3.11.7",
            "state": "installed",
            "found_by": "runs",
        },
        {
            "name": "pytest",
            "kind": "package",
            "version": "9.2.0",
            "state": "installed",
            "found_by": "its metadata",
        },
    ],
    "risks": {
        "total": 6,
        "largest_total": 40,
        "risks": [
            {
                "code": "schema_not_kept",
                "what": "what relies on it stops working",
                "likelihood": 2,
                "impact": 3,
                "score": 6,
                "evidence": "1 not kept: views a|b`<script>",
                "mitigation": "write it anew",
            }
        ],
    },
    "manual": ["before: stop the app from writing, until traffic is switched"],
    "ended_at": "",
}


def test_the_example_here_is_a_plan():
    """What is tested is what is written."""
    schema = resources.files("pytest_deploy.report") / "plan.schema.json"
    jsonschema.validate(PLAN, json.loads(schema.read_text()))


def test_the_page_says_whether_what_how_long_and_how_back():
    """In the order in which somebody asks."""
    text = plan_text(PLAN)
    parts = [line for line in text.splitlines() if line.startswith("#")]
    assert parts == [
        "# Plan: club to production",
        "## What it does, in this order",
        "## What may go wrong: 6 of at most 40",
        "## Where a person acts",
        "## Who waits meanwhile, on the target",
        "## The environment",
        "## What it depends on",
    ]
    assert "| 1. copy_rows | copies every row | 12.4 s | 1,200,000 | 203.0 MB | truncates" in text
    assert "| 2. drop_former | copies every row | failed |" in text
    assert "**none**; truncates the tables" in text
    assert "| TimeZone | UTC | Etc/UTC | matters |" in text
    assert "- API_KEY: missing (.env.example)" in text
    assert "all 1 met" in text


def test_names_from_the_source_stay_text():
    """A bar would be a column, and a tag would be HTML where the page is shown."""
    text = plan_text(PLAN)
    assert "views a\\|b\\`&lt;script&gt;" in text
    assert "<script>" not in text


def test_what_is_not_whole_says_so_at_the_top():
    """Whoever reads a plan that ends early must not take it for all of it."""
    text = plan_text({**PLAN, "ended_at": "it came as far as copy_rows", "source": None})
    assert "**Not whole**: it came as far as copy_rows." in text.splitlines()[4]
