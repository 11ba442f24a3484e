"""A process that is killed while it writes both schemas leaves both rows or none."""

import random
import signal
import time
from pathlib import Path

import pytest

import holdfast
from holdfast.runs import DualWriter, Sweep
from old_runs import assert_same
from processes import Child, fork, join

_WRITE = """
import sys, holdfast
from holdfast.runs import DualWriter
db = holdfast.open(sys.argv[1])
writer = DualWriter(db)
content = "x" * int(sys.argv[2])
number = 0
print("ready", flush=True)
while True:
    name = f"{sys.argv[3]}-{number // 3}"
    writer.store_artifact("S", "plan", f"agent-{number % 3}", content, "raw", name)
    if number % 3 == 2:
        writer.store_synthesis("S", "plan", content, run_id=name)
    if number % 10 == 9:
        print("many", flush=True)
        writer.store_artifacts([("S", "code", "agent", content, None, name)] * 300)
    number += 1
    print(number, flush=True)
"""


@pytest.mark.parametrize("size", [10, 20_000])
def test_sigkill_leaves_both_or_neither(path: Path, size: int) -> None:
    chance = random.Random(size)
    written = begun = 0
    for turn in range(8):
        with Child(_WRITE, path, size, turn) as child:
            assert child.line() == "ready"
            lines: list[str] = []
            while "many" not in lines:
                lines.append(child.line())
            # The first kill falls into the transaction, others where they will.
            time.sleep(chance.random() * 0.05 if turn else 0)
            child.signal(signal.SIGKILL)
            child.wait()
            lines += child.rest()
            written += sum(line.isdigit() for line in lines)
            begun += lines.count("many")
    with holdfast.open(path) as db:
        assert_same(db)
        report = Sweep(db).run()
        assert (report.mismatches, report.pending) == (0, 0)
        # What was acknowledged is there; of one killed in between nothing was told.
        count = "select count(*) from consensus_artifacts where stage = 'plan'"
        assert 8 * 9 <= written <= db.fetch_value(count) <= written + 8
        many = db.fetch_value("select count(*) from consensus_artifacts where stage = 'code'")
        assert many % 300 == 0
        # One at least was killed in the middle of a transaction, and has left nothing of it.
        assert many // 300 < begun


def test_two_processes_write_the_same_runs(path: Path) -> None:
    with Child(_WRITE, path, 100, "run") as one, Child(_WRITE, path, 100, "run") as other:
        for child in (one, other):
            while child.line() != "60":
                pass
        for child in (one, other):
            child.kill()
    with holdfast.open(path) as db:
        assert_same(db)
        assert Sweep(db).run().mismatches == 0
        assert (
            db.fetch_value("select count(*) from consensus_artifacts where stage = 'plan'") >= 120
        )


def test_a_writer_goes_on_in_a_forked_child(path: Path) -> None:
    db = holdfast.open(path)
    writer = DualWriter(db)
    first = writer.store_artifact("S", "plan", "parent", "{}", run_id="run")

    def work() -> None:
        assert writer.store_artifact("S", "plan", "child", "{}", run_id="run") == first + 1

    join(fork(work))
    assert writer.store_artifact("S", "plan", "parent", "{}", run_id="run") == first + 2
    assert Sweep(db).run().mismatches == 0
    assert db.fetch_value("select count(*) from consensus_runs") == 1
    db.close()


def test_what_is_remembered_of_a_run_that_is_gone_does_no_harm(path: Path) -> None:
    with holdfast.open(path) as db:
        writer, other = DualWriter(db), DualWriter(db)
        writer.store_artifact("S", "plan", "claude", "{}", run_id="run")
        other.delete_spec("S")
        writer.store_artifact("S", "plan", "claude", "{}", run_id="run")
        db.execute("update consensus_runs set legacy_run_id = 'other'")
        writer.store_artifact("S", "plan", "claude", "{}", run_id="run")
        names = [name for (name,) in db.fetch_all("select legacy_run_id from consensus_runs")]
        assert names == ["other", "run"]
        assert writer.report().mismatched == 0
        assert Sweep(db).run().mismatches == 1
