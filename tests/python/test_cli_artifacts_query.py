"""The commands of `holdfast artifacts` that look: query, show, stats, log."""

from pathlib import Path
from typing import Any

import pytest

from command_line import failure, holdfast, on_terminal
from holdfast.artifacts import Artifact
from markdown_folder import MALFORMED, fill

ROAD, LATER, ONE = "plans/road.md", "plans/later.md", "notes/one.md"


@pytest.fixture
def synced(tmp_path: Path) -> Path:
    folder = fill(tmp_path / "docs")
    assert holdfast("artifacts", "sync", folder).code == 0
    return folder


def found(folder: Path, *words: object) -> list[str]:
    page = holdfast("artifacts", "query", "--root", folder, "--json", *words).json
    return [item["path"] for item in page["items"]]


def test_a_query_filters(synced: Path) -> None:
    assert found(synced) == [LATER, ROAD, ONE]
    assert found(synced, "--type", "plan", "--status", "draft") == [LATER]
    assert found(synced, "--type", "notes", "--type", "plan") == [LATER, ROAD, ONE]
    assert found(synced, "--tag", "q1", "--tag", "api") == [ROAD]
    assert found(synced, "--category", "core") == found(synced, "--path", "plans/")[1:] == [ROAD]
    assert found(synced, "--created-after", "2026-03-01", "--created-before", "2026-05-01") == [
        ROAD
    ]
    assert found(synced, "--updated-before", "2026-01-05T00:00:01") == [ONE]
    assert found(synced, "--updated-after", "36500d", "--sort", "-path") == [ROAD, LATER, ONE]
    assert found(synced, "map", "road") == [ROAD]
    assert found(synced, "--", "map", "-road") == [LATER]
    assert found(synced, "--sort", "title", "--limit", 1, "--offset", 1) == [ONE]


def test_a_query_shows_a_table_and_the_way_to_the_next_page(synced: Path) -> None:
    words = ("artifacts", "query", "--root", synced, "--limit", 2)
    done = holdfast(*words)
    lines = done.out.splitlines()
    assert lines[0].split() == ["id", "type", "status", "title", "tags", "path", "updated"]
    assert lines[3].split()[1:6] == ["plan", "done", "Road", "map", "q1,"]
    assert lines[3].endswith("plans/road.md   2026-03-05 00:00")
    cursor = done.err.removeprefix("there are more, 3 in all: --cursor ").strip()
    page = holdfast(*words, "--cursor", cursor, "--json").json
    assert [item["path"] for item in page["items"]] == [ONE]
    assert (page["total"], page["cursor"], page["facets"]) == (3, None, None)
    assert page["source"] == "index"
    assert holdfast(*words, "nothing").err == "no rows\n"


def test_facets_are_counted_on_demand(synced: Path) -> None:
    out = holdfast("artifacts", "query", "map", "--root", synced, "--facets").out
    assert out.endswith(
        "\ntype      plan 2\nstatus    done 1, draft 1\ncategory  - 1, core 1\ntag       q1 2, "
        "api 1\n"
    )
    page = holdfast("artifacts", "query", "--root", synced, "--facets", "--json").json
    assert {"value": "plan", "count": 2} in page["facets"]["type"]


def test_a_file_that_has_become_malformed_is_marked(synced: Path) -> None:
    (synced / ROAD).write_text(MALFORMED)
    holdfast("artifacts", "sync", synced)
    lines = holdfast("artifacts", "query", "--root", synced).out.splitlines()
    assert lines[0].endswith("  error")
    (marked,) = (line for line in lines if "front matter, line " in line)
    assert ROAD in marked


def test_snippets_show_on_a_terminal(synced: Path) -> None:
    _, shown = on_terminal("artifacts", "query", "leads", "--root", synced, COLUMNS="100")
    assert "\r\n    # Road map Where the **map** \x1b[1mleads\x1b[0m." in shown
    out = holdfast("artifacts", "query", "leads", "--root", synced).out
    assert len(out.splitlines()) == 3


def test_show_tells_all_about_an_artifact(synced: Path) -> None:
    (synced / "odd.md").write_text("# Odd\n\n\x1b[2J\tend")
    holdfast("artifacts", "sync", synced)
    ids: dict[str, int] = {
        item["path"]: item["id"]
        for item in holdfast("artifacts", "query", "--root", synced, "--json").json["items"]
    }

    def show(path: str, *words: object) -> Any:
        return holdfast("artifacts", "show", ids[path], "--root", synced, *words)

    artifact = show(ROAD, "--json").json
    assert sorted(artifact) == sorted([*Artifact._fields, "body", "stale"])
    assert (artifact["title"], artifact["metadata"]["owner"]) == ("Road map", {"name": "ann"})
    assert (artifact["stale"], artifact["body"]) == (False, show(ROAD, "--raw").out.rstrip("\n"))
    text = show(ROAD).out
    assert "category      core\n" in text
    assert 'owner: {"name": "ann"}\n---\n# Road map\n\nWhere' in text
    assert r"\x1b[2J" in show("odd.md").out
    assert "\x1b[2J\tend" in show("odd.md", "--raw").out
    on_screen = on_terminal("artifacts", "show", ids["odd.md"], "--raw", "--root", synced)[1]
    assert "\x1b[2J" not in on_screen
    (synced / "odd.md").write_text("new")
    assert "the file has changed" in show("odd.md").out
    (synced / "odd.md").unlink()
    assert "odd.md" in failure(show("odd.md"))
    assert "no artifact 99" in failure(holdfast("artifacts", "show", 99, "--root", synced))


def test_stats_and_log(synced: Path) -> None:
    stats = holdfast("artifacts", "stats", "--root", synced, "--json").json
    assert (stats["total"], stats["problems"], stats["duplicates"]) == (3, 0, 0)
    assert stats["last_sync"]["added"] == 3
    out = holdfast("artifacts", "stats", "--root", synced).out
    assert out.startswith("artifacts   3\n")
    assert ", incremental: 3 new, 0 updated" in out
    assert "tag       q1 2, api 1\n" in out
    holdfast("artifacts", "sync", synced, "--full")
    runs = holdfast("artifacts", "log", "--root", synced, "--json").json
    assert [(run["mode"], run["status"]) for run in runs] == [
        ("full", "completed"),
        ("incremental", "completed"),
    ]
    lines = holdfast("artifacts", "log", "--root", synced, "--limit", 1).out.splitlines()
    assert (len(lines), lines[2].split()[:3]) == (3, ["2", "full", "completed"])
