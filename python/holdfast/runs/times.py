"""Times as they are stored: UTC text that sorts, in SQLite's own format."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

#: Numbers that are an epoch: from the first, below the second, so many in a second.
_EPOCHS = (
    (10**8, 10**11, 1),
    (10**11, 10**14, 10**3),
    (10**14, 10**17, 10**6),
    (10**17, 10**20, 10**9),
)

#: Fewer digits are a date, as `20261120`.
_NUMBER = re.compile(r"[0-9]{9,}(\.[0-9]*)?")


def stamp(when: datetime) -> str:
    """Write a time with a time zone as `YYYY-MM-DD HH:MM:SS.SSS`, in UTC.

    >>> stamp(datetime(2026, 11, 20, 19, 30, tzinfo=UTC))
    '2026-11-20 19:30:00.000'
    """
    return when.astimezone(UTC).isoformat(" ", "milliseconds")[:23]


def now() -> str:
    """The current time as it is stored."""
    global _last
    # A busy writer asks many times in a millisecond.
    millisecond = time.time_ns() // 1_000_000
    if _last[0] != millisecond:
        _last = (millisecond, stamp(datetime.fromtimestamp(millisecond / 1000, UTC)))
    return _last[1]


def moment(text: str) -> datetime:
    """Read a stored time. ValueError for text that is none."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def given(name: str, when: datetime | None) -> str:
    """A time that a caller gave, as it is stored; the current one for None."""
    if when is None:
        return now()
    if not isinstance(when, datetime) or when.tzinfo is None:
        raise ValueError(f"{name} is a datetime with a time zone, not {when!r}")
    try:
        return stamp(when)
    except OverflowError:
        raise ValueError(f"{name} is not between the years 1 and 9999 of UTC: {when!r}") from None


def later(text: str, milliseconds: int = 1) -> str:
    """The stored time that is so much later."""
    return stamp(moment(text) + timedelta(milliseconds=milliseconds))


def read_any(value: object) -> str | None:
    """Read a time that another program wrote: text in ISO's or SQLite's forms, or an epoch.

    An epoch is a number, or text of one: of seconds, or of a thousandth part of them and less.
    Without a time zone it is UTC. None for what is no time.

    >>> read_any("2026-11-20T20:30:00+01:00"), read_any(1_795_203_000), read_any("soon")
    ('2026-11-20 19:30:00.000', '2026-11-20 19:30:00.000', None)
    """
    try:
        if isinstance(value, str):
            if _NUMBER.fullmatch(value.strip()):
                return _of_epoch(float(value))
            when = datetime.fromisoformat(value.strip().removesuffix(" UTC"))
            return stamp(when if when.tzinfo else when.replace(tzinfo=UTC))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _of_epoch(value)
    except (ValueError, OverflowError):
        pass
    return None


def _of_epoch(value: float) -> str | None:
    for least, most, per_second in _EPOCHS:
        if least <= value < most:
            return stamp(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value / per_second))
    return None


_last = (0, "")
