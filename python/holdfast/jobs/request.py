"""What is submitted, checked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self, TypedDict

from .models import Job, JobState, now, stamp

_LONGEST = 200
_LARGEST = 2**31
#: What the queues of functions begin with.
_RESERVED = "holder:"


class Options(TypedDict, total=False):
    """How a job is to be queued; `JobManager.submit` says what each means."""

    owner: str | None
    dedupe_key: str | None
    priority: int
    run_at: datetime | None
    delay: float | None


class Request(NamedTuple):
    """The values of a new job's row, its payload, and the seconds until it may run."""

    values: dict[str, Any]
    payload: Any
    delay: float

    @classmethod
    def of(
        cls,
        kind: str,
        queue: str,
        payload: object,
        text: str | None,
        *,
        owner: str | None = None,
        dedupe_key: str | None = None,
        priority: int = 0,
        run_at: datetime | None = None,
        delay: float | None = None,
    ) -> Self:
        """Check what the caller gave; ValueError names what cannot be."""
        if owner is not None:
            _check("owner", owner)
        if dedupe_key is not None:
            _check("dedupe_key", dedupe_key)
        if type(priority) is not int or not -_LARGEST <= priority < _LARGEST:
            raise ValueError(f"priority is a whole number of 32 bits, not {priority!r}")
        at = now()
        due = None if run_at is None and delay is None else _due(run_at, delay)
        seconds = 0.0 if due is None else max(0.0, (due - datetime.now(UTC)).total_seconds())
        values = {
            "kind": kind,
            "queue": queue,
            "owner": owner,
            "dedupe_key": dedupe_key,
            "priority": priority,
            "payload": text,
            "created_at": at,
            "run_at": None if due is None else stamp(due),
            "ready": seconds == 0.0,
        }
        return cls(values, payload, seconds)

    @staticmethod
    def check_kind(kind: str) -> str:
        """Return the name of a kind of job; ValueError where it is none."""
        _check("the name of a job", kind)
        if not kind or kind.startswith(_RESERVED):
            raise ValueError(f"{kind!r} cannot be the name of a job")
        return kind

    def job(self, job_id: int) -> Job:
        """Return the job as it was inserted."""
        values = self.values
        run_at = values["run_at"]
        return Job(
            job_id,
            values["kind"],
            JobState.QUEUED,
            datetime.fromisoformat(values["created_at"]),
            self.payload,
            values["owner"],
            values["dedupe_key"],
            values["priority"],
            None if run_at is None else datetime.fromisoformat(run_at),
        )


def _check(what: str, value: object) -> None:
    if not isinstance(value, str) or len(value) > _LONGEST or not _is_text(value):
        raise ValueError(f"{what} is a text of up to {_LONGEST} characters, not {value!r:.80}")


def _is_text(value: str) -> bool:
    if value.isascii():
        return "\0" not in value
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def _due(run_at: datetime | None, delay: float | None) -> datetime:
    if delay is not None:
        if run_at is not None:
            raise ValueError("give run_at or delay, not both")
        if not isinstance(delay, int | float) or not 0 <= delay <= 10 * 366 * 86400:
            raise ValueError(f"delay is a number of seconds up to ten years, not {delay!r}")
        return datetime.now(UTC) + timedelta(seconds=delay)
    assert run_at is not None
    if getattr(run_at, "tzinfo", None) is None:
        raise ValueError("run_at has no time zone: use datetime.now(UTC) + timedelta(...)")
    return run_at
