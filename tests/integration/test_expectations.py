"""Rules are checked in Postgres, whatever the names; no value of a row comes out."""

import json
import signal
import sqlite3
import threading
import time

import psycopg
import pytest

from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.validation.checked import check_suites
from pytest_deploy.validation.outcome import Came
from pytest_deploy.validation.relations import reading
from pytest_deploy.validation.running import Place, run_suites
from pytest_deploy.validation.suites import read_suites
from pytest_deploy.validation.volume import count_volumes, rows_of_source

SCHEMA = "Mi esquema"
TABLE = 'Ta"bla % x'
LONG = "largo" + "x" * 58
MARKER = "maria.lopez@familia.example"
BESIDE = ("juan.perez@familia.example", "666123456")
MADE = f"""
CREATE SCHEMA "{SCHEMA}";
SET search_path TO "{SCHEMA}";
CREATE TABLE "Ta""bla % x" (id bigint PRIMARY KEY, "contraseña_hash" text, rol text, "Name" text,
    "a:b" text, {LONG} bigint, "user" boolean, j json, f double precision, nulo text);
INSERT INTO "Ta""bla % x" SELECT g, 'h' || g, CASE WHEN g % 10 = 0 THEN '{MARKER}' ELSE 'admin' END,
    'n', 'c', g, true, '{{}}', CASE WHEN g = 7 THEN 'NaN' WHEN g = 8 THEN 'Infinity' ELSE g::float8 END, NULL
    FROM generate_series(1, 100) g;
CREATE TABLE parejas (nombre text, n int, x text, PRIMARY KEY (n, nombre));
INSERT INTO parejas VALUES ('{MARKER}', 1, '{BESIDE[1]}'), ('{BESIDE[0]}', 2, '{BESIDE[1]}');
CREATE TABLE vacia (n text);
CREATE TABLE sin_clave (n text);
INSERT INTO sin_clave VALUES ('{MARKER}');
"""


def of(column, kind="to_not_be_null", **kwargs):
    """One rule of a column."""
    return {"type": f"expect_column_values_{kind}", "kwargs": {"column": column, **kwargs}}


def by_sql(statement):
    """One rule by its own SQL."""
    return {"type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": statement}}


KNOWN = {"value_set": ["admin"]}
RULES = (
    (of("rol", "to_be_in_set", **KNOWN), Came.BROKEN, "100 rows, 10 against it", "id=10"),
    (of("rol", "to_be_in_set", mostly=0.9, **KNOWN), Came.HOLDS, "100 rows, 10 against it", ""),
    (of("contraseña_hash"), Came.HOLDS, "100 rows, 0 against it", ""),
    (of("Name"), Came.HOLDS, "100 rows, 0 against it", ""),
    (of("Name", "to_be_in_set", value_set=["n"]), Came.HOLDS, "100 rows, 0 against it", ""),
    (of("a:b", "to_match_regex", regex="^c$"), Came.HOLDS, "100 rows, 0 against it", ""),
    (of("user"), Came.HOLDS, "100 rows, 0 against it", ""),
    (of(LONG, "to_be_between", min_value=1, max_value=100), Came.HOLDS, "0 against it", ""),
    # Postgres puts NaN above all numbers: an upper bound catches it, as it does infinity.
    (of("f", "to_be_between", max_value=100), Came.BROKEN, "2 against it", "id=7"),
    (of("nulo", "to_be_in_set", **KNOWN), Came.EMPTY, "every value is NULL", ""),
    (of("no_existe"), Came.UNUSABLE, "seen none of the name no_existe", ""),
    (of("ROL"), Came.UNUSABLE, "seen none of the name ROL", ""),
    (of("id", "to_match_regex", regex="^1"), Came.UNUSABLE, "UndefinedFunction", ""),
    (of("j", "to_be_unique"), Came.UNUSABLE, "UndefinedFunction", ""),
    (of("rol", "to_be_unique"), Came.BROKEN, "100 against it", "id=1"),
    ({"type": "expect_no_such_thing", "kwargs": {}}, Came.UNUSABLE, "that GX knows", ""),
    (of("rol", "to_be_in_set", valueset=[]), Came.UNUSABLE, "that GX knows", ""),
    (of("rol") | {"severity": "blue"}, Came.UNUSABLE, "that GX knows", ""),
    (
        {"type": "expect_column_max_to_be_between", "kwargs": {"column": LONG, "max_value": 1}},
        Came.BROKEN,
        "withheld",
        "",
    ),
    (
        {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 100}},
        Came.HOLDS,
        "100 seen",
        "",
    ),
    (of("rol", "to_be_in_set", mostly=0, **KNOWN), Came.UNUSABLE, "mostly above 0", ""),
    (of("rol", "to_not_be_in_set", value_set=[]), Came.UNUSABLE, "expected values", ""),
    (
        {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 0}},
        Came.UNUSABLE,
        "seen none that a row can break",
        "",
    ),
    (
        {"type": "expect_column_max_to_be_between", "kwargs": {"column": LONG}},
        Came.UNUSABLE,
        "seen none that a row can break",
        "",
    ),
    (
        {
            "type": "expect_column_distinct_values_to_be_in_set",
            "kwargs": {"column": "nulo", **KNOWN},
        },
        Came.EMPTY,
        "every value is NULL",
        "",
    ),
    (
        {
            "type": "expect_column_unique_value_count_to_be_between",
            "kwargs": {"column": "nulo", "max_value": 9},
        },
        Came.EMPTY,
        "every value is NULL",
        "",
    ),
    (by_sql("SELECT * FROM {batch} WHERE rol <> 'admin' -- :x"), Came.BROKEN, "10 rows", "id=10"),
    (by_sql("SELECT rol FROM {batch} WHERE rol ~ '^.{{9}}' "), Came.BROKEN, "10 rows", ""),
    (by_sql("SELECT id FROM {batch} AS b WHERE b.\"a:b\" <> 'c'"), Came.HOLDS, "0 rows", ""),
    (by_sql("SELECT n FROM parejas WHERE x LIKE '%:z%'"), Came.HOLDS, "0 rows", ""),
    (by_sql("DELETE FROM {batch}"), Came.UNUSABLE, "SyntaxError", ""),
    (by_sql("SELECT nextval('s') FROM {batch}"), Came.UNUSABLE, "UndefinedTable", ""),
    (by_sql("SELECT 1 FROM {batch} WHERE rol::int = 1"), Came.UNUSABLE, "InvalidTextRepr", ""),
    (by_sql("SELECT pg_sleep(0), * FROM {batch} WHERE"), Came.UNUSABLE, "SyntaxError", ""),
)
PAIRS = (
    (of("x", "to_be_in_set", **KNOWN), Came.BROKEN, "2 rows", "n=1,nombre=sha256:"),
    (
        {
            "type": "expect_column_pair_values_a_to_be_greater_than_b",
            "kwargs": {"column_A": "x", "column_B": "nombre"},
        },
        Came.BROKEN,
        "2 rows",
        "n=1,nombre=sha256:",
    ),
    (
        {
            "type": "expect_compound_columns_to_be_unique",
            "kwargs": {"column_list": ["nombre", "x"]},
        },
        Came.HOLDS,
        "0 against it",
        "",
    ),
)
SUITES = {
    "tabla": (TABLE, RULES),
    "parejas": ("parejas", PAIRS),
    "vacia": ("vacia", ((of("n"), Came.EMPTY, "the table is empty", ""),)),
    "sin_clave": (
        "sin_clave",
        ((of("n", "to_be_in_set", **KNOWN), Came.BROKEN, "1 against it", ""),),
    ),
    "nadie": ("nadie", ((None, Came.UNUSABLE, "seen none of the name 'nadie'", ""),)),
}


