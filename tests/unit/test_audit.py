"""An audit log is whole, or the line is named that is not."""

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_deploy.audit import log as audit
from pytest_deploy.audit.line import shortened, signed_message
from pytest_deploy.audit.log import NAME, Log
from pytest_deploy.audit.verify import Mirrored, verify
from pytest_deploy.engine import keys
from pytest_deploy.errors import EvidenceError
from pytest_deploy.providers.supabase.http import named

KEY = keys.new_key()
PUBLIC = keys.public_half(KEY)


def signed(signature, message):
    return keys.is_signed(PUBLIC, signature, message)


def log_in(folder, *, sign=None, name=NAME):
    return Log(folder / name, "r-1", actor="ana", env="production", sign=sign)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A whole log: some lines, checkpoints, and its end."""
    log = log_in(tmp_path_factory.mktemp("log"), sign=lambda message: keys.sign(KEY, message))
    for number in range(3):
        with log.within(f"step_{number}", "r-1"):
            log.add("storage", "POST", f"fotos/{shortened(str(number))}", "200", ms=3)
            log.add("database", "transaction", "app", "ok")
        log.checkpoint()
    log.end()
    return log._path.read_bytes()


def problems(content, **more):
    return verify(content, signed=signed, **more).problems


def test_a_whole_one_has_no_problem(written):
    """Its checkpoints are signed, and its lines are what was noted."""
    found = verify(written, signed=signed)
    assert (found.problems, len(found.lines), found.checkpoints, found.signed) == ((), 10, 4, 4)
    assert found.lines[0].step == "step_0"
    assert found.lines[0].actor == "ana"


@given(st.data())
def test_any_change_of_a_byte_is_found(written, data):
    """And the line is named, or the one after it."""
    place = data.draw(st.integers(0, len(written) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda one: one != written[place]))
    changed = written[:place] + bytes([byte]) + written[place + 1 :]
    number = written[:place].count(b"\n") + 1
    found = problems(changed)
    assert found
    assert any(f"line {n}:" in one for one in found for n in (number, number + 1))


@given(st.data())
def test_any_line_dropped_doubled_or_moved_is_found(written, data):
    """By its number, or by the line before it."""
    lines = written.splitlines(keepends=True)
    one = data.draw(st.integers(0, len(lines) - 1))
    other = data.draw(st.integers(0, len(lines) - 1).filter(lambda n: n != one))
    dropped = [*lines[:one], *lines[one + 1 :]]
    doubled = [*lines[: one + 1], *lines[one:]]
    moved = list(lines)
    moved[one], moved[other] = moved[other], moved[one]
    for changed in (dropped, doubled, moved):
        assert problems(b"".join(changed))


def test_the_line_is_named(written):
    """As a person counts them."""
    lines = written.splitlines(keepends=True)
    edited = [*lines[:3], lines[3].replace(b'"200"', b'"404"'), *lines[4:]]
    assert problems(b"".join(edited)) == ("line 4: it is not the one that was written there",)
    assert problems(b"".join([*lines[:3], *lines[5:]])) == (
        "line 4: it is number 6; 4-5 is missing before it",
    )
    swapped = b"".join([*lines[:3], lines[4], lines[3], *lines[5:]])
    assert problems(swapped)[0] == "line 4: it is number 5; 4 is missing before it"
    assert "out of its place" in problems(swapped)[1]


def test_a_cut_off_end_is_found(written):
    """Whatever the length; by the missing end, and by what the target knows."""
    lines = written.splitlines(keepends=True)
    for length in range(len(lines)):
        assert problems(b"".join(lines[:length]))
    assert "cut off in its middle" in problems(written[:-20])[0]
    cut = b"".join(lines[:4])
    known = (Mirrored(6, "any"),)
    assert "had 6 lines, as the target knows" in problems(cut, mirrored=known, must_end=False)[0]


def test_one_that_was_written_anew_is_found(written, tmp_path):
    """Somebody who may write files, and has no key, makes all of it again."""
    log = log_in(tmp_path)
    log.add("storage", "POST", "fotos", "200")
    log.end()
    anew = log._path.read_bytes()
    assert verify(anew).problems == ()
    assert problems(anew) == ("line 2: the checkpoint is not signed",)
    other = log_in(tmp_path, name="other", sign=lambda m: keys.sign(keys.new_key(), m))
    other.end()
    assert "no trusted key" in problems(other._path.read_bytes())[0]
    lines = written.splitlines()
    known = (Mirrored(3, "of another log"), Mirrored(1, "x"))
    assert len(verify(b"\n".join(lines) + b"\n", mirrored=known).problems) == 2


def test_a_signature_of_a_seal_signs_no_checkpoint():
    """What is signed says what for."""
    assert signed_message("r-1", 3, "abc").startswith(b"pytest-deploy audit checkpoint 1\n")


def test_many_threads_write_one_log(tmp_path):
    """No line is torn by another one, and none is lost."""
    log = log_in(tmp_path)
    threads = [
        threading.Thread(target=lambda: [log.add("rest", "GET", "t", "200") for _ in range(50)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.end()
    found = verify(log._path.read_bytes())
    assert (found.problems, len(found.lines)) == ((), 401)


def test_a_log_is_never_written_over(tmp_path):
    """A second one of the same name is refused, with what to do."""
    log_in(tmp_path).end()
    with pytest.raises(EvidenceError, match="nothing is done unnoted"):
        log_in(tmp_path)


def test_what_is_noted_outside_of_a_run_is_no_mistake(tmp_path):
    """A library that is used by itself has no log."""
    audit.note("rest", "GET", "t")
    audit.checkpoint()
    audit.end()
    with pytest.raises(ZeroDivisionError), audit.noted("rest", "GET", "t"):
        raise ZeroDivisionError
    audit.begin(log_in(tmp_path))
    with pytest.raises(ZeroDivisionError), audit.noted("rest", "GET", "t"):
        raise ZeroDivisionError
    audit.end()
    lines = (tmp_path / NAME).read_text().splitlines()
    assert json.loads(lines[0])["result"] == "ZeroDivisionError"


USER = "0b7a1f52-7c1e-4a44-9d5e-0123456789ab"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "/storage/v1/object/fotos/ana%20p%C3%A9rez.png",
            f"object/fotos/{shortened('ana pérez.png')}",
        ),
        ("/storage/v1/object/public/fotos/a/b.png", f"object/public/fotos/{shortened('a/b.png')}"),
        ("/storage/v1/object/list/fotos", "object/list/fotos"),
        ("/storage/v1/object/fotos", "object/fotos"),
        ("/storage/v1/bucket/fotos", "bucket/fotos"),
        (f"/auth/v1/admin/users/{USER}", "admin/users/{id}"),
        ("/auth/v1/token", "token"),
        ("/rest/v1/socios", "socios"),
        ("/_system/introspect", "_system"),
    ],
)
def test_what_is_asked_for_is_named_without_people(path, expected):
    """No name of a file, no id of a user, nothing behind a question mark."""
    assert named(path)[1] == expected
