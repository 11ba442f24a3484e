"""The dashboard in a real browser, which must ask nobody else for anything and find no error."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Dialog, Page, Request, expect, sync_playwright

import holdfast
from web_apps import dashboard

#: Milliseconds that a test waits for something to show.
PATIENCE = 20_000
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
SMALL = {"width": 320, "height": 640}


def chromium() -> str:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        say = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        say("there is no chromium: `make browser` installs it")
    return str(path)


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        try:
            yield launched
        finally:
            launched.close()


class Seen:
    """What a page asked for and complained of."""

    def __init__(self, page: Page) -> None:
        self.hosts: set[str | None] = set()
        self.errors: list[str] = []
        #: The console tells of each answer that is no success; a test says which it expects.
        self.refused: list[int] = []
        page.on("request", self._asked)
        page.on("dialog", self._dialog)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "response", lambda answer: answer.status >= 400 and self.refused.append(answer.status)
        )
        page.on(
            "console",
            lambda message: (
                message.type in ("error", "warning")
                and "Failed to load resource" not in message.text
                and self.errors.append(message.text)
            ),
        )

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).scheme != "data":
            self.hosts.add(urlsplit(request.url).hostname)

    def _dialog(self, dialog: Dialog) -> None:
        self.errors.append(f"a dialog: {dialog.message}")
        dialog.dismiss()


@contextmanager
def opened(
    browser: Browser, address: str, *, refused: tuple[int, ...] = (), **settings: object
) -> Iterator[Page]:
    """A page of the dashboard, live; nothing may go wrong on it but what is `refused`."""
    context = browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **settings})
    try:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        seen = Seen(page)
        page.goto(address)
        live(page)
        yield page
        assert seen.hosts == {urlsplit(address).hostname}, seen.hosts
        assert seen.errors == [], seen.errors
        assert set(seen.refused) <= set(refused), seen.refused
    finally:
        context.close()


@contextmanager
def on_dashboard(
    db: holdfast.Database,
    hash_: str = "",
    *,
    refused: tuple[int, ...] = (),
    screen: dict[str, Any] | None = None,
    **settings: Any,
) -> Iterator[Page]:
    """The dashboard of a database, served and opened; `hash_` is the address after the `#`."""
    with (
        dashboard(db, **settings) as web,
        browser() as chrome,
        opened(chrome, f"{web.base_url}#/{hash_}", refused=refused, **(screen or {})) as page,
    ):
        yield page


def live(page: Page) -> None:
    expect(page.locator("#live")).to_have_text("live", timeout=PATIENCE)


def go(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def fits(page: Page) -> bool:
    """Whether nothing is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
