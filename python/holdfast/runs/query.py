"""Pages of runs: what is asked for, checked, and its filters as SQL."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Any, NamedTuple, TypedDict, Unpack

from .models import RUN_COLUMNS, Run, RunPage, run_of
from .statements import Statement, flag, text
from .times import given, moment, stamp

#: Runs of a page, at most.
LIMIT = 1000
#: Characters of a cursor that are looked at.
CURSOR = 200


class Filters(TypedDict, total=False):
    """Which runs a query lets through; all by default."""

    spec_id: str | None
    stage: str | None
    name: str | None
    #: In which this agent has put something out.
    agent_name: str | None
    consensus_ok: bool | None
    degraded: bool | None
    has_synthesis: bool | None
    since: datetime | None
    until: datetime | None


class Query(NamedTuple):
    """A checked query: its tests on a run `r`, their values, and which page."""

    tests: list[str]
    values: list[Any]
    limit: int
    offset: int
    after: tuple[str, int] | None

    @property
    def page(self) -> Statement:
        """The runs of the page, and one more if there is one."""
        tests, values = self.tests, self.values
        if self.after is not None:
            tests = [*tests, "(r.run_timestamp, r.id) < (?, ?)"]
            values = [*values, *self.after]
        return (
            f"select {RUN_COLUMNS} from consensus_runs r {_where(tests)}"
            "order by r.run_timestamp desc, r.id desc limit ? offset ?",
            [*values, self.limit + 1, self.offset],
        )

    @property
    def total(self) -> Statement:
        """How many runs there are on all pages."""
        return f"select count(*) from consensus_runs r {_where(self.tests)}", self.values

    def page_of(self, rows: list[tuple[Any, ...]], total: int) -> RunPage:
        """Make the page of the rows that were found."""
        runs = tuple(run_of(row) for row in rows[: self.limit])
        return RunPage(runs, total, _cursor(runs[-1]) if len(rows) > self.limit else None)


def make(*, limit: int, offset: int, cursor: str | None, **filters: Unpack[Filters]) -> Query:
    """Check what a query was given. Raises ValueError or TypeError, which names the argument."""
    if type(limit) is not int or not 1 <= limit <= LIMIT:
        raise ValueError(f"limit is a number from 1 to {LIMIT}, not {limit!r}")
    if type(offset) is not int or not 0 <= offset < 2**62:
        raise ValueError(f"offset is a number from 0, not {offset!r}")
    if cursor is not None and offset:
        raise ValueError("a page has an offset or a cursor, not both")
    if unknown := filters.keys() - Filters.__annotations__.keys():
        raise TypeError(f"a query of runs has no {', '.join(sorted(unknown))}")
    found = {
        "r.spec_id = ?": text("spec_id", filters.get("spec_id"), optional=True),
        "r.stage = ?": text("stage", filters.get("stage"), optional=True),
        "r.legacy_run_id = ?": text("name", filters.get("name"), optional=True),
        "r.id in (select run_id from agent_outputs where agent_name = ?)": text(
            "agent_name", filters.get("agent_name"), optional=True
        ),
        "r.consensus_ok = ?": flag("consensus_ok", filters.get("consensus_ok")),
        "r.degraded = ?": flag("degraded", filters.get("degraded")),
        "(r.synthesis_json is not null) = ?": flag("has_synthesis", filters.get("has_synthesis")),
        "r.run_timestamp >= ?": _time("since", filters.get("since")),
        "r.run_timestamp < ?": _time("until", filters.get("until")),
    }
    tests = [test for test, value in found.items() if value is not None]
    values = [value for value in found.values() if value is not None]
    after = None if cursor is None else _read_cursor(cursor)
    return Query(tests, values, limit, offset, after)


def _time(name: str, when: datetime | None) -> str | None:
    return None if when is None else given(name, when)


def _where(tests: list[str]) -> str:
    return f"where {' and '.join(tests)} " if tests else ""


def _cursor(run: Run) -> str:
    position = [stamp(run.run_timestamp), run.id]
    return urlsafe_b64encode(json.dumps(position).encode()).decode()


def _read_cursor(cursor: object) -> tuple[str, int]:
    found = str(cursor)[:CURSOR]
    try:
        match json.loads(urlsafe_b64decode(found.encode())):
            case [str(at), int(number)] if abs(number) < 2**63:
                return stamp(moment(at)), number
            case _:
                pass
    except (ValueError, RecursionError):
        pass
    raise ValueError(f"cursor {found[:40]!r} is not one that a page of runs gave")
