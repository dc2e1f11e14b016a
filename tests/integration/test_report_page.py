"""The page in a real Chromium: nothing from elsewhere, readable by everybody, on every screen."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import report_examples

from pytest_deploy.report.page import PAGE, page

CHROMIUM = shutil.which("chromium")
MISSING = "Chromium is not there: apt-get install chromium"
SCREENSHOTS = Path(__file__).parents[2] / ".deploy" / "screenshots"
EXAMPLES = {
    "green": report_examples.green,
    "red": report_examples.red,
    "early": report_examples.early,
}
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
)
TIMEOUT_MS = 60_000
SCHEMA = """
CREATE TABLE padres (id INTEGER PRIMARY KEY, nombre TEXT NOT NULL);
CREATE TABLE hijos (id INTEGER PRIMARY KEY, padre_id INTEGER REFERENCES padres (id));
INSERT INTO padres VALUES (1, 'uno'), (2, 'dos');
INSERT INTO hijos VALUES (1, 1), (2, 99);
"""


@pytest.fixture(scope="module")
def chromium():
    """A browser; where CI runs it has to be there."""
    if CHROMIUM is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(MISSING)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*ARGUMENTS], timeout=TIMEOUT_MS
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The examples, and what two real rehearsals wrote: one red, one green."""
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for name, example in EXAMPLES.items():
        found[name] = folder / f"{name}.html"
        found[name].write_text(page(example()), encoding="utf-8")
    connection = sqlite3.connect(folder / "source.db")
    connection.executescript(SCHEMA)
    connection.close()
    for name, options in {"real-red": (), "real-green": ("--accept-remedies",)}.items():
        found[name] = rehearsed(folder, name, options)
    return found


def rehearsed(folder, name, options):
    evidence = folder / name
    command = ("--pyargs", "pytest_deploy.suites", "-m", "predeploy", "-p", "no:cacheprovider")
    chosen = (f"--source={folder / 'source.db'}", "--postgres=embedded", f"--evidence={evidence}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *command, *chosen, *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (evidence / "latest" / PAGE).exists(), done.stdout + done.stderr
    return evidence / "latest" / PAGE


@pytest.fixture
def listener():
    """A server that notes who asks it for something."""
    asked = []

    class Noting(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Noting) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


class Seen:
    """
    A page as a browser sees it, with everything that the browser said and asked for.

    Args:
        chromium: The browser.
        path: The file.
        options: Of the browser's context.
    """

    def __init__(self, chromium, path, **options):
        self.context = chromium.new_context(**({"viewport": DESK} | options))
        self.context.set_default_timeout(TIMEOUT_MS)
        self.page = self.context.new_page()
        self.said, self.asked = [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.address = path.as_uri()
        self.page.goto(self.address)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()

    def keep(self, name, **options):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", **options)


ALL = [*EXAMPLES, "real-red", "real-green"]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_error_and_no_request(chromium, pages, name, scheme):
    """The console is silent, the file itself is all that is asked for; a picture is kept."""
    with Seen(chromium, pages[name], color_scheme=scheme) as seen:
        seen.page.mouse.wheel(0, 100_000)
        seen.keep(f"{name}-{scheme}", full_page=True)
        assert seen.said == []
        assert seen.asked == [seen.address]


def test_the_policy_forbids_what_somebody_might_add(chromium, listener, tmp_path):
    """A script, a picture from elsewhere: neither is run or fetched."""
    address, asked = listener
    added = f"<script>document.title = 'run'</script><img src='{address}/x.png'></body>"
    path = tmp_path / "page.html"
    path.write_text(page(EXAMPLES["green"]()).replace("</body>", added), encoding="utf-8")
    with Seen(chromium, path) as seen:
        assert seen.page.title().startswith("GREEN")
        assert len(seen.said) == 2, "the browser says what it refused"
        assert asked == []


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("scheme", "viewport"), [("light", DESK), ("dark", PHONE)], ids=["desk-light", "phone-dark"]
)
def test_everybody_can_read_it(chromium, pages, name, scheme, viewport):
    """axe-core finds nothing: contrast, headings, landmarks, names, tables; all parts opened."""
    from axe_playwright_python.sync_playwright import Axe

    with Seen(chromium, pages[name], color_scheme=scheme, viewport=viewport) as seen:
        seen.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        found = Axe().run(seen.page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("width", [320, 390, 1920])
def test_nothing_is_cut_off_on_any_screen(chromium, pages, name, width):
    """The page never scrolls sideways; wide tables do so within themselves."""
    with Seen(chromium, pages[name], viewport={"width": width, "height": 800}) as seen:
        seen.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert seen.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        if width == PHONE["width"]:
            seen.keep(f"{name}-phone", full_page=True)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_the_answer_stands_on_the_first_screen(chromium, pages, name, viewport):
    """May we deploy, why, what to do next: without scrolling."""
    with Seen(chromium, pages[name], viewport=viewport) as seen:
        for what in ("h1", ".reasons li", ".actions li"):
            box = seen.page.locator(what).first.bounding_box()
            assert box["y"] + box["height"] <= viewport["height"], what


def test_it_works_without_javascript(chromium, pages):
    """All there is to open opens, and links lead to their parts."""
    with Seen(chromium, pages["red"], java_script_enabled=False) as seen:
        assert seen.page.locator("h1").inner_text() == "No. Do not deploy."
        green = seen.page.locator("details.gate.green").first
        assert not green.locator(".inside").is_visible()
        green.locator("summary").click()
        assert green.locator(".inside").is_visible()
        seen.page.locator(".reasons a").first.click()
        assert "#gate-" in seen.page.url


def test_it_can_be_used_with_a_keyboard(chromium, pages):
    """The first stop leads past the head; a gate opens by Enter."""
    with Seen(chromium, pages["green"]) as seen:
        seen.page.keyboard.press("Tab")
        assert seen.page.locator(".skip").evaluate("e => e === document.activeElement")
        summary = seen.page.locator("details.gate summary").first
        summary.focus()
        seen.page.keyboard.press("Enter")
        assert seen.page.locator("details.gate").first.get_attribute("open") is not None


@pytest.mark.parametrize("name", ["green", "red"])
def test_it_can_be_printed(chromium, pages, name):
    """Checks and what is red opened, black on white also where the screen is dark."""
    with Seen(chromium, pages[name], color_scheme="dark") as seen:
        seen.page.emulate_media(media="print")
        body = seen.page.locator("body")
        assert body.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(255, 255, 255)"
        assert not seen.page.locator("nav").is_visible()
        for gate in seen.page.locator("details.gate:has(.checks), details.gate.red").all():
            assert gate.locator(".inside").is_visible()
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        seen.page.pdf(path=SCREENSHOTS / f"{name}.pdf", format="A4")
        assert (SCREENSHOTS / f"{name}.pdf").read_bytes().startswith(b"%PDF")
