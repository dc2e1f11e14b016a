"""Load over HTTP at a local Supabase: what is measured, what is an error, and that nothing stays."""

import subprocess
import sys
from dataclasses import replace
from secrets import token_hex

import pytest
from http_rig import BEGINNING, PLAN, READS, WRITES, digest, project, trial

from pytest_deploy.config.gates import LoadSettings
from pytest_deploy.errors import LoadError
from pytest_deploy.gates.http_load import http_load_is_carried
from pytest_deploy.load.http_trial import VARIABLE
from pytest_deploy.load.nodes import Nodes
from pytest_deploy.load.sessions import NO_TOKEN
from pytest_deploy.load.taken_back import MARK
from pytest_deploy.processes import free_port
from pytest_deploy.workspace import Workspace


@pytest.fixture(scope="module")
def supabase(server):
    """One local Supabase for the file: project and sessions."""
    workspace = Workspace.create(f"http-{token_hex(4)}")
    try:
        with project(server, f"http-{token_hex(4)}", workspace.child("lite")) as made:
            yield made
    finally:
        workspace.close()


def port_before_a_free_one():
    """Journeys over HTTP listen at the port above the one that is named."""
    return free_port() - 1


def carried(supabase, folder, journeys, **more):
    return trial(*supabase, folder, journeys, **more).carry_out(PLAN)


def everything_in(folder):
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_journeys_run_side_by_side_and_leave_the_target_as_it_was(supabase, tmp_path):
    """A reader and an editor at the same time; rows and tokens are gone, and told nowhere."""
    target, sessions = supabase[0].database, supabase[1]
    before = digest(target)
    found = carried(supabase, tmp_path, {"reads": READS, "writes": WRITES})
    reads, writes = found.load.journeys
    assert (reads.errors, writes.errors) == (0, 0), (reads.error_kinds, writes.error_kinds)
    assert {one.name for one in reads.requests_by_name} == {"pages", "a file"}
    assert {one.name for one in writes.requests_by_name} == {"write", "edit"}
    assert found.taken_back >= sum(o.requests for o in writes.requests_by_name if o.name == "write")
    assert digest(target) == before
    written = everything_in(tmp_path)
    for secret in (sessions.member, sessions.editor, sessions.key):
        assert secret.reveal().encode() not in written
    assert b"planted-value" not in everything_in(tmp_path / "release")
    settings = LoadSettings(least_samples=20, p50_ms=9000, p95_ms=9000, p99_ms=9000)
    verdict = http_load_is_carried(found, settings)
    assert verdict.problems == ()
    assert verdict.examined == reads.requests + writes.requests


def test_all_that_ran_side_by_side_is_measured_again_where_one_was_too_slow(supabase, tmp_path):
    """What each asks of the other is in its figures; what both wrote is gone, both times."""
    before = digest(supabase[0].database)
    bounded = {"p50_ms": 0.01, "p95_ms": 9000, "p99_ms": 9000, "least_samples": 10, "attempts": 2}
    found = carried(supabase, tmp_path, {"reads": READS, "writes": WRITES}, **bounded)
    for journey in found.load.journeys:
        assert len(journey.earlier_p95_ms) == 1
        name = journey.journey
        assert f"load/{name}/measurement-2/samples.csv" in journey.files
    assert digest(supabase[0].database) == before


def test_nobody_is_asked_as_somebody_else(supabase, tmp_path):
    """Without a session an editor's journey fails, and does not pass as anybody's."""
    project, sessions = supabase
    alone = replace(sessions, member=NO_TOKEN, editor=NO_TOKEN)
    before = digest(project.database)
    (journey,) = carried((project, alone), tmp_path, {"writes": WRITES}).load.journeys
    assert journey.errors == journey.requests > 0
    assert set(journey.error_kinds) == {"nobody is signed in as this audience"}
    assert digest(project.database) == before


FAILS = (
    BEGINNING
    + """
class Reader(SupabaseUser):
    pace_s = 0.1

    @task
    def empty(self):
        self.rest("empty", "GET", "/rest/v1/nothing")

    @task
    def nowhere(self):
        self.rest("nowhere", "GET", "/rest/v1/planted-value")

    @task
    def gone(self):
        self.object("gone", "publicos", "planted-value.txt")

    @task
    def closed(self):
        self.object("closed", "privados", "uno.txt")

    @task
    def not_declared(self):
        self.write_row("write", "pages", {})

    @task
    def by_hand(self):
        self.rest("delete", "DELETE", "/rest/v1/pages")
"""
)


def test_what_is_no_right_answer_is_an_error_by_class(supabase, tmp_path):
    """Statuses with their code, empty answers, files that are gone; a change by hand is a mistake."""
    (found,) = carried(supabase, tmp_path, {"fails": FAILS}, seconds=2.5).load.journeys
    kinds = set(found.error_kinds)
    assert "no rows where some are expected" in kinds
    assert "HTTP 404 PGRST205" in kinds
    assert "HTTP 400" in kinds
    assert found.errors == found.requests
    assert {what.partition(" ")[0] for what in found.mistakes} == {"UndeclaredError"}
    assert b"planted-value" not in everything_in(tmp_path / "release")


def test_a_member_opens_a_private_file_that_anybody_else_does_not(supabase, tmp_path):
    """By a signed address, and as who is signed in."""
    member = BEGINNING + (
        "class Member(SupabaseUser):\n    audience = 'member'\n    pace_s = 0.1\n"
        "    @task\n    def open(self):\n        assert len(self.user_id) == 36\n"
        "        assert len(self.signed('signed', 'privados', 'uno.txt')) == 2000\n"
        "        self.object('own', 'privados', 'dos.txt', public=False)\n"
    )
    anybody = member.replace("'member'", "'anonymous'").replace("== 36", "== 0")
    found = carried(supabase, tmp_path, {"anybody": anybody, "member": member}).load.journeys
    assert found[0].errors == found[0].requests > 10
    assert found[1].errors == 0, found[1].error_kinds
    assert not found[0].mistakes
    assert not found[1].mistakes


