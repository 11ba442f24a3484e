"""What records are asked for, checked, in one form for every repository."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Literal, NamedTuple, TypedDict, TypeGuard

from .models import MOST, BackendType, PromptHistory, stamp
from .search import Search, parse

#: Records of a page, at most.
LIMIT = 1000

_CURSOR = re.compile(r"(-?\d{1,15})-(\d{1,16})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Filters(TypedDict, total=False):
    """Which records: those of one provider, backend, model or conversation; all by default."""

    provider: str | None
    backend: BackendType | Literal["zero-shot", "few-shot"] | None
    model: str | None
    conversation_id: str | None


class Query(NamedTuple):
    """Which records, and which page of them; the newest first, of equal times the greatest id.

    `start` and `end` are stored times: from `start` on, and before `end`.
    """

    provider: str | None = None
    backend: str | None = None
    model: str | None = None
    conversation_id: str | None = None
    start: str | None = None
    end: str | None = None
    text: Search | None = None
    limit: int = 50
    offset: int = 0
    #: Time and id of the last record of the page before.
    after: tuple[str, int] | None = None


def make_query(
    *,
    provider: object = None,
    backend: object = None,
    model: object = None,
    conversation_id: object = None,
    start: object = None,
    end: object = None,
    text: Search | None = None,
    limit: object = 50,
    offset: object = 0,
    cursor: object = None,
) -> Query:
    """Check what was asked for. Raises ValueError, which names the argument."""
    if not _is_whole(limit) or not 1 <= limit <= LIMIT:
        raise ValueError(f"limit is a whole number from 1 to {LIMIT}, not {limit!r}")
    if not _is_whole(offset) or not 0 <= offset <= MOST:
        raise ValueError(f"offset is a whole number from 0 on, not {offset!r}")
    if cursor is not None and offset:
        raise ValueError("a page has an offset or a cursor, not both")
    first, last = _bound("start", start), _bound("end", end)
    if first is not None and last is not None and first > last:
        raise ValueError("start is later than end")
    return Query(
        _name("provider", provider),
        _backend(backend),
        _name("model", model),
        _name("conversation_id", conversation_id),
        first,
        last,
        text,
        limit,
        offset,
        None if cursor is None else _read_cursor(cursor),
    )


def parsed(text: object) -> Search:
    """Read what is searched for. Raises ValueError for what is no text."""
    return parse(_string("text", text))


def cursor_after(items: Sequence[PromptHistory]) -> str:
    """Make the cursor of the page after these."""
    last = items[-1]
    return f"{(last.timestamp - _EPOCH) // _MILLISECOND}-{last.id}"


def boundary(days: object, now: datetime | None) -> str:
    """The time before which records are older than some days.

    >>> boundary(30, datetime(2026, 11, 30, 12, tzinfo=UTC))
    '2026-10-31 12:00:00.000'
    """
    if isinstance(days, bool) or not isinstance(days, int | float) or not _is_age(days):
        raise ValueError(f"days is a finite number, 0 or more, not {days!r}")
    moment = datetime.now(UTC) if now is None else _moment("now", now)
    try:
        return _ceiling(moment - timedelta(days=days))
    except OverflowError:
        return stamp(datetime.min)


def most(name: str, value: object) -> int | None:
    """Check how much may be kept at most."""
    if value is None:
        return None
    if not _is_whole(value) or value < 0:
        raise ValueError(f"{name} is a whole number from 0 on, not {value!r}")
    return min(value, 2**63 - 1)


def is_id(value: object) -> bool:
    """Whether a record may have this id. Raises ValueError for what is no number at all."""
    if not _is_whole(value):
        raise ValueError(f"an id is a whole number, not {value!r}")
    return 1 <= value <= MOST


def _is_age(days: float) -> bool:
    return days >= 0 and (isinstance(days, int) or isfinite(days))


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _string(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} is a text, not {type(value).__name__}")
    return value


def _name(name: str, value: object) -> str | None:
    if value is None:
        return None
    text = _string(name, value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} has half a character (a lone surrogate)") from None
    return str.__str__(text)


def _backend(value: object) -> str | None:
    if value is None:
        return None
    for each in BackendType:
        if value == each:
            return each.value
    raise ValueError(f"backend is one of 'zero-shot' and 'few-shot', not {value!r}")


def _moment(name: str, value: object) -> datetime:
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise ValueError(f"{name} is a datetime with a zone, as datetime.now(UTC) has")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{name} must be in the years 1 to 9999 in UTC") from None


def _bound(name: str, value: object) -> str | None:
    return None if value is None else _ceiling(_moment(name, value))


def _ceiling(moment: datetime) -> str:
    # What was stored has whole milliseconds: it is before a time where it is before the next one.
    below = moment.microsecond % 1000
    if below:
        try:
            moment += timedelta(microseconds=1000 - below)
        except OverflowError:
            return "9999-12-31 23:59:59.999~"
    return stamp(moment)


def _read_cursor(cursor: object) -> tuple[str, int]:
    found = _CURSOR.fullmatch(cursor) if isinstance(cursor, str) else None
    if found is not None:
        try:
            return stamp(_EPOCH + int(found[1]) * _MILLISECOND), int(found[2])
        except OverflowError:
            pass
    raise ValueError(f"cursor {cursor!r:.60} is not one of a page of this history")
