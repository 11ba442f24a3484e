"""The dashboard by the keyboard alone."""

from pathlib import Path

from playwright.sync_api import Page, expect

import holdfast
import team_folder
from dashboard_pages import on_dashboard
from holdfast.artifacts import ArtifactIndex
from holdfast.jobs import JobManager


def focused(page: Page) -> str:
    """What has the focus: its label, or its text."""
    return page.evaluate(
        "(each => (each.ariaLabel ?? (each.innerText || each.labels?.[0]?.innerText) ?? '').trim())"
        "(document.activeElement)"
    )


def tab_to(page: Page, text: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if focused(page).startswith(text):
            # What has the focus shows it.
            assert page.evaluate("document.activeElement.matches(':focus-visible')")
            return
    raise AssertionError(f"{text} is not reached by the tab key")


def test_everything_is_reached_by_the_keyboard(
    db: holdfast.Database, jobs: JobManager, tmp_path: Path
) -> None:
    team_folder.write(tmp_path / "docs", 60)
    with ArtifactIndex(db, tmp_path / "docs") as index:
        index.sync()
        items = index.query(limit=60).items
        with on_dashboard(db, index=index, jobs=jobs) as page:
            page.keyboard.press("Tab")
            assert focused(page) == "Skip to the content"
            page.keyboard.press("Enter")
            assert page.evaluate("document.activeElement.id") == "main"
            tab_to(page, "Give space back")
            page.keyboard.press("Enter")
            expect(page.locator(".result")).to_be_visible()
            # The button keeps the focus that pressed it.
            assert focused(page) == "Give space back"

            page.reload()
            tab_to(page, "Artifacts")
            page.keyboard.press("Enter")
            expect(page.get_by_role("heading", level=1, name="Artifacts")).to_be_visible()
            assert page.evaluate("document.activeElement.id") == "main"
            tab_to(page, "More ways to sync")
            page.keyboard.press("ArrowDown")
            assert focused(page).startswith("Full sync")
            page.keyboard.press("ArrowDown")
            assert focused(page).startswith("Dry run")
            page.keyboard.press("Escape")
            expect(page.get_by_role("menu")).to_be_hidden()
            assert focused(page) == "More ways to sync"

            page.keyboard.press("/")
            assert focused(page) == "Search titles and texts"
            page.keyboard.type("/ no such word")
            expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
            page.keyboard.press("Escape")
            expect(page.locator(".summary")).to_have_text("60 artifacts")
            page.keyboard.press("ArrowDown")
            assert focused(page).startswith(items[0].title)
            page.keyboard.press("ArrowDown")
            page.keyboard.press("ArrowDown")
            page.keyboard.press("ArrowUp")
            assert focused(page).startswith(items[1].title)
            page.keyboard.press("Enter")
            reader = page.get_by_role("complementary", name="Reader")
            expect(reader.get_by_role("heading", level=1)).to_have_text(items[1].title)
            expect(reader).to_be_focused()
            page.keyboard.press("Escape")
            expect(reader).to_be_hidden()
            assert focused(page).startswith(items[1].title)
            # The list is one stop of the tab key.
            page.keyboard.press("End")
            assert focused(page).startswith(items[49].title)
            page.keyboard.press("Tab")
            assert focused(page) == "Next"

            page.reload()
            tab_to(page, "plan")
            page.keyboard.press("Space")
            expect(page.get_by_role("button", name="Remove the filter")).to_have_count(1)
            assert page.evaluate("document.activeElement.value") == "plan"


def test_what_happens_is_told_to_those_who_listen(
    db: holdfast.Database, jobs: JobManager, tmp_path: Path
) -> None:
    team_folder.write(tmp_path / "docs", 3)
    with (
        ArtifactIndex(db, tmp_path / "docs") as index,
        on_dashboard(db, "artifacts", index=index, jobs=jobs) as page,
    ):
        page.get_by_role("button", name="Sync now").click()
        expect(page.locator("#said")).to_contain_text("unchanged, 0 removed, 0 errors")
        assert page.title() == "Artifacts · app.db"
        for image in page.locator("svg").all():
            hidden = image.get_attribute("aria-hidden") == "true"
            assert hidden or image.get_attribute("aria-label")
        for control in page.locator("button, input, select").all():
            named = "each => each.ariaLabel || each.innerText || each.labels?.[0]?.innerText"
            assert control.evaluate(named), control.evaluate("each => each.outerHTML")
