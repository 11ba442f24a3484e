"""Artifacts and jobs that try to do something to whoever looks at them."""

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

import holdfast
from dashboard_pages import Seen, browser, on_dashboard
from handlers import WAIT
from holdfast.artifacts import ArtifactIndex
from holdfast.jobs import JobManager
from web_apps import dashboard

FLAG = "window.pwned=1"
EVIL = [
    f"<script>{FLAG}</script>",
    f"<img src=x onerror={FLAG}>",
    f"<svg onload={FLAG}>",
    f"<iframe srcdoc='<script>parent.{FLAG}</script>'></iframe>",
    f"<a href=javascript:{FLAG}>x</a>",
    '<link rel=stylesheet href="https://evil.example/a.css">',
    '<meta http-equiv=refresh content="0;url=https://evil.example/">',
    "<base href=https://evil.example/>",
    '<form action="https://evil.example/"><button autofocus>x</button></form>',
    '<img src="https://evil.example/a.png"><style>*{background:url(https://evil.example/)}</style>',
]
LINKS = [
    f"[a](javascript:{FLAG})",
    f"[b](JaVaScRiPt&colon;{FLAG})",
    f"[c](<java\tscript:{FLAG}>)",
    f"[d](data:text/html,<script>{FLAG}</script>)",
    f"[e](vbscript:{FLAG})",
    f"![f](javascript:{FLAG})",
    "![g](https://evil.example/pixel.png)",
    f'[h](https://example.org/ "x\\" onmouseover=\\"{FLAG}")',
    f"<javascript:{FLAG}>",
    f"[i]: javascript:{FLAG}\n\n[i]",
]
WORD = "treasure"


def hostile(root: Path) -> None:
    """Files with all of it in the title, tags, front matter, text and names."""
    for number, evil in enumerate(EVIL):
        folder = root / f"{evil.replace('/', ';')}"[:80]
        folder.mkdir(parents=True)
        quoted = json.dumps(evil)
        lines = [f"title: {quoted}", f"type: {quoted}", f"status: {quoted}", f"category: {quoted}"]
        lines += [f"tags: [{quoted}]", f"{quoted}: {quoted}", f"deep: {{x: [{quoted}]}}"]
        body = "\n\n".join([evil, *LINKS, f"`{evil}`", f"```html\n{evil}\n```", f"# {evil}"])
        text = "\n".join(["---", *lines, "---", "", f"{WORD} {evil} {WORD}", "", body])
        (folder / f"{number} {evil.replace('/', ';')}"[:90]).with_suffix(".md").write_text(text)
    (root / "<img src=x onerror=window.pwned=1>.md").write_text("---\n<b>: [\n---\n")


def unharmed(page: Page) -> None:
    assert page.evaluate("window.pwned") is None
    assert page.url.startswith("http://127.0.0.1:")
    for selector in ("script:not([src])", "iframe", "form", "img", "base", "svg[onload]", "style"):
        assert page.locator(f"main {selector}").count() == 0, selector
    names: list[str] = page.evaluate(
        "[...document.querySelectorAll('main *')].flatMap(each => [...each.attributes])"
        ".filter(each => each.name.startsWith('on') || /^\\s*javascript:/i.test(each.value))"
        ".filter(each => !['title', 'aria-label', 'value', 'data-path'].includes(each.name))"
        ".map(each => each.name + '=' + each.value)"
    )
    assert names == []


def test_hostile_artifacts_do_nothing(
    db: holdfast.Database, jobs: JobManager, tmp_path: Path
) -> None:
    hostile(tmp_path / "docs")
    with ArtifactIndex(db, tmp_path / "docs") as index:
        index.sync()
        assert index.stats().total == len(EVIL)
        start = f"artifacts?q={WORD}"
        # What is no cursor is refused, and dropped.
        with on_dashboard(db, start, index=index, jobs=jobs, refused=(422,)) as page:
            base = page.url.split("#")[0]
            expect(page.locator("mark").first).to_have_text(WORD)
            expect(page.locator("a.row")).to_have_count(len(EVIL))
            expect(page.locator(".row-title").filter(has_text="<script>").first).to_be_visible()
            unharmed(page)
            for item in index.query(limit=100).items:
                page.goto(f"{base}#/artifacts?id={item.id}")
                expect(page.locator(".document h1").first).to_have_text(item.title)
                page.get_by_text("Front matter").click()
                for link in page.locator(".prose a").all():
                    link.hover()
                unharmed(page)
            page.goto(f"{base}#/artifacts?view=problems")
            expect(page.locator(".problems")).to_contain_text("<img src=x")
            unharmed(page)
            page.goto(f"{base}#/")
            expect(page.locator(".bars").first).to_contain_text("<form")
            unharmed(page)
            for name in ("q", "type", "tag", "path", "sort", "cursor", "view", "id"):
                page.goto(f"{base}#/artifacts?{name}=%3Cimg%20src%3Dx%20onerror%3D{FLAG}%3E")
                expect(page.locator(".row, .empty").first).to_be_visible()
                unharmed(page)


def test_html_that_a_server_would_let_through_does_nothing_either(
    db: holdfast.Database, tmp_path: Path
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# A\n")
    with ArtifactIndex(db, tmp_path / "docs") as index:
        index.sync()
        with dashboard(db, index=index) as web, browser() as chrome:
            page = chrome.new_page()
            # Not `opened`: the policy of the page says what it has kept from being parsed.
            seen = Seen(page)
            page.goto(f"{web.base_url}#/artifacts")

            def answer(route: Any) -> None:
                found = route.fetch().json()
                found["html"] = f"<p onclick={FLAG}>kept <b onmouseover={FLAG}>too</b></p>"
                found["html"] += "".join(EVIL)
                found["html"] += f'<a href=" javascript:{FLAG}" data-path="javascript:x">link</a>'
                route.fulfill(json=found)

            page.route("**/api/v1/database/artifacts/*", answer)
            page.locator("a.row").click()
            expect(page.locator(".prose")).to_contain_text("kept too")
            page.locator(".prose p").first.click()
            unharmed(page)
            assert seen.hosts == {"127.0.0.1"}
            page.close()


def test_hostile_jobs_do_nothing(db: holdfast.Database, jobs: JobManager) -> None:
    def fail(ctx: Any, payload: str) -> None:
        ctx.report(50, payload, payload)
        raise ValueError(payload)

    for evil in EVIL:
        jobs.handler(evil[:60])(fail)
        last = jobs.submit(evil[:60], evil, owner=evil, dedupe_key=evil)
    jobs.wait(last.id, WAIT)
    with on_dashboard(db, "jobs", jobs=jobs) as page:
        expect(page.locator("li.job")).to_have_count(len(EVIL))
        unharmed(page)
        for number in range(1, len(EVIL) + 1):
            page.goto(f"{page.url.split('#')[0]}#/jobs?id={number}")
            expect(page.locator(".crumbs")).to_have_text(f"Job {number}")
            unharmed(page)