def test_two_workers_share_the_users(supabase, tmp_path):
    """One journey after another; all samples come together, and what they wrote is gone."""
    before = digest(supabase[0].database)
    found = carried(supabase, tmp_path, {"writes": WRITES}, nodes=Nodes(local=2))
    (journey,) = found.load.journeys
    assert journey.errors == 0, journey.error_kinds
    assert found.load.workers == 2
    assert journey.requests > 60
    assert found.taken_back > 20
    assert digest(supabase[0].database) == before


def test_a_worker_elsewhere_gets_its_sessions_by_a_private_file(supabase, tmp_path, monkeypatch):
    """The run writes it, the worker waits for it, and it is gone afterwards; port and mode say so."""
    handed, port = tmp_path / "handed", port_before_a_free_one()
    monkeypatch.setenv(VARIABLE, str(handed))
    trial(*supabase, tmp_path, {"reads": READS})
    command = (
        *(sys.executable, "-m", "pytest_deploy", "load", "worker"),
        *("--master", f"127.0.0.1:{port + 1}", "--project", str(handed)),
        *("--journey", str(tmp_path / "journeys")),
    )
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        try:
            found = carried(supabase, tmp_path, {}, nodes=Nodes(elsewhere=1, port=port))
            said = worker.communicate(timeout=60)[0]
        finally:
            worker.kill()
    (journey,) = found.load.journeys
    assert journey.errors == 0
    assert (worker.returncode, handed.exists()) == (0, False)
    assert "reads.py: made " in said
    assert supabase[1].member.reveal() not in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "expected one of them, seen neither"),
        (("--database", "env:X", "--project", "x"), "expected one of them, seen both"),
        (("--project", "open"), "expected a file that only its owner can read"),
    ],
)
def test_a_worker_that_is_told_wrong_says_so(tmp_path, arguments, said):
    """In four parts, and with exit code 1."""
    (tmp_path / "open").write_text("{}")
    (tmp_path / "open").chmod(0o644)
    command = (sys.executable, "-m", "pytest_deploy", "load", "worker", "--master", "127.0.0.1:1")
    done = subprocess.run(
        (*command, *arguments), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert said in done.stderr


def test_workers_elsewhere_need_a_file_for_their_sessions(supabase, tmp_path, monkeypatch):
    """Without a place for it nothing begins."""
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(LoadError) as caught:
        carried(supabase, tmp_path, {"reads": READS}, nodes=Nodes(elsewhere=1, port=free_port()))
    assert VARIABLE in caught.value.where


def test_what_a_killed_run_left_is_deleted_first(supabase, tmp_path):
    """By the mark that every row of a test carries."""
    target = supabase[0].database
    before = digest(target)
    with target.connect(autocommit=True) as connection:
        connection.execute("INSERT INTO pages (id, slug) VALUES (9999, %s)", (f"{MARK}abc-1",))
    carried(supabase, tmp_path, {"writes": WRITES})
    assert digest(target) == before


def test_a_number_that_somebody_else_took_meanwhile_is_not_given_out_again(supabase, tmp_path):
    """His row stays, and the sequence stays behind it."""
    target = supabase[0].database
    prepared = trial(*supabase, tmp_path, {"writes": WRITES})

    class Meddling:
        def __enter__(self):
            return self.look

        def look(self, told):
            if told.get("users") == 4 and not taken:
                with target.connect() as connection:
                    told = "INSERT INTO pages (slug) VALUES ('theirs') RETURNING id"
                    taken.append(connection.execute(told).fetchone()[0])

        def __exit__(self, *_error):
            pass

    taken = []
    prepared._shown = lambda _name, _total_s: Meddling()
    prepared.carry_out(PLAN)
    with target.connect() as connection:
        found = connection.execute("DELETE FROM pages WHERE slug = 'theirs' RETURNING id")
        assert [one for (one,) in found] == taken
        (following,) = connection.execute("SELECT nextval('pages_id_seq')").fetchone()
    assert following > taken[0]


def test_users_of_both_kinds_in_one_file_are_refused(supabase, tmp_path):
    """Whom it asks would depend on who reads it."""
    both = READS + "from pytest_deploy.load.user import DatabaseUser\n"
    with pytest.raises(LoadError) as caught:
        carried(supabase, tmp_path, {"both": both})
    assert "seen DatabaseUser and SupabaseUser" in caught.value.problem


def test_one_journey_that_fails_ends_the_others(supabase, tmp_path):
    """Nobody waits ten minutes for what is lost already."""
    broken = BEGINNING + "import nothing_of_that_name\n"
    with pytest.raises(LoadError) as caught:
        carried(supabase, tmp_path, {"broken": broken, "reads": READS}, seconds=600.0)
    assert "ModuleNotFoundError at broken.py" in caught.value.problem


def test_no_journey_over_http_proves_nothing(supabase, tmp_path):
    """One that asks the database is none."""
    sql = "from pytest_deploy.load.user import DatabaseUser\n"
    found = carried(supabase, tmp_path, {"sql": sql})
    verdict = http_load_is_carried(found, LoadSettings())
    assert (verdict.examined, found.load.journeys) == (0, ())
    assert "imports pytest_deploy.load.http" in verdict.checks[0].seen
