"""Numbers in the text format of Prometheus, for whoever monitors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

#: The media type of the text.
FORMAT = "text/plain; version=0.0.4; charset=utf-8"


class Metric(NamedTuple):
    """A number, or one for each value of a label; None is left out.

    All names begin with `holdfast_`. Times are in seconds, sizes in bytes.
    """

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    value: float | Mapping[str, float] | None
    label: str = ""


def text(metrics: Iterable[Metric]) -> str:
    """Write metrics.

    >>> print(text([Metric("holdfast_file_bytes", "gauge", "Size of the file.", 4096)]), end="")
    # HELP holdfast_file_bytes Size of the file.
    # TYPE holdfast_file_bytes gauge
    holdfast_file_bytes 4096
    """
    lines: list[str] = []
    for name, kind, help_, value, label in metrics:
        if value is None:
            continue
        lines += [f"# HELP {name} {help_}", f"# TYPE {name} {kind}"]
        if isinstance(value, Mapping):
            lines += [f'{name}{{{label}="{key}"}} {number}' for key, number in value.items()]
        else:
            lines.append(f"{name} {value}")
    return "\n".join(lines) + "\n"
