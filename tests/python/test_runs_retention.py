"""Old runs go, a few in a transaction, from one schema or from both."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import holdfast
from holdfast.runs import DualWriter, RunStore, Sweep, retention


def fill(runs: RunStore, days: int, outputs: int) -> None:
    """A run for each of so many days up to now, the newest an hour old."""
    for day in range(days):
        at = datetime.now(UTC) - timedelta(days=day, hours=1)
        run_id = runs.upsert_consensus_run("S", "plan", run_timestamp=at)
        runs.add_outputs(run_id, [("claude", "x")] * outputs)


def test_what_is_older_goes_and_the_rest_stays(
    opened: Callable[..., holdfast.Database],
) -> None:
    runs = RunStore(opened())
    fill(runs, days=20, outputs=2)
    assert runs.delete_old(timedelta(days=7)) == 13
    assert runs.delete_old(timedelta(days=7)) == 0
    assert (runs.stats().runs, runs.stats().outputs) == (7, 14)
    assert runs.delete_old(timedelta.max) == 0
    assert runs.delete_old(timedelta()) == 7


def test_a_run_of_exactly_that_age_stays(
    opened: Callable[..., holdfast.Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = RunStore(opened())
    now = datetime(2026, 11, 20, 12, 0, 0, 999_000, tzinfo=UTC)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return now

    monkeypatch.setattr(retention, "datetime", Clock)
    edge = now.replace(microsecond=0) - timedelta(days=1)
    for milliseconds in (-1, 0, 1):
        at = edge + timedelta(milliseconds=milliseconds)
        runs.upsert_consensus_run("S", "plan", run_timestamp=at)
    assert runs.delete_old(timedelta(days=1)) == 1
    assert runs.query().items[-1].run_timestamp == edge


def test_a_run_of_many_outputs_goes_in_several_transactions(
    opened: Callable[..., holdfast.Database],
) -> None:
    db = opened()
    runs = RunStore(db)
    fill(runs, days=1, outputs=4 * retention.OUTPUTS)
    before = db.stats()["transactions"]
    assert runs.delete_old(timedelta()) == 1
    assert db.stats()["transactions"] - before > 4
    assert runs.stats()[:2] == (0, 0)


def test_others_write_while_old_runs_go(opened: Callable[..., holdfast.Database]) -> None:
    runs = RunStore(opened())
    fill(runs, days=300, outputs=10)
    done = threading.Event()
    written: list[int] = []

    def write() -> None:
        while not done.is_set():
            at = datetime.now(UTC) + timedelta(seconds=len(written))
            written.append(runs.upsert_consensus_run("T", "plan", run_timestamp=at))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert runs.delete_old(timedelta(days=1)) == 299
    finally:
        done.set()
        thread.join()
    assert runs.query(spec_id="T").total == len(set(written)) > 1


def test_both_schemas_are_cleared_alike(opened: Callable[..., holdfast.Database]) -> None:
    db = opened()
    writer = DualWriter(db)
    for number in range(30):
        name = f"run_{number}"
        writer.store_artifacts([("S", "plan", agent, "{}", None, name) for agent in "abc"])
        writer.store_synthesis("S", "plan", "# x", run_id=name)
    writer.store_artifacts([("T", "plan", "a", "{}", None, f"many_{n % 2}") for n in range(1300)])
    for table, column in (
        ("consensus_runs", "run_timestamp"),
        ("consensus_runs", "mapped_timestamp"),
        ("agent_outputs", "output_timestamp"),
        ("consensus_artifacts", "created_at"),
    ):
        db.execute(f"update {table} set {column} = '2020' || substr({column}, 5)")
    db.execute("update consensus_synthesis set created_at = '2020' || substr(created_at, 5)")
    db.execute(
        "update consensus_runs set synthesis_json = replace(synthesis_json, "
        '\'"created_at":"2026\', \'"created_at":"2020\')'
    )
    writer.store_artifact("S", "plan", "new", "{}", run_id="new")
    assert Sweep(db).run().mismatches == 0
    assert writer.delete_old(timedelta(days=1000)) == 32
    report = writer.report()
    assert report[3:7] == (1, 1, 0, 1)
    assert Sweep(db).run().mismatches == 0
