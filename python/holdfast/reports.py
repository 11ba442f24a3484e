"""What long operations report: plain named tuples."""

from typing import NamedTuple


class Upserted(NamedTuple):
    """How the rows of an `upsert_many` came out."""

    inserted: int
    updated: int
    skipped: int
