"""A cutover, and undoing it, while a writer of both is at work in another process."""

from pathlib import Path

import pytest

from holdfast.runs import (
    LegacyReader,
    backfill,
    cutover,
    undo_cutover,
    verify,
)
from old_runs import assert_same, fill, opened
from processes import Child

RUNS = 40


@pytest.fixture
def old(path: Path) -> Path:
    """An old file whose rows are in the new tables too."""
    fill(path, RUNS)
    with opened(path) as db:
        backfill(db)
    return path


_SERVICE = """
import holdfast, sys
from holdfast.runs import DualWriter
db = holdfast.open(sys.argv[1], pragmas={"auto_vacuum": "none"}, vacuum_every=None)
writer = DualWriter(db)
print("ready", flush=True)
for line in sys.stdin:
    writer.store_artifact("LIVE", "plan", line.strip(), "{}", run_id="live")
    writer.store_synthesis("LIVE", "plan", line.strip(), run_id="live")
    print(writer.report().phase, flush=True)
db.close()
"""


def test_a_writer_of_both_in_another_process_goes_along(old: Path) -> None:
    with Child(_SERVICE, old) as service, opened(old) as db:
        assert service.line() == "ready"
        for number, phase in enumerate(["dual", "cutover", "dual", "cutover"]):
            if number:
                (cutover if phase == "cutover" else undo_cutover)(db)
            service.send(f"writes in {phase}")
            assert service.line() == phase
            found = LegacyReader(db).query_artifacts("LIVE", "plan")
            assert [each.agent_name for each in found if each.agent_name == f"writes in {phase}"]
            assert LegacyReader(db).count_artifacts("LIVE") == number + 1
            if phase == "dual":
                assert_same(db)
                assert verify(db).ok
