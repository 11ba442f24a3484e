"""What goes to standard output and standard error."""

import json
import math
import sys
from base64 import b64encode
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any, TextIO, cast

from ..errors import Error

#: Rows that decide how wide the columns of a table are.
SAMPLE = 200
#: The width from which on a column is no longer padded, where lines may be as long as they like.
WIDEST = 60
NARROWEST = 8


def line(text: str = "") -> None:
    """Write a line to standard output, with nothing in it that would drive a terminal."""
    print(visible(text))


def note(text: str) -> None:
    """Write a line to standard error."""
    print(visible(text), file=sys.stderr)


def flush() -> None:
    """Write out what is buffered."""
    if stream := cast("Any", sys.stdout):  # None when standard output was closed
        stream.flush()


def on_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal; None stands for one that was closed."""
    return stream is not None and stream.isatty()


def visible(text: str) -> str:
    r"""Replace control characters by their escapes: a line break by `\n`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def size(count: int) -> str:
    """Bytes as people read them: `size(2_500_000)` is `2.5 MB`."""
    number = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} bytes" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Write names and values below each other."""
    pairs = list(pairs)
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        line(f"{name:<{width}}  {value}")


def document(value: object) -> None:
    """Write one JSON document to standard output."""
    print(json.dumps(ready(value), indent=2, allow_nan=False))


def json_line(value: object) -> None:
    """Write JSON as one line to standard output."""
    print(json.dumps(ready(value), allow_nan=False))


def ready(value: Any) -> Any:
    """Make reports and SQLite's values into what JSON has."""
    if isinstance(value, bytes):
        return {"base64": b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value)
        return {name: ready(item) for name, item in pairs.items()}
    if isinstance(value, tuple):
        if hasattr(cast("Any", value), "_asdict"):
            return ready(cast("Any", value)._asdict())
        return [ready(item) for item in cast("tuple[Any, ...]", value)]
    if isinstance(value, list):
        return [ready(item) for item in cast("list[Any]", value)]
    return value


def failure(error: Exception, *, as_json: bool) -> None:
    """Write an error to standard error: one line, or a JSON object."""
    if as_json:
        details: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
        if isinstance(error, Error):
            for name in ("sqlite_errorcode", "sqlite_errorname", "retryable"):
                details[name] = getattr(error, name)
        print(json.dumps({"error": details}), file=sys.stderr)
        return
    from rich.console import Console
    from rich.text import Text

    message = Text.assemble(("error:", "bold red"), " ", visible(str(error)))
    Console(stderr=True).print(message, soft_wrap=True)


@contextmanager
def progress(doing: str) -> Generator[Callable[[int, int], None]]:
    """Show how far a long operation is, on a terminal; the caller says what is done, of how much.

    >>> with progress("Backing up") as show:
    ...     show(10, 200)
    """
    if not on_terminal(sys.stderr):
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task(doing, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def rows_as_json(rows: Iterator[dict[str, Any]]) -> None:
    """Write rows as a JSON array of objects, one a line, as they come."""
    before = "[\n"
    for row in rows:
        print(before, json.dumps(ready(row), allow_nan=False), sep="", end="")
        before = ",\n"
    print("[]" if before == "[\n" else "\n]")


def rows_as_table(
    rows: Iterator[dict[str, Any]], below: Iterable[list[tuple[str, str]]] = ()
) -> None:
    """Write rows as a table, as they come; on a terminal no line is longer than it is wide.

    `below` has what is written under each row: pieces of text with their styles.
    """
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    sample = list(islice(rows, SAMPLE))
    if not sample:
        note("no rows")
        return
    console = Console()
    widths = _widths(sample, console.width if on_terminal(sys.stdout) else None)
    names = list(sample[0])
    header = Text(_row([visible(name) for name in names], widths), style="bold")
    console.print(header, soft_wrap=True)
    line("  ".join("-" * width for width in widths))
    for row, pieces in zip(chain(sample, rows), chain(below, repeat([])), strict=False):
        print(_row(list(row.values()), widths))
        if pieces:
            text = Text.assemble(*((visible(piece), style) for piece, style in pieces))
            console.print(Padding(text, (0, 0, 0, 4)))


def _widths(sample: list[dict[str, Any]], room: int | None) -> list[int]:
    from rich.cells import cell_len

    columns = [[visible(name), *(_cell(row[name]) for row in sample)] for name in sample[0]]
    widths = [max(map(cell_len, column)) for column in columns]
    if room is None:
        return [min(width, WIDEST) for width in widths]
    while sum(widths) + 2 * (len(widths) - 1) > room and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    return visible(str(value))


def _row(values: list[Any], widths: list[int]) -> str:
    from rich.cells import cell_len, set_cell_size

    crop = on_terminal(sys.stdout)
    cells: list[str] = []
    for value, width in zip(values, widths, strict=True):
        text = _cell(value)
        length = cell_len(text)
        if length > width and crop:
            text = set_cell_size(text, width - 1) + "…"
        elif isinstance(value, int | float):
            text = " " * (width - length) + text
        else:
            text += " " * (width - length)
        cells.append(text)
    return "  ".join(cells).rstrip()
