"""Bars with the spread of the rounds, as SVG that is readable on a dark page and on a light one."""

import math
from collections.abc import Callable, Sequence
from html import escape

from .figures import Spread

STYLE = """
text { font-family: system-ui, "DejaVu Sans", sans-serif; font-size: 12px; fill: #24292f }
.title { font-weight: 600 }
.faint { fill: #57606a }
.bar { fill: #9aa4b0 } .ours { fill: #2f81d6 } .bad { fill: #d1622f }
.line { stroke: #24292f; stroke-width: 1 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .faint { fill: #9ba5b0 } .line { stroke: #e6edf3 }
  .bar { fill: #6e7681 } .ours { fill: #58a6ff } .bad { fill: #f0883e }
}
"""
WIDTH, NAMES, BARS, ROW = 720, 130, 440, 20

Bar = tuple[str, Spread, str]


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """One line of text."""
    where = f'x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}"'
    return f"<text {where}>{escape(words)}</text>"


def line(x1: float, y1: float, x2: float, y2: float) -> str:
    """A thin line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="line"/>'


def picture(parts: Sequence[str], height: float) -> str:
    """The whole file."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img">'
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>"]) + "\n"


def bars(panels: Sequence[tuple[str, str, Sequence[Bar]]], show: Callable[[float], str]) -> str:
    """A panel of bars for each work: its title, its unit, and name, spread, class of each bar."""
    parts, y = [], 8.0
    for title, unit, given in panels:
        y += 16
        parts.append(text(0, y, title, "title"))
        parts.append(text(WIDTH, y, unit, "faint", "end"))
        y += 6
        most = max((found.high for _, found, _ in given), default=0) or 1
        for name, found, kind in given:
            middle, scale = y + ROW / 2, BARS / most
            width = max(found.median * scale, 1)
            parts.append(text(NAMES - 8, middle + 4, name, anchor="end"))
            parts.append(
                f'<rect x="{NAMES}" y="{y + 3:.1f}" width="{width:.1f}" height="{ROW - 6}" '
                f'class="{kind}"/>'
            )
            if found.high > found.low:
                low, high = NAMES + found.low * scale, NAMES + found.high * scale
                parts.append(line(low, middle, high, middle))
                parts += [line(x, middle - 4, x, middle + 4) for x in (low, high)]
            parts.append(text(NAMES + found.high * scale + 8, middle + 4, show(found.median)))
            y += ROW
        y += 8
    return picture(parts, y)


def aims(rows: Sequence[tuple[str, float, bool]]) -> str:
    """How far each target is met: 1 is the target itself, more is better, on a scale of decades."""
    names, reach = 400, 280
    shares = [max(share, 1e-3) for _, share, _ in rows]
    top = max(1.0, *(abs(math.log10(share)) for share in shares)) if shares else 1.0
    zero, scale = names + reach / 2, reach / 2 / top
    parts, y = [text(zero, 14, "the target", "faint", "middle")], 20.0
    for (name, share, met), bounded in zip(rows, shares, strict=True):
        length = math.log10(bounded) * scale
        kind = "ours" if met else "bad"
        parts.append(text(names - 8, y + 14, name, anchor="end"))
        parts.append(
            f'<rect x="{min(zero, zero + length):.1f}" y="{y + 3:.1f}" '
            f'width="{max(abs(length), 1):.1f}" height="{ROW - 6}" class="{kind}"/>'
        )
        parts.append(text(WIDTH, y + 14, f"{share:.2f}", "faint", "end"))
        y += ROW
    parts.append(line(zero, 18, zero, y))
    return picture(parts, y + 6)
