"""Cutovers in one process while others write, and processes that are killed in the middle."""

import random
import signal
import time
from pathlib import Path

import pytest

from holdfast.runs import (
    CutoverRefusedError,
    DualWriter,
    LegacyReader,
    Phase,
    backfill,
    cutover,
    undo_cutover,
    verify,
)
from old_runs import assert_same, fill, look_one, old_tool, opened
from processes import Child

RUNS = 40


@pytest.fixture
def old(path: Path) -> Path:
    """An old file whose rows are in the new tables too."""
    fill(path, RUNS)
    with opened(path) as db:
        backfill(db)
    return path


_CHANGE = """
import holdfast, sys
from holdfast.runs import DualWriter, cutover, undo_cutover
db = holdfast.open(sys.argv[1], pragmas={"auto_vacuum": "none"}, vacuum_every=None)
writer = DualWriter(db)
print("ready", flush=True)
sys.stdin.readline()
for number in range(100_000):
    cutover(db)
    writer.store_artifact("LIVE", "plan", f"new {number}", "{}", run_id="live")
    writer.store_synthesis("LIVE", "plan", f"# {number}", run_id="live")
    print("new", number, flush=True)
    undo_cutover(db)
    writer.store_artifact("LIVE", "plan", f"both {number}", "{}", run_id="live")
    print("both", number, flush=True)
"""


def kill_often(path: Path, rounds: int, chance: random.Random) -> set[Phase]:
    """Kill processes that cut over and undo it; the phases in which they left the file."""
    phases: set[Phase] = set()
    written = 0
    for _ in range(rounds):
        with Child(_CHANGE, path) as child:
            assert child.line() == "ready"
            child.send()
            child.line()
            time.sleep(chance.random() * 0.1)
            child.signal(signal.SIGKILL)
            child.wait()
            written += 1 + len(child.rest())
        with opened(path) as db:
            assert db.check().ok
            phase = DualWriter(db).report().phase
            phases.add(phase)
            frozen = (
                "select count(*) from sqlite_schema where name like '%\\_frozen\\_%' escape '\\'"
            )
            assert db.fetch_value(frozen) == (6 if phase is Phase.CUTOVER else 0)
            count = LegacyReader(db).count_artifacts("LIVE")
            # What was said to be written is there; at most one more was.
            assert written <= count <= written + 1
            written = count
            if phase is Phase.DUAL:
                assert_same(db)
                assert verify(db).ok
    return phases


@pytest.mark.parametrize("seed", range(2))
def test_a_kill_leaves_both_schemas_or_the_new_one_and_the_next_one_goes_on(
    old: Path, seed: int
) -> None:
    kill_often(old, 12, random.Random(seed))
    with opened(old) as db:
        cutover(db)
        undo_cutover(db)
        assert_same(db)
        assert verify(db).ok
        assert db.fetch_all("select name from sqlite_schema where type = 'trigger'") == []
        assert db.fetch_value("select count(*) from run_changes") == 0


_WITHIN = """
import holdfast, sys
from holdfast.runs import cutover, freeze, undo_cutover
def stop(*_):
    print("within", flush=True)
    sys.stdin.readline()
def then_stop(work):
    return lambda tx: (work(tx), stop())
where = sys.argv[2]
if where != "progress":
    setattr(freeze, where, then_stop(getattr(freeze, where)))
db = holdfast.open(sys.argv[1], pragmas={"auto_vacuum": "none"}, vacuum_every=None)
cutover(db, progress=stop if where == "progress" else lambda *_: None)
undo_cutover(db)
"""


@pytest.mark.parametrize(
    ("where", "phase"),
    [("progress", Phase.DUAL), ("freeze", Phase.DUAL), ("thaw", Phase.CUTOVER)],
)
def test_a_kill_within_a_cutover_or_its_undoing_leaves_what_was(
    old: Path, where: str, phase: Phase
) -> None:
    with Child(_WITHIN, old, where) as child:
        assert child.line() == "within"
        child.signal(signal.SIGKILL)
        child.wait()
    frozen = "select count(*) from sqlite_schema where name like '%_frozen_%'"
    assert look_one(old, frozen) == (6 if phase is Phase.CUTOVER else 0)
    with opened(old) as db:
        assert DualWriter(db).report().phase is phase
        assert cutover(db).changed is (phase is Phase.DUAL)
        assert undo_cutover(db).changed
        assert db.fetch_all("select name from sqlite_schema where type = 'trigger'") == []
        assert_same(db)
        assert verify(db).ok


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_two_hundred_kills_leave_both_schemas_or_the_new_one(old: Path) -> None:
    assert kill_often(old, 200, random.Random(7)) == {Phase.DUAL, Phase.CUTOVER}
    with opened(old) as db:
        undo_cutover(db)
        assert_same(db)
        assert verify(db).ok


_CUT = """
import holdfast, sys
from holdfast.runs import cutover
db = holdfast.open(sys.argv[1], pragmas={"auto_vacuum": "none"}, vacuum_every=None)
print("ready", flush=True)
sys.stdin.readline()
print(cutover(db).changed, flush=True)
db.close()
"""


def test_of_two_cutovers_at_once_one_makes_the_change(old: Path) -> None:
    with Child(_CUT, old) as one, Child(_CUT, old) as other:
        assert [one.line(), other.line()] == ["ready", "ready"]
        one.send()
        other.send()
        assert sorted([*one.finish(), *other.finish()]) == ["False", "True"]
    with opened(old) as db:
        names = db.fetch_all("select name from sqlite_schema where type = 'trigger'")
        assert len(names) == 6
        assert db.fetch_value("select count(*) from run_changes") == 0


def test_what_an_old_tool_was_told_is_written_is_in_the_new_tables(old: Path) -> None:
    with old_tool(old, 100_000, first=1000, pause=0.1) as tool, opened(old) as db:
        tool.send()
        tool.line()
        refused = 0
        while True:
            backfill(db)
            try:
                cutover(db)
            except CutoverRefusedError:
                refused += 1
                assert refused < 1000
            else:
                break
        lines = tool.finish(60)
        assert lines[-1].startswith("consensus_artifacts is read-only since the cutover")
        runs = 1 + len(lines[:-1])
        assert db.fetch_value("select count(*) from agent_outputs") == 3 * (RUNS + runs)
        assert_same(db)
        assert look_one(old, "select count(*) from run_mismatches where resolved_at is null") == 0
