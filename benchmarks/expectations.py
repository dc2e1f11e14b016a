"""
Six data rules in Great Expectations beside the same rules as hand-written SQL, one query a rule.

    python -m benchmarks.expectations --rows 1000000

The import of Great Expectations is not counted: it is paid once a run, and told beside the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.bars import Bar
from pytest_deploy.providers.postgres import embedded
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.transfer.work import cores
from pytest_deploy.validation.outcome import Came
from pytest_deploy.validation.quiet import new_context, quiet
from pytest_deploy.validation.relations import reading
from pytest_deploy.validation.running import Place, run_suites
from pytest_deploy.validation.suites import Rule, Suite
from pytest_deploy.workspace import Workspace

MOST = 2.5
TABLES = 4
TABLE = """
CREATE TABLE {name} (id bigint PRIMARY KEY, autor bigint, email text, estado text,
    prioridad bigint, asunto text, cuerpo text, inicio timestamptz, fin timestamptz);
INSERT INTO {name} SELECT g, mod(g, 1000) + 1, 'persona' || g || '@osyris.example',
    (ARRAY['borrador', 'publicada', 'archivada'])[mod(g, 3) + 1], mod(g, 4), 'Aviso ' || g,
    repeat('El sábado salimos al monte. ', (1 + mod(g, 7))::int),
    timestamptz '2026-01-01' + g * interval '1 second',
    timestamptz '2026-01-01' + (g + 60) * interval '1 second'
    FROM generate_series(1, {rows}) g;
"""
AUTHORS = """
CREATE TABLE autores (id bigint PRIMARY KEY);
INSERT INTO autores SELECT generate_series(1, 1000);
"""
STATES = ("borrador", "publicada", "archivada")
FORM = "^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:]]+$"
ORPHANS = (
    "SELECT t.id FROM {batch} AS t LEFT JOIN autores AS a ON a.id = t.autor WHERE a.id IS NULL"
)
BETWEEN = "expect_column_values_to_be_between"
ORDER = "expect_column_pair_values_a_to_be_greater_than_b"
# Each rule of GX, and the query that a person would write for it.
RULES = (
    (
        Rule("expect_column_values_to_not_be_null", {"column": "asunto"}),
        "SELECT count(*), count(*) FILTER (WHERE asunto IS NULL) FROM {name}",
    ),
    (
        Rule("expect_column_values_to_be_in_set", {"column": "estado", "value_set": list(STATES)}),
        f"SELECT count(*), count(*) FILTER (WHERE estado NOT IN {STATES}) FROM {{name}}",
    ),
    (
        Rule(BETWEEN, {"column": "prioridad", "min_value": 0, "max_value": 3}),
        "SELECT count(*), count(*) FILTER (WHERE prioridad NOT BETWEEN 0 AND 3) FROM {name}",
    ),
    (
        Rule("expect_column_values_to_match_regex", {"column": "email", "regex": FORM}),
        f"SELECT count(*), count(*) FILTER (WHERE email !~ '{FORM}') FROM {{name}}",
    ),
    (
        Rule(ORDER, {"column_A": "fin", "column_B": "inicio", "or_equal": True}),
        "SELECT count(*), count(*) FILTER (WHERE fin < inicio) FROM {name}",
    ),
    (
        Rule("unexpected_rows_expectation", {"unexpected_rows_query": ORPHANS}),
        (
            "SELECT count(*), count(*) FILTER (WHERE a.id IS NULL) FROM {name} AS t"
            " LEFT JOIN autores AS a ON a.id = t.autor"
        ),
    ),
)


def suite(name: str) -> Suite:
    """Give the six rules for one table."""
    return Suite(Path(f"{name}.json"), name, tuple(rule for rule, _ in RULES))


def by_hand(target, name: str) -> float:
    """Ask six queries, one after the other."""
    with reading(target, "public") as connection:
        begin = time.perf_counter()
        for _, query in RULES:
            row = connection.execute(query.format(name=name)).fetchone()
            assert row is not None
            assert row[0]
            assert not row[1]
        return time.perf_counter() - begin


def by_gx(target, names: list[str], workers: int) -> float:
    """Check the six rules on tables."""
    begin = time.perf_counter()
    outcomes = run_suites([suite(name) for name in names], Place(target, "public"), workers=workers)
    spent = time.perf_counter() - begin
    assert {outcome.came for outcome in outcomes} == {Came.HOLDS}
    assert len(outcomes) == len(names) * len(RULES)
    return spent


def imported() -> float:
    """Import GX, as a run does once."""
    begin = time.perf_counter()
    with quiet():
        new_context()
    return time.perf_counter() - begin


def make(target, rows: int) -> list[str]:
    """Make one table of all rows, and some that share as many between them."""
    parts = [f"parte_{n}" for n in range(TABLES)]
    with target.connect(autocommit=True) as connection:
        connection.execute(AUTHORS)
        for name, count in (("todas", rows), *((part, rows // TABLES) for part in parts)):
            connection.execute(TABLE.format(name=name, rows=count))
        connection.execute("VACUUM ANALYZE")
    return parts


def run(asked: argparse.Namespace, workspace: Workspace) -> dict[str, float]:
    """Measure each as often as asked, in turns, and give medians."""
    with (
        embedded.serve(workspace, reason="benchmark") as server,
        create_database(server, "expectations") as target,
    ):
        parts = make(target, asked.rows)
        seconds = {"import of GX (not counted)": imported()}
        by_gx(target, parts[:1], 1)  # what is made once for all tables
        measured: dict[str, list[float]] = {}
        for _ in range(asked.runs):
            for name, spent in (
                ("by hand, six queries", by_hand(target, "todas")),
                ("GX, six rules", by_gx(target, ["todas"], 1)),
                ("GX, four tables in turn", by_gx(target, parts, 1)),
                ("GX, four side by side", by_gx(target, parts, asked.workers)),
            ):
                measured.setdefault(name, []).append(spent)
    return seconds | {name: median(all_of) for name, all_of in measured.items()}


def main() -> int:
    """Measure, print, and say whether the bar holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--json", type=Path, metavar="FILE")
    asked = parser.parse_args()
    workspace = Workspace.create(f"benchmark-{os.getpid()}")
    try:
        seconds = run(asked, workspace)
    finally:
        workspace.close()
    print(f"{asked.rows:,} rows, {asked.workers} tables side by side, {cores()} cores")
    print(f"medians of {asked.runs} runs")
    for name, value in seconds.items():
        print(f"{name:<28} {value:6.2f} s")
    bars = [
        Bar("GX/by hand", seconds["GX, six rules"] / seconds["by hand, six queries"], MOST),
        Bar(
            "side by side/in turn",
            seconds["GX, four side by side"] / seconds["GX, four tables in turn"],
            None,
        ),
    ]
    if asked.json:
        ratios = {bar.name: bar.value for bar in bars}
        asked.json.write_text(json.dumps({"seconds": seconds, "ratios": ratios}, indent=2) + "\n")
    print("; ".join(map(str, bars)))
    return 0 if all(bar.holds for bar in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
