"""The answer, Markdown, annotations and charts, made from the same report."""

import html
import re
from html.parser import HTMLParser

import pytest
import report_examples
from hypothesis import given
from hypothesis import strategies as st

from pytest_deploy.report.annotations import MOST, workflow_commands
from pytest_deploy.report.answer import answer, said
from pytest_deploy.report.charts import Series, bar, lines, nice, thinned
from pytest_deploy.report.forms import seconds, size, visible
from pytest_deploy.report.markdown import LARGEST_BYTES, markdown
from pytest_deploy.report.markup import code, plain
from pytest_deploy.report.page import page

ALL = [report_examples.green, report_examples.red, report_examples.early]
HOSTILE = (
    '<script>alert(1)</script> "quoted" & `ticks` | pipe\n::error::no @all \x1b[31m \u202e \udc80'
)


class Reader(HTMLParser):
    """Collects the text and the tags of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self._style = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def hostile():
    """A report in which every name and sentence tries to break out."""

    def changed(value, key=""):
        if isinstance(value, dict):
            return {name: changed(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [changed(inner, key) for inner in value]
        kept = (
            "state",
            "severity",
            "verdict",
            "phase",
            "phases",
            "release",
            "started_at",
            "finished_at",
            "time",
        )
        return HOSTILE if isinstance(value, str) and key not in kept else value

    return changed(report_examples.red())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("año, 5\N{NO-BREAK SPACE}ms", "año, 5\N{NO-BREAK SPACE}ms"),
        ("\x1b[31ma\x07", "\\x1b[31ma\\x07"),
        ("a\u202eb\u2066", "a\\u202eb\\u2066"),
        ("a\udc80", "a\\udc80"),
        ("a\r::error::b", "a\\r::error::b"),
        ("tabla a\n  ::error::b\n##[group]", "tabla a\n  \\::error::b\n\\##[group]"),
        ("::stop-commands::x", "\\::stop-commands::x"),
        ("a\u2028::error::b", "a\\u2028::error::b"),
        ("a::b", "a::b"),
    ],
)
def test_what_is_read_does_nothing(text, shown):
    """No letter that moves or turns others, no line that CI takes for a command."""
    assert visible(text) == shown


@pytest.mark.parametrize("form", [page, markdown])
def test_nothing_hidden_is_in_a_report(form):
    """Whatever a table is called."""
    told = form(hostile())
    assert not {"\x1b", "\u202e", "\udc80"} & set(told)


def test_green_and_sealed_for_its_target_is_yes():
    """And the next step is the command."""
    found = answer(report_examples.green())
    assert found.headline == "Yes. You may deploy to production."
    assert found.actions[0].lines == ("pytest -m deploy --env production",)


@pytest.mark.parametrize(
    "seal",
    [
        None,
        {"sealed": False, "file": "", "key": "", "reason": "the source is not the one"},
        {"sealed": True, "file": "s", "key": "k", "reason": "counts for the rehearsal alone"},
    ],
)
def test_what_is_not_sealed_for_a_target_permits_none(seal):
    """Green is not yet yes."""
    found = answer(report_examples.green() | {"seal": seal})
    assert found.headline == "Yes, as far as it was rehearsed."
    assert "pytest -m deploy --env production" not in found.actions[0].lines


def test_red_says_why_and_which_lines_to_write():
    """The lines of deploy.toml, then the same command."""
    found = answer(report_examples.red())
    assert found.headline == "No. Do not deploy."
    assert [reason.name for reason in found.reasons][:3] == [
        "blockers_in_the_source_are_settled",
        "row_counts_agree",
        "every_cell_matches",
    ]
    assert 'orphans = "null"' in found.actions[0].lines[1]
    assert found.actions[-1].lines == ("pytest -m predeploy",)


def test_the_next_command_names_the_suites_as_the_last_one_did():
    """Where a project has none of its own, or more than its own."""
    report = report_examples.red()
    report["configuration"]["suites"] = ["--pyargs", "pytest_deploy.suites", "ops/my suites"]
    (typed,) = answer(report).actions[-1].lines
    assert typed == "pytest --pyargs pytest_deploy.suites 'ops/my suites' -m predeploy"


def test_a_name_is_not_written_as_a_sentence():
    """What begins with the code of a risk stays findable."""
    report = report_examples.red()
    report["gates"][0] |= {"state": "red", "remedy": "env_unknown: give it a database"}
    texts = [action.text for action in answer(report).actions]
    assert "env_unknown: give it a database" in texts


def test_what_does_not_hold_comes_first():
    """One rule of fifty that is broken is seen at once."""
    report = report_examples.red()
    states = ("holds", "unproven", "holds", "fails")
    checks = [{"name": f"rule {n}", "state": s, "seen": ""} for n, s in enumerate(states)]
    report["gates"][0] |= {"state": "red", "checks": checks}
    text = " ".join(Reader(page(report)).texts)
    places = [text.index(f"rule {number}") for number in (3, 1, 0, 2)]
    assert places == sorted(places)


def test_a_finding_without_remedies_names_none():
    """Lines of deploy.toml that keep or quiet it may stand there all the same."""
    text = " ".join(Reader(page(report_examples.green())).texts)
    assert "Remedies: ." not in text
    assert "In deploy.toml:" in text


def test_an_early_end_is_not_yet():
    """What stopped the run comes first."""
    found = answer(report_examples.early())
    assert found.headline.startswith("Not yet.")
    assert "stopped by Ctrl-C" in found.reasons[0].text
    assert "11 gates never ran" in found.reasons[1].text


def test_a_phase_that_changes_a_target_is_asked_otherwise():
    """Nobody asks whether to deploy when it was done."""
    report = report_examples.red() | {"phases": ["deploy"], "env": "production"}
    found = answer(report)
    assert (found.question, found.headline) == (
        "Did deploy go through?",
        "No. Deploy did not go through.",
    )
    assert found.actions[-1].lines == ("pytest -m deploy --env production",)


def test_an_error_of_four_parts_becomes_one_line():
    """What failed and what was seen, without the way there."""
    text = "/a/b.py:3: in f\nTargetError: the target\n  expected it, seen none\n  configured in x\n  start it"
    assert said(text) == "TargetError: the target: expected it, seen none"
    assert said("one sentence") == "one sentence"
    assert said("") == ""


@pytest.mark.parametrize("example", ALL)
def test_the_page_needs_nothing_from_elsewhere(example):
    """No script, no address, no style of an element: the policy would forbid it."""
    read = Reader(page(example()))
    tags = {tag for tag, _ in read.tags}
    assert tags.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "form", "input"})
    for tag, attributes in read.tags:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("href", "src", "action"):
            assert not attributes.get(name, "#").startswith(("http", "//", "javascript", "data"))


@pytest.mark.parametrize("example", ALL)
def test_every_link_within_the_page_leads_somewhere(example):
    """And no id is there twice."""
    read = Reader(page(example()))
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = {a["href"][1:] for _, a in read.tags if a.get("href", "").startswith("#")}
    assert wanted <= set(ids)


def test_nothing_breaks_out_of_the_page():
    """Whatever a table, a gate or a file is called."""
    text = page(hostile())
    read = Reader(text)
    assert "script" not in {tag for tag, _ in read.tags}
    assert html.escape("<script>alert(1)</script>", quote=False) in text


def test_what_was_not_measured_is_said():
    """A sentence, never an empty chart."""
    text = Reader(page(report_examples.early())).text
    for sentence in (
        "No load was measured in this run.",
        "No plan was written in this run.",
        "No defects were planted in this run",
        "No rows were compared",
        "No schema was compared",
        "No step was begun",
        "No history:",
        "Nothing was timed.",
    ):
        assert sentence in text
    assert "<figure" not in page(report_examples.early())


def test_a_report_of_an_older_release_is_rendered():
    """Without what it could not tell yet."""
    told = report_examples.green()
    for name in ("load", "plan", "red_twins", "history", "trouble", "seal"):
        del told[name]
    for gate in told["gates"]:
        for name in ("remedy", "checks", "evidence"):
            del gate[name]
    for table in told["tables"]:
        del table["copy_s"], table["digest"]
    assert "Yes" in page(told)
    assert "Yes" in markdown(told)


@pytest.mark.parametrize("example", ALL)
def test_markdown_begins_with_the_answer(example):
    """Then what to do next."""
    report = example()
    text = markdown(report)
    assert answer(report).headline in text.splitlines()[0].replace("\\", "")
    assert text.index("What to do next") < text.index("### Gates")


def test_markdown_tables_hold_whatever_stands_in_them():
    """As many cells in each row as in its head."""
    heads = rows = 0
    for line in markdown(hostile()).splitlines():
        if line.startswith("| --- |"):
            heads = line.count("|")
        elif line.startswith("| ") and heads:
            assert len(re.findall(r"(?<!\\)\|", line)) == heads, line
            rows += 1
        elif not line:
            heads = 0
    assert rows > 20


def test_markdown_stays_within_what_github_takes():
    """Cut at a line, with a note; the answer is there."""
    report = report_examples.red()
    report["tables"] *= 20_000
    text = markdown(report)
    assert len(text.encode()) <= LARGEST_BYTES
    assert "Cut here" in text[-200:]
    assert "No. Do not deploy." in text[:100]
    assert markdown(report, largest_bytes=10) == ""


@given(st.text())
def test_plain_text_stays_one_line_without_markup(text):
    """Nothing in it is HTML, a cell's end or a name that GitHub would call."""
    line = plain(text)
    assert "\n" not in line
    assert not set(line) & set("<>@")
    assert not re.search(r"(?<!\\)(\\\\)*[|`]", line)


