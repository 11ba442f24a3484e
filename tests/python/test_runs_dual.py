"""Both schemas are written at once, with one timestamp, and are the same."""

import json
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.errors import BusyError
from holdfast.runs import DualWriter, RunStore, Sweep
from old_runs import artifacts, assert_same
from processes import lock_held


def rows(db: holdfast.Database, table: str) -> list[dict[str, Any]]:
    return db.fetch_all(f"select * from {table} order by id", into=dict)


def test_an_artifact_is_one_row_of_each_with_one_timestamp(
    opened: Callable[..., holdfast.Database],
) -> None:
    db = opened()
    writer = DualWriter(db)
    number = writer.store_artifact("S", "plan", "claude", '{"a":  1}', "raw", "run_7")
    (old,), (output,), (run,) = (
        rows(db, table) for table in ("consensus_artifacts", "agent_outputs", "consensus_runs")
    )
    assert old["id"] == output["id"] == number
    assert old["created_at"] == output["output_timestamp"] == run["run_timestamp"]
    assert datetime.fromisoformat(old["created_at"])
    assert len(old["created_at"]) == 23
    assert (old["content_json"], old["response_text"]) == ('{"a":  1}', "raw")
    assert (output["content"], output["response_text"], output["run_id"]) == (
        old["content_json"], "raw", run["id"],
    )  # fmt: skip
    assert (run["spec_id"], run["stage"], run["legacy_run_id"]) == ("S", "plan", "run_7")
    assert (run["consensus_ok"], run["degraded"], run["synthesis_json"]) == (None, 0, None)


def test_a_synthesis_completes_its_run(opened: Callable[..., holdfast.Database]) -> None:
    db = opened()
    writer = DualWriter(db)
    writer.store_artifact("S", "plan", "claude", {"a": 1}, run_id="run_7")
    number = writer.store_synthesis(
        "S", "plan", "# x", Path("plan.md"), "degraded", 2, {"all": [1]}, "3/3", True, "run_7"
    )
    (old,) = rows(db, "consensus_synthesis")
    (run,) = rows(db, "consensus_runs")
    assert run["legacy_synthesis_id"] == old["id"] == number
    assert (old["output_path"], old["agreements"]) == ("plan.md", '{"all": [1]}')
    found = json.loads(run["synthesis_json"])
    same = [*found.keys() & old.keys()]
    assert len(same) == 8
    assert {name: found[name] for name in same} == {name: old[name] for name in same}
    latest = RunStore(db).latest("S", "plan")
    assert latest is not None
    assert (latest.consensus_ok, latest.degraded) == (True, True)


def test_a_second_synthesis_is_a_run_of_its_own(opened: Callable[..., holdfast.Database]) -> None:
    db = opened()
    writer = DualWriter(db)
    for status in ("failed", "ok"):
        writer.store_artifact("S", "plan", "claude", "{}", run_id="run_7")
        writer.store_synthesis("S", "plan", f"# {status}", status=status, run_id="run_7")
    runs = RunStore(db).query().items
    assert [(run.consensus_ok, run.name) for run in runs] == [(True, "run_7"), (False, "run_7")]
    assert writer.query_latest_synthesis("S", "plan") == "# ok"
    late = writer.store_artifact("S", "plan", "gpt", "{}", run_id="run_7")
    assert [output.id for output in RunStore(db).get(runs[0].id).outputs] == [late]
    assert Sweep(db).run().mismatches == 0


def test_what_has_no_run_id_belongs_to_its_own_moment(
    opened: Callable[..., holdfast.Database],
) -> None:
    db = opened()
    writer = DualWriter(db)
    writer.store_artifacts([("S", "plan", agent, "{}") for agent in "abc"])
    assert [run.output_count for run in RunStore(db).query().items] == [3]
    for _ in range(3):
        writer.store_synthesis("S", "plan", "# x")
        writer.store_synthesis("T", "plan", "# x")
    assert RunStore(db).query(has_synthesis=True).total == 6
    assert Sweep(db).run().mismatches == 0


@pytest.mark.parametrize("count", [100, 10_000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_so_many_artifacts_are_the_same_in_both(
    opened: Callable[..., holdfast.Database], count: int
) -> None:
    db = opened()
    writer = DualWriter(db)
    for number, each in enumerate(islice(artifacts(), count)):
        writer.store_artifact(*each[:6], model_version=each.model_version)
        if number % 30 == 29:
            writer.store_synthesis(each.spec_id, each.stage, f"# {number}", run_id=each.run_id)
    report = writer.report()
    assert (report.artifacts, report.outputs) == (count, count)
    assert (report.mismatched, report.mismatches) == (0, 0)
    assert report.written == count + report.syntheses
    swept = Sweep(db).run()
    assert (swept.mismatches, swept.pending, swept.unmapped) == (0, 0, 0)
    assert swept.checked >= count
    assert_same(db)


def test_a_batch_is_written_to_both_or_to_none(opened: Callable[..., holdfast.Database]) -> None:
    db = opened()
    writer = DualWriter(db)
    ids = writer.store_artifacts(islice(artifacts(), 500))
    assert ids == list(range(1, 501))
    assert db.fetch_value("select count(distinct created_at) from consensus_artifacts") == 1
    with pytest.raises(ValueError, match="spec_id is blank"):
        writer.store_artifacts([*islice(artifacts(), 5), ("", "plan", "claude", "{}")])
    with pytest.raises(KeyError), db.transaction() as tx:
        writer.store_artifact("S", "plan", "claude", "{}", run_id="gone", tx=tx)
        writer.store_synthesis("S", "plan", "# x", run_id="gone", tx=tx)
        raise KeyError
    # Nothing is remembered of the run that was taken back.
    writer.store_artifact("S", "plan", "claude", "{}", run_id="gone")
    assert writer.get_stats()[:2] == (501, 0)
    assert Sweep(db).run().mismatches == 0


def test_a_write_that_must_wait_too_long_leaves_nothing(
    opened: Callable[..., holdfast.Database], path: Path
) -> None:
    db = opened(pragmas={"busy_timeout": 50})
    writer = DualWriter(db)
    with lock_held(path), pytest.raises(BusyError):
        writer.store_artifact("S", "plan", "claude", "{}", run_id="run")
    assert writer.get_stats()[:2] == (0, 0)
    assert writer.store_artifact("S", "plan", "claude", "{}", run_id="run") == 1
    assert_same(db)
