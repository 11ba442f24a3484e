"""The runs in a browser: specs and stages, outputs side by side, what does not agree."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Locator, Page, Route, expect

import holdfast
import run_records
from dashboard_pages import PATIENCE, PHONE, fits, go, on_dashboard
from holdfast.runs import RunStore
from test_dashboard_keys import focused

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def cell(page: Page, spec: str, stage: str) -> Locator:
    return page.get_by_role("link", name=re.compile(f"^{re.escape(spec)}, {stage}: "))


def added(runs: RunStore, *where: str, **outcome: Any) -> int:
    """Add a run that is a minute younger than the one before."""
    at = NOON + timedelta(minutes=runs.stats().runs)
    return runs.upsert_consensus_run(*where, run_timestamp=at, **outcome)


def test_specs_show_what_each_stage_has_come_to(db: holdfast.Database) -> None:
    runs = RunStore(db)
    for ok, degraded in ((False, False), (True, False)):
        added(runs, "SPEC-1", "plan", consensus_ok=ok, degraded=degraded)
    added(runs, "SPEC-1", "tasks", consensus_ok=True, degraded=True)
    added(runs, "SPEC-2", "plan", consensus_ok=False)
    added(runs, "SPEC-2", "tasks", degraded=True)
    with on_dashboard(db, runs=runs) as page:
        go(page, "Runs")
        expect(page.locator(".summary")).to_have_text("5 runs of 2 specs, 0 outputs of 0 agents")
        expect(page.locator(".matrix-head span")).to_have_text(["Spec", "plan", "tasks"])
        expect(cell(page, "SPEC-1", "plan")).to_contain_text("consensus")
        expect(cell(page, "SPEC-1", "plan")).to_contain_text("2 runs")
        expect(cell(page, "SPEC-1", "tasks")).to_contain_text("degraded")
        expect(cell(page, "SPEC-2", "plan")).to_contain_text("no consensus")
        expect(cell(page, "SPEC-2", "tasks")).to_contain_text("undecided, degraded")
        # Without an old schema there is nothing to say of it.
        tabs = page.get_by_role("navigation", name="Views of the runs").get_by_role("link")
        expect(tabs).to_have_text(["Specs", "All runs"])
        page.get_by_role("searchbox", name="Find a spec").fill("spec-2")
        expect(page.locator(".spec a")).to_have_text(["SPEC-2"])
        page.get_by_role("searchbox", name="Find a spec").fill("nothing")
        expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
        page.get_by_role("link", name="Clear the filters").click()
        expect(page.locator(".spec a")).to_have_text(["SPEC-2", "SPEC-1"])


def test_outputs_are_read_side_by_side(db: holdfast.Database) -> None:
    runs = run_records.fill(db, 2)
    with on_dashboard(db, "runs", runs=runs) as page:
        cell(page, "SPEC-052-night-handover", "plan").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("plan")
        expect(page.locator("article.run")).to_be_focused()
        expect(page.locator(".synthesis .prose table")).to_be_visible()
        outputs = page.locator("article.output")
        expect(outputs.locator("h3")).to_have_text(["gemini", "claude", "gpt"])
        places = [each.bounding_box() or {} for each in outputs.all()]
        assert len({place["y"] for place in places}) == 1 and len({p["x"] for p in places}) == 3
        expect(outputs.first.locator("ul.tree li").first).to_have_text(
            "Put an interface in front of night handover"
        )
        page.get_by_role("link", name="As given").click()
        expect(page.get_by_role("region", name="Output of gemini")).to_contain_text('{"stage":')
        page.reload()
        expect(page.get_by_role("region", name="Output of gemini")).to_contain_text('{"stage":')
        page.get_by_role("link", name="Formatted").click()
        expect(outputs.first.locator("ul.tree")).not_to_have_count(0)
        page.keyboard.press("Escape")
        expect(page.get_by_role("heading", level=1)).to_have_text("Runs")


def test_a_run_leads_to_others_of_its_stage_and_spec(db: holdfast.Database) -> None:
    runs = RunStore(db)
    first = added(runs, "SPEC 1/ü", "plan", consensus_ok=False)
    added(runs, "SPEC 1/ü", "plan", consensus_ok=True)
    added(runs, "SPEC-2", "plan")
    with on_dashboard(db, f"runs?id={first}", runs=runs, refused=(404,)) as page:
        expect(page.locator(".run-head")).to_contain_text("no consensus")
        expect(page.get_by_text("There is none: it was not written yet.")).to_be_visible()
        expect(page.get_by_text("No agent has put out anything.")).to_be_visible()
        page.locator(".same").get_by_role("link").first.click()
        expect(page.locator(".run-head .state")).to_have_text("consensus")
        page.locator(".crumbs").get_by_role("link", name="SPEC 1/ü").click()
        expect(page.locator("a.row")).to_have_count(2)
        page.get_by_role("button", name="no consensus").click()
        expect(page.locator("a.row")).to_have_count(1)
        page.get_by_role("button", name="Remove the filter spec SPEC 1/ü").click()
        expect(page.get_by_role("button", name="no consensus")).to_have_text("no consensus1")
        page.locator("a.row").click()
        expect(page.locator(".run-head .state")).to_have_text("no consensus")
        page.go_back()
        expect(page.locator("a.row")).to_have_count(1)
        page.goto(page.url.split("#")[0] + "#/runs?id=77")
        expect(page.get_by_role("heading", name="There is no run 77")).to_be_visible()


def test_a_long_output_is_shown_whole_when_asked_for(db: holdfast.Database) -> None:
    runs = RunStore(db)
    run = added(runs, "SPEC-1", "plan")
    runs.add_output(run, "claude", "x" * 150_000 + "the end")
    with on_dashboard(db, f"runs?id={run}", runs=runs) as page:
        output = page.get_by_role("region", name="Output of claude")
        expect(output).not_to_contain_text("the end")
        page.get_by_role("button", name="Show all 150").click()
        expect(output).to_contain_text("the end")


def test_runs_by_the_keyboard(db: holdfast.Database) -> None:
    runs = RunStore(db)
    for spec in ("SPEC-1", "SPEC-2"):
        for stage in ("plan", "tasks"):
            added(runs, spec, stage, consensus_ok=True)
    with on_dashboard(db, "runs", runs=runs) as page:
        cell(page, "SPEC-2", "plan").wait_for()
        page.keyboard.press("/")
        assert focused(page) == "Find a spec"
        page.keyboard.press("ArrowDown")
        assert focused(page).startswith("SPEC-2, plan")
        for key, name in (
            ("ArrowRight", "SPEC-2, tasks"), ("ArrowDown", "SPEC-1, tasks"),
            ("ArrowLeft", "SPEC-1, plan"), ("ArrowUp", "SPEC-2, plan"), ("ArrowUp", "SPEC-2, plan"),
        ):  # fmt: skip
            page.keyboard.press(key)
            assert focused(page).startswith(name)
        page.keyboard.press("Enter")
        expect(page.locator("article.run")).to_be_focused()
        page.keyboard.press("Escape")
        expect(cell(page, "SPEC-2", "plan")).to_be_focused()


def test_a_run_that_comes_late_is_not_shown(db: holdfast.Database) -> None:
    runs = RunStore(db)
    added(runs, "SPEC-1", "plan")
    held: list[Route] = []
    with on_dashboard(db, "runs", runs=runs, screen={"viewport": PHONE}) as page:
        page.route(re.compile(r"/runs/\d+$"), lambda route: held.append(route))
        with page.expect_request(re.compile(r"/runs/\d+$")):
            cell(page, "SPEC-1", "plan").click()
        page.go_back()
        expect(cell(page, "SPEC-1", "plan")).to_be_visible()
        with page.expect_response(re.compile(r"/runs/\d+$")) as answer:
            held[0].continue_()
        answer.value.finished()
        page.evaluate("new Promise((done) => setTimeout(done))")
        expect(page.locator("article.run")).to_be_hidden()
        assert fits(page)


def test_a_run_that_goes_on_is_followed(db: holdfast.Database) -> None:
    runs = RunStore(db)
    run = added(runs, "SPEC-1", "plan")
    with on_dashboard(db, f"runs?id={run}", runs=runs) as page:
        expect(page.get_by_text("No agent has put out anything.")).to_be_visible()
        runs.add_output(run, "claude", "the plan")
        expect(page.locator("article.output")).to_contain_text("the plan", timeout=PATIENCE)
        runs.store_synthesis(run, {"output_markdown": "agreed"}, consensus_ok=True)
        expect(page.locator(".synthesis")).to_contain_text("agreed", timeout=PATIENCE)


def test_texts_as_given_are_shown_though_asked_for_while_a_run_is_on_its_way(
    db: holdfast.Database,
) -> None:
    runs = RunStore(db)
    run = added(runs, "SPEC-1", "plan")
    runs.add_output(run, "claude", "# The plan")
    held: list[Route] = []
    with on_dashboard(db, "runs", runs=runs) as page:
        page.route(re.compile(r"/runs/\d+$"), lambda route: held.append(route))
        with page.expect_request(re.compile(r"/runs/\d+$")):
            page.goto(f"{page.url}?id={run}")
        page.goto(f"{page.url}&raw=1")
        held[0].continue_()
        expect(page.get_by_role("region", name="Output of claude")).to_have_text("# The plan")
