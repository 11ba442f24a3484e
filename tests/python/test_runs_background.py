"""A sweep in a thread of its own finds what comes, and ends when it is told or the process does."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.runs import DualWriter, RunPhaseError, Sweep
from holdfast.runs.cutover import cutover, undo_cutover
from processes import DEADLINE, look, run

Open = Callable[..., holdfast.Database]


def fill(writer: DualWriter, runs: int, first: int = 0) -> None:
    for number in range(first, first + runs):
        spec, name = f"S-{number % 7}", f"run-{number}"
        writer.store_artifacts([(spec, "plan", agent, "{}", None, name) for agent in "abc"])
        writer.store_synthesis(spec, "plan", "# x", run_id=name)


def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_sweep_in_the_background_finds_what_comes_later(opened: Open, path: Path) -> None:
    db = opened()
    writer = DualWriter(db)
    fill(writer, 10)
    with Sweep(db) as sweep:
        sweep.start(every=0.01)
        sweep.start(every=0.01)
        until(lambda: sweep.last() is not None)
        look(path, "update agent_outputs set content = 'X' where id = 5")
        until(lambda: writer.report().mismatches == 1)
        look(path, "update agent_outputs set content = '{}' where id = 5")
        until(lambda: writer.report().mismatches == 0)
    assert "holdfast-runs-sweep" not in [each.name for each in threading.enumerate()]
    with pytest.raises(ValueError, match="every is a number of seconds"):
        sweep.start(every=0)
    with pytest.raises(ValueError, match="seconds that can be waited, not inf"):
        sweep.start(every=float("inf"))


def test_it_ends_with_the_database_and_with_the_cutover(opened: Open) -> None:
    db = opened()
    writer = DualWriter(db)
    fill(writer, 3)
    sweep = Sweep(db)
    cutover(db)
    with pytest.raises(RunPhaseError, match="since the cutover"):
        sweep.step()
    with pytest.raises(RunPhaseError, match="since the cutover"):
        sweep.run()
    undo_cutover(db)
    sweep.start(every=0.01)
    until(lambda: sweep.last() is not None)
    db.close()
    until(lambda: "holdfast-runs-sweep" not in [each.name for each in threading.enumerate()])
    sweep.stop()


_EXIT = """
import sys, holdfast
from holdfast.runs import DualWriter, Sweep
db = holdfast.open(sys.argv[1])
writer = DualWriter(db)
sweep = Sweep(db)
sweep.start(every=0.001)
for number in range(50):
    writer.store_artifact("S", "plan", "claude", "x" * 10_000, run_id=f"run-{number}")
while sweep.last() is None:
    pass
"""


def test_a_process_ends_while_its_sweep_runs(path: Path) -> None:
    for _ in range(5):
        assert run(_EXIT, path) == []
    with holdfast.open(path) as db:
        assert Sweep(db).run().mismatches == 0
