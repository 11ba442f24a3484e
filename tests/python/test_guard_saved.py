"""What a process committed is saved by a backup, however early its file is lost."""

from collections.abc import Callable
from pathlib import Path

import pytest

import holdfast
from holdfast.errors import MovedError
from processes import look


@pytest.mark.parametrize("end", ["", "-wal"], ids=["file", "log"])
def test_a_file_that_is_lost_right_after_the_open_is_saved(
    opened: Callable[..., holdfast.Database], path: Path, tmp_path: Path, end: str
) -> None:
    saved_last: list[bool] = []
    for number in range(20):
        db = opened()
        # No reader was asked for yet.
        db.execute("create table if not exists note(body)")
        path.with_name(path.name + end).unlink()
        with pytest.raises(MovedError):
            db.execute("insert into note values (1)")
        saved = tmp_path / f"{number}.db"
        db.backup(saved)
        db.close()
        # A reader that is opened in the background may see it first: then nothing was committed.
        saved_last.append(look(saved, "select count(*) from note where body = 1")[0][0] == 1)
        for rest in ("", "-wal", "-shm"):
            path.with_name(path.name + rest).unlink(missing_ok=True)
    assert any(saved_last)