def test_names_in_plain_text_can_be_read_as_they_are():
    """An underscore within a word is no markup; one beside it would be."""
    assert (
        plain("6. create_programs, _here_ __all__") == r"6. create_programs, \_here\_ \_\_all\_\_"
    )


@given(st.text())
def test_a_code_span_ends_where_it_should(text):
    """Its fence is longer than any run of backticks within."""
    span = code(text)
    assert "\n" not in span
    longest = max(map(len, re.findall("`+", text)), default=0)
    if span:
        assert re.match("`+", span)[0] == re.search("`+$", span)[0] == "`" * (longest + 1)
    else:
        assert not text.split()


def test_annotations_are_few_and_escaped():
    """At most ten, each on a line of its own."""
    report = report_examples.red()
    report["findings"] *= 9
    found = workflow_commands(report)
    assert len(found) == MOST
    assert found[0].startswith("::error title=predeploy on rehearsal%3A RED::No. Do not deploy.")
    assert "%0Ain deploy.toml:%0A" in found[1]
    assert "more: see report.html" in found[-1]
    for command in workflow_commands(hostile()):
        assert "\n" not in command
        level, title = command.removeprefix("::").split("::")[0].split(" title=", 1)
        assert level in ("error", "warning", "notice")
        assert not set(title) & set(":,")


