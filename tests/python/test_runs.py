"""Runs, the outputs of their agents, and pages of them."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import holdfast
from holdfast.errors import DataError, ProgrammingError
from holdfast.runs import Output, RunStore, UnknownRunError
from processes import Child, look

AT = datetime(2026, 11, 20, 18, 30, 0, 123_000, tzinfo=UTC)


@pytest.fixture
def runs(opened: Callable[..., holdfast.Database]) -> RunStore:
    return RunStore(opened())


def test_a_run_is_there_with_its_outputs_in_the_order_of_their_coming(runs: RunStore) -> None:
    run_id = runs.upsert_consensus_run("S-1", "plan", run_timestamp=AT, name="run_7")
    first = runs.add_output(run_id, "claude", "a plan", model_version="4.5", output_timestamp=AT)
    assert runs.add_outputs(run_id, [Output("gemini", "b"), ("gpt", "c", "5")]) == 2
    assert runs.add_outputs(run_id, [{"agent_name": "qwen", "content": "d"}]) == 1
    run = runs.get(run_id)
    assert run[:8] == (run_id, "S-1", "plan", AT, None, False, None, "run_7")
    assert run.output_count == 4
    assert [output.agent_name for output in run.outputs] == ["claude", "gemini", "gpt", "qwen"]
    assert run.outputs[0] == (first, run_id, "claude", "4.5", "a plan", AT, None)
    assert run.outputs[2].model_version == "5"


def test_the_same_spec_stage_and_time_are_one_run(runs: RunStore) -> None:
    run_id = runs.upsert_consensus_run("S", "plan", run_timestamp=AT, synthesis={"a": 1})
    within = AT + timedelta(microseconds=999)
    assert runs.upsert_consensus_run("S", "plan", run_timestamp=within, consensus_ok=True) == run_id
    run = runs.get(run_id)
    assert (run.consensus_ok, run.degraded, run.synthesis) == (True, False, {"a": 1})
    others = [("T", "plan", AT), ("S", "code", AT), ("S", "plan", AT + timedelta(milliseconds=1))]
    made = {runs.upsert_consensus_run(s, stage, run_timestamp=at) for s, stage, at in others}
    assert len(made | {run_id}) == 4


@pytest.mark.parametrize("text", ['{"a":  1.50}', "[1e5]", '"x"', "null", '{"b":1,"b":2}'])
def test_a_synthesis_that_is_text_stays_as_it_is(runs: RunStore, text: str) -> None:
    run_id = runs.upsert_consensus_run("S", "plan", synthesis=text)
    assert runs.get(run_id).synthesis_json == text
    runs.store_synthesis(run_id, {"späte": [1, None]}, consensus_ok=False, degraded=True)
    run = runs.get(run_id)
    assert run.synthesis_json == '{"späte": [1, null]}'
    assert (run.synthesis, run.consensus_ok, run.degraded) == ({"späte": [1, None]}, False, True)


@pytest.mark.parametrize("content", ["", "a\0b", "😀" * 1000, "x" * 3_000_000])
def test_content_is_kept_exactly(runs: RunStore, content: str) -> None:
    run_id = runs.upsert_consensus_run("S", "plan")
    runs.add_output(run_id, "claude", content, response_text=content)
    assert runs.get(run_id).outputs[0].content == content
    assert runs.get(run_id).outputs[0].response_text == content


def test_the_outputs_of_a_run_go_with_it(runs: RunStore) -> None:
    for spec in ("S", "S", "T"):
        at = datetime.now(UTC) + timedelta(seconds=len(runs.query().items))
        run_id = runs.upsert_consensus_run(spec, "plan", run_timestamp=at)
        runs.add_outputs(run_id, [("claude", "a"), ("gemini", "b")])
    assert runs.delete_spec("S") == 2
    assert runs.delete_spec("S") == 0
    assert runs.db.fetch_value("select count(*) from agent_outputs") == 2


def test_a_run_that_is_not_there_is_named(runs: RunStore) -> None:
    for call in (
        lambda: runs.get(7),
        lambda: runs.add_output(7, "claude", "x"),
        lambda: runs.add_outputs(7, [("claude", "x")]),
        lambda: runs.store_synthesis(7, {}),
    ):
        with pytest.raises(UnknownRunError, match="no run 7"):
            call()
    assert runs.latest("S", "plan") is None
    assert runs.db.fetch_value("select count(*) from agent_outputs") == 0


def test_what_a_transaction_takes_back_was_never_there(runs: RunStore) -> None:
    with pytest.raises(KeyError), runs.db.transaction() as tx:
        run_id = runs.upsert_consensus_run("S", "plan", tx=tx)
        runs.add_output(run_id, "claude", "x", tx=tx)
        runs.store_synthesis(run_id, {}, tx=tx)
        raise KeyError
    assert runs.stats()[:2] == (0, 0)
    with runs.db.transaction() as tx:
        run_id = runs.upsert_consensus_run("S", "plan", tx=tx)
        assert runs.add_outputs(run_id, [("claude", "x")], tx=tx) == 1
        assert runs.delete_spec("S", tx=tx) == 1


def test_a_batch_is_all_or_none(runs: RunStore) -> None:
    run_id = runs.upsert_consensus_run("S", "plan")
    with pytest.raises(TypeError, match="content is a text, not int"):
        runs.add_outputs(run_id, [("claude", "x"), ("gemini", 5)])
    assert runs.get(run_id).outputs == ()


_UPSERT = """
import sys, holdfast
from datetime import UTC, datetime
from holdfast.runs import RunStore
with holdfast.open(sys.argv[1]) as db:
    runs = RunStore(db)
    print("ready", flush=True)
    sys.stdin.readline()
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(200):
        run_id = runs.upsert_consensus_run(f"S-{number}", "plan", run_timestamp=at)
        runs.add_output(run_id, sys.argv[2], "x")
