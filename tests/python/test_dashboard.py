"""The dashboard in a browser: the database itself, and what holds for all pages."""

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

import holdfast
import team_folder
from dashboard_pages import browser, go, live, on_dashboard, opened
from holdfast.artifacts import ArtifactIndex
from holdfast.jobs import JobManager, JobReader
from web_apps import below, dashboard, served

LINES = re.compile(r"^M[\d.]+ [\d.]+(L[\d.]+ [\d.]+)+")


def fact(page: Page, section: str, name: str) -> Any:
    """What a section says under a name."""
    place = page.locator(".section").filter(has=page.get_by_role("heading", name=section))
    return place.locator(".facts > div").filter(has=page.get_by_text(name, exact=True))


def index_of(db: holdfast.Database, root: Path, count: int = 3) -> ArtifactIndex:
    team_folder.write(root, count)
    index = ArtifactIndex(db, root)
    index.sync()
    return index


def test_space_is_given_back_and_a_backup_is_made(db: holdfast.Database, tmp_path: Path) -> None:
    db.execute_many("insert into note(body) values (?)", [["x" * 3000]] * 500)
    db.execute("delete from note")
    with on_dashboard(db) as page:
        result = page.locator(".result")
        expect(page.get_by_role("heading", level=1)).to_have_text("app.db")
        expect(page.get_by_text("journal_mode")).to_be_visible()
        expect(fact(page, "File", "Free pages")).not_to_contain_text("0 B")
        page.get_by_role("button", name="Give space back").click()
        expect(result).to_contain_text("Gave back 2 MB in")
        expect(fact(page, "File", "Free pages")).to_contain_text("0 B")
        expect(fact(page, "File", "Last vacuum")).to_contain_text("just now")
        page.get_by_role("button", name="Give space back").click()
        expect(page.locator(".result")).to_have_text("There was nothing to give back.")

        expect(fact(page, "File", "Last backup")).to_contain_text("none yet")
        page.get_by_role("button", name="Back up now").click()
        expect(page.locator(".result")).to_contain_text("verified")
        expect(fact(page, "File", "Last backup")).to_contain_text(".db")
    assert len(list((tmp_path / "backups").glob("app-*.db"))) == 1


def test_numbers_go_on_by_themselves(db: holdfast.Database) -> None:
    with on_dashboard(db) as page:
        writes = fact(page, "Writer lane", "Writes").locator("dd")
        expect(writes).to_have_text("10 transactions, 0 rolled back")
        for number in range(41):
            db.insert("note", {"body": number})
        expect(writes).to_have_text("420 transactions, 0 rolled back")
        reads = fact(page, "Readers", "Reads").locator(".note")
        expect(reads).to_have_text(re.compile(r"^\d(\.\d)?/s a moment ago"))
        for _ in range(2000):
            db.fetch_value("select count(*) from note")
        expect(reads).to_have_text(re.compile(r"^(\d\D)?\d{3}/s a moment ago"))
        chart = page.get_by_role("img", name="Writes: ")
        expect(chart.locator("path.line")).to_have_attribute("d", LINES)
        with db.transaction() as tx:
            tx.execute("insert into note(body) values ('held')")
            expect(fact(page, "Writer lane", "Held by")).to_contain_text("MainThread, for")
            expect(fact(page, "Writer lane", "Held by")).to_contain_text("insert into note")
        expect(fact(page, "Writer lane", "Held by")).to_contain_text("nobody")
        expect(page.locator("table.holds")).to_contain_text("MainThread")


def test_a_problem_shows_as_a_banner_with_another_try(db: holdfast.Database) -> None:
    with on_dashboard(db, refused=(503,)) as page:
        page.route(
            "**/api/v1/database/vacuum",
            lambda route: route.fulfill(
                status=503,
                content_type="application/problem+json",
                json={
                    "title": "Busy",
                    "status": 503,
                    "detail": "the lane is held by <b>import</b>",
                },
            ),
            times=1,
        )
        page.get_by_role("button", name="Give space back").click()
        banner = page.get_by_role("alert")
        expect(banner).to_contain_text("The lane is held by <b>import</b>.")
        banner.get_by_role("button", name="Try again").click()
        expect(page.locator(".result")).to_have_text("There was nothing to give back.")
        expect(banner).to_have_count(0)