@pytest.fixture(scope="module")
def target(server):
    """A database with names that must be quoted, and values that must not come out."""
    with create_database(server, "tests") as made:
        with made.connect() as connection:
            connection.execute(MADE)
        yield made


def written(folder, suites=SUITES, **meta):
    """Write suites, and read them."""
    for name, (table, rules) in suites.items():
        asked = [rule[0] or of("n") for rule in rules]
        told = {"name": name, "expectations": asked, "meta": {"table": table, **meta}}
        (folder / f"{name}.json").write_text(json.dumps(told, ensure_ascii=False))
    return read_suites(folder)


@pytest.fixture(scope="module", params=[1, 4], ids=["one table", "four tables"])
def outcomes(request, target, tmp_path_factory):
    """What comes of every rule, with one table at a time and with several."""
    found = run_suites(
        written(tmp_path_factory.mktemp("suites")), Place(target, SCHEMA), workers=request.param
    )
    by_suite = {}
    for outcome in found:
        by_suite.setdefault(outcome.suite.path.stem, []).append(outcome)
    return by_suite


@pytest.mark.parametrize("name", SUITES)
def test_each_rule_comes_to_what_it_must(outcomes, name):
    """One outcome for each rule, in its order; a rule that cannot be checked spoils no other."""
    wanted = SUITES[name][1]
    assert len(outcomes[name]) == len(wanted)
    for outcome, (rule, came, seen, key) in zip(outcomes[name], wanted, strict=True):
        assert outcome.came is came, (rule, outcome.came, outcome.seen)
        assert seen in outcome.seen, rule
        assert bool(outcome.keys) == bool(key), rule
        assert not key or outcome.keys[0].startswith(key), rule


def test_no_value_of_a_row_comes_out(target, tmp_path, capfd, caplog):
    """Neither in an outcome, nor in the Data Docs, nor printed, logged or warned of."""
    suites, release = tmp_path / "suites", tmp_path / "20261125-141547-6983"
    suites.mkdir()
    release.mkdir()
    checked = check_suites(written(suites), Place(target, SCHEMA), release)
    pages = sorted((release / "data-docs").glob("*.html"))
    assert [page.stem for page in pages] == ["index", *sorted(SUITES.keys() - {"nadie"})]
    printed = capfd.readouterr()
    told = [repr(checked.outcomes), printed.out, printed.err, caplog.text]
    told += [page.read_text() for page in pages]
    for text in told:
        for value in (MARKER, *BESIDE):
            assert value not in text
    for page in pages:
        assert "//" not in page.read_text().replace("</", ""), "it would load something"
    assert checked.docs == "data-docs/index.html"
    assert "does not hold" in (release / "data-docs/tabla.html").read_text()


