"""How far a copy is, told off a terminal."""

import io

from pytest_deploy.transfer.progress import Lines, bar, clocked


class Clock:
    """Tells the time that the test sets."""

    now = 100.0

    def __call__(self):
        return self.now


def test_a_line_every_ten_seconds():
    """Rows, bytes, rate and what is left."""
    told, clock = [], Clock()
    lines = Lines(1_000_000, told.append, clock)
    for second in range(1, 26):
        clock.now = 100.0 + second
        lines.advance(10_000, 2_000_000)
    assert told == [
        "deploy: copied 100,000 of 1,000,000 rows, 20 MB, 10,000 rows/s, 1:30 left",
        "deploy: copied 200,000 of 1,000,000 rows, 40 MB, 10,000 rows/s, 1:20 left",
    ]


def test_a_short_copy_says_nothing():
    """Nobody has to wait for it."""
    told = []
    Lines(5, told.append).advance(5, 100)
    assert told == []


def test_what_is_left_is_never_negative():
    """A table may have grown by what nobody counted."""
    assert (clocked(-3), clocked(59.6), clocked(3661)) == ("0:00", "1:00", "61:01")


def test_a_bar_takes_what_is_done():
    """It draws to the file it is given, and leaves nothing behind."""
    file = io.StringIO()
    with bar(10, file) as advance:
        advance(10, 1000)
    assert "Traceback" not in file.getvalue()
