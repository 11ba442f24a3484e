"""The results as tables of Markdown."""

from typing import Any

from .figures import Rounds, Spread, Verdict, judge, ratios, reason, spread, values
from .harness import told
from .plan import TARGETS, WORKS, Target

#: What a table shows beside its main figure, the worst round of those that are about the worst.
COLUMNS = {
    "rate": "short/s",
    "p99": "p99 us",
    "p999": "p99.9 us",
    "max": "slowest us",
    "fairness": "least/most",
    "errors": "errors",
    "against_idle": "p99 / idle p99",
    "writes": "writes/s beside",
    "pages": "pages given back",
    "long": "long/s",
    "own": "unshared",
}
WORST = ("max", "errors")


def number(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        digits = max(0, len(f"{value:.0f}") - 3)
        return f"{round(value, -digits):,.0f}"
    if value == int(value):
        return f"{value:.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def shown(found: Spread | None) -> str:
    """Median and spread."""
    if found is None:
        return "-"
    if number(found.low) == number(found.high):
        return number(found.median)
    return f"{number(found.median)} ({number(found.low)} to {number(found.high)})"


def wanted(target: Target) -> str:
    """The target in words."""
    sense = "at most" if target.most else "at least"
    names = {"p999": "p99.9 ", "max": "slowest ", "against_idle": "p99 / idle p99 "}
    names |= {"fairness": "least/most ", "milliseconds": "", "megabytes": ""}
    metric = names.get(target.metric, f"{target.metric} ")
    if not target.against:
        return f"{metric}{sense} {target.want:,g} {target.unit}".strip()
    peers = (
        target.against[0] if len(target.against) == 1 else "best of " + ", ".join(target.against)
    )
    return f"{metric}{sense} {target.want:g} x {peers}"


def verdicts(works: dict[str, Rounds]) -> list[Verdict]:
    """One for each target whose work was measured."""
    return [judge(target, works[target.work]) for target in TARGETS if target.work in works]


def target_table(works: dict[str, Rounds]) -> list[str]:
    """What was aimed at, what was found."""
    lines = ["| work | target | found: median (least to most) | |", "|---|---|--:|---|"]
    for one in verdicts(works):
        title = WORKS[one.target.work].title
        if one.met is None:
            why = reason(works[one.target.work], "holdfast") or "nobody to compare with"
            lines.append(f"| {title} | {wanted(one.target)} | - | open ({why}) |")
        else:
            state = "met" if one.met else "**missed**"
            lines.append(f"| {title} | {wanted(one.target)} | {shown(one.found)} | {state} |")
    return lines


def main_metric(work: str) -> str:
    """What a work's table and plot show first."""
    kinds = {"async_lag": "p99", "import": "milliseconds"}
    return kinds.get(work) or ("megabytes" if WORKS[work].unit == "MB" else "rate")


def ranked(work: str, rounds: Rounds) -> list[tuple[str, Spread]]:
    """The peers that have figures, the best first."""
    metric = main_metric(work)
    peers = {peer: None for one in rounds for peer in one}
    found = [(peer, one) for peer in peers if (one := spread(values(rounds, peer, metric)))]
    return sorted(found, key=lambda pair: pair[1].median, reverse=metric == "rate")


def work_table(work: str, rounds: Rounds) -> list[str]:
    """Every peer of one work, the best first; how many times its figure Holdfast's is."""
    metric = main_metric(work)
    has = {name for one in rounds for found in one.values() for name in found} - {metric}
    extras = [name for name in COLUMNS if name in has]
    unit = "p99 us" if metric == "p99" else WORKS[work].unit
    head = ["peer", unit, "Holdfast's is", *(COLUMNS[name] for name in extras)]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "--:|" * (len(head) - 1)]
    for peer, found in ranked(work, rounds):
        ratio = spread(ratios(rounds, metric, (peer,)))
        cells = [shown(found), "" if peer == "holdfast" or not ratio else f"{shown(ratio)} x"]
        for name in extras:
            other = spread(values(rounds, peer, name))
            cells.append(number(other.high if name in WORST else other.median) if other else "")
        name = f"**{peer}**" if peer == "holdfast" else peer
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    gone = {peer: why for one in rounds for peer in one if (why := reason(rounds, peer))}
    if gone:
        lines += ["", f"Without figures: {'; '.join(f'{p} ({why})' for p, why in gone.items())}."]
    return lines


def lost(saved: dict[str, Any]) -> list[str]:
    """Every loss of an acknowledged write."""
    return told(saved["works"], "lost")


def headline(work: str) -> str:
    """A work's title, to begin a line."""
    title = WORKS[work].title
    return title[0].upper() + title[1:]


def text(saved: dict[str, Any], level: str = "##") -> str:
    """All tables."""
    works = saved["works"]
    lines = target_table(works)
    for work, rounds in works.items():
        lines += ["", f"{level} {headline(work)}", "", *work_table(work, rounds)]
    return "\n".join(lines)
