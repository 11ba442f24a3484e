"""A sweep goes on where it was, beside writers, and finds nothing that is not there."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import holdfast
from holdfast.runs import DualWriter, Sweep, SweepReport, bounds, state
from old_runs import assert_same
from processes import Child, look

Open = Callable[..., holdfast.Database]


def fill(writer: DualWriter, runs: int, first: int = 0) -> None:
    for number in range(first, first + runs):
        spec, name = f"S-{number % 7}", f"run-{number}"
        writer.store_artifacts([(spec, "plan", agent, "{}", None, name) for agent in "abc"])
        writer.store_synthesis(spec, "plan", "# x", run_id=name)


def test_steps_come_to_the_end_and_begin_anew(opened: Open) -> None:
    db = opened()
    fill(DualWriter(db), 20)
    sweep = Sweep(db)
    assert sweep.last() is None
    steps = [sweep.step(7)]
    while not steps[-1].done:
        steps.append(sweep.step(7))
    assert len(steps) > (60 + 20 + 20) / 7
    checked = [step.checked for step in steps]
    assert checked == sorted(checked)
    assert checked[-1] == 100
    assert sweep.last() == steps[-1]
    assert len({step.started_at for step in steps}) == 1
    assert not sweep.step(7).done
    assert sweep.last() == steps[-1]


def test_a_step_reads_no_more_than_some_megabytes(opened: Open) -> None:
    db = opened()
    writer = DualWriter(db)
    content = "x" * (bounds.BYTES // 4)
    for number in range(10):
        writer.store_artifact("S", "plan", f"agent-{number}", content, run_id="run")
    steps = [Sweep(db).step(500).checked]
    for garbled in ("{", "[]", '{"range": "x"}'):
        db.run(state.put, "sweep", garbled)
        steps.append(Sweep(db).step(500).checked)
    assert steps == [4, 4, 4, 4]
    report = Sweep(db).run()
    assert (report.checked, report.mismatches) == (11, 0)


def test_another_process_goes_on_where_one_was_killed(opened: Open, path: Path) -> None:
    db = opened()
    fill(DualWriter(db), 100)
    look(path, "update agent_outputs set content = 'X' where id in (5, 250)")
    code = (
        "import sys, holdfast\nfrom holdfast.runs import Sweep\n"
        "sweep = Sweep(holdfast.open(sys.argv[1]))\n"
        "while True:\n    print(sweep.step(10).checked, flush=True)\n    sys.stdin.readline()\n"
    )
    seen = 0
    with Child(code, path) as child:
        for _ in range(5):
            seen = int(child.line())
            child.send()
    sweep = Sweep(db)
    report = sweep.step(10)
    assert seen <= report.checked - 10 < 100
    while not report.done:
        report = sweep.step(10)
    assert (report.checked, report.mismatches) == (500, 2)


def test_two_sweeps_at_once_count_each_mismatch_once(opened: Open, path: Path) -> None:
    db = opened()
    fill(DualWriter(db), 60)
    look(path, "update agent_outputs set content = 'X' where id % 9 = 0")
    reports: list[SweepReport] = []

    def sweep() -> None:
        mine = Sweep(db)
        while not (report := mine.step(5)).done:
            pass
        reports.append(report)

    threads = [threading.Thread(target=sweep) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reports) == 3
    assert len(DualWriter(db).mismatches().items) == 20


def test_what_progress_raises_ends_a_run(opened: Open) -> None:
    db = opened()
    fill(DualWriter(db), 5)
    seen: list[SweepReport] = []
    assert Sweep(db).run(seen.append) == seen[-1]

    def stop(report: SweepReport) -> None:
        raise KeyError(report.checked)

    with pytest.raises(KeyError, match="15"):
        Sweep(db).run(stop)


_WRITE = """
import sys, holdfast
from holdfast.runs import DualWriter
writer = DualWriter(holdfast.open(sys.argv[1]))
mine = sys.argv[2]
print("ready", flush=True)
for number in range(int(sys.argv[3])):
    name = f"{mine}-{number}" if number % 5 else None
    spec = f"S-{number % 3}"
    writer.store_artifacts([(spec, "plan", agent, "{}", None, name) for agent in "abc"])
    writer.store_artifact(spec, "plan", "d", "{}", None, name, model_version="5")
    writer.store_synthesis(spec, "plan", "# x", run_id=name)
    if number % 11 == 10:
        writer.delete_stage_artifacts(spec, "plan")
    if number % 17 == 16:
        writer.delete_spec(spec)
print("done", flush=True)
"""


@pytest.mark.parametrize("rounds", [40, pytest.param(1500, marks=pytest.mark.soak)])
def test_nothing_is_found_beside_writers_in_threads_and_processes(
    opened: Open, path: Path, rounds: int
) -> None:
    db = opened()
    writer = DualWriter(db)
    failures: list[BaseException] = []

    def write(mine: str) -> None:
        try:
            for number in range(rounds):
                spec, name = f"S-{number % 3}", f"{mine}-{number}" if number % 4 else None
                writer.store_artifact(spec, "plan", "a", "{}", run_id=name)
                writer.store_synthesis(spec, "plan", "# x", run_id=name)
                if number % 13 == 12:
                    writer.delete_spec(spec)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in ("x", "y")]
    with Child(_WRITE, path, "p", rounds) as one, Child(_WRITE, path, "q", rounds) as other:
        for child in (one, other):
            assert child.line(60) == "ready"
        for thread in threads:
            thread.start()
        sweep, steps = Sweep(db), 0
        while any(thread.is_alive() for thread in threads) or one.process.poll() is None:
            assert sweep.step(20).mismatches == 0, DualWriter(db).mismatches().items
            steps += 1
        for thread in threads:
            thread.join()
        for child in (one, other):
            child.finish(600)
    assert failures == []
    assert writer.report()[1:3] == (4 * rounds, 0)
    assert steps > 2
    assert sweep.run().mismatches == 0
    assert DualWriter(db).mismatches(resolved=True).items == ()
    assert_same(db)
