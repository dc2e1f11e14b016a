"""
BEFORE UPDATE triggers that change the row which is about to be changed.

SQLite writes what such a trigger sets, then what the statement sets, so that the statement wins
where both set a column. Postgres takes no UPDATE of that row at this moment: the trigger assigns to
NEW instead. It cannot know which columns the statement sets; a trigger OF each such column, which
fires before it, leaves word.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_deploy.schema.identifiers import fitted, quoted
from pytest_deploy.schema.plan import PlannedRoutine, PlannedTrigger
from pytest_deploy.schema.translation.expressions import Translator
from pytest_deploy.schema.translation.parsing import parse_statement
from pytest_deploy.schema.translation.scope import Scope
from pytest_deploy.schema.translation.statements import Target, assignments_of, changes_of
from pytest_deploy.schema.translation.trigger_text import read_trigger
from pytest_deploy.schema.translation.values import UntranslatableError, require, truth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlglot.expressions.core import Expr

    from pytest_deploy.schema.identifiers import Names
    from pytest_deploy.schema.model import Table, Trigger
    from pytest_deploy.schema.translation.expressions import Context

_ROWID_NAMES = frozenset({"rowid", "_rowid_", "oid"})
_THIS_CHANGE = "md5(OLD::text || NEW::text)"


@dataclass(frozen=True)
class OwnRows:
    """
    What a BEFORE UPDATE trigger does to its own row.

    Args:
        context: What expressions are translated by.
        trigger: The trigger.
        table: The table it stands on.
        target: The same as what statements write to.
        rows: OLD and NEW.
        others: The other triggers of the source.
    """

    context: Context
    trigger: Trigger
    table: Table
    target: Target
    rows: Scope
    others: tuple[Trigger, ...]

    def lines(self, sql: str) -> list[str]:
        """
        Translate a statement that changes the row.

        Args:
            sql: An UPDATE of the trigger's own table.

        Returns:
            Lines of PL/pgSQL.

        Raises:
            UntranslatableError: It may change other rows, or set off other triggers.
        """
        node, resolution = parse_statement(sql)
        require(not resolution, f"UPDATE OR {resolution}")
        require(not (node.args.get("from_") or node.args.get("from")), "UPDATE FROM its own table")
        own = replace(self.target.known.called(node.this.alias or node.this.name), alias="OLD")
        translator = Translator(self.context, Scope([own], outer=self.rows))
        conditions = [truth(translator.of(one)) for one in self._of_this_row(node)]
        made = assignments_of(node.expressions, self.target, translator)
        self._refuse_followers([column for column, _ in made])
        said = f"IS NOT DISTINCT FROM {_THIS_CHANGE}"
        chosen = [
            f"CASE WHEN current_setting('{self._word(column)}', true) {said}"
            f" THEN NEW.{quoted(column)} ELSE {value} END"
            for column, value in made
        ]
        # All at once: what is assigned first must not change what the others are made of.
        into = ", ".join(f"NEW.{quoted(column)}" for column, _ in made)
        lines = [f"SELECT {', '.join(chosen)}", f"    INTO {into};"]
        if not conditions:
            return lines
        inside = [f"    {line}" for line in lines]
        return [f"IF {' AND '.join(conditions)} THEN", *inside, "END IF;"]

    def heralds(self, sql: str, name: str, relation: str, functions: Names) -> list[PlannedTrigger]:
        """
        Plan the triggers that leave word which columns a statement sets.

        Args:
            sql: See `lines`.
            name: The trigger's name in Postgres.
            relation: The table's name in Postgres.
            functions: Hands out the names of functions.

        Returns:
            One for each column that is set here.
        """
        node, _ = parse_statement(sql)
        own = replace(self.target.known.called(node.this.name), alias="OLD")
        made = assignments_of(
            node.expressions, self.target, Translator(self.context, Scope([own], outer=self.rows))
        )
        return [self._herald(column, name, relation, functions) for column, _ in made]

    def _herald(self, column: str, name: str, relation: str, functions: Names) -> PlannedTrigger:
        called = fitted(f"0 {name} {column}")
        # Postgres fires triggers by the order of their names.
        require(called.encode() < name.encode(), "a name that comes before all others")
        schema, function = quoted(self.context.database.schema), functions.take(called)
        routine = PlannedRoutine(
            function,
            f"CREATE FUNCTION {schema}.{quoted(function)}() RETURNS trigger\n"
            "LANGUAGE plpgsql SET search_path = ''\nAS $$\nBEGIN\n"
            f"    PERFORM set_config('{self._word(column)}', {_THIS_CHANGE}, true);\n"
            "    RETURN NEW;\nEND\n$$",
        )
        sql = (
            f"CREATE TRIGGER {quoted(called)} BEFORE UPDATE OF {quoted(column)}"
            f" ON {self.target.known.sql} FOR EACH ROW"
            f" EXECUTE FUNCTION {schema}.{quoted(function)}()"
        )
        return PlannedTrigger(called, relation, self.trigger, routine, sql)

    def _word(self, column: str) -> str:
        said = f"{self.trigger.name.lower()}.{column}"
        return f"sqlite_trigger.sets_{hashlib.sha256(said.encode()).hexdigest()[:12]}"

    def _of_this_row(self, node: Expr) -> list[Expr]:
        """Give the condition, which must name the trigger's row by its key."""
        where = node.args.get("where")
        parts = list(_conjunction(where.this)) if where is not None else []
        named = {name for part in parts if (name := self._named_by(part))}
        key = {name.lower() for name in self.table.primary_key}
        by_rowid = not named.isdisjoint(_ROWID_NAMES) and self.table.rowid_name is not None
        require(by_rowid or (bool(key) and key <= named), "a BEFORE trigger that changes its table")
        if self.table.rowid_column is not None:
            return parts
        return [part for part in parts if self._named_by(part) not in _ROWID_NAMES]

    def _named_by(self, part: Expr) -> str:
        """Name the column of `column = OLD.column`; empty where it is something else."""
        if part.key != "eq" or {part.this.key, part.expression.key} != {"column"}:
            return ""
        sides = {side.table.lower(): side.name.lower() for side in (part.this, part.expression)}
        named = [name for table, name in sides.items() if table in ("old", "new")]
        mine = [name for table, name in sides.items() if table not in ("old", "new")]
        return named[0] if named and named == mine else ""

    def _refuse_followers(self, columns: list[str]) -> None:
        """Refuse where SQLite would set off other triggers of the table by this change."""
        names = {c.name: c.source.lower() for c in self.target.known.columns}
        keys = {name.lower() for name in self.table.primary_key}
        changed = {names[column] for column in columns}
        require(changed.isdisjoint(keys), "a BEFORE trigger that changes a key")
        for other in self.others:
            if other.table.lower() != self.table.name.lower() or other.name == self.trigger.name:
                continue
            said = read_trigger(other.sql)
            heeds = not said.columns or not changed.isdisjoint(map(str.lower, said.columns))
            heeds |= any(changes_own_row(sql, self.table.name) for sql in said.statements)
            require(
                said.event != "UPDATE" or not heeds,
                "a BEFORE trigger whose change sets off others",
            )


def changes_own_row(sql: str, table: str) -> bool:
    """
    Tell whether a statement is an UPDATE of a table.

    Args:
        sql: The statement.
        table: The table's name.

    Returns:
        Whether it is.
    """
    try:
        return changes_of(sql) == {("UPDATE", table.lower())}
    except UntranslatableError:
        return False


def _conjunction(node: Expr) -> Iterator[Expr]:
    while node.key == "paren":
        node = node.this
    if node.key == "and":
        yield from _conjunction(node.this)
        yield from _conjunction(node.expression)
    else:
        yield node
