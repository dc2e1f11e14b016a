"""
Uploads to Storage: ours, one by one with the official client, the official CLI, and the limit.

    python -m benchmarks.uploads --files 1000 --kilobytes 100
    python -m benchmarks.uploads --files 1000 --kilobytes 100 --round-trip-ms 20

All of them send the same files to the same local Supabase, each to a bucket of its own. The CLI is
that of stack/package-lock.json; where it is not installed it is not measured.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.bars import Bar, medians
from benchmarks.distance import away
from benchmarks.memory import Peak
from pytest_deploy.config.files import BucketSettings, FilesSettings
from pytest_deploy.processes import LOOPBACK
from pytest_deploy.providers.postgres import embedded
from pytest_deploy.providers.postgres.databases import create_database
from pytest_deploy.providers.supabase import lite
from pytest_deploy.providers.supabase.roles import api_roles
from pytest_deploy.providers.supabase.storage import Storage, address, client, headers_of
from pytest_deploy.steps.upload_files import UploadFiles
from pytest_deploy.transfer.manifest import manifest_of
from pytest_deploy.transfer.uploads import list_uploads
from pytest_deploy.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_deploy.providers.supabase.base import Supabase

CLI = Path("stack/node_modules/.bin/supabase")
WORKERS = 8
LEAST_TIMES_ONE_BY_ONE = 3
MOST_MEGABYTES = 200
_TYPE = "application/octet-stream"


def main() -> int:
    """Measure, print a table, and hold it against the bars."""
    asked = _asked()
    workspace = Workspace.create("bench-uploads")
    try:
        with ExitStack() as stack:
            server = stack.enter_context(embedded.serve(workspace, reason="benchmark"))
            stack.enter_context(api_roles(server))
            database = stack.enter_context(create_database(server, "uploads"))
            project = stack.enter_context(lite.serve(database, workspace.child("lite")))
            with database.connect() as connection:
                connection.execute("CREATE SCHEMA deploy")
            if asked.round_trip_ms:
                port = int(project.url.rpartition(":")[2])
                near = stack.enter_context(away(port, asked.round_trip_ms))
                project = replace(project, url=f"http://{LOOPBACK}:{near}")
                time.sleep(1)
            folder = _files(workspace.child("files"), asked.files, asked.kilobytes * 1000)
            runs = [_run(project, folder, number, asked) for number in range(asked.runs)]
    finally:
        workspace.close()
    return _told(medians(runs), asked)


def _run(
    project: Supabase, folder: Path, number: int, asked: argparse.Namespace
) -> dict[str, float]:
    ways: dict[str, Callable[[Supabase, Path, str], None]] = {"ours": _ours, "limit": _limit}
    if not asked.alone:
        ways["one by one"] = _one_by_one
        if CLI.exists():
            ways["supabase storage cp -r"] = _cli_of(1)
            ways[f"supabase storage cp -r -j {WORKERS}"] = _cli_of(WORKERS)
    found: dict[str, float] = {}
    for name, send in ways.items():
        bucket = f"b{number}-{len(found)}"
        if send is not _ours:
            _make(project, bucket)
        peak = Peak(alone=True)
        begin = time.perf_counter()
        with peak:
            send(project, folder, bucket)
        found[name] = time.perf_counter() - begin
        if send is _ours:
            found["memory MB"] = peak.megabytes
        _count(project, bucket, asked.files)
    return found


def _ours(project: Supabase, folder: Path, bucket: str) -> None:
    """List, hash, look, and send, as a deployment does; the ledger is written, too."""
    settings = FilesSettings(buckets={bucket: BucketSettings(largest_mb=100.0)}, workers=WORKERS)
    manifest = manifest_of(folder, list_uploads(folder), settings)
    UploadFiles(project, f"release-{bucket}", folder, manifest, settings).apply()


def _one_by_one(project: Supabase, folder: Path, bucket: str) -> None:
    with client(1) as http:
        there = Storage(project, http)
        for one in list_uploads(folder):
            there.put(bucket, one.path, folder / one.path, _TYPE)


def _limit(project: Supabase, folder: Path, bucket: str) -> None:
    """Bytes as a body, with nothing around them: what the server takes."""
    headers = headers_of(project.secret_key.reveal()) | {"content-type": _TYPE}
    with client(WORKERS) as http, ThreadPoolExecutor(WORKERS) as threads:

        def send(path: str) -> None:
            url = address(project, bucket, path)
            body = (folder / path).read_bytes()
            http.post(url, content=body, headers=headers).raise_for_status()

        list(threads.map(send, (one.path for one in list_uploads(folder))))


def _cli_of(jobs: int) -> Callable[[Supabase, Path, str], None]:
    def send(project: Supabase, folder: Path, bucket: str) -> None:
        home = folder.parent / f"cli-{bucket}"
        (home / "supabase").mkdir(parents=True)
        port = project.url.rpartition(":")[2]
        (home / "supabase/config.toml").write_text(f'project_id = "b"\n[api]\nport = {port}\n')
        command = [CLI.resolve(), "storage", "cp", "-r", f"-j={jobs}", "--experimental"]
        done = subprocess.run(
            [*command, f"--workdir={home}", f"{folder}/.", f"ss:///{bucket}/"],
            cwd=home,
            env=os.environ
            | {
                "HOME": str(home),
                "DO_NOT_TRACK": "1",
                "SUPABASE_AUTH_SERVICE_ROLE_KEY": project.secret_key.reveal(),
                "SUPABASE_AUTH_SECRET_KEY": project.secret_key.reveal(),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stdout[-500:] + done.stderr[-500:])

    return send


def _make(project: Supabase, bucket: str) -> None:
    with client(1) as http:
        Storage(project, http).make_bucket(
            bucket, public=False, largest_bytes=100_000_000, types=()
        )


def _count(project: Supabase, bucket: str, wanted: int) -> None:
    with project.database.connect() as connection:
        row = connection.execute(
            "SELECT count(*) FROM storage.objects WHERE bucket_id = %s", (bucket,)
        ).fetchone()
    if row is None or row[0] != wanted:
        raise RuntimeError(f"expected {wanted} objects in {bucket}, seen {row}")


def _files(folder: Path, count: int, size: int) -> Path:
    for number in range(count):
        path = folder / f"{number % 10}" / f"{number:06}.bin"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(size))
    return folder


def _told(seconds: dict[str, float], asked: argparse.Namespace) -> int:
    for name, value in seconds.items():
        sys.stdout.write(f"{name:<32}{value:8.2f}\n")
    ours, alone = seconds["ours"], seconds.get("one by one")
    cli = seconds.get("supabase storage cp -r")
    jobs = seconds.get(f"supabase storage cp -r -j {WORKERS}")
    held = [
        Bar("ours/one by one", alone and ours / alone, 1 / LEAST_TIMES_ONE_BY_ONE),
        Bar("ours/the CLI", cli and ours / cli, 1.0),
        Bar("ours/the CLI with as many jobs", jobs and ours / jobs, None),
        Bar("limit/one by one", alone and seconds["limit"] / alone, None),
        Bar("ours/limit", ours / seconds["limit"], None),
        Bar("memory MB", seconds["memory MB"], MOST_MEGABYTES),
    ]
    sys.stdout.write("; ".join(map(str, held)) + "\n")
    if asked.json:
        asked.json.write_text(json.dumps(seconds, indent=2), encoding="utf-8")
    return 0 if all(bar.holds for bar in held) else 1


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.uploads")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--kilobytes", type=int, default=100, help="of each; default: 100")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--round-trip-ms", type=float, default=0, help="as far away as that; default: not at all"
    )
    parser.add_argument("--alone", action="store_true", help="ours and the limit only")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
