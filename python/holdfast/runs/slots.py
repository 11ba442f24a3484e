"""The millisecond that a run gets: no two of a spec and stage have the same."""

from __future__ import annotations

from .reading import Source
from .times import later

_THERE = """
select count(*) from consensus_runs
where spec_id = ? and stage = ? and run_timestamp >= ? and run_timestamp < ? and id <> ?
"""


def free(source: Source, spec_id: str, stage: str, at: str, own: int = 0) -> str:
    """The first time, from one on, that no other run of a spec and stage has.

    Thousands in a row are passed in a few statements.
    """

    def is_full(milliseconds: int) -> bool:
        end = later(at, milliseconds)
        there = source.fetch_value(_THERE, [spec_id, stage, at, end, own])
        return there == milliseconds

    if not is_full(1):
        return at
    most = 2
    while is_full(most):
        most *= 2
    full = most // 2
    while most - full > 1:
        middle = (full + most) // 2
        if is_full(middle):
            full = middle
        else:
            most = middle
    return later(at, full)