"""


def test_two_processes_that_upsert_the_same_runs_share_them(path: Path) -> None:
    with Child(_UPSERT, path, "a") as one, Child(_UPSERT, path, "b") as other:
        for child in (one, other):
            assert child.line() == "ready"
        for child in (one, other):
            child.send()
        for child in (one, other):
            child.finish()
    sql = "select count(*), count(distinct run_id) from agent_outputs"
    assert look(path, sql) == [[400, 200]]
    assert look(path, "select count(*) from consensus_runs") == [[200]]


def test_threads_that_upsert_the_same_run_get_one_id(runs: RunStore) -> None:
    found: list[int] = []

    def upsert() -> None:
        for number in range(50):
            at = AT + timedelta(seconds=number)
            found.append(runs.upsert_consensus_run("S", "plan", run_timestamp=at, degraded=True))

    threads = [threading.Thread(target=upsert) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 200
    assert set(found) == {run.id for run in runs.query(limit=200).items}
    assert len(set(found)) == 50


def test_what_another_program_garbled_is_said_where_it_is_read(runs: RunStore) -> None:
    run_id = runs.upsert_consensus_run("S", "plan", synthesis={})
    runs.db.execute("update consensus_runs set synthesis_json = '{'")
    with pytest.raises(DataError, match=f"synthesis of run {run_id} is no JSON"):
        _ = runs.get(run_id).synthesis
    runs.db.execute("update consensus_runs set run_timestamp = 'soon'")
    with pytest.raises(DataError, match=f"time of run {run_id} is none: 'soon'"):
        runs.get(run_id)


def test_a_store_needs_an_open_database(path: Path) -> None:
    with pytest.raises(TypeError, match=r"holdfast\.open returns, not str"):
        RunStore("runs.db")  # pyright: ignore[reportArgumentType]
    with holdfast.open(path) as db:
        runs = RunStore(db)
    with pytest.raises(ProgrammingError, match="closed"):
        runs.stats()
