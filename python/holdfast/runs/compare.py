"""Whether the old schema and the new one say the same.

The old side is mapped and its content hash compared with that of what the new side has. All that
is compared comes from one snapshot or one transaction, so that no write is seen by half.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

from .errors import UnmappableError
from .legacy import LegacyRow
from .mapping import MappedOutput, MappedSynthesis, output_of, synthesis_of
from .reading import Garbled

Kind = Literal["differs", "missing in new", "missing in legacy"]
#: A row by the names of its columns.
Row = Mapping[str, Any]

#: The columns of a run that a row of the old schema has too, and what they are called there.
OF_RUN = {"spec_id": "spec_id", "stage": "stage", "legacy_run_id": "run_id"}


class Finding(NamedTuple):
    """What the two schemas do not agree on: where, which columns, and both sides as JSON."""

    kind: Kind
    legacy_table: str | None
    legacy_id: int | None
    new_table: str | None
    new_id: int | None
    columns: tuple[str, ...]
    legacy_json: str | None
    new_json: str | None

    @property
    def fingerprint(self) -> str:
        """The same for the same disagreement, however often it is found."""
        return digest(self)


def digest(values: Iterable[Any]) -> str:
    """The content hash of values of SQLite: other values or types give another one.

    >>> digest(["a", 1]) == digest(["a", 1]) != digest(["a", "1"])
    True
    """
    return blake2b(b"".join(map(_bytes, values)), digest_size=16).hexdigest()


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogatepass")
        return b"t%d:" % len(text) + text
    if isinstance(value, bytes):
        kind = b"g" if isinstance(value, Garbled) else b"b"
        return kind + b"%d:" % len(value) + value
    if isinstance(value, float):
        return b"r" + value.hex().encode() + b":"
    if value is None:
        return b"n:"
    return b"i%d:" % value if isinstance(value, int) else _bytes(digest(value))


def output_differs(row: LegacyRow, output: Row, run: Row | None) -> tuple[str, ...]:
    """The columns in which an output is not what its artifact is mapped to; none if all agree."""
    if run is None:
        return ("run_id",)
    try:
        wanted = output_of(row, output["model_version"])
    except UnmappableError as error:
        return (str(error),)
    return _columns(row, MappedOutput._fields, wanted, output, run)


def synthesis_differs(row: LegacyRow, run: Row) -> tuple[str, ...]:
    """The columns in which a run is not what its synthesis is mapped to; none if all agree."""
    try:
        wanted = synthesis_of(row)
    except UnmappableError as error:
        return (str(error),)
    return _columns(row, MappedSynthesis._fields, wanted, run, run)


def _columns(
    row: LegacyRow, names: Sequence[str], wanted: Sequence[Any], found: Row, run: Row
) -> tuple[str, ...]:
    expected = [*wanted, *(row[name] for name in OF_RUN.values())]
    actual = [*(found[name] for name in names), *(run[name] for name in OF_RUN)]
    if digest(expected) == digest(actual):
        return ()
    pairs = zip([*names, *OF_RUN], expected, actual, strict=True)
    return tuple(name for name, one, other in pairs if _bytes(one) != _bytes(other))


def shown(row: LegacyRow | Row | None) -> str | None:
    """One side of a mismatch as JSON."""
    if row is None:
        return None
    values = row.by_name() if isinstance(row, LegacyRow) else row
    return json.dumps(values, ensure_ascii=False, default=_shown_bytes)


def _shown_bytes(value: object) -> object:
    if isinstance(value, Garbled):
        return value.decode(errors="backslashreplace")
    return {"hex": value.hex()} if isinstance(value, bytes) else str(value)
