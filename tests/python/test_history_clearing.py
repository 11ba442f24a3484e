"""Old records go: by age, by number and by bytes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import holdfast
from history_records import KINDS, MILLISECOND, NOON, ideas, record, repository_of
from holdfast.history import HoldfastRepository, InMemoryRepository

DAYS = timedelta(days=1)


@pytest.fixture(params=KINDS)
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with repository_of(request.param, tmp_path) as made:
        yield made


def test_what_is_exactly_as_old_stays(repository: Any) -> None:
    repository.save_many(
        [
            record("a millisecond older", timestamp=NOON - 30 * DAYS - MILLISECOND),
            record("as old", timestamp=NOON - 30 * DAYS),
            record("younger", timestamp=NOON - 30 * DAYS + MILLISECOND),
            record("to come", timestamp=NOON + 90 * DAYS),
        ]
    )
    assert repository.delete_old(30, now=NOON) == 1
    assert repository.delete_old(now=NOON) == 0
    assert ideas(repository.find_recent()) == ["to come", "younger", "as old"]
    # Between two milliseconds, the one before is older.
    assert repository.delete_old(30, now=NOON + timedelta(microseconds=1)) == 1
    assert ideas(repository.find_recent()) == ["to come", "younger"]


def test_age_is_that_of_the_instant(repository: Any) -> None:
    tokyo = timezone(timedelta(hours=9))
    repository.save(record(timestamp=(NOON - DAYS).astimezone(tokyo)))
    assert repository.delete_old(1, now=NOON.astimezone(timezone(timedelta(hours=-5)))) == 0
    assert repository.delete_old(1, now=(NOON + MILLISECOND).astimezone(tokyo)) == 1


def test_age_is_counted_from_now_in_days_and_parts_of_them(repository: Any) -> None:
    now = datetime.now(UTC)
    repository.save_many(
        record(f"{hours} h", timestamp=now - hours * DAYS / 24) for hours in (1, 7)
    )
    assert repository.delete_old(365_000_000) == 0
    assert repository.delete_old(0.25) == 1
    assert ideas(repository.find_recent()) == ["1 h"]
    assert repository.delete_old(0) == 1


@pytest.mark.parametrize("days", [-1, float("nan"), float("inf"), True, "30", None, DAYS])
def test_what_is_no_age_is_refused(repository: Any, days: Any) -> None:
    repository.save(record())
    with pytest.raises(ValueError, match="^days is a finite number, 0 or more"):
        repository.delete_old(days)
    with pytest.raises(ValueError, match="^now is a datetime with a zone"):
        repository.delete_old(1, now=datetime(2026, 11, 20))
    assert repository.find_recent().total == 1


def test_the_newest_are_left_and_of_equal_times_the_last_saved(repository: Any) -> None:
    repository.save_many([record("c"), *(record(str(n), at=n // 2) for n in range(6))])
    assert repository.trim(max_records=7) == 0
    assert repository.trim(max_records=4) == 3
    assert ideas(repository.find_recent()) == ["c", "5", "4", "3"]
    assert repository.trim(max_records=0) == 4
    assert repository.trim(max_records=0) == 0
    assert repository.trim() == 0


def test_so_many_bytes_are_left_and_no_more(repository: Any) -> None:
    repository.save_many(record("é" * 50, at=n) for n in range(5))
    each = repository.get_statistics().bytes // 5
    assert each == 100 + 15 + 2
    assert repository.trim(max_bytes=5 * each) == 0
    assert repository.trim(max_bytes=4 * each - 1) == 2
    assert repository.get_statistics().bytes == 3 * each
    # What is too large by itself goes too, and all that is older.
    repository.save(record("x" * 1000, at=9))
    assert repository.trim(max_bytes=500) == 4


def test_both_bounds_hold(repository: Any) -> None:
    repository.save_many(record("é" * 50, at=n) for n in range(9))
    assert repository.trim(max_records=5, max_bytes=3 * 117) == 6
    repository.save_many(record("é" * 50, at=10 + n) for n in range(6))
    assert repository.trim(max_records=2, max_bytes=3 * 117) == 7


@pytest.mark.parametrize("most", [-1, True, 1.5, "7"])
def test_what_is_no_bound_is_refused(repository: Any, most: Any) -> None:
    repository.save(record())
    for name in ("max_records", "max_bytes"):
        with pytest.raises(ValueError, match=f"^{name} is a whole number from 0 on"):
            repository.trim(**{name: most})
    assert repository.trim(max_records=10**30, max_bytes=10**30) == 0


_steps = st.lists(
    st.tuples(st.just("save"), st.lists(st.integers(0, 6), max_size=40))
    | st.tuples(st.just("trim"), st.integers(0, 30))
    | st.tuples(st.just("bytes"), st.integers(0, 600))
    | st.tuples(st.just("old"), st.integers(0, 7)),
    max_size=6,
)


@settings(max_examples=20, deadline=None)
@given(_steps)
def test_every_repository_is_left_with_the_same(steps: list[tuple[str, Any]]) -> None:
    with holdfast.open(":memory:") as db:
        both = (InMemoryRepository(), HoldfastRepository(db))
        for verb, value in steps:
            done: list[Any] = []
            for each in both:
                match verb:
                    case "save":
                        done.append(each.save_many(record("x" * (1 + at), at=at) for at in value))
                    case "trim":
                        done.append(each.trim(max_records=value))
                    case "bytes":
                        done.append(each.trim(max_bytes=value))
                    case _:
                        done.append(each.delete_old(0, now=NOON + value * MILLISECOND))
            assert done[0] == done[1]
            assert both[0].find_recent(1000) == both[1].find_recent(1000)
