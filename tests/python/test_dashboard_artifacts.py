"""The artifacts in a browser: sync, find, filter, turn pages, read."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

import holdfast
import team_folder
from dashboard_pages import on_dashboard
from holdfast.artifacts import ArtifactIndex, SyncResult
from holdfast.jobs import JobManager


class GatedIndex(ArtifactIndex):
    """An index whose sync stops half-way, for as long as the gate is shut."""

    gate = threading.Event()

    def sync(self, *args: Any, progress: Any = None, **settings: Any) -> SyncResult:
        def gated(done: int, total: int) -> None:
            if progress is not None:
                progress(done, total)
                while done and not self.gate.wait(0.02):
                    progress(done, total)

        return super().sync(*args, progress=gated, **settings)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    team_folder.write(tmp_path / "docs", 120)
    return tmp_path / "docs"


@pytest.fixture
def index(db: holdfast.Database, root: Path) -> Iterator[GatedIndex]:
    with GatedIndex(db, root) as made:
        made.gate.set()
        yield made
        made.gate.set()


def rows(page: Page) -> Any:
    return page.locator("a.row")


def found(page: Page, text: str) -> None:
    expect(page.locator(".summary")).to_have_text(text)


def place(page: Page, total: int, first: int, last: int) -> None:
    expect(page.locator(".range")).to_have_text(f"{first}\N{EN DASH}{last} of {total}")


def test_a_sync_is_started_watched_and_ended(
    db: holdfast.Database, jobs: JobManager, index: GatedIndex, root: Path
) -> None:
    index.sync()
    with on_dashboard(db, "artifacts", index=index, jobs=jobs) as page:
        found(page, "120 artifacts")
        index.gate.clear()
        extra = root / "zebra.md"
        extra.write_text("---\ntitle: A zebra\ntype: animal\n---\nStripes.\n")
        page.get_by_role("button", name="Sync now").click()
        bar = page.get_by_role("progressbar", name="Sync")
        expect(bar).to_be_visible()
        expect(page.locator(".running .message")).to_have_text(re.compile(r"^\d+ of \d+ files$"))
        # Whoever comes meanwhile sees it too.
        page.reload()
        expect(bar).to_be_visible()
        index.gate.set()
        expect(page.locator(".sync-status")).to_contain_text("1 new, 0 updated, 120 unchanged")
        expect(bar).to_be_hidden()
        found(page, "121 artifacts")
        expect(rows(page).first).to_contain_text("A zebra")

        extra.write_text("---\ntitle: A zebra\ntype: animal\n---\nMore stripes.\n")
        page.get_by_role("button", name="More ways to sync").click()
        page.get_by_role("menuitem", name="Dry run").click()
        expect(page.locator(".sync-status")).to_contain_text(
            "Dry run, nothing was written: 0 new, 1"
        )
        index.gate.clear()
        page.get_by_role("button", name="More ways to sync").click()
        page.get_by_role("menuitem", name="Full sync").click()
        page.locator(".running").get_by_role("button", name="Cancel").click()
        expect(page.locator(".sync-status")).to_contain_text("The sync was cancelled")

        page.get_by_role("link", name="Sync log").click()
        expect(page.locator("table.log tbody tr").first).to_contain_text("cancelled")
        expect(page.locator("table.log")).to_contain_text("full")


def test_filters_have_counts_and_the_address_keeps_them(
    db: holdfast.Database, jobs: JobManager, index: GatedIndex
) -> None:
    index.sync()
    counts = {each.value: each.count for each in index.stats().facets.type}
    with on_dashboard(db, "artifacts", index=index, jobs=jobs) as page:
        found(page, "120 artifacts")
        plan = page.get_by_role("checkbox", name="plan")
        expect(page.locator("label").filter(has=plan)).to_have_text(f"plan{counts['plan']}")
        plan.check()
        found(page, f"{counts['plan']} artifacts found of 120")
        # The others can be added, so they stay.
        page.get_by_role("checkbox", name="spec").check()
        both = counts["plan"] + counts["spec"]
        found(page, f"{both} artifacts found of 120")
        expect(page.locator(".row-meta .kind", has_text="note")).to_have_count(0)
        page.get_by_placeholder("Find a tag").fill("laten")
        page.get_by_role("checkbox", name="latency").check()
        expect(page.get_by_role("button", name="Remove the filter")).to_have_count(3)
        narrow = index.query(type=["plan", "spec"], tags=["latency"]).total
        found(page, f"{narrow} artifacts found of 120")

        page.reload()
        found(page, f"{narrow} artifacts found")
        expect(page.get_by_role("checkbox", name="latency")).to_be_checked()
        page.go_back()
        found(page, f"{both} artifacts found")
        expect(plan).to_be_checked()
        page.go_back()
        found(page, f"{counts['plan']} artifacts found")
        page.go_forward()
        found(page, f"{both} artifacts found")
        page.get_by_role("button", name="Remove the filter type spec").click()
        found(page, f"{counts['plan']} artifacts found")
        page.get_by_role("link", name="Clear all").click()
        found(page, "120 artifacts")


def test_texts_are_found_and_marked(
    db: holdfast.Database, jobs: JobManager, index: GatedIndex, root: Path
) -> None:
    (root / "one.md").write_text("# Harbour\n\nThe old lighthouse keeper of <Kelp> Bay.\n")
    index.sync()
    with on_dashboard(db, "artifacts", index=index, jobs=jobs) as page:
        search = page.get_by_role("searchbox", name="Search titles and texts")
        search.fill("lighthouse")
        found(page, "1 artifact found of 121")
        expect(page.locator("mark")).to_have_text("lighthouse")
        expect(page.locator(".row-snippet")).to_contain_text("keeper of <Kelp> Bay")
        expect(page.get_by_role("combobox", name="Sort")).to_have_value("relevance")
        search.fill("no such word anywhere")
        expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
        page.get_by_role("link", name="Clear the filters").click()
        found(page, "121 artifacts")
        expect(search).to_have_value("")


def test_pages_are_turned_and_sorted(
    db: holdfast.Database, jobs: JobManager, index: GatedIndex
) -> None:
    index.sync()
    titles = [each.title for each in index.query(sort="title", limit=200).items]
    with on_dashboard(db, "artifacts", index=index, jobs=jobs) as page:
        page.get_by_role("combobox", name="Sort").select_option("title")
        shown = page.locator(".row-title")
        place(page, 120, 1, 50)
        expect(shown).to_have_text(titles[:50])
        page.get_by_role("link", name="Next").click()
        place(page, 120, 51, 100)
        expect(shown).to_have_text(titles[50:100])
        page.get_by_role("link", name="Next").click()
        expect(shown).to_have_text(titles[100:])
        expect(page.get_by_role("link", name="Next")).to_have_count(0)
        page.reload()
        place(page, 120, 101, 120)
        page.get_by_role("link", name="Previous").click()
        expect(shown).to_have_text(titles[50:100])
        page.go_back()
        expect(shown).to_have_text(titles[100:])
