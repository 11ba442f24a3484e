"""An old file that is almost all dead rows: copied, and made small again through Holdfast."""

from pathlib import Path

import pytest

import holdfast
from holdfast.runs.backfill import backfill
from holdfast.runs.cutover import cutover
from old_runs import assert_same, fill, opened
from processes import look


def shrink(path: Path, runs: int, megabytes: float, small: float) -> None:
    fill(path, runs, size=6000, keep=100)
    assert path.stat().st_size > megabytes * 1e6
    ((pages, free),) = look(path, "select * from pragma_page_count, pragma_freelist_count")
    assert free > 0.95 * pages
    with opened(path) as db:
        report = backfill(db)
        assert report.artifacts == 3 * runs // 100
        assert report.syntheses == runs // 100
        cutover(db)
        # Made without auto_vacuum, the file has no small cycles before it was rewritten once.
        assert db.vacuum(0).reclaimed == 0
        stats = db.vacuum(full=True)
        assert stats.size_before > megabytes * 1e6
        assert stats.size_after < small * 1e6
        assert_same(db)
    assert path.stat().st_size < small * 1e6
    with holdfast.open(path) as db:
        # What becomes free from now on is given back a few pages at a time.
        assert db.pragmas()["auto_vacuum"] == "incremental"
        db.execute("delete from consensus_runs where id % 2")
        assert db.vacuum(0).reclaimed > 0
        assert db.check().ok


def test_an_old_file_of_dead_rows_is_small_after_the_backfill_and_a_full_vacuum(
    path: Path,
) -> None:
    shrink(path, 900, 15, 0.8)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_150_megabytes_of_dead_rows_come_below_5(path: Path) -> None:
    shrink(path, 9000, 150, 5)
