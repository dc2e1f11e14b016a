"""`python -m pytest_deploy access`: a first answer to who may see what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_deploy.cli.planning import Asked, add_options, planned
from pytest_deploy.cli.saying import say
from pytest_deploy.errors import EvidenceError
from pytest_deploy.schema.access_draft import hidden_columns, policies_text
from pytest_deploy.schema.written import written

if TYPE_CHECKING:
    from argparse import Namespace, _SubParsersAction

_WHERE = "--output, default policies.sql"


def add_access(commands: _SubParsersAction) -> None:  # type: ignore[type-arg]
    """
    Add `access draft` and `access role`.

    Args:
        commands: Of the parser.
    """
    access = commands.add_parser("access", help="who may see what through Supabase's API")
    below = access.add_subparsers(dest="what", required=True, metavar="WHAT")
    command = below.add_parser(
        "draft",
        help="propose a file of policies that denies everything, to be edited and committed",
        description="Write a file of row level security policies in which every proposal is a"
        " comment, and print the section [access] that goes with it. Exit code 0: written; 1: an"
        " error, or the file is there already.",
    )
    default = Path("policies.sql")
    command.add_argument(
        "--output", type=Path, default=default, metavar="FILE", help="default: %(default)s"
    )
    command.add_argument("--force", action="store_true", help="write over what is there")
    add_options(command)
    command.set_defaults(run=_draft)
    role = below.add_parser(
        "role",
        help="print the SQL of a role that can deploy this app, and nothing else",
        description="To be run by the owner of the project's database, once; give the role a"
        " password with \\password in psql.",
    )
    role.add_argument("--name", default="deployer", metavar="ROLE", help="default: %(default)s")
    role.add_argument("--deploy-config", type=Path, default=Path("deploy.toml"), metavar="FILE")
    role.set_defaults(run=_role)


def _role(options: Namespace) -> int:
    from pytest_deploy.config import settings_of
    from pytest_deploy.providers.supabase.deploy_role import role_sql

    say(role_sql(options.name, settings_of(options.deploy_config, None)).rstrip())
    return 0


def _draft(options: Namespace) -> int:
    if options.output.exists() and not options.force:
        raise EvidenceError(
            f"policies {options.output}",
            problem="expected no file, seen one: somebody may have edited it",
            where=_WHERE,
            remedy="name another file with --output, or write over it with --force",
        )
    asked = Asked.of(options)
    with planned(asked) as frozen:
        plan = frozen.prepared.plan
    subject = f"policies {options.output}"
    written(
        options.output, policies_text(plan, asked.settings.users), subject=subject, where=_WHERE
    )
    say(f"{options.output}: written, {len(plan.tables):,} tables, all of them closed")
    hidden = json.dumps(hidden_columns(plan), ensure_ascii=False)
    say(f"[access]\npolicies = {json.dumps(str(options.output))}\nanon = []\nhidden = {hidden}")
    return 0
