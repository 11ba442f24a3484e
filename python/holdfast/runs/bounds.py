"""How many rows of a range are read at once, by their bytes: a few megabytes are enough."""

from __future__ import annotations

from .legacy import ARTIFACTS, SYNTHESES
from .reading import Source

#: Bytes of content that a step reads from a table, about.
BYTES = 8_000_000
END = 2**63 - 1

#: The tables of each range, by their ids, and what of them may be large.
_SIZES = {
    "artifacts": ((ARTIFACTS, ("content_json", "response_text")), ("agent_outputs", ("content",))),
    "natives": (("agent_outputs", ("content", "response_text")),),
    "runs": (("consensus_runs", ("synthesis_json",)),),
    "syntheses": ((SYNTHESES, ("output_markdown", "agreements", "conflicts")),),
}


def most(source: Source, name: str, after: int, rows: int) -> int:
    """The greatest id of the next part of a range: it has so many rows, or so many bytes."""
    return min(_most(source, table, columns, after, rows) for table, columns in _SIZES[name])


def _most(source: Source, table: str, columns: tuple[str, ...], after: int, rows: int) -> int:
    size = " + ".join(f"coalesce(octet_length({column}), 0)" for column in columns)
    left = BYTES
    for number, bytes_ in source.fetch_all(
        f"select id, {size} from {table} where id > ? order by id limit ?", [after, rows]
    ):
        left -= bytes_
        if left <= 0:
            return number
    return END
