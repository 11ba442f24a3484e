"""The example page of documents in a real browser.

With HOLDFAST_SCREENSHOTS=1 the picture of the documentation is taken anew.
"""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from dashboard_pages import chromium
from streamlit_pages import DEADLINE, DOCUMENTS

PICTURE = DOCUMENTS.parents[1] / "docs" / "streamlit" / "documents.png"
SETTINGS = {
    "server.headless": "true",
    "server.address": "127.0.0.1",
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
}
WORDS = {
    "who": ["The kelp", "A gull", "The harbour", "An old rope", "The lantern", "A small boat"],
    "does": ["waits for", "outlasts", "remembers", "leans into", "listens to", "lets go of"],
    "what": ["the storm", "the tide", "its holdfast", "a grey swell", "the rock", "the shore"],
    "when": ["at dawn", "in the dark", "all winter", "before the rain", "once more", "in the end"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Documents that take some seconds to index."""
    chance = random.Random(7)
    path = tmp_path / "logbook"
    path.mkdir()
    for number in range(1, 25):
        lines = [" ".join(map(chance.choice, WORDS.values())) for _ in range(30_000)]
        text = "".join(f"<p>{'. '.join(lines[n : n + 3])}.</p>\n" for n in range(0, 30_000, 3))
        (path / f"chapter-{number:02}.html").write_text(text)
    return path


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """The page, served; it must end by itself when it is asked to."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(DOCUMENTS)]
    for name, value in {**SETTINGS, "server.port": str(port)}.items():
        command += [f"--{name}", value]
    environment = {**os.environ, "HOLDFAST_DOCUMENTS": str(tmp_path / "data")}
    log = tmp_path / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            command, env=environment, cwd=tmp_path, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            wait_for(port, server)
            yield f"http://127.0.0.1:{port}"
            server.send_signal(signal.SIGTERM)
            assert server.wait(DEADLINE) == 0
        finally:
            server.kill()
            server.wait()
    assert "Traceback" not in log.read_text()


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE
    while True:
        assert server.poll() is None
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture
def page(address: str) -> Iterator[Page]:
    """The page in a browser, which must ask nobody else for anything and find no error."""
    asked: set[str | None] = set()
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1180, "height": 720}, device_scale_factor=1.5)
        page.set_default_timeout(DEADLINE * 1000)
        page.on("request", lambda request: asked.add(urlsplit(request.url).hostname))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        yield page
        browser.close()
    assert asked <= {"127.0.0.1", None}
    assert errors == []


def ingest(page: Page, button: str, files: Path | list[Path]) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=button, exact=True).click()
    chooser.value.set_files(files)
    # What the page has not got in full when the button is pressed is not sent.
    expect(page.get_by_test_id("stFileChip")).to_have_count(24, timeout=DEADLINE * 1000)
    expect(page.get_by_test_id("stFileChipIconSpinner")).to_have_count(0, timeout=DEADLINE * 1000)
    page.get_by_role("button", name="Ingest").click()


def search(page: Page, words: str, found: str) -> None:
    page.get_by_placeholder("Search the documents").fill(words)
    page.keyboard.press("Enter")
    page.locator("mark", has_text=found).first.wait_for()


def test_documents_are_ingested_watched_searched_and_cancelled(page: Page, folder: Path) -> None:
    page.get_by_text("Nothing to search yet").wait_for()
    ingest(page, "Upload", sorted(folder.iterdir()))
    page.get_by_text("indexing · ").wait_for()
    page.get_by_text("running").wait_for()
    page.get_by_text("succeeded").wait_for()
    page.get_by_text("snapshot: 1").wait_for()
    page.get_by_text("Snapshot 1 of").wait_for()
    search(page, "kelp storm", "kelp")

    page.get_by_role("radio", name="Folder").click()
    ingest(page, "Upload directories", folder)
    page.get_by_text("indexing · ").wait_for()
    # The page goes on meanwhile, and one that is loaded anew finds the job.
    search(page, "holdfast outlasts", "outlasts")
    if os.environ.get("HOLDFAST_SCREENSHOTS"):
        page.screenshot(path=PICTURE)
    sent: list[object] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda data: sent.append(data)))
    page.reload()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("cancelled").wait_for()
    page.get_by_text("Snapshot 1 of").wait_for()
    assert page.get_by_role("button", name="Cancel").count() == 0
    # The panel has asked each second, and asks no more.
    page.wait_for_timeout(500)
    before = len(sent)
    page.wait_for_timeout(2500)
    assert len(sent) == before > 1
