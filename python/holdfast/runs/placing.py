"""When a run was: the time of one of its rows, or the next millisecond that was free then."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from .legacy import LegacyRow
from .mapping import NATIVE
from .reading import Source
from .times import later, moment, read_any

#: A run is put off by less than this, in milliseconds: more others cannot be at one spec and stage.
MOST = 10_000


def is_placed(source: Source, run: Mapping[str, Any], synthesis: LegacyRow | None) -> bool:
    """Whether a run has a time that the mapping can have given it."""
    at = run["run_timestamp"]
    own = None if synthesis is None else read_any(synthesis["created_at"])
    if own == at:
        return True
    try:
        first = later(at, -MOST)
    except (ValueError, TypeError, OverflowError):
        return False
    members = source.fetch_all(
        "select distinct output_timestamp from agent_outputs where run_id = ? and id < ? "
        "and output_timestamp between ? and ? order by output_timestamp desc",
        [run["id"], NATIVE, first, at],
    )
    times = [each for (each,) in members] + ([own] if own is not None and first <= own < at else [])
    return any(_is_taken(source, run, each) for each in times)


def _is_taken(source: Source, run: Mapping[str, Any], start: str) -> bool:
    """Whether other runs have all milliseconds from one on until that of a run."""
    at = run["run_timestamp"]
    try:
        wanted = (moment(at) - moment(start)) // timedelta(milliseconds=1)
    except ValueError:
        return False
    there = source.fetch_value(
        "select count(*) from consensus_runs where spec_id = ? and stage = ? "
        "and run_timestamp >= ? and run_timestamp < ?",
        [run["spec_id"], run["stage"], start, at],
    )
    return there == wanted
