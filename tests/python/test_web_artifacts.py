"""Artifacts over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

import holdfast
from holdfast.artifacts import ArtifactIndex
from web_apps import below, dashboard, problem, served

API = "/api/v1/database"
FILES = {
    "plans/a.md": "---\ntitle: Alpha\ntype: plan\nstatus: done\ntags: [x, y]\n---\nThe first plan",
    "plans/b.md": "---\ntitle: Beta\ntype: plan\ntags: [x]\ncategory: ops\n---\nThe second plan.\n",
    "notes/c.md": "---\ntitle: Gamma\ntype: note\nwhen: .nan\n---\nSee [a](../plans/a.md).\n",
    "notes/bad.md": "---\ntitle: [\n---\nbroken\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root of it"
    for name, text in FILES.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


@pytest.fixture
def index(db: holdfast.Database, root: Path) -> ArtifactIndex:
    return ArtifactIndex(db, root)


@pytest.fixture
def web(db: holdfast.Database, index: ArtifactIndex) -> Iterator[httpx.Client]:
    with dashboard(db, index=index) as client:
        yield client


def titles(web: httpx.Client, **params: Any) -> list[str]:
    found = web.get(f"{API}/artifacts", params=params).raise_for_status().json()
    assert found["total"] >= len(found["items"])
    assert (found["source"], found["warning"]) == ("index", None)
    return [item["title"] for item in found["items"]]


def test_the_first_question_syncs_the_index(web: httpx.Client) -> None:
    found = web.get(f"{API}/artifacts", params={"sort": "title"}).raise_for_status().json()
    assert [item["title"] for item in found["items"]] == ["Alpha", "Beta", "Gamma"]
    assert (found["total"], found["cursor"]) == (3, None)
    first = found["items"][0]
    assert (first["path"], first["type"], first["status"]) == ("plans/a.md", "plan", "done")
    assert (first["tags"], first["snippet"], first["error"]) == (["x", "y"], [], None)
    assert first["metadata"]["title"] == "Alpha"
    assert first["created_at"].endswith("Z")
    assert found["facets"]["type"] == [{"value": "plan", "count": 2}, {"value": "note", "count": 1}]


def test_every_filter(web: httpx.Client) -> None:
    assert titles(web, sort="title", type=["plan", "note"]) == ["Alpha", "Beta", "Gamma"]
    assert titles(web, sort="title", type="plan") == ["Alpha", "Beta"]
    assert titles(web, status="done") == ["Alpha"]
    assert titles(web, category="ops") == ["Beta"]
    assert titles(web, tag=["x", "y"]) == ["Alpha"]
    assert titles(web, path="notes") == ["Gamma"]
    assert titles(web, q="second") == ["Beta"]
    assert titles(web, q='"first plan" -second') == ["Alpha"]
    assert titles(web, created_after="2100-01-01") == []
    assert len(titles(web, created_before="2100-01-01T00:00:00Z")) == 3
    assert len(titles(web, updated_after="2000-01-01", updated_before="2100-01-01")) == 3
    assert titles(web, has_error="true") == []
    assert titles(web, type="", q="", path="") == titles(web, type="")


@pytest.mark.parametrize("q", ['"', "*", "-", "a AND", "NEAR(", "col:x", "(", "\x00", "ä" * 900])
def test_no_text_is_an_error(web: httpx.Client, q: str) -> None:
    titles(web, q=q)


def test_what_was_searched_for_is_marked(web: httpx.Client) -> None:
    (item,) = web.get(f"{API}/artifacts", params={"q": "second"}).json()["items"]
    assert {"text": "second", "match": True} in item["snippet"]


def test_pages_by_cursor_and_by_offset(web: httpx.Client) -> None:
    params: dict[str, Any] = {"sort": "path", "limit": 2, "facets": "false"}
    first = web.get(f"{API}/artifacts", params=params).json()
    second = web.get(f"{API}/artifacts", params={**params, "cursor": first["cursor"]}).json()
    assert [i["path"] for i in first["items"] + second["items"]] == sorted(FILES)[1:]
    assert second["cursor"] is None
    assert first["facets"]["type"] == []
    assert titles(web, sort="path", limit=2, offset=2) == ["Beta"]
    problem(web.get(f"{API}/artifacts", params={**params, "cursor": "nonsense"}), 422)
    problem(web.get(f"{API}/artifacts", params={**params, "sort": "relevance"}), 422)


@pytest.mark.parametrize("sort", ["title", "path"])
def test_a_cursor_is_as_long_as_a_title_or_a_path(web: httpx.Client, root: Path, sort: str) -> None:
    folder = root / ("文" * 80) / ("書" * 80)
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"{number}.md").write_text(f"---\ntitle: {'題' * 280} {number}\n---\n")
    params: dict[str, Any] = {"sort": sort, "limit": 1, "type": "文" * 80}
    found: list[str] = []
    while True:
        page = web.get(f"{API}/artifacts", params=params).raise_for_status().json()
        found += [item["title"][-1] for item in page["items"]]
        if page["cursor"] is None:
            break
        assert len(page["cursor"]) > 1000
        params["cursor"] = page["cursor"]
    assert found == ["0", "1", "2"]


def test_an_artifact_with_its_text(web: httpx.Client, root: Path) -> None:
    (item,) = web.get(f"{API}/artifacts", params={"type": "note"}).json()["items"]
    url = f"{API}/artifacts/{item['id']}"
    found = web.get(url).raise_for_status().json()
    assert found["body"].strip() == "See [a](../plans/a.md)."
    assert found["html"] == '<p>See <a data-path="plans/a.md">a</a>.</p>\n'
    assert not found["stale"]
    (root / "notes/c.md").write_text("---\ntype: note\n---\n<script>alert(1)</script>\n")
    found = web.get(url).json()
    assert found["stale"]
    assert "<script" not in found["html"]


def test_an_artifact_that_there_is_not(web: httpx.Client, root: Path) -> None:
    problem(web.get(f"{API}/artifacts/999"), 404)
    (item,) = web.get(f"{API}/artifacts", params={"type": "note"}).json()["items"]
    (root / "notes/c.md").unlink()
    found = problem(web.get(f"{API}/artifacts/{item['id']}"), 409)
    assert found["error"] == "ArtifactFileError"


def test_a_damaged_row_is_no_mistake_of_who_asks(
    web: httpx.Client, index: ArtifactIndex, db: holdfast.Database
) -> None:
    index.sync()
    db.execute("update artifacts set tags_json = '{oops' where path = 'notes/c.md'")
    (number,) = (n for n in range(1, 4) if web.get(f"{API}/artifacts/{n}").status_code == 503)
    for url in ("artifacts", f"artifacts/{number}"):
        found = problem(web.get(f"{API}/{url}"), 503)
        assert found["error"] == "DataError" and f"artifact {number}" in found["detail"]


def test_the_log_and_what_is_wrong(web: httpx.Client, index: ArtifactIndex, root: Path) -> None:
    (root / "twin.md").write_text(FILES["plans/a.md"])
    index.sync()
    (line,) = web.get(f"{API}/sync-log").raise_for_status().json()["items"]
    assert (line["mode"], line["status"]) == ("incremental", "completed")
    assert (line["added"], line["errors"]) == (4, 1)
    found = web.get(f"{API}/problems").raise_for_status().json()
    assert [each["path"] for each in found["items"]] == ["notes/bad.md"]
    assert found["duplicates"] == [["plans/a.md", "twin.md"]]
    stats = web.get(f"{API}/stats").json()
    assert stats["index"]["total"] == 4
    assert stats["index"]["last_sync"]["id"] == line["id"]
    assert stats["schema"]["artifacts"] >= 1


def test_a_file_whose_name_is_no_text(web: httpx.Client, root: Path) -> None:
    (root / "caf\udce9.md").write_text("---\ntitle: Odd\n---\n")
    for url in ("artifacts", "problems", "sync-log"):
        assert web.get(f"{API}/{url}").status_code == 200


def test_files_are_listed_when_there_is_no_database(
    db: holdfast.Database, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.db").write_bytes(b"no database" * 1000)
    with dashboard(db, index=ArtifactIndex(tmp_path / "broken.db", root)) as web:
        found = web.get(f"{API}/artifacts").raise_for_status().json()
        assert (found["source"], found["total"]) == ("files", 3)
        assert found["warning"]
        assert str(tmp_path) not in web.get(f"{API}/artifacts").text


def test_no_answer_names_the_folder(web: httpx.Client, root: Path) -> None:
    texts = [web.get(f"{API}/{url}").text for url in ("artifacts", "sync-log", "problems", "stats")]
    texts += [web.get(f"{API}/artifacts/{n}").text for n in range(5)]
    assert not [text for text in texts if str(root) in text or str(root.parent) in text]


def test_a_sync_needs_jobs(web: httpx.Client) -> None:
    assert problem(web.post(f"{API}/sync"), 404)["detail"] == "there are no jobs here"


def test_below_a_prefix(db: holdfast.Database, index: ArtifactIndex) -> None:
    with served(below("/state", db, index=index), root_path="/proxy") as web:
        base = str(web.base_url)
        assert web.get(urljoin(base, "/state/api/v1/database/artifacts")).json()["total"] == 3
