"""The history in a browser: prompts that are hostile, answers that are late, the keyboard alone."""

import re
from pathlib import Path

from playwright.sync_api import Route, expect

import holdfast
import prompt_records
from dashboard_pages import PHONE, on_dashboard
from holdfast.history import HoldfastRepository, PromptHistory
from test_dashboard_hostile import EVIL, FLAG, WORD, unharmed
from test_dashboard_keys import focused, tab_to


def test_hostile_prompts_do_nothing(db: holdfast.Database) -> None:
    history = HoldfastRepository(db)
    for evil in EVIL:
        history.save(
            PromptHistory(
                original_idea=f"{WORD} {evil}", improved_prompt=evil, backend="few-shot",
                model=evil, provider=evil, context=evil, role=evil, directive=evil, framework=evil,
                guardrails=[evil, evil], reasoning=evil, conversation_id=evil,
            )
        )  # fmt: skip
    with on_dashboard(db, f"history?q={WORD}", history=history, refused=(422,)) as page:
        base = page.url.split("#")[0]
        expect(page.locator("mark")).to_have_count(len(EVIL))
        unharmed(page)
        for number in range(1, len(EVIL) + 1):
            page.goto(f"{base}#/history?id={number}")
            expect(page.get_by_role("heading", name=f"Prompt {number}", exact=True)).to_be_visible()
            unharmed(page)
        page.locator(".facts a").click()
        expect(page.locator("a.row")).to_have_count(1)
        unharmed(page)
        for name in ("q", "provider", "backend", "model", "conversation", "from", "cursor", "id"):
            page.goto(f"{base}#/history?{name}=%3Cimg%20src%3Dx%20onerror%3D{FLAG}%3E")
            expect(page.locator(".row, .empty").first).to_be_visible()
            unharmed(page)


def test_a_prompt_that_comes_late_opens_nothing(db: holdfast.Database) -> None:
    history = HoldfastRepository(db)
    history.save_many(prompt_records.records(3))
    held: list[Route] = []
    with on_dashboard(db, "history", history=history, screen={"viewport": PHONE}) as page:
        page.route(re.compile(r"/history/\d+$"), lambda route: held.append(route))
        with page.expect_request(re.compile(r"/history/\d+$")):
            page.locator("a.row").first.click()
        page.go_back()
        expect(page.locator("a.row").first).to_be_visible()
        with page.expect_response(re.compile(r"/history/\d+$")) as answer:
            held[0].continue_()
        answer.value.finished()
        page.evaluate("new Promise((done) => setTimeout(done))")
        expect(page.locator("aside.panel")).to_be_hidden()
        expect(page.locator("a.row").first).to_be_visible()


def test_the_history_by_the_keyboard(db: holdfast.Database) -> None:
    history = HoldfastRepository(db)
    history.save_many(prompt_records.records(60))
    newest = history.find_recent(2).items
    with on_dashboard(db, "history", history=history) as page:
        page.locator("a.row").first.wait_for()
        page.keyboard.press("/")
        assert focused(page) == "Search ideas and prompts"
        page.keyboard.press("ArrowDown")
        assert focused(page).startswith(newest[0].original_idea)
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        panel = page.get_by_role("complementary", name="Prompt")
        expect(panel.get_by_role("heading", level=1)).to_have_text(f"Prompt {newest[1].id}")
        expect(panel).to_be_focused()
        tab_to(page, "Copy the improved prompt")
        tab_to(page, "Delete this prompt")
        page.keyboard.press("Enter")
        assert focused(page) == "Keep it"
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(panel).to_be_visible()
        page.keyboard.press("Escape")
        expect(panel).to_be_hidden()
        assert focused(page).startswith(newest[1].original_idea)
        # The days are one stop of the tab key, and so is the list.
        page.reload()
        page.locator(".days a").first.wait_for()
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.matches('.days a')"):
                break
        first = focused(page)
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.matches('.days a')") and focused(page) != first
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.matches('.facets input')")


def test_every_control_has_a_name(db: holdfast.Database, tmp_path: Path) -> None:
    history = HoldfastRepository(db)
    history.save_many(prompt_records.records(3))
    with on_dashboard(db, "history?id=1", history=history) as page:
        expect(page.get_by_role("heading", name="Prompt 1")).to_be_visible()
        for control in page.locator("button, input, select, .days a").all():
            named = "each => each.ariaLabel || each.innerText || each.labels?.[0]?.innerText"
            assert control.evaluate(named), control.evaluate("each => each.outerHTML")
        assert page.title() == "History · app.db"
