"""`python -m pytest_deploy seal`: keys, and whether a seal would be accepted."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_deploy.cli.saying import say, warn
from pytest_deploy.config import settings_of
from pytest_deploy.engine.keys import VARIABLE, new_key, public_half, write_key
from pytest_deploy.errors import ConfigError
from pytest_deploy.gates.seal import reasons_against, rehearse_again
from pytest_deploy.report.grounds import grounds_of
from pytest_deploy.report.sealing import find_seal

if TYPE_CHECKING:
    from argparse import Namespace, _SubParsersAction


def add_seal(commands: _SubParsersAction) -> None:  # type: ignore[type-arg]
    """
    Add `seal key` and `seal check`.

    Args:
        commands: Of the parser.
    """
    seal = commands.add_parser("seal", help="keys that seal rehearsals, and what a seal is worth")
    below = seal.add_subparsers(dest="what", required=True, metavar="WHAT")
    key = below.add_parser("key", help="make a key, and print its public half for deploy.toml")
    key.add_argument("--output", type=Path, default=Path("seal.key"), metavar="FILE")
    key.set_defaults(run=_key)
    check = below.add_parser(
        "check",
        help="say whether a deployment from here would accept the seal",
        description="Exit code 0: it would, as far as is known without the data; 1: it would not.",
    )
    check.add_argument("--env", default="rehearsal", metavar="NAME", help="default: %(default)s")
    check.add_argument("--seal", type=Path, metavar="FILE", help="default: that of the last run")
    check.add_argument("--deploy-config", type=Path, default=Path("deploy.toml"), metavar="FILE")
    check.add_argument("--evidence", type=Path, default=Path(".deploy"), metavar="DIR")
    check.set_defaults(run=_check)


def _key(options: Namespace) -> int:
    key = new_key()
    try:
        write_key(options.output, key)
    except OSError as error:
        raise ConfigError(
            f"key file {options.output}",
            problem=f"expected a file that can be made, seen: {error.strerror}",
            where="--output, default seal.key",
            remedy="name another file: a key is never overwritten",
        ) from None
    say(f"{options.output}: the private half. Store it as the secret {VARIABLE} of the CI job that")
    say("rehearses, then delete the file. The public half goes into deploy.toml:")
    say(f'\n[seal]\ntrusted_keys = ["{public_half(key)}"]')
    return 0


def _check(options: Namespace) -> int:
    settings = settings_of(options.deploy_config, None)
    major = settings.environment(options.env).postgres_major
    found = find_seal(options.evidence, settings.app.name, options.env, options.seal)
    if major is None and found.seal is not None:
        said = found.seal.grounds.versions.get("Postgres", "")
        major = int(said) if said.isdecimal() else None
    now = grounds_of(settings, options.env, options.evidence, postgres=major)
    reasons = reasons_against(found, settings, now, None, datetime.now(UTC))
    for reason in reasons:
        warn(f"{found.path}: {reason}")
    if reasons:
        warn(f"refused; {rehearse_again(options.env)}")
        return 1
    assert found.seal is not None
    say(f"{found.path}: accepted; release {found.seal.release}, sealed {found.seal.sealed_at}")
    return 0
