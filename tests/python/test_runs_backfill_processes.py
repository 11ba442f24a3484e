"""A backfill that is killed, beside another one, beside those who write."""

import random
import signal
import time
from pathlib import Path

import pytest

from holdfast.runs import DualWriter
from holdfast.runs.backfill import backfill
from holdfast.runs.verify import verify
from old_runs import assert_same, fill, old_tool, opened
from processes import Child

_BACKFILL = """
import holdfast, sys
from holdfast.runs.backfill import backfill
db = holdfast.open(sys.argv[1], pragmas={"auto_vacuum": "none"}, vacuum_every=None)
print("ready", flush=True)
sys.stdin.readline()
report = backfill(db, progress=lambda done, total: print(done, flush=True))
print(report.artifacts, report.syntheses, flush=True)
db.close()
"""
_WRITE = """
import holdfast, sys
from holdfast.runs import DualWriter
db = holdfast.open(sys.argv[1], pragmas={"auto_vacuum": "none"}, vacuum_every=None)
writer = DualWriter(db)
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[2])):
    # Some of them belong to runs that the backfill comes to.
    name = f"run-{number % 400}"
    stage = ("plan", "tasks", "code")[number % 3]
    writer.store_artifact(f"SPEC-{number % 400 // 4}", stage, "late", "{}", run_id=name)
    if number % 4 == 0:
        writer.store_synthesis(f"SPEC-{number % 400 // 4}", stage, "# Late", run_id=name)
    print(number, flush=True)
db.close()
"""


def begun(code: str, *words: object) -> Child:
    child = Child(code, *words)
    assert child.line() == "ready"
    return child


def kill_often(path: Path, runs: int, chance: random.Random) -> int:
    """Kill backfills until one is through; how many were killed in the middle."""
    fill(path, runs)
    middle = 0
    while True:
        with begun(_BACKFILL, path) as child:
            child.send()
            first = child.line()
            time.sleep(chance.random() * 0.05)
            child.signal(signal.SIGKILL)
            child.wait()
            lines = [first, *child.rest()]
        if " " in lines[-1]:
            return middle
        with opened(path) as db:
            assert db.check().ok
            copied = db.fetch_value("select count(*) from agent_outputs")
            middle += 0 < copied < 3 * runs
            # What is copied is whole, and what is not is waited for.
            found = verify(db)
            assert (found.mismatches, found.unmapped) == (0, 0)
            assert found.pending == 4 * runs - copied - db.fetch_value(
                "select count(legacy_synthesis_id) from consensus_runs"
            )


@pytest.mark.parametrize("seed", range(3))
def test_a_backfill_that_was_killed_goes_on_to_the_same_end(path: Path, seed: int) -> None:
    assert kill_often(path, 300, random.Random(seed)) > 0
    with opened(path) as db:
        assert backfill(db).artifacts == 0
        assert_same(db)
        assert verify(db).ok


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_backfills_that_were_killed_a_hundred_times_go_on(tmp_path: Path) -> None:
    killed = 0
    for seed in range(100):
        path = tmp_path / f"{seed}.db"
        killed += kill_often(path, 500, random.Random(seed))
        with opened(path) as db:
            assert_same(db)
            assert verify(db).ok
        path.unlink()
        if killed >= 100:
            break
    assert killed >= 100


def test_two_backfills_at_once_copy_each_row_once(path: Path) -> None:
    fill(path, 400)
    with begun(_BACKFILL, path) as one, begun(_BACKFILL, path) as other:
        one.send()
        other.send()
        ends = [child.finish(60)[-1].split() for child in (one, other)]
    assert sum(int(artifacts) for artifacts, _ in ends) == 1200
    assert sum(int(syntheses) for _, syntheses in ends) == 400
    with opened(path) as db:
        assert_same(db)
        assert verify(db).ok


def test_a_backfill_beside_a_writer_of_both_doubles_and_loses_nothing(path: Path) -> None:
    fill(path, 400)
    with begun(_WRITE, path, 400) as writer, opened(path) as db:
        writer.send()
        writer.line()
        report = backfill(db)
        assert (report.artifacts, report.syntheses) == (1200, 400)
        writer.finish(60)
        assert db.fetch_value("select count(*) from agent_outputs") == 1600
        assert_same(db)
        found = verify(db)
        assert found.ok, found
        assert backfill(db).artifacts == 0


def test_what_an_old_tool_writes_meanwhile_is_copied_too(path: Path) -> None:
    fill(path, 200)
    with old_tool(path, 100, first=1000) as tool, opened(path) as db:
        tool.send()
        tool.line()
        backfill(db)
        tool.finish(60)
        backfill(db)
        assert db.fetch_value("select count(*) from agent_outputs") == 900
        assert_same(db)
        assert verify(db).ok


def test_rows_that_are_deleted_meanwhile_do_not_come_back(path: Path) -> None:
    fill(path, 100)
    with opened(path) as db:
        writer = DualWriter(db)

        def delete(done: int, total: int) -> None:
            writer.delete_spec(f"SPEC-{done % 25}")

        backfill(db, progress=delete)
        assert_same(db)
        assert backfill(db).artifacts == 0
        assert verify(db).ok
