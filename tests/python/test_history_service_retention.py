"""What is kept of a history, and when the rest is deleted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import holdfast
from history_records import record
from holdfast.history import History, HoldfastRepository, Retention, sqlite
from holdfast.history import retention as retention_module
from holdfast.history.retention import Cleaner
from job_processes import eventually
from processes import lock_held, look

WAIT = 20.0


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def repository(db: holdfast.Database) -> HoldfastRepository:
    return HoldfastRepository(db)


def fill(place: Path, number: int, *, days: float, size: int = 10) -> None:
    """Keep so many records that are so old, their texts of about so many bytes."""
    when = datetime.now(UTC) - timedelta(days=days)
    with holdfast.open(place) as db:
        HoldfastRepository(db).save_many(
            [record("x" * size, timestamp=when - timedelta(seconds=n)) for n in range(number)]
        )


def count(place: Path) -> int:
    return look(place, "select count(*) from prompt_history")[0][0]


def cleaned(history: History) -> int:
    """Wait for a clean-up; how many records were deleted."""
    eventually(lambda: history.health().last_cleanup is not None)
    return history.health().deleted


@pytest.mark.parametrize(
    ("kept", "left"),
    [
        (Retention(), 50),
        (Retention(days=1), 20),
        (Retention(days=None), 100),
        (Retention(days=None, max_records=70), 70),
        (Retention(max_records=30), 30),
        (Retention(days=None, max_bytes=27 * 10), 10),
        (None, 100),
    ],
)
def test_a_start_deletes_what_is_not_kept(place: Path, kept: Retention | None, left: int) -> None:
    for number, days in ((50, 31), (30, 29), (20, 0)):
        fill(place, number, days=days)
    with History(place, retention=kept) as history:
        if kept is None:
            assert history.save(record())
            assert history.drain(WAIT)
            assert history.health().last_cleanup is None
            left += 1
        else:
            assert cleaned(history) == 100 - left
    assert count(place) == left


def test_it_is_cleaned_up_again_and_again(
    repository: HoldfastRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention_module, "EVERY", 0.02)
    cleaner = Cleaner(Retention(days=1))
    yesterday = datetime.now(UTC) - timedelta(days=2)
    for n in range(3):
        repository.save(record(timestamp=yesterday))
        eventually(lambda n=n: (cleaner(repository), cleaner.deleted == n + 1)[1])
    assert cleaner.last is not None
    assert repository.find_recent().total == 0


def test_the_next_clean_up_is_not_before_its_time(repository: HoldfastRepository) -> None:
    cleaner = Cleaner(Retention(days=1))
    cleaner(repository)
    eventually(lambda: cleaner.last is not None)
    first = cleaner.last
    assert 3500 < cleaner(repository) <= 3600
    assert cleaner.last is first


def test_a_clean_up_that_fails_is_tried_again(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(retention_module, "AGAIN", 0.05)
    fill(place, 50, days=31)
    cleaner = Cleaner(Retention())
    policy = holdfast.RetryPolicy(attempts=1)
    with holdfast.open(place, retry=policy, pragmas={"busy_timeout": 50}) as db:
        repository = HoldfastRepository(db)
        with lock_held(place):
            eventually(lambda: cleaner(repository) and "could not be cleaned up" in caplog.text)
        eventually(lambda: cleaner(repository) and cleaner.deleted == 50)


def test_space_is_given_back(place: Path) -> None:
    fill(place, 2000, days=31, size=5000)
    fill(place, 10, days=1)
    before = place.stat().st_size
    assert before > 10_000_000
    with History(place) as history:
        assert cleaned(history) == 2000
        eventually(lambda: (history.health().file_size or 0) < before // 10)
    assert look(place, "pragma integrity_check") == [["ok"]]


def test_what_is_saved_during_a_clean_up_is_written(place: Path) -> None:
    fill(place, 5000, days=31, size=500)
    with History(place) as history:
        for n in range(500):
            assert history.save(record(f"{n}"))
        assert history.drain(WAIT)
        assert cleaned(history) == 5000
    assert count(place) == 500


def test_closing_does_not_wait_for_a_clean_up(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fill(place, 20_000, days=31)
    with monkeypatch.context() as patch:
        # So that there are 20,000 transactions.
        patch.setattr(sqlite, "BATCH", 1)
        history = History(place)
        history.start(WAIT)
        eventually(lambda: count(place) < 20_000)
        assert history.close(WAIT)
        left = count(place)
    assert 0 < left < 20_000
    assert history.health().last_cleanup is None
    assert "could not" not in caplog.text
    with History(place) as history:
        assert cleaned(history) == left


@pytest.mark.parametrize(
    ("bounds", "name"),
    [({"days": -1}, "days"), ({"days": "30"}, "days"), ({"max_records": -1}, "max_records"),
     ({"max_bytes": 1.5}, "max_bytes")],
)  # fmt: skip
def test_bounds_that_make_no_sense_are_refused(bounds: dict[str, object], name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} is a "):
        Retention(**bounds)  # pyright: ignore[reportArgumentType]
