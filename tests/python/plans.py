"""Executes plans for rows in Python, as the engine does."""

from typing import Any

from holdfast import annotations as a
from holdfast.errors import DataError
from holdfast.rows import plan

STORAGE: dict[type, int] = {
    type(None): a.NULL,
    int: a.INTEGER,
    float: a.FLOAT,
    str: a.TEXT,
    bytes: a.BLOB,
}


def build(into: Any, **row: Any) -> Any:
    """Build one row from stored values, as the engine does."""
    made = plan(into, tuple(row))
    stored = zip(made.columns, row.values(), strict=True)
    values = [_read(value, *column) for column, value in stored]
    if made.make is None:
        return dict(zip(row, values, strict=True))
    if made.order is not None:
        values = [values[column] for column in made.order]
    positional = len(values) - len(made.keywords)
    keywords = dict(zip(made.keywords, values[positional:], strict=True))
    return made.make(*values[:positional], **keywords)


def _read(value: Any, mask: int, convert: a.Converter | None, wanted: str) -> Any:
    storage = mask & STORAGE[type(value)]
    if not storage:
        raise DataError(wanted)
    if storage == a.INTEGER and mask & a.AS_BOOL and value in (0, 1):
        value = bool(value)
    elif storage == a.INTEGER and mask & a.AS_FLOAT:
        value = float(value)
    elif storage == a.INTEGER and mask & a.AS_BOOL:
        raise DataError(wanted)
    if convert is None or value is None:
        return value
    try:
        return convert(value)
    except ValueError as error:
        raise DataError(wanted) from error
