"""The jobs in a browser: watch, filter, cancel, retry, look into."""

import threading
from typing import Any

from playwright.sync_api import Page, expect

import holdfast
from dashboard_pages import PATIENCE, on_dashboard
from handlers import WAIT, until_stopped
from holdfast.jobs import JobContext, JobManager


def row(page: Page, number: int) -> Any:
    return page.locator("li.job").filter(has_text=f"#{number}")


def test_a_running_job_is_watched_and_cancelled(db: holdfast.Database, jobs: JobManager) -> None:
    go_on = threading.Semaphore(0)

    def works(ctx: JobContext, payload: dict[str, Any]) -> None:
        for percent in (20, 60):
            ctx.report(percent, "reading", f"<b>page</b> {percent} of 100")
            while not go_on.acquire(timeout=0.01):
                ctx.check()
        until_stopped(threading.Event())(ctx, payload)

    jobs.handler("scan")(works)
    with on_dashboard(db, "jobs", jobs=jobs) as page:
        expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()
        first = jobs.submit("scan", {"folder": "reef"}, owner="ada")
        expect(row(page, first.id)).to_contain_text("running")
        expect(row(page, first.id)).to_contain_text("20 % · reading · <b>page</b> 20 of 100")
        bar = row(page, first.id).get_by_role("progressbar")
        expect(bar).to_have_attribute("aria-valuenow", "20")
        go_on.release()
        expect(bar).to_have_attribute("aria-valuenow", "60")

        row(page, first.id).get_by_role("link").click()
        panel = page.get_by_role("complementary", name="Job")
        expect(panel.get_by_role("heading", level=1)).to_have_text("scan")
        expect(panel).to_contain_text('"folder": "reef"')
        expect(panel.locator(".events li")).to_contain_text(["queued", "started"])
        go_on.release()

        # It is asked first, and no is no.
        panel.get_by_role("button", name="Cancel").click()
        ask = page.get_by_role("dialog")
        expect(ask.get_by_role("button", name="Keep it")).to_be_focused()
        page.keyboard.press("Escape")
        expect(ask).to_have_count(0)
        expect(panel.get_by_role("button", name="Cancel")).to_be_focused()
        assert jobs.get(first.id).state == "running"
        panel.get_by_role("button", name="Cancel").click()
        ask.get_by_role("button", name="Cancel the job").click()
        expect(row(page, first.id)).to_contain_text("cancelled")
        expect(panel.locator(".events li").last).to_contain_text("cancelled")
        expect(panel.get_by_role("button", name="Retry")).to_be_visible()
        page.keyboard.press("Escape")
        expect(panel).to_be_hidden()
        expect(row(page, first.id).get_by_role("link")).to_be_focused()


def test_a_failed_job_is_tried_again(db: holdfast.Database, jobs: JobManager) -> None:
    outcomes = iter(["quota <i>exceeded</i>", None])

    def upload(ctx: JobContext, payload: object) -> dict[str, int]:
        if (fault := next(outcomes)) is not None:
            raise ValueError(fault)
        return {"parts": 3}

    jobs.handler("upload")(upload)
    failed = jobs.wait(jobs.submit("upload").id, WAIT)
    with on_dashboard(db, f"jobs?id={failed.id}", jobs=jobs) as page:
        panel = page.get_by_role("complementary", name="Job")
        expect(panel.get_by_role("region", name="Error")).to_contain_text("quota <i>exceeded</i>")
        row(page, failed.id).get_by_role("button", name="Retry job").click()
        expect(panel.get_by_role("region", name="Result")).to_contain_text('"parts": 3')
        expect(row(page, failed.id)).to_contain_text("succeeded")
        expect(row(page, failed.id).get_by_role("button")).to_be_hidden()
        expect(panel.locator(".events li")).to_have_count(6)


def test_a_queued_job_is_cancelled_at_once(db: holdfast.Database, jobs: JobManager) -> None:
    started = threading.Event()
    jobs.handler("long")(until_stopped(started))
    running = [jobs.submit("long") for _ in range(8)]
    assert started.wait(WAIT)
    queued = [job for job in running if jobs.get(job.id).state == "queued"]
    assert queued
    with on_dashboard(db, "jobs", jobs=jobs) as page:
        button = row(page, queued[-1].id).get_by_role("button", name="Cancel job")
        button.click()
        expect(row(page, queued[-1].id)).to_contain_text("cancelled")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_jobs_are_filtered_and_paged(db: holdfast.Database, jobs: JobManager) -> None:
    jobs.handler("count")(lambda ctx, payload: payload)
    jobs.handler("fail")(lambda ctx, payload: 1 / 0)
    for number in range(70):
        last = jobs.submit("fail" if number % 10 == 0 else "count", number)
    jobs.wait(last.id, WAIT)
    with on_dashboard(db, "jobs", jobs=jobs) as page:
        shown = page.locator("li.job")
        expect(shown).to_have_count(50)
        page.get_by_role("link", name="Older").click()
        expect(shown).to_have_count(20)
        # A new one belongs onto the first page, not here.
        new = jobs.submit("count")
        expect(page.locator(".summary")).to_contain_text("71 jobs")
        expect(shown).to_have_count(20)
        page.get_by_role("link", name="Newest").click()
        expect(row(page, new.id)).to_be_visible()

        failed = page.get_by_role("button", name="failed")
        expect(failed).to_have_text("failed7")
        failed.click()
        expect(shown).to_have_count(7)
        expect(failed).to_have_attribute("aria-pressed", "true")
        kind = page.get_by_role("combobox", name="Kind")
        kind.fill("count")
        kind.press("Enter")
        expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
        page.reload()
        expect(kind).to_have_value("count")
        page.get_by_role("link", name="Clear the filters").click()
        expect(shown).to_have_count(50)
        page.go_back()
        page.go_back()
        expect(shown).to_have_count(7)


def test_snapshots_of_a_job_are_shown(db: holdfast.Database, jobs: JobManager) -> None:
    def build(ctx: JobContext, payload: object) -> None:
        (ctx.workspace / "a.txt").write_text("x" * 5000)
        ctx.publish("catalogue")

    jobs.handler("build")(build)
    done = jobs.wait(jobs.submit("build").id, WAIT)
    with on_dashboard(db, f"jobs?id={done.id}", jobs=jobs) as page:
        panel = page.get_by_role("complementary", name="Job")
        expect(panel).to_contain_text("catalogue", timeout=PATIENCE)
        expect(panel).to_contain_text("1 file, 5 kB")


def test_a_job_that_is_gone_is_told(db: holdfast.Database, jobs: JobManager) -> None:
    with on_dashboard(db, "jobs?id=77", jobs=jobs, refused=(404,)) as page:
        expect(page.get_by_role("heading", name="There is no job 77")).to_be_visible()
