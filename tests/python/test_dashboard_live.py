"""The dashboard in a browser when its server goes, comes back, or starts anew."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from playwright.sync_api import expect

import holdfast
from dashboard_pages import PATIENCE, browser, on_dashboard
from holdfast.jobs import JobManager
from holdfast.web import app
from web_apps import WAIT


@contextmanager
def served_at(port: int, db: holdfast.Database, jobs: JobManager) -> Iterator[None]:
    """Serve a dashboard with a token of its own at a port."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(app(db, jobs=jobs), log_config=None, timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield
        finally:
            server.should_exit = True
            thread.join(WAIT)
            assert not thread.is_alive()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def test_a_server_that_went_is_found_again(db: holdfast.Database, jobs: JobManager) -> None:
    jobs.handler("count")(lambda ctx, payload: payload)
    port = free_port()
    with browser() as chrome:
        page = chrome.new_page()
        page.set_default_timeout(PATIENCE)
        state = page.locator("#live")
        with served_at(port, db, jobs):
            page.goto(f"http://127.0.0.1:{port}/#/jobs")
            expect(state).to_have_text("live", timeout=PATIENCE)
        expect(state).to_have_text("reconnecting")
        missed = jobs.wait(jobs.submit("count").id, WAIT)
        with served_at(port, db, jobs):
            expect(state).to_have_text("live", timeout=PATIENCE)
            # What happened meanwhile is there.
            expect(page.get_by_role("link", name=re.compile(f"#{missed.id}"))).to_be_visible()
            # The token is another one.
            page.get_by_role("link", name="Overview").click()
            page.get_by_role("button", name="Give space back").click()
            banner = page.get_by_role("alert")
            expect(banner).to_contain_text("The server has started anew")
            banner.get_by_role("button", name="Reload").click()
            expect(banner).to_have_count(0)
            page.get_by_role("button", name="Give space back").click()
            expect(page.locator(".result")).to_have_text("There was nothing to give back.")
            page.close()


def test_without_the_stream_the_page_asks(db: holdfast.Database, jobs: JobManager) -> None:
    with on_dashboard(db, jobs=jobs, refused=(503,)) as page:
        page.route("**/api/v1/events", lambda route: route.fulfill(status=503, body="full"))
        page.reload()
        expect(page.locator("#live")).to_have_text("reconnecting")
        writes = page.locator(".facts > div").filter(has=page.get_by_text("Writes", exact=True))
        before = writes.locator("dd").text_content()
        db.insert("note", {"body": "x"})
        expect(writes.locator("dd")).not_to_have_text(str(before), timeout=PATIENCE)
        page.unroute("**/api/v1/events")
        expect(page.locator("#live")).to_have_text("live", timeout=PATIENCE)
