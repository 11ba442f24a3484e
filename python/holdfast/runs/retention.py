"""Deleting old runs, a few in a transaction, which keeps the lane for milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from .statements import Statement
from .times import stamp

#: Runs, and outputs of them, that one transaction deletes.
RUNS, OUTPUTS = 50, 500

OLDEST = "select id from consensus_runs where run_timestamp < ? order by run_timestamp limit ?"


def boundary(older_than: timedelta) -> str | None:
    """The time before which runs go, to the whole second; None if it is before all times.

    A run that is exactly as old stays.
    """
    if not isinstance(older_than, timedelta):
        raise TypeError(f"older_than is a timedelta, not {older_than!r}")
    if older_than < timedelta():
        raise ValueError(f"older_than is not negative, as {older_than!r} is")
    try:
        return stamp((datetime.now(UTC) - older_than).replace(microsecond=0))
    except OverflowError:
        return None


def outputs_of(runs: list[Any]) -> Statement:
    """Delete some outputs of runs, first: of a run with very many all at once would take long."""
    marks = ", ".join("?" * len(runs))
    return (
        "delete from agent_outputs where id in (select id from agent_outputs "
        f"where run_id in ({marks}) limit {OUTPUTS})",
        runs,
    )


def runs_of(runs: list[Any]) -> Statement:
    """Delete runs."""
    return f"delete from consensus_runs where id in ({', '.join('?' * len(runs))})", runs