def test_a_personal_key_is_told_in_disguise(target, tmp_path):
    """Also where it is a number."""
    place = Place(target, SCHEMA, frozenset({f"{TABLE}.id"}))
    suites = written(tmp_path, {"tabla": (TABLE, RULES[:1])})
    (outcome,) = run_suites(suites, place, workers=1)
    assert all(key.startswith("id=sha256:") for key in outcome.keys)


def test_an_empty_table_may_be_allowed(target, tmp_path):
    """It has to be said."""
    suites = written(tmp_path, {"vacia": SUITES["vacia"]}, allow_empty=True)
    (outcome,) = run_suites(suites, Place(target, SCHEMA), workers=1)
    assert (outcome.came, outcome.seen) == (Came.HOLDS, "the table is empty, which is allowed")


def test_a_session_of_rules_cannot_write(target):
    """Not even by a function that a rule calls."""
    with reading(target, SCHEMA) as connection:
        for statement in ("CREATE TABLE t (a int)", "DELETE FROM parejas"):
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute(statement)
            connection.rollback()


def test_a_rules_own_sql_cannot_end_ours_and_go_on(target, tmp_path):
    """One statement a rule: what follows a `COMMIT` would be free to write."""
    writes = (
        "SELECT 1) AS found; COMMIT; BEGIN READ WRITE; DELETE FROM sin_clave; COMMIT;"
        " SELECT * FROM (SELECT 1 AS n WHERE false"
    )
    suites = written(tmp_path, {"tabla": (TABLE, ((by_sql(writes), None, "", ""),))})
    (outcome,) = run_suites(suites, Place(target, SCHEMA), workers=1)
    assert outcome.came is Came.UNUSABLE
    with target.connect() as connection:
        left = connection.execute(f'SELECT count(*) FROM "{SCHEMA}".sin_clave').fetchone()
    assert left == (1,)


def interrupt_once_it_sleeps(target):
    """Press Ctrl-C when the query is on its way: during an import nobody would hear it."""
    with target.connect(autocommit=True) as connection:
        sleeping = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE wait_event = 'PgSleep' AND datname = current_database()"
        )
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline and not connection.execute(sleeping).fetchone()[0]:
            time.sleep(0.1)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def test_ctrl_c_does_not_wait_for_a_query(target, tmp_path):
    """What Postgres does is stopped with it, and no session stays."""
    slow = by_sql("SELECT id FROM {batch} WHERE pg_sleep(600) IS NULL")
    suites = written(tmp_path, {"tabla": (TABLE, ((slow, None, "", ""),))})
    stop = threading.Thread(target=interrupt_once_it_sleeps, args=(target,))
    stop.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_suites(suites, Place(target, SCHEMA), workers=2)
    stop.join()
    assert time.monotonic() - begin < 300
    others = "pid <> pg_backend_pid() AND datname = current_database()"
    with target.connect() as connection:
        left = connection.execute(f"SELECT query FROM pg_stat_activity WHERE {others}").fetchall()
    assert not [query for (query,) in left if "pg_sleep" in query]


def test_as_many_sessions_as_tables_side_by_side(target, tmp_path):
    """A server lets only so many in, whatever the number of tables."""
    most = []

    class Counted(Place):
        def connect(self):
            session = super().connect()
            count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            most.append(session.execute(count).fetchone()[0])
            session.rollback()
            return session

    rule = (by_sql("SELECT 1 FROM {batch} WHERE false"), None, "", "")
    suites = written(tmp_path, {f"suite{n}": (TABLE, (rule,)) for n in range(12)})
    outcomes = run_suites(suites, Counted(target, SCHEMA), workers=2)
    assert {outcome.came for outcome in outcomes} == {Came.HOLDS}
    assert max(most) <= 2 * 2 + 2


def test_volumes_are_counted_beside_the_source(target, tmp_path):
    """Only of the tables whose suites bound them."""
    database = tmp_path / "app.db"
    connection = sqlite3.connect(database)
    connection.executescript("CREATE TABLE Parejas (n); INSERT INTO Parejas VALUES (1), (2), (3);")
    connection.close()
    for name in ("copy", "suites", "free"):
        (tmp_path / name).mkdir()
    rows = rows_of_source(database, tmp_path / "copy")
    assert rows == {"Parejas": 3}
    assert rows_of_source(tmp_path / "gone.db", tmp_path / "copy") == {}
    some = {name: SUITES[name] for name in ("parejas", "nadie")}
    bounded = written(tmp_path / "suites", some, volume={"least": 0.5})
    counted = count_volumes(bounded, Place(target, SCHEMA), rows)
    assert [(c.suite.table, c.rows, c.source) for c in counted] == [
        ("nadie", None, None),
        ("parejas", 2, 3),
    ]
    assert count_volumes(written(tmp_path / "free", some), Place(target, SCHEMA), rows) == ()
