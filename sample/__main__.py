"""`python -m sample OUT`: makes the sample app."""

import argparse
import sys
from pathlib import Path

from sample.make import NotOursError, make


def main() -> int:
    """
    Make the sample and say what was made.

    Returns:
        The exit code: 0, or 1 where the folder is not ours to overwrite or cannot be written.
    """
    parser = argparse.ArgumentParser(prog="python -m sample", description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder to make, or make anew")
    parser.add_argument("--seed", type=int, default=7, help="same seed, same app (default: 7)")
    parser.add_argument("--scale", type=int, default=1, help="1: 1,000 rows, 100: 100,000 rows")
    parser.add_argument("--dirty", action="store_true", help="plant one of every defect")
    options = parser.parse_args()
    if options.scale < 1:
        parser.error("--scale: expected 1 or more")
    try:
        made = make(options.out, seed=options.seed, scale=options.scale, dirty=options.dirty)
    except NotOursError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command talks to its user
        return 1
    except OSError as error:
        print(f"{error.filename or options.out}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return 1
    print(  # noqa: T201 - a command talks to its user
        f"{made.database}: {made.rows:,} rows in {made.tables} tables,"
        f" {made.rows_in_wal:,} of them in the WAL only\n"
        f"{made.uploads}: {made.files:,} files"
    )
    if made.defects:
        listed = options.out / "defects.json"
        print(f"{listed}: {len(made.defects)} defects")  # noqa: T201
    return 0


sys.exit(main())
