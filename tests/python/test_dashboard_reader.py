"""Artifacts that are read in a browser, and those that cannot be."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

import holdfast
import team_folder
from dashboard_pages import PHONE, on_dashboard
from holdfast.artifacts import ArtifactIndex
from holdfast.jobs import JobManager


@pytest.fixture
def root(tmp_path: Path) -> Path:
    team_folder.write(tmp_path / "docs", 5)
    return tmp_path / "docs"


@pytest.fixture
def index(db: holdfast.Database, root: Path) -> Iterator[ArtifactIndex]:
    with ArtifactIndex(db, root) as made:
        yield made


def test_an_artifact_is_read_and_its_links_are_followed(
    db: holdfast.Database, jobs: JobManager, index: ArtifactIndex, root: Path
) -> None:
    (root / "a.md").write_text(
        "---\ntitle: First\ntags: [reef]\nowner: Ada\nnested: {deep: [1, 2]}\n---\n# First\n\n"
        "See [the second](sub/b.md), [what is below](#far-below), [nowhere](gone.md), "
        "[the web](https://example.org/).\n\n- [x] done\n\n|a|b|\n|-|-:|\n|1|2|\n\n"
        + "text\n\n" * 80
        + "## Far below\n"
    )
    (root / "sub").mkdir()
    (root / "sub" / "b.md").write_text("# Second\n\nBack to [first](../a.md).\n")
    index.sync()
    number = index.query(path="a.md").items[0].id
    with on_dashboard(db, "artifacts?q=see", index=index, jobs=jobs, refused=(409,)) as page:
        page.locator("a.row").filter(has_text="First").click()
        reader = page.get_by_role("complementary", name="Reader")
        expect(reader.get_by_role("heading", level=1)).to_have_text("First")
        assert f"id={number}" in page.url
        expect(reader.locator(".tag")).to_have_text("reef")
        reader.get_by_text("Front matter").click()
        expect(reader.locator(".matter")).to_contain_text("Ada")
        expect(reader.locator(".task input")).to_be_checked()
        web = reader.get_by_role("link", name="the web")
        expect(web).to_have_attribute("rel", "noopener noreferrer nofollow")
        below = reader.get_by_role("heading", name="Far below")
        reader.get_by_role("link", name="what is below").click()
        expect(below).to_be_in_viewport()
        reader.get_by_role("link", name="nowhere").click()
        expect(reader.get_by_text("gone.md is not in the index.")).to_be_visible()
        reader.get_by_role("link", name="the second").click()
        expect(reader.get_by_role("heading", level=1)).to_have_text("Second")
        expect(reader.locator(".crumbs")).to_have_text("sub/b.md")
        page.go_back()
        expect(reader.get_by_role("heading", level=1)).to_have_text("First")
        # What is listed beside it is what it was.
        expect(page.get_by_role("searchbox", name="Search")).to_have_value("see")
        (root / "a.md").write_text("# First\n\nAnother text\n")
        page.reload()
        expect(reader.get_by_text("The file has changed since the last sync.")).to_be_visible()
        page.keyboard.press("Escape")
        expect(reader).to_be_hidden()
        (root / "a.md").unlink()
        page.locator("a.row").filter(has_text="First").click()
        expect(reader.get_by_role("heading", name="It cannot be read")).to_be_visible()


def test_problems_are_listed(db: holdfast.Database, index: ArtifactIndex, root: Path) -> None:
    (root / "broken.md").write_text("---\ntitle: [\n---\n")
    (root / "same.md").write_text("# Same\n")
    (root / "same too.md").write_text("# Same\n")
    index.sync()
    with on_dashboard(db, "artifacts?view=problems", index=index) as page:
        expect(page.get_by_text("1 file that could not be read")).to_be_visible()
        expect(page.locator(".problems").first).to_contain_text("broken.md")
        expect(page.locator(".problems code")).to_contain_text(
            ["broken.md", "same too.md", "same.md"]
        )


@pytest.mark.parametrize("view", ["artifacts", "jobs"])
def test_an_answer_that_comes_late_opens_nothing_on_another_page(
    db: holdfast.Database, jobs: JobManager, index: ArtifactIndex, view: str
) -> None:
    index.sync()
    jobs.handler("count")(lambda ctx, payload: payload)
    jobs.wait(jobs.submit("count").id)
    held: list[Route] = []
    with on_dashboard(db, view, index=index, jobs=jobs, screen={"viewport": PHONE}) as page:
        page.route(re.compile(r"/(artifacts|jobs)/\d+$"), lambda route: held.append(route))
        with page.expect_request(re.compile(r"/(artifacts|jobs)/\d+$")):
            page.locator("a.row").first.click()
        page.go_back()
        panel = page.locator("aside.panel")
        expect(page.locator("a.row").first).to_be_visible()
        with page.expect_response(re.compile(r"/(artifacts|jobs)/\d+$")) as answer:
            held[0].continue_()
        answer.value.finished()
        page.evaluate("new Promise((done) => setTimeout(done))")
        expect(panel).to_be_hidden()
        expect(page.locator("a.row").first).to_be_visible()
