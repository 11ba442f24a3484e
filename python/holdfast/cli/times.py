"""Times and durations, as they are typed and shown."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import typer

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
#: Longer ago there are no dates of four digits.
_LONGEST = timedelta(days=365_000)
_AGES = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def duration(text: str) -> timedelta:
    """Read `90s`, `5m`, `2h`, `30d` or `1.5w`; typer.BadParameter for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text.strip(), re.ASCII)
    with suppress(OverflowError):
        if found and (length := timedelta(**{_UNITS[found[2]]: float(found[1])})) < _LONGEST:
            return length
    raise typer.BadParameter(f"{text!r} is no duration: write 90s, 5m, 2h, 30d or 1w")


def moment(text: str) -> datetime:
    """Read a time in ISO form, UTC if it names no zone, or how long ago it was."""
    try:
        if re.fullmatch(r"[\d.]+[a-z]", text):
            return datetime.now(UTC) - duration(text)
        when = datetime.fromisoformat(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    except (OverflowError, ValueError, typer.BadParameter):
        raise typer.BadParameter(
            f"{text!r} is no time: write 2026-11-20, 2026-11-20T18:30 or 2h, 3d for as long ago"
        ) from None


def age(since: datetime) -> str:
    """How long ago a time was, in its greatest unit: `5 min`."""
    seconds = max(0.0, (datetime.now(UTC) - since).total_seconds())
    return next((f"{seconds // size:.0f} {unit}" for unit, size in _AGES if seconds >= size), "0 s")


def in_utc(when: datetime) -> str:
    """A time as `moment` reads it again."""
    return when.astimezone(UTC).isoformat(" ", "milliseconds")
