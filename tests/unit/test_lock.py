"""The lock as text, and what it says of programs; the order of a migration."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_deploy.schema.kinds import Kind, TargetType
from pytest_deploy.schema.lock import (
    LockedCheck,
    LockedColumn,
    LockedIndex,
    LockedKey,
    LockedTable,
    LockedTerm,
    SchemaLock,
    lock_of,
)
from pytest_deploy.schema.lock_text import (
    find_lock,
    lock_differences,
    lock_text,
    object_count,
    parse_lock,
)
from pytest_deploy.schema.migration import migration_text
from pytest_deploy.schema.model import Column, SourceSchema, Table, Trigger, View
from pytest_deploy.schema.plan import (
    PlannedColumn,
    PlannedIndex,
    PlannedRoutine,
    PlannedTable,
    PlannedTerm,
    PlannedTrigger,
    PlannedView,
    SchemaPlan,
)

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
COLUMNS = st.builds(
    LockedColumn,
    name=st.none() | NAMES,
    type=st.sampled_from(["bigint", "text", "numeric(10,2)", "timestamptz"]),
    not_null=st.booleans(),
    default=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
)
TERMS = st.builds(LockedTerm, column=st.none() | NAMES, descending=st.booleans())
TABLES = st.builds(
    LockedTable,
    columns=st.dictionaries(NAMES, COLUMNS, min_size=1, max_size=4),
    primary_key=st.none()
    | st.builds(LockedKey, name=NAMES, columns=st.lists(NAMES, min_size=1).map(tuple)),
    indexes=st.dictionaries(
        NAMES, st.builds(LockedIndex, terms=st.lists(TERMS, min_size=1).map(tuple)), max_size=2
    ),
    checks=st.dictionaries(NAMES, st.builds(LockedCheck, expression=NAMES), max_size=2),
)
LOCKS = st.builds(
    lambda schema, **said: SchemaLock(schema_=schema, **said),
    schema=NAMES,
    tables=st.dictionaries(NAMES, TABLES, max_size=3),
    remedies=st.dictionaries(NAMES, st.dictionaries(NAMES, NAMES, min_size=1, max_size=2)),
)


def plan(view_sql='CREATE VIEW "public"."v" AS SELECT 1 AS uno'):
    """A plan with one of each program."""
    column = PlannedColumn("n", Column("n", "INT", False, None), TargetType(Kind.BIGINT), False)
    terms = (PlannedTerm("", expression='"public".menos("n")'), PlannedTerm("n", shortened=None))
    index = PlannedIndex("i", terms, unique=True, where='"n" > 0')
    table = PlannedTable("t", Table("t", (column.source,)), (column,), indexes=(index,))
    routine = PlannedRoutine("menos", "CREATE FUNCTION menos() ...", "bigint")
    function = PlannedRoutine("g_fn", "CREATE FUNCTION g_fn() ...;")
    trigger = PlannedTrigger("g", "t", Trigger("g", "t", ""), function, "CREATE TRIGGER g ...")
    view = PlannedView("v", View("v", ""), (), view_sql)
    source = SourceSchema((table.source,))
    return SchemaPlan(
        "public", 18, source, (table,), (), routines=(routine,), views=(view,), triggers=(trigger,)
    )


@given(LOCKS)
def test_what_is_written_is_read_back(lock):
    """Any name and text; the order of columns, too."""
    text = lock_text(lock)
    read = parse_lock(text)
    assert lock_text(read) == text
    assert lock_differences(lock, read) == ()
    assert [list(t.columns) for t in read.tables.values()] == [
        list(lock.tables[name].columns) for name in read.tables
    ]


def test_programs_are_frozen_by_the_digest_of_their_sql():
    """A view that says something else is a difference; its text is not in the lock."""
    lock = lock_of(plan())
    text = lock_text(lock)
    assert "SELECT" not in text
    assert object_count(lock) == 8
    assert lock_differences(lock, lock_of(plan())) == ()
    (found,) = lock_differences(lock, lock_of(plan("CREATE VIEW v AS SELECT 2")))
    assert found.startswith("view v: the lock says sha256 = ")
    assert '\'"public".menos("n")\'' in text
    assert "where = '\"n\" > 0'" in text


def test_columns_in_another_order_are_a_difference():
    """Postgres keeps their order, so it is part of the schema."""
    one, two = LockedColumn(type="bigint"), LockedColumn(type="text")
    lock = SchemaLock(schema_="public", tables={"t": LockedTable(columns={"a": one, "b": two})})
    now = SchemaLock(schema_="public", tables={"t": LockedTable(columns={"b": two, "a": one})})
    assert lock_differences(lock, now) == ("table t: its columns stand in another order now",)


def test_names_with_dots_are_told_apart():
    """Column `b.c` of table `a` is not column `c` of table `a.b`."""
    big, text = LockedColumn(type="bigint"), LockedColumn(type="text")

    def lock(one, two):
        tables = {"a": LockedTable(columns={"b.c": one}), "a.b": LockedTable(columns={"c": two})}
        return SchemaLock(schema_="public", tables=tables)

    assert len(lock_differences(lock(big, text), lock(text, text))) == 1
    assert len(lock_differences(lock(text, big), lock(text, text))) == 1


def test_a_lock_that_is_not_there_is_no_problem(tmp_path):
    """And one that cannot be read is one."""
    assert find_lock(None).problem == ""
    assert find_lock(tmp_path / "schema.lock").problem == ""
    assert "cannot be read" in find_lock(tmp_path).problem
    (tmp_path / "bytes").write_bytes(b"\xff")
    assert "UTF-8" in find_lock(tmp_path / "bytes").problem


def test_a_migration_makes_each_thing_before_what_needs_it():
    """Functions, tables, indexes, views, functions of triggers, triggers; each statement ended."""
    text = migration_text(plan())
    titles = [line for line in text.splitlines() if line.startswith("-- ")][-6:]
    assert [title.removeprefix("-- ").partition(":")[0] for title in titles] == [
        *("Functions", "Tables", "Keys and indexes", "Views", "Triggers", "Access")
    ]
    assert text.index("g_fn() ...;\n") < text.index("CREATE TRIGGER g ...;\n")
    assert ";;" not in text
    assert 'ON TABLE "public"."t", "public"."v" FROM' in text
