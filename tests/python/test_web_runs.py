"""Runs of agents over HTTP."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import holdfast
from holdfast.runs import Output, RunStore
from holdfast.web.documents import SHOWN
from processes import lock_held
from web_apps import below, dashboard, problem, served

API = "/api/v1/runs"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def runs(db: holdfast.Database) -> RunStore:
    store = RunStore(db)
    for number, (spec, stage, ok, degraded) in enumerate(
        [
            ("SPEC-1", "plan", False, False),
            ("SPEC-1", "plan", True, False),
            ("SPEC-1", "tasks", True, True),
            ("spec/2 & more", "plan", None, False),
        ]
    ):
        run = store.upsert_consensus_run(
            spec, stage, run_timestamp=NOON + timedelta(hours=number), degraded=degraded,
            consensus_ok=ok, name=f"run_{number}",
        )  # fmt: skip
        store.add_output(run, "claude", f'{{"number": {number}}}', model_version="c-1")
    return store


@pytest.fixture
def web(db: holdfast.Database, runs: RunStore) -> Iterator[httpx.Client]:
    with dashboard(db, runs=runs) as client:
        yield client


def ids(web: httpx.Client, **params: Any) -> list[int]:
    return [each["id"] for each in web.get(API, params=params).raise_for_status().json()["items"]]


def test_runs_are_listed_without_their_texts(web: httpx.Client, runs: RunStore) -> None:
    runs.store_synthesis(2, {"all": "agree"})
    found = web.get(API).raise_for_status().json()
    assert ([each["id"] for each in found["items"]], found["total"]) == ([4, 3, 2, 1], 4)
    second = found["items"][2]
    assert (second["spec_id"], second["stage"], second["name"]) == ("SPEC-1", "plan", "run_1")
    assert (second["consensus_ok"], second["degraded"], second["output_count"]) == (True, False, 1)
    assert (second["has_synthesis"], second["run_timestamp"]) == (True, "2026-11-20T13:00:00.000Z")
    assert not {"synthesis_json", "outputs"} & set(second)


def test_every_filter(web: httpx.Client) -> None:
    assert ids(web, spec_id="SPEC-1") == [3, 2, 1]
    assert ids(web, spec_id="spec/2 & more") == [4]
    assert ids(web, stage="tasks") == [3]
    assert ids(web, consensus_ok="true") == [3, 2]
    assert ids(web, consensus_ok="false") == [1]
    assert ids(web, degraded="true") == [3]
    assert ids(web, agent_name="claude", spec_id="", stage="") == [4, 3, 2, 1]
    assert ids(web, agent_name="nobody") == []
    assert ids(web, since="2026-11-20T13:00:00Z", until="2026-11-20T16:00:00+02:00") == [2]


def test_pages_by_cursor_and_by_offset(web: httpx.Client, runs: RunStore) -> None:
    first = web.get(API, params={"limit": 3}).json()
    runs.upsert_consensus_run("SPEC-3", "plan")
    assert ids(web, limit=3, cursor=first["cursor"]) == [1]
    assert ids(web, limit=2, offset=3) == [2, 1]


@pytest.mark.parametrize(
    "url",
    [
        "?cursor=nonsense", "?limit=0", "?offset=-1", "?consensus_ok=perhaps", "?since=yesterday",
        "/specs?limit=201", "/mismatches?cursor=x", "/9223372036854775808", "/x",
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(web: httpx.Client, url: str) -> None:
    problem(web.get(API + url), 422)


def test_specs_have_their_stages_in_the_order_of_most(web: httpx.Client, runs: RunStore) -> None:
    runs.upsert_consensus_run("SPEC-3", "tasks", run_timestamp=NOON)
    found = web.get(f"{API}/specs").raise_for_status().json()
    assert [each["spec_id"] for each in found["items"]] == ["spec/2 & more", "SPEC-1", "SPEC-3"]
    assert (found["stages"], found["total"]) == (["plan", "tasks"], 3)
    first = found["items"][1]
    assert (first["runs"], first["last"]) == (3, "2026-11-20T14:00:00.000Z")
    plan, tasks = first["stages"]
    # Its newest run is what a stage has come to.
    assert (plan["id"], plan["runs"], plan["consensus_ok"]) == (2, 2, True)
    assert (tasks["stage"], tasks["degraded"], tasks["output_count"]) == ("tasks", True, 1)
    (only,) = web.get(f"{API}/specs", params={"q": "SPEC/2"}).json()["items"]
    assert only["spec_id"] == "spec/2 & more"
    page = web.get(f"{API}/specs", params={"limit": 1, "offset": 1}).json()
    assert ([each["spec_id"] for each in page["items"]], page["total"]) == (["SPEC-1"], 3)


def test_statistics(web: httpx.Client) -> None:
    found = web.get(f"{API}/stats").raise_for_status().json()
    counted = [found[name] for name in ("runs", "specs", "outputs", "ok", "failed", "undecided")]
    assert counted == [4, 2, 4, 2, 1, 1]
    assert (found["agents"], found["old_tables"]) == ({"claude": 4}, False)


def test_a_run_has_its_texts_ready_to_be_read(web: httpx.Client, runs: RunStore) -> None:
    runs.add_outputs(
        2,
        [
            Output("gemini", "# A *plan*\n<script>alert(1)</script>", response_text="raw"),
            Output("gpt", "[" * 2000),
            Output("long", "x" * (SHOWN + 1)),
        ],
    )
    runs.store_synthesis(2, {"output_markdown": "**agreed**", "conflicts": []})
    found = web.get(f"{API}/2").raise_for_status().json()
    assert [each["agent_name"] for each in found["outputs"]] == ["claude", "gemini", "gpt", "long"]
    first, second, third, last = (each["content"] for each in found["outputs"])
    assert (first["kind"], first["text"], first["html"]) == ("json", '{"number": 1}', None)
    assert second["html"].startswith("<h1>A <em>plan</em></h1>")
    assert "<script" not in second["html"]
    assert found["outputs"][1]["response_text"]["text"] == "raw"
    assert third["kind"] == "markdown"
    assert (last["kind"], len(last["text"]), last["length"]) == ("text", SHOWN, SHOWN + 1)
    assert found["synthesis"]["html"] == "<p><strong>agreed</strong></p>\n"
    assert json.loads(found["synthesis"]["text"])["conflicts"] == []
    assert ([each["id"] for each in found["same"]], found["same_total"]) == ([2, 1], 2)
    number = found["outputs"][3]["id"]
    assert len(web.get(f"{API}/2/outputs/{number}").json()["content"]) == SHOWN + 1
    problem(web.get(f"{API}/1/outputs/{number}"), 404)


def test_many_long_texts_are_told_in_bounds(web: httpx.Client, runs: RunStore) -> None:
    runs.add_outputs(1, [Output("agent", "x" * SHOWN) for _ in range(60)])
    answer = web.get(f"{API}/1").raise_for_status()
    assert len(answer.content) < 6_000_000
    assert [each["content"]["length"] for each in answer.json()["outputs"]][1:] == [SHOWN] * 60


def test_what_there_is_not(db: holdfast.Database, web: httpx.Client) -> None:
    assert problem(web.get(f"{API}/99"), 404)["error"] == "UnknownRunError"
    with dashboard(db) as other:
        for url in ("", "/stats", "/specs", "/mismatches", "/status", "/1", "/1/outputs/1"):
            assert problem(other.get(API + url), 404)["detail"] == "there are no runs here"


def test_runs_are_read_while_another_process_writes(web: httpx.Client, path: Path) -> None:
    with lock_held(path):
        assert ids(web) == [4, 3, 2, 1]
        assert web.get(f"{API}/1").status_code == 200


def test_runs_that_can_only_be_read(opened: Callable[..., holdfast.Database]) -> None:
    RunStore(opened()).upsert_consensus_run("SPEC-1", "plan")
    db = opened(read_only=True)
    with dashboard(db, runs=RunStore(db), read_only=True) as web:
        assert ids(web) == [1]
        assert web.get(f"{API}/mismatches").json()["items"] == []
        assert web.get(f"{API}/status").json()["tables"] == {}


def test_a_damaged_row_is_no_mistake_of_who_asks(web: httpx.Client, db: holdfast.Database) -> None:
    db.execute("update consensus_runs set run_timestamp = 'soon' where id = 1")
    for url in ("", "/1", "/specs"):
        assert "soon" in problem(web.get(API + url), 503)["detail"]


def test_below_a_prefix(db: holdfast.Database, runs: RunStore) -> None:
    with served(below("/state", db, runs=runs)) as web:
        assert web.get(f"/state{API}").json()["total"] == 4
        assert 'name="holdfast-stores" content="runs"' in web.get("/state/").text
