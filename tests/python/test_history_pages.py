"""Pages of a history: the newest first, whole and stable, by filters and by dates."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from history_records import KINDS, MILLISECOND, NOON, ideas, record, repository_of
from holdfast.history import PromptHistory

MICROSECOND = timedelta(microseconds=1)


@pytest.fixture(params=KINDS)
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with repository_of(request.param, tmp_path) as made:
        yield made


def pages(repository: Any, **asked: Any) -> list[PromptHistory]:
    """All records, page by page."""
    found: list[PromptHistory] = []
    cursor = None
    while True:
        page = repository.find_recent(cursor=cursor, **asked)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found


def test_the_newest_come_first_and_of_equal_times_the_last_saved(repository: Any) -> None:
    repository.save_many([record("b", at=1), record("c", at=1), record("a"), record("d", at=2)])
    assert ideas(repository.find_recent()) == ["a", "d", "c", "b"]


def test_a_page_has_its_limit_the_total_and_where_to_go_on(repository: Any) -> None:
    repository.save_many(record(str(n), at=n) for n in range(5))
    page = repository.find_recent(2)
    assert ideas(page) == ["4", "3"] and page.total == 5 and page.cursor
    assert ideas(repository.find_recent(2, 2)) == ["2", "1"]
    last = repository.find_recent(2, cursor=repository.find_recent(2, cursor=page.cursor).cursor)
    assert ideas(last) == ["0"] and last.total == 5 and last.cursor is None
    assert repository.find_recent(5).cursor is None
    beyond = repository.find_recent(2, 5)
    assert beyond.items == () and beyond.total == 5 and beyond.cursor is None
    assert repository.find_recent(offset=2**53 - 1).items == ()


def test_pages_are_stable_though_records_come_and_go(repository: Any) -> None:
    repository.save_many(record(str(n), at=n // 2) for n in range(10))
    page = repository.find_recent(3)
    assert ideas(page) == ["9", "8", "7"]
    # The last of the page, one that is still to come, and new ones at the front.
    for gone in (8, 6):
        repository.delete(gone)
    repository.save_many([record("new", at=100), record("newer", at=200)])
    page = repository.find_recent(3, cursor=page.cursor)
    assert ideas(page) == ["6", "4", "3"]
    assert repository.delete_old(0, now=NOON + MILLISECOND) == 2
    assert ideas(repository.find_recent(9, cursor=page.cursor)) == ["2"]


_small = st.builds(
    record,
    at=st.integers(0, 4),
    provider=st.sampled_from("ab"),
    model=st.sampled_from("xy"),
    backend=st.sampled_from(["zero-shot", "few-shot"]),
    conversation_id=st.sampled_from([None, "", "c"]),
)
_filters = st.fixed_dictionaries(
    {},
    optional={
        "provider": st.sampled_from("abz"),
        "model": st.sampled_from("xy"),
        "backend": st.sampled_from(["zero-shot", "few-shot"]),
        "conversation_id": st.sampled_from(["", "c"]),
    },
)


@pytest.mark.parametrize("kind", KINDS)
def test_pages_by_cursor_and_by_offset_are_the_whole_list(kind: str) -> None:
    with TemporaryDirectory() as folder, repository_of(kind, Path(folder)) as repository:

        @settings(max_examples=40, deadline=None)
        @given(st.lists(_small, max_size=12), _filters, st.integers(1, 5))
        def are_whole(batch: list[PromptHistory], filters: dict[str, Any], limit: int) -> None:
            repository.delete_old(0, now=NOON + timedelta(days=1))
            ids = repository.save_many(batch)
            both = sorted(zip(batch, ids, strict=True), key=lambda b: (b[0].timestamp, b[1]))
            wanted = [
                number
                for kept, number in reversed(both)
                if all(getattr(kept, name) == value for name, value in filters.items())
            ]
            assert [each.id for each in pages(repository, limit=limit, **filters)] == wanted
            for offset in range(0, len(wanted) + 1, limit):
                page = repository.find_recent(limit, offset, **filters)
                assert [each.id for each in page.items] == wanted[offset : offset + limit]
                assert page.total == len(wanted)
                assert (page.cursor is None) == (offset + limit >= len(wanted))

        are_whole()


def test_dates_are_from_the_start_and_before_the_end(repository: Any) -> None:
    repository.save_many(record(str(n), at=n) for n in range(4))

    def found(start: datetime | None, end: datetime | None) -> list[str]:
        page = repository.find_by_date_range(start, end)
        assert page.total == len(page.items)
        return ideas(page)

    assert found(NOON + MILLISECOND, NOON + 3 * MILLISECOND) == ["2", "1"]
    assert found(None, NOON) == [] and found(NOON, None) == ["3", "2", "1", "0"]
    assert found(NOON, NOON) == [] and found(None, None) == ["3", "2", "1", "0"]
    # Between two milliseconds.
    assert found(NOON + MICROSECOND, NOON + MILLISECOND + MICROSECOND) == ["1"]
    assert found(NOON + MILLISECOND, NOON + 2 * MILLISECOND - MICROSECOND) == ["1"]


def test_dates_are_compared_as_instants(repository: Any) -> None:
    tokyo = timezone(timedelta(hours=9))
    repository.save(record("late in Tokyo", timestamp=datetime(2026, 11, 21, 1, tzinfo=tokyo)))
    day = datetime(2026, 11, 20, tzinfo=UTC)
    assert repository.find_by_date_range(day, day + timedelta(days=1)).total == 1
    there = datetime(2026, 11, 21, tzinfo=tokyo)
    assert repository.find_by_date_range(there, there + timedelta(days=1)).total == 1
    assert repository.find_by_date_range(day + timedelta(days=1), None).total == 0


def test_the_first_and_the_last_moment_can_be_asked_for(repository: Any) -> None:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    repository.save_many([record("first", timestamp=first), record("last", timestamp=last)])
    assert repository.find_by_date_range(first, last).total == 2
    assert ideas(repository.find_by_date_range(first + MICROSECOND, None)) == ["last"]
    page = repository.find_recent(1)
    assert ideas(repository.find_recent(cursor=page.cursor)) == ["first"]
    assert [each.original_idea for each in pages(repository, limit=1)] == ["last", "first"]


def test_a_range_has_filters_and_pages_too(repository: Any) -> None:
    repository.save_many(record(str(n), at=n, provider="ab"[n % 2]) for n in range(10))
    end = NOON + 8 * MILLISECOND
    page = repository.find_by_date_range(NOON, end, 2, provider="b")
    assert ideas(page) == ["7", "5"] and page.total == 4
    page = repository.find_by_date_range(NOON, end, 2, provider="b", cursor=page.cursor)
    assert ideas(page) == ["3", "1"] and page.cursor is None
    assert ideas(repository.find_by_date_range(NOON, end, 1, 3)) == ["4"]


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        *(({"limit": limit}, "limit is a whole number from 1 to 1000")
          for limit in (0, -1, 1001, True, 1.0, "5", None)),
        *(({"offset": offset}, "offset is a whole number from 0 on")
          for offset in (-1, 2**53, False, 0.5, "0")),
        ({"offset": 1, "cursor": "1-1"}, "an offset or a cursor, not both"),
        *(({"cursor": cursor}, "cursor .* is not one of a page")
          for cursor in ("", "x", "1", "1-", "-1", "1-1 ", "9" * 15 + "-1", "\u0661-1", 7)),
        ({"provider": 1}, "provider is a text, not int"),
        ({"model": b"x"}, "model is a text, not bytes"),
        ({"conversation_id": "\ud800"}, "conversation_id has half a character"),
        *(({"backend": backend}, "backend is one of 'zero-shot' and 'few-shot', not")
          for backend in ("one-shot", "", 1, ["few-shot"])),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_by_name(
    repository: Any, asked: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValueError, match=f"^(a page has )?{problem}"):
        repository.find_recent(**asked)


@pytest.mark.parametrize(
    ("start", "end", "problem"),
    [
        (datetime(2026, 11, 20), None, "start is a datetime with a zone"),
        (None, datetime(2026, 11, 20), "end is a datetime with a zone"),
        ("2026-11-20", None, "start is a datetime with a zone"),
        (NOON, NOON - MILLISECOND, "start is later than end"),
        (None, datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))), "end must be in the"),
    ],
)
def test_what_is_no_range_is_refused(repository: Any, start: Any, end: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{problem}"):
        repository.find_by_date_range(start, end)
    with pytest.raises(ValueError, match=f"^{problem}"):
        repository.get_statistics(start=start, end=end)
