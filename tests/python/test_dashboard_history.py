"""The history of prompts in a browser: find, filter, read, delete."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

import holdfast
import prompt_records
from dashboard_pages import go, on_dashboard
from holdfast.history import History, HoldfastRepository, PromptHistory

NOW = datetime.now(UTC)


def filled(db: holdfast.Database, *records: dict[str, Any]) -> HoldfastRepository:
    """A history of records, the first of them the oldest, each a minute younger than the last."""
    history = HoldfastRepository(db)
    for number, fields in enumerate(records):
        usual: dict[str, Any] = {
            "original_idea": f"idea {number}",
            "improved_prompt": f"Prompt {number}",
            "backend": "zero-shot",
            "model": "llama3",
            "provider": "ollama",
            "timestamp": NOW - timedelta(minutes=len(records) - number),
        }
        history.save(PromptHistory(**{**usual, **fields}))
    return history


def row(page: Page, text: str) -> Locator:
    return page.locator("a.row").filter(has_text=text)


def test_prompts_are_found_filtered_and_counted(db: holdfast.Database) -> None:
    history = filled(
        db,
        {"provider": "openai", "model": "gpt", "confidence": 0.5, "latency_ms": 1200},
        {"original_idea": "a poem", "improved_prompt": "Write a sonnet of the sea"},
        {"backend": "few-shot", "role": "a sailor of the sea", "confidence": 0.9},
    )
    with on_dashboard(db, history=history) as page:
        go(page, "History")
        expect(page.locator(".summary")).to_have_text("3 prompts")
        expect(page.locator(".row-title")).to_have_text(["idea 2", "a poem", "idea 0"])
        expect(row(page, "idea 0")).to_contain_text("openai / gpt")
        expect(row(page, "idea 0")).to_contain_text("50 % confident")
        expect(page.locator(".strip")).to_contain_text(re.compile("Confidence70 %"))
        expect(page.locator(".strip")).to_contain_text(re.compile("Latency1.2 s"))
        search = page.get_by_role("searchbox", name="Search ideas and prompts")
        search.fill('"the sea"')
        expect(page.locator("mark")).to_have_text(["the sea", "the sea"])
        expect(row(page, "idea 2")).to_contain_text("rolea sailor of the sea")
        few = page.get_by_role("checkbox", name="few-shot")
        few.check()
        expect(page.locator(".row-title")).to_have_text(["idea 2"])
        # The counts beside it are those that the others would have.
        expect(page.get_by_role("checkbox", name=re.compile(r"^zero-shot\s*1$"))).to_be_visible()
        page.get_by_role("checkbox", name="zero-shot").check()
        expect(page.locator(".row-title")).to_have_text(["a poem"])
        expect(few).not_to_be_checked()
        page.reload()
        expect(page.locator(".row-title")).to_have_text(["a poem"])
        expect(search).to_have_value('"the sea"')
        page.get_by_role("button", name="Remove the filter backend zero-shot").click()
        expect(page.locator(".row-title")).to_have_count(2)
        search.fill("nobody")
        expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
        page.get_by_role("link", name="Clear the filters").click()
        expect(page.locator(".row-title")).to_have_count(3)


def test_a_day_is_chosen_from_the_chart(db: holdfast.Database) -> None:
    noon = datetime.now().astimezone().replace(hour=12, minute=0)
    history = filled(
        db, {"timestamp": noon - timedelta(days=3)}, {"timestamp": noon - timedelta(days=2)}
    )
    day = noon - timedelta(days=3)
    with on_dashboard(db, "history", history=history) as page:
        expect(page.locator(".days li")).to_have_count(30)
        bar = page.get_by_role("link", name=f"{day.day} {day:%b}: 1 prompt")
        bar.click()
        expect(page.locator(".row-title")).to_have_text(["idea 0"])
        expect(page.get_by_label("From day")).to_have_value(f"{day:%Y-%m-%d}")
        # The chart goes on showing the other days.
        expect(page.locator(".days .fill:visible")).to_have_count(2)
        bar.click()
        expect(page.locator(".row-title")).to_have_count(2)
        page.get_by_label("From day").fill(f"{day + timedelta(days=1):%Y-%m-%d}")
        page.get_by_label("From day").press("Tab")
        expect(page.locator(".row-title")).to_have_text(["idea 1"])


def test_a_prompt_is_read_with_all_that_is_known_of_it(db: holdfast.Database) -> None:
    history = filled(
        db,
        {"conversation_id": "c/7 & 8"},
        {
            "conversation_id": "c/7 & 8", "improved_prompt": "First line\n\nSecond", "context": "C",
            "role": "A role", "directive": "D", "framework": "F", "guardrails": ["one", "two"],
            "reasoning": "Because", "confidence": 0.25, "latency_ms": 12.5, "input_tokens": 1000,
            "output_tokens": 20,
        },
        {},
    )  # fmt: skip
    with on_dashboard(db, "history", history=history, refused=(404,)) as page:
        row(page, "idea 1").click()
        panel = page.get_by_role("complementary", name="Prompt")
        expect(panel).to_be_focused()
        expect(panel.get_by_role("heading", level=1)).to_have_text("Prompt 2")
        expect(panel.locator(".improved")).to_have_text("First line\n\nSecond")
        expect(panel.locator(".facts")).to_contain_text("1\u202f000 in, 20 out")
        expect(panel.locator(".parts dd")).to_have_text(
            ["A role", "C", "D", "F", "onetwo", "Because"]
        )
        panel.get_by_role("link", name="c/7 & 8").click()
        expect(page.locator(".row-title")).to_have_text(["idea 1", "idea 0"])
        page.goto(page.url.split("#")[0] + "#/history?id=77")
        expect(page.get_by_role("heading", name="There is no prompt 77")).to_be_visible()


def test_a_prompt_is_deleted_once_that_is_confirmed(db: holdfast.Database) -> None:
    history = filled(db, {}, {}, {})
    with on_dashboard(db, "history", history=history) as page:
        row(page, "idea 1").click()
        delete = page.get_by_role("button", name="Delete this prompt")
        delete.click()
        page.get_by_role("button", name="Keep it").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        assert history.find_by_id(2) is not None
        delete.click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.locator(".row-title")).to_have_text(["idea 2", "idea 0"])
        expect(page.get_by_role("complementary", name="Prompt")).to_be_hidden()
        expect(page.locator("#said")).to_have_text("Prompt 2 is deleted")
        expect(row(page, "idea 0")).to_be_focused()
        assert history.find_by_id(2) is None
    with on_dashboard(db, "history?id=1", history=history, read_only=True) as page:
        expect(page.get_by_role("heading", name="Prompt 1")).to_be_visible()
        expect(page.get_by_role("button", name="Delete")).to_have_count(0)


def test_what_is_wrong_with_a_history_is_told_while_it_is(
    db: holdfast.Database, tmp_path: Path
) -> None:
    (tmp_path / "history.db").write_bytes(b"no database" * 1000)
    with (
        History(tmp_path / "history.db") as history,
        on_dashboard(db, "history", history=history, refused=(503,)) as page,
    ):
        for record in prompt_records.records(3):
            history.save(record)
        notice = page.locator(".history-health")
        expect(notice).to_contain_text("Not all records are written.", timeout=20_000)
        expect(page.get_by_role("alert")).to_contain_text("The history cannot be used now")
        assert str(tmp_path) not in page.content()
        (tmp_path / "history.db").unlink()


def test_pages_of_the_history(db: holdfast.Database) -> None:
    history = HoldfastRepository(db)
    history.save_many(prompt_records.records(120))
    with on_dashboard(db, "history", history=history, refused=(422,)) as page:
        expect(page.locator(".range")).to_have_text(re.compile("^1.50 of 120$"))
        page.get_by_role("link", name="Next").click()
        expect(page.locator(".range")).to_have_text(re.compile("^51.100 of 120$"))
        page.get_by_role("link", name="Next").click()
        expect(page.locator("a.row")).to_have_count(20)
        page.get_by_role("link", name="Previous").click()
        expect(page.locator(".range")).to_have_text(re.compile("^51.100 of 120$"))
        page.goto(f"{page.url.split('#')[0]}#/history?cursor=nonsense")
        expect(page.locator(".range")).to_have_text(re.compile("^1.50 of 120$"))
