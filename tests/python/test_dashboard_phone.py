"""The dashboard in a browser as wide as a phone."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

import holdfast
from dashboard_pages import PHONE, SMALL, fits, on_dashboard
from holdfast.artifacts import ArtifactIndex
from holdfast.history import HoldfastRepository, PromptHistory
from holdfast.jobs import JobManager
from holdfast.runs import DualWriter, RunStore, verify

#: The buttons that a finger would miss, at one moment.
LOW_BUTTONS = """
[...document.querySelectorAll("button")]
    .filter((each) => each.checkVisibility() && each.getBoundingClientRect().height < 44)
    .map((each) => each.textContent)
"""

VIEWS = (
    "",
    "artifacts",
    "artifacts?id=1",
    "artifacts?view=log",
    "artifacts?view=problems",
    "jobs",
    "jobs?id=1",
    "history",
    "history?id=1",
    "runs",
    "runs?view=list",
    "runs?view=mismatches",
    "runs?view=migration",
    "runs?id=1",
)
WIDE = "w" * 200
READY = ".charts .chart, .row, a.cell, article.output"


@pytest.mark.parametrize("screen", [PHONE, SMALL], ids=["phone", "small"])
def test_nothing_is_wider_than_a_phone(
    db: holdfast.Database, jobs: JobManager, tmp_path: Path, screen: dict[str, int]
) -> None:
    jobs.handler("a.handler.with.a.very.long.name.indeed")(lambda ctx, payload: payload)
    long = jobs.submit("a.handler.with.a.very.long.name.indeed", {"word": "x" * 300})
    jobs.wait(long.id)
    root = tmp_path / "docs"
    root.mkdir()
    wide = "|".join(f"column {n}" for n in range(30))
    rule = "|".join("-" * 30)
    (root / "wide.md").write_text(
        f"# {'W' * 200}\n\n{wide}\n{rule}\n\n`{'c' * 300}`\n\n{'w' * 400}"
    )
    history = HoldfastRepository(db)
    history.save(
        PromptHistory(
            original_idea=WIDE, improved_prompt=WIDE, backend="few-shot", model=WIDE, provider=WIDE,
            role=WIDE, guardrails=[WIDE], conversation_id=WIDE, confidence=0.5, latency_ms=1,
        )
    )  # fmt: skip
    DualWriter(db).store_artifact(WIDE, WIDE, WIDE, f'{{"{WIDE}": ["{WIDE}"]}}', None, WIDE)
    DualWriter(db).store_synthesis(WIDE, WIDE, f"`{WIDE}`\n\n|{wide}|\n|{rule}|", run_id=WIDE)
    db.execute("update agent_outputs set content = content || 'x'")
    verify(db)
    with ArtifactIndex(db, root) as index:
        index.sync()
        stores = {"index": index, "jobs": jobs, "history": history, "runs": RunStore(db)}
        touch = {"viewport": screen, "has_touch": True, "is_mobile": True}
        with on_dashboard(db, screen=touch, **stores) as page:
            base = page.url.split("#")[0]
            for view in VIEWS:
                page.goto(f"{base}#/{view}")
                page.locator(f"{READY}, .log, .empty, .document, .mismatch, .steps").filter(
                    visible=True
                ).first.wait_for()
                assert fits(page), view
            for view in ("", "artifacts", "jobs", "history", "runs", "runs?id=1"):
                page.goto(f"{base}#/{view}")
                page.locator(READY).filter(visible=True).first.wait_for()
                low = page.evaluate(LOW_BUTTONS)
                assert not low, (view, low)
            # There the reader is a page of its own, and Back leads out of it.
            page.goto(f"{base}#/artifacts")
            page.locator("a.row").first.click()
            expect(page.locator(".prose")).to_be_visible()
            expect(page.locator("a.row").first).to_be_hidden()
            page.get_by_role("button", name="Back").click()
            expect(page.locator("a.row").first).to_be_visible()
