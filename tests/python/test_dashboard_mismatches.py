"""Two schemas of runs in a browser, and runs that try to do something to whoever looks at them."""

from playwright.sync_api import expect

import holdfast
from dashboard_pages import on_dashboard
from holdfast.runs import (
    DualWriter,
    Output,
    RunStore,
    backfill,
    cutover,
    legacy,
    verify,
)
from holdfast.runs.attach import attach
from test_dashboard_hostile import EVIL, unharmed


def test_mismatches_and_the_way_to_one_schema(db: holdfast.Database) -> None:
    attach(db)
    with on_dashboard(db, "runs?view=migration", runs=RunStore(db)) as page:
        expect(page.locator(".steps [aria-current=step]")).to_contain_text("Both are written")
        writer = DualWriter(db)
        writer.store_artifact("SPEC-1", "plan", "claude", '{"days": "fourteen"}', run_id="r")
        db.execute("update agent_outputs set content = replace(content, 'four', 'six')")
        verify(db)
        page.reload()
        page.get_by_role("link", name="Mismatches").click()
        mismatch = page.locator(".mismatch")
        expect(mismatch.get_by_role("heading")).to_have_text("differs")
        expect(mismatch.locator("[data-differs=true] mark")).to_have_text(["four", "six"])
        mismatch.get_by_text("further columns").click()
        expect(mismatch).to_contain_text("claude")
        mismatch.get_by_role("link", name="Run 1").click()
        expect(page.get_by_role("heading", level=3)).to_have_text("claude")
        db.execute("update agent_outputs set content = replace(content, 'six', 'four')")
        verify(db)
        page.goto(page.url.split("#")[0] + "#/runs?view=mismatches")
        expect(page.get_by_role("heading", name="No mismatches")).to_be_visible()
        page.get_by_role("link", name="Also those that were resolved").click()
        expect(mismatch).to_contain_text("resolved")


def test_what_is_next_is_said_though_rows_cannot_be_copied(db: holdfast.Database) -> None:
    db.run(legacy.create)
    row = {"spec_id": "SPEC-1", "stage": "plan", "agent_name": "claude", "content_json": "{}"}
    db.insert("consensus_artifacts", {**row, "created_at": "soon"})
    with on_dashboard(db, "runs?view=migration", runs=RunStore(db)) as page:
        step = page.locator(".next")
        expect(step).to_contain_text("1 row waits to be copied")
        backfill(db)
        verify(db)
        page.reload()
        expect(step).to_have_text(
            "1 row cannot be copied: mend or delete what is listed below, then "
            "holdfast runs backfill."
        )
        expect(page.locator(".problems")).to_contain_text("created_at is no time: 'soon'")
        db.execute("update consensus_artifacts set created_at = '2026-11-20'")
        backfill(db)
        db.execute("update agent_outputs set content = 'x'")
        verify(db)
        page.reload()
        expect(step).to_contain_text("1 mismatch is open: holdfast runs backfill --repair")
        backfill(db, repair=True)
        page.reload()
        expect(step).to_contain_text("Nothing is in the way that is known")
        cutover(db)
        page.reload()
        expect(step).to_contain_text("All is done")


def test_hostile_runs_do_nothing(db: holdfast.Database) -> None:
    attach(db)
    runs, writer = RunStore(db), DualWriter(db)
    for evil in EVIL:
        run = runs.upsert_consensus_run(evil, evil, consensus_ok=True, name=evil)
        texts = [
            evil,
            f"# {evil}\n\n[a](javascript:window.pwned=1) [b](../x)",
            f'{{"{evil[:5]}": 1}}',
        ]
        runs.add_outputs(run, [Output(evil, text, evil, response_text=evil) for text in texts])
        runs.store_synthesis(run, {"output_markdown": evil, evil: [evil, {evil: evil}]})
        writer.store_artifact(evil, evil, evil, evil, evil, evil)
    db.execute("update consensus_artifacts set content_json = content_json || '<img src=x>'")
    verify(db)
    with on_dashboard(db, "runs", runs=runs) as page:
        base = page.url.split("#")[0]
        expect(page.locator(".spec")).to_have_count(len(EVIL))
        unharmed(page)
        for view, ready in (
            ("list", "a.row"),
            ("mismatches", ".mismatch"),
            ("migration", ".steps"),
        ):
            page.goto(f"{base}#/runs?view={view}")
            expect(page.locator(ready).first).to_be_visible()
            unharmed(page)
        for run in runs.query().items:
            page.goto(f"{base}#/runs?id={run.id}")
            expect(page.locator("article.output").first).to_be_visible()
            unharmed(page)
        page.goto(f"{base}#/runs?id=1&raw=1")
        expect(page.locator("pre.given").first).to_be_visible()
        unharmed(page)
