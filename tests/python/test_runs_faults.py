"""A full disk, a file that may only be read or is damaged: one clear error, both sides alike."""

from collections.abc import Callable
from pathlib import Path

import pytest

import holdfast
from holdfast.errors import CorruptionError, Error, OperationalError
from holdfast.runs import DualWriter, LegacyReader, RunStore, Sweep
from old_runs import assert_same


@pytest.mark.parametrize("small_disk", [6], indirect=True)
def test_a_full_disk_leaves_both_sides_alike(small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 2_000_000)
    with holdfast.open(small_disk / "runs.db", vacuum_every=None) as db:
        writer = DualWriter(db)
        written = 0
        with pytest.raises(OperationalError, match="full"):
            while written < 2000:
                name = f"run-{written // 3}"
                writer.store_artifact("S", "plan", "claude", "x" * 5000, run_id=name)
                written += 1
        assert 0 < written < 2000
        assert writer.report()[1:5] == (written, 0, written, written)
        filler.unlink()
        number = writer.store_artifact("T", "plan", "claude", "{}", run_id="run")
        assert number == written + 1
        assert writer.delete_spec("S") == -(-written // 3)
        assert Sweep(db).run().mismatches == 0
        assert_same(db)


def test_who_may_only_read_reads(opened: Callable[..., holdfast.Database], path: Path) -> None:
    with holdfast.open(path) as db:
        writer = DualWriter(db)
        writer.store_artifact("S", "plan", "claude", "{}", run_id="run")
        writer.store_synthesis("S", "plan", "# x", run_id="run")
    db = opened(read_only=True)
    runs, reader, writer = RunStore(db), LegacyReader(db), DualWriter(db)
    assert runs.stats()[:2] == (1, 1)
    assert reader.query_latest_synthesis("S", "plan") == "# x"
    assert writer.report().mismatches == 0
    # A step of a sweep writes where the next one begins.
    for call in (
        lambda: writer.store_artifact("S", "plan", "claude", "{}"),
        lambda: runs.upsert_consensus_run("S", "plan"),
        lambda: Sweep(db).step(),
    ):
        with pytest.raises(Error, match="read_only"):
            call()
    assert reader.get_stats()[:2] == (1, 1)


def test_a_damaged_file_is_said_and_never_taken_for_a_mismatch(path: Path) -> None:
    with holdfast.open(path) as db:
        writer = DualWriter(db)
        for number in range(300):
            writer.store_artifact("S", "plan", f"a-{number}", "x" * 3000, run_id="run")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 8)
        file.write(b"\xa5" * (size * 3 // 4))
    with holdfast.open(path) as db, pytest.raises(CorruptionError, match="malformed"):
        Sweep(db).run()