def test_green_is_one_notice():
    """Nothing else is worth an annotation."""
    (command,) = workflow_commands(report_examples.green())
    assert command.startswith("::notice title=predeploy on production%3A GREEN::Yes.")


@given(st.floats(min_value=1e-9, max_value=1e12))
def test_an_axis_ends_at_a_round_number_that_is_large_enough(value):
    """And not at more than twice the value."""
    assert value * (1 - 1e-6) <= nice(value) <= 2 * value * (1 + 1e-6)


def test_a_line_needs_two_points():
    """Else there is no chart."""
    assert lines([Series("p50", ((1.0, 2.0),))], label="one") is None
    chart = lines([Series("p50", ((0.0, 0.0), (10.0, 5.0)))], label='a <b> "c"')
    assert (chart.top, chart.left, chart.right) == (5.0, 0.0, 10.0)
    assert 'points="0.0,300.0 1000.0,0.0"' in chart.svg
    assert "<b>" not in chart.svg


def test_no_peak_is_thinned_away():
    """The highest of each part stays."""
    points = [(float(n), 1.0) for n in range(10_000)]
    points[4_321] = (4_321.0, 99.0)
    kept = thinned(points)
    assert len(kept) <= 200
    assert (4_321.0, 99.0) in kept


def test_a_bar_is_never_longer_than_its_track():
    """Nor of a length that is no number."""
    assert 'class="fill" width="100.00%"' in bar(7, 5)
    assert 'class="fill" width="0.00%"' in bar(0, 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\N{EN DASH}"),
        (0, "0 s"),
        (0.00002, "<1 ms"),
        (0.0042, "4 ms"),
        (2.25, "2.2 s"),
        (61, "1 min 01 s"),
    ],
)
def test_times_are_short(value, text):
    """As people say them."""
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (1500, "1.5 kB"), (203_000_000, "203.0 MB"), (5e12, "5,000.0 GB")],
)
def test_sizes_are_short(value, text):
    """In units of a thousand."""
    assert size(value) == text
