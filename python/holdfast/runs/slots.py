"""The millisecond that a run gets: no two of a spec and stage have the same."""

from __future__ import annotations

from .reading import Source
from .times import later

#: Where the search for a spec, a stage and a time begins: what one transaction has found to be full
#: it does not look through again.
Places = dict[tuple[str, str, str], str]

_THERE = """
select count(*) from consensus_runs
where spec_id = ? and stage = ? and run_timestamp >= ? and run_timestamp < ? and id <> ?
"""


def free(
    source: Source, spec_id: str, stage: str, at: str, own: int = 0, places: Places | None = None
) -> str:
    """The first time at or after `at` that no other run of the spec and stage has.

    Thousands in a row are passed in a few statements, and with `places` only once.
    """
    key = (spec_id, stage, at)
    start = at if places is None else places.get(key, at)

    def is_full(first: int, last: int) -> bool:
        between = [later(start, first), later(start, last)]
        there = source.fetch_value(_THERE, [spec_id, stage, *between, own])
        return there == last - first

    full, most = 0, 1
    while is_full(full, most):
        full, most = most, 2 * most
    while most - full > 1:
        middle = (full + most) // 2
        if is_full(full, middle):
            full = middle
        else:
            most = middle
    found = later(start, full) if full else start
    if places is not None:
        places[key] = found
    return found
