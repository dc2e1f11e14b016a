"""`python -m pytest_deploy audit`: what a run has done outside, and whether its log is whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_deploy.audit.log import NAME
from pytest_deploy.audit.verify import verify
from pytest_deploy.cli.saying import say, warn
from pytest_deploy.config import settings_of
from pytest_deploy.engine.release import LATEST
from pytest_deploy.errors import EvidenceError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    from pytest_deploy.audit.verify import Mirrored, Signed, Verified

_RUNBOOK = "runbooks/audit.md"


def add_audit(commands: _SubParsersAction) -> None:  # type: ignore[type-arg]
    """
    Add `audit verify` and `audit show`.

    Args:
        commands: Of the parser.
    """
    audit = commands.add_parser("audit", help="what a run has done outside, line by line")
    below = audit.add_subparsers(dest="what", required=True, metavar="WHAT")
    verifies = below.add_parser(
        "verify",
        help="find every line that was changed, dropped, added or put elsewhere",
        description="Exit code 0: the log is whole; 1: it is not, or has no end.",
    )
    _add_log(verifies)
    verifies.add_argument("--env", metavar="NAME", help="also ask this target how long it was")
    verifies.add_argument("--deploy-config", type=Path, default=Path("deploy.toml"), metavar="FILE")
    verifies.set_defaults(run=_verify)
    shows = below.add_parser("show", help="print it as a table")
    _add_log(shows)
    shows.add_argument("--service", metavar="NAME", help="database, storage, auth, rest, ...")
    shows.add_argument("--step", metavar="NAME", help="of this step alone")
    shows.set_defaults(run=_show)


def _add_log(parser: ArgumentParser) -> None:
    parser.add_argument("release", nargs="?", default=LATEST, metavar="RUN", help="default: latest")
    parser.add_argument("--evidence", type=Path, default=Path(".deploy"), metavar="DIR")


def _verify(options: Namespace) -> int:
    path, content = _read(options)
    run = path.resolve().parent.name
    known = _known(options, run) if options.env else ()
    found = verify(content, signed=_signed(options.deploy_config), mirrored=known)
    for problem in found.problems:
        warn(problem)
    if found.problems:
        warn(f"{path}: not whole; see {_RUNBOOK}")
        return 1
    say(f"{path}: whole, {_told(found, len(known))}")
    return 0


def _show(options: Namespace) -> int:
    _, content = _read(options)
    for line in verify(content).lines:
        if options.service not in (None, line.service) or options.step not in (None, line.step):
            continue
        spent = f"{line.ms} ms" if line.ms else ""
        what = f"{line.service} {line.operation} {line.object}"
        came = f"{line.result[:20]} {spent}".rstrip()
        say(f"{line.seq:>5} {line.time[11:23]} {line.step:<20} {what:<60} {came}")
    return 0


def _told(found: Verified, known: int) -> str:
    told = f"{len(found.lines):,} lines, {found.checkpoints:,} checkpoints"
    if found.signed:
        told += f", {found.signed:,} of them signed"
    return f"{told}, {known:,} known to the target" if known else told


def _read(options: Namespace) -> tuple[Path, bytes]:
    path = options.evidence / options.release / NAME
    try:
        return path, path.read_bytes()
    except OSError as error:
        raise EvidenceError(
            f"audit log {path}",
            problem=f"expected the log of a run, seen: {error.strerror}",
            where="the command line, RUN and --evidence",
            remedy=f"ls {options.evidence} lists the runs; one that is gone: see {_RUNBOOK}",
        ) from None


def _known(options: Namespace, run: str) -> tuple[Mirrored, ...]:
    from pytest_deploy.providers.supabase.given import project_of
    from pytest_deploy.steps.mirror import mirrored

    project = project_of(settings_of(options.deploy_config, None), options.env)
    with project.database.connect() as connection:
        return mirrored(connection, run)


def _signed(configuration: Path) -> Signed | None:
    """Trust the keys that seals are trusted from; none where there is no configuration."""
    from pytest_deploy.engine.keys import is_signed

    if not configuration.exists():
        return None
    trusted = settings_of(configuration, None).seal.trusted_keys
    if not trusted:
        return None
    return lambda signature, message: any(is_signed(key, signature, message) for key in trusted)
