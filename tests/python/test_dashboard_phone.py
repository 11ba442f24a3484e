"""The dashboard in a browser as wide as a phone."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

import holdfast
from dashboard_pages import PHONE, SMALL, fits, on_dashboard
from holdfast.artifacts import ArtifactIndex
from holdfast.jobs import JobManager

VIEWS = (
    "",
    "artifacts",
    "artifacts?id=1",
    "artifacts?view=log",
    "artifacts?view=problems",
    "jobs",
    "jobs?id=1",
)


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
    with ArtifactIndex(db, root) as index:
        index.sync()
        touch = {"viewport": screen, "has_touch": True, "is_mobile": True}
        with on_dashboard(db, index=index, jobs=jobs, screen=touch) as page:
            base = page.url.split("#")[0]
            for view in VIEWS:
                page.goto(f"{base}#/{view}")
                page.locator(".chart, .row, .log, .empty, .document").filter(
                    visible=True
                ).first.wait_for()
                assert fits(page), view
            for view in ("", "artifacts", "jobs"):
                page.goto(f"{base}#/{view}")
                page.locator(".chart, .row").first.wait_for()
                for button in page.locator("button:visible").all():
                    box = button.bounding_box()
                    assert box is not None and box["height"] >= 44, button.text_content()
            # There the reader is a page of its own, and Back leads out of it.
            page.goto(f"{base}#/artifacts")
            page.locator("a.row").first.click()
            expect(page.locator(".prose")).to_be_visible()
            expect(page.locator("a.row").first).to_be_hidden()
            page.get_by_role("button", name="Back").click()
            expect(page.locator("a.row").first).to_be_visible()