def test_pages_tell_what_to_do_where_there_is_nothing(db: holdfast.Database) -> None:
    with on_dashboard(db, refused=(404,)) as page:
        expect(page.get_by_text("There is no index here")).to_be_visible()
        # Nothing leads to the pages of stores that are not here, and those say what to do.
        pages = page.get_by_role("navigation", name="Pages").get_by_role("link")
        expect(pages).to_have_text(["Overview"])
        base = page.url.split("#")[0]
        page.goto(f"{base}#/artifacts")
        expect(page.get_by_text("holdfast serve app.db --root docs")).to_be_visible()
        expect(page.get_by_role("button", name="Sync now")).to_be_hidden()
        page.goto(f"{base}#/jobs")
        expect(page.get_by_text("There are no jobs here")).to_be_visible()
        page.goto(f"{base}#/history")
        expect(page.get_by_text("There is no history here")).to_be_visible()
        page.goto(f"{base}#/nowhere")
        expect(page.get_by_role("heading", level=1)).to_have_text("app.db")


def test_a_page_that_may_not_write_has_nothing_to_write_with(
    db: holdfast.Database, jobs: JobManager, tmp_path: Path
) -> None:
    jobs.handler("fails")(lambda ctx, payload: 1 / 0)
    jobs.wait(jobs.submit("fails").id)
    with (
        index_of(db, tmp_path / "docs") as index,
        on_dashboard(db, index=index, jobs=jobs, read_only=True) as page,
    ):
        expect(page.get_by_text("read-only")).to_be_visible()
        expect(fact(page, "File", "Size")).to_be_visible()
        expect(page.get_by_role("button", name="Colours")).to_be_visible()
        for view, ready in (("", ".chart"), ("artifacts", ".row"), ("jobs?id=1", ".events li")):
            page.goto(page.url.split("#")[0] + f"#/{view}")
            page.locator(ready).first.wait_for()
            for name in ("Give space", "Back up", "Sync now", "More ways", "Cancel", "Retry"):
                expect(page.get_by_role("button", name=name)).to_have_count(0)


def test_what_nobody_here_runs_cannot_be_asked_for(
    db: holdfast.Database, jobs: JobManager, tmp_path: Path
) -> None:
    with (
        index_of(db, tmp_path / "docs") as index,
        on_dashboard(db, "artifacts", index=index, jobs=JobReader(jobs.db)) as page,
    ):
        page.locator("a.row").first.wait_for()
        expect(page.get_by_text("Last sync")).to_be_visible()
        expect(page.get_by_role("button", name="Sync now")).to_be_hidden()
        expect(page.get_by_role("button", name="More ways")).to_be_hidden()


def test_it_works_below_a_prefix_in_an_app_of_somebodys_own(
    db: holdfast.Database, jobs: JobManager, tmp_path: Path
) -> None:
    with index_of(db, tmp_path / "docs") as index:
        made = below("/deep/state", db, index=index, jobs=jobs)
        with (
            served(made) as web,
            browser() as chrome,
            opened(chrome, f"{web.base_url}/deep/state/") as page,
        ):
            expect(fact(page, "File", "Size")).to_be_visible()
            go(page, "Artifacts")
            page.get_by_role("button", name="Sync now").click()
            expect(page.locator(".sync-status")).to_contain_text("0 new, 0 updated, 3 unchanged")
            page.locator("a.row").first.click()
            expect(page.locator(".prose")).to_be_visible()
            page.reload()
            live(page)
            expect(page.locator(".prose")).to_be_visible()


def test_colours_are_the_systems_until_chosen(db: holdfast.Database) -> None:
    def dark(page: Page) -> bool:
        return page.evaluate("getComputedStyle(document.body).color") == "rgb(232, 234, 234)"

    with (
        dashboard(db) as web,
        browser() as chrome,
        opened(chrome, str(web.base_url), color_scheme="dark") as page,
    ):
        assert dark(page)
        button = page.get_by_role("button", name="Colours")
        button.click()
        expect(button).to_have_attribute("aria-label", "Colours: light")
        assert not dark(page)
        page.reload()
        expect(button).to_have_attribute("aria-label", "Colours: light")
        assert not dark(page)
