"""What two schemas of runs do not agree on over HTTP, and how far a file has come."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import holdfast
from holdfast.runs import DualWriter, RunStore, backfill, cutover, legacy, verify
from holdfast.runs.attach import attach
from web_apps import dashboard, problem

API = "/api/v1/runs"


@pytest.fixture
def writer(db: holdfast.Database) -> DualWriter:
    made = DualWriter(db)
    long = "x" * 5000
    made.store_artifact("SPEC-1", "plan", "claude", f'"{long} seven {long}"', run_id="r1")
    made.store_artifact("SPEC-1", "plan", "gemini", "{}", run_id="r1")
    made.store_artifact("SPEC-1", "plan", "gpt", "{}", run_id="r1")
    made.store_synthesis("SPEC-1", "plan", "# All agree", status="ok", run_id="r1")
    return made


@pytest.fixture
def web(db: holdfast.Database, writer: DualWriter) -> Iterator[httpx.Client]:
    with dashboard(db, runs=RunStore(db)) as client:
        yield client


def differing(found: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """The columns that differ, with what is marked on both sides."""

    def marked(side: list[dict[str, Any]] | None) -> str:
        return "".join(part["text"] for part in side or () if part["match"])

    return {
        pair["legacy_column"] or pair["new_column"]: (marked(pair["legacy"]), marked(pair["new"]))
        for pair in found["pairs"]
        if pair["differs"]
    }


def test_both_sides_are_told_and_what_differs_is_marked(
    db: holdfast.Database, web: httpx.Client
) -> None:
    db.execute("update agent_outputs set content = replace(content, 'seven', 'nine') where id = 1")
    verify(db)
    answer = web.get(f"{API}/mismatches").raise_for_status()
    found = answer.json()
    (one,) = found["items"]
    assert (found["open"], found["cursor"]) == (1, None)
    assert (one["kind"], one["legacy_table"], one["legacy_id"], one["run_id"]) == (
        "differs", "consensus_artifacts", 1, 1,
    )  # fmt: skip
    assert (one["found_by"], one["times_seen"], one["resolved_at"]) == ("sweep", 1, None)
    assert differing(one) == {"content_json": ("seven", "nine")}
    # What both have in common is not told at length.
    assert len(answer.content) < 5000
    agreed = {pair["legacy_column"]: pair["new_column"] for pair in one["pairs"]}
    assert agreed["created_at"] == "output_timestamp"
    assert agreed["run_id"] == "legacy_run_id"
    assert "id" not in agreed


def test_a_synthesis_is_compared_by_what_is_in_it(db: holdfast.Database, web: httpx.Client) -> None:
    db.execute("update consensus_synthesis set output_markdown = '# Some agree', degraded = 1")
    verify(db)
    (one,) = web.get(f"{API}/mismatches").json()["items"]
    assert differing(one) == {"output_markdown": ("Some", "All"), "degraded": ("1", "0")}


def test_what_is_missing_is_told_with_the_side_that_there_is(
    db: holdfast.Database, web: httpx.Client
) -> None:
    db.execute("delete from agent_outputs where id = 2")
    db.execute("delete from consensus_artifacts where id = 3")
    verify(db)
    items = web.get(f"{API}/mismatches").json()["items"]
    found = {each["kind"]: each for each in items}
    assert set(found) == {"missing in new", "missing in legacy"}
    names = [pair["legacy"][0]["text"] for pair in found["missing in new"]["pairs"]]
    assert "gemini" in names and not differing(found["missing in new"])
    assert {pair["legacy"] and 1 for pair in found["missing in legacy"]["pairs"]} == {None}


def test_values_of_other_types_are_told_apart(db: holdfast.Database, web: httpx.Client) -> None:
    db.execute("update agent_outputs set content = cast('{}' as blob) where id = 2")
    verify(db)
    (one,) = web.get(f"{API}/mismatches").json()["items"]
    assert [*differing(one)] == ["content_json"]
    old, new = differing(one)["content_json"]
    assert old != new


def test_mismatches_are_paged_and_told_no_more_when_resolved(
    db: holdfast.Database, web: httpx.Client
) -> None:
    db.execute("update agent_outputs set content = '[]' where id in (2, 3)")
    verify(db)
    first = web.get(f"{API}/mismatches", params={"limit": 1}).json()
    second = web.get(f"{API}/mismatches", params={"limit": 1, "cursor": first["cursor"]}).json()
    assert [each["legacy_id"] for each in first["items"] + second["items"]] == [3, 2]
    assert (first["open"], second["cursor"]) == (2, None)
    db.execute("update agent_outputs set content = '{}' where id in (2, 3)")
    verify(db)
    assert web.get(f"{API}/mismatches").json()["items"] == []
    again = web.get(f"{API}/mismatches", params={"resolved": True}).json()
    assert len(again["items"]) == 2 and all(each["resolved_at"] for each in again["items"])


def test_sides_that_are_damaged_are_told_as_they_are(
    db: holdfast.Database, web: httpx.Client
) -> None:
    db.execute("update agent_outputs set content = '[]' where id = 2")
    verify(db)
    db.execute("update run_mismatches set legacy_json = '{oops', new_json = '[1]'")
    (one,) = web.get(f"{API}/mismatches").json()["items"]
    assert (one["pairs"], one["run_id"], one["remarks"]) == ([], None, [])


def test_how_far_a_file_has_come(db: holdfast.Database) -> None:
    db.run(legacy.create)
    row = {"spec_id": "SPEC-1", "stage": "plan", "agent_name": "claude", "content_json": "{}"}
    db.insert("consensus_artifacts", row)
    db.insert("consensus_artifacts", {**row, "created_at": "soon"})
    with dashboard(db, runs=RunStore(db)) as web:

        def status() -> dict[str, Any]:
            return web.get(f"{API}/status").raise_for_status().json()

        before = {"rows": 2, "copied": 0, "unmapped": 0, "missing": 2}
        assert (status()["phase"], status()["tables"]["consensus_artifacts"]) == (None, before)
        assert web.get(f"{API}/stats").json()["old_tables"]
        attach(db)
        assert (status()["phase"], status()["cutover_at"]) == ("dual", None)
        backfill(db)
        found = status()
        after = {"rows": 2, "copied": 1, "unmapped": 1, "missing": 0}
        assert (found["tables"]["consensus_artifacts"], found["next"]) == (after, "mend")
        (unmapped,) = found["unmapped"]
        assert unmapped["legacy_id"] == 2 and "soon" in unmapped["reason"]
        cutover(db, force=True)
        assert (status()["phase"], status()["cutover_at"] is None) == ("cutover", False)


def test_a_table_that_only_has_the_name_is_said_to_be_another(db: holdfast.Database) -> None:
    runs = RunStore(db)
    db.execute("create table consensus_artifacts(id integer primary key, body)")
    with dashboard(db, runs=runs) as web:
        found = problem(web.get(f"{API}/status"), 409)
        assert found["error"] == "LegacySchemaError" and "spec_id" in found["detail"]
        assert web.get(API).status_code == 200
