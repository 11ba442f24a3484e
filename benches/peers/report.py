"""The results as tables: for the terminal, and for docs/benchmarks.md between two markers."""

from typing import Any

from .figures import Rounds, Spread, Verdict, judge, ratios, reason, spread, values
from .plan import TARGETS, WORKS, Target

EXTRAS = {
    "rate": "",
    "p99": "p99 us",
    "p999": "p99.9 us",
    "max": "slowest us",
    "fairness": "least/most",
    "errors": "errors",
    "against_idle": "p99/idle p99",
    "writes": "writes/s",
    "long": "long/s",
}


def number(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        digits = max(0, len(f"{value:.0f}") - 3)
        return f"{round(value, -digits):,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def shown(found: Spread | None) -> str:
    """Median and spread."""
    if found is None:
        return "-"
    if found.low == found.high:
        return number(found.median)
    return f"{number(found.median)} ({number(found.low)} to {number(found.high)})"


def wanted(target: Target) -> str:
    """The target in words."""
    sense = "at most" if target.most else "at least"
    if not target.against:
        return f"{target.metric} {sense} {target.want:g} {target.unit}".strip()
    peers = target.against[0] if len(target.against) == 1 else "the best of others"
    return f"{target.metric} {sense} {target.want:g} x {peers}"


def verdicts(works: dict[str, Rounds]) -> list[Verdict]:
    """One for each target whose work was measured."""
    return [judge(target, works[target.work]) for target in TARGETS if target.work in works]


def target_table(works: dict[str, Rounds]) -> list[str]:
    """What was aimed at, what was found."""
    lines = ["| work | target | found: median (least to most) | |", "|---|---|--:|---|"]
    for one in verdicts(works):
        title = WORKS[one.target.work].title if one.target.work in WORKS else one.target.work
        if one.met is None:
            why = reason(works[one.target.work], "holdfast") or "nobody to compare with"
            lines.append(f"| {title} | {wanted(one.target)} | - | open ({why}) |")
        else:
            state = "met" if one.met else "**missed**"
            lines.append(f"| {title} | {wanted(one.target)} | {shown(one.found)} | {state} |")
    return lines


def main_metric(work: str) -> str:
    """What a work's table and plot show first."""
    return {"async_lag": "p99", "import": "milliseconds", "memory": "megabytes"}.get(work, "rate")


def work_table(work: str, rounds: Rounds) -> list[str]:
    """Every peer of one work, the best first; Holdfast's ratio to each."""
    metric = main_metric(work)
    less = metric != "rate"
    peers = {peer: None for one in rounds for peer in one}
    found = {peer: spread(values(rounds, peer, metric)) for peer in peers}
    extras = [
        name
        for name in EXTRAS
        if name != metric and any(name in one[peer] for one in rounds for peer in one)
    ]
    unit = "us" if metric == "p99" else WORKS[work].unit
    head = ["peer", unit, "Holdfast is at", *(EXTRAS[name] or "rate" for name in extras)]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "--:|" * (len(head) - 1)]
    there = [peer for peer in peers if found[peer]]
    there.sort(key=lambda peer: found[peer].median, reverse=not less)  # type: ignore[union-attr]
    for peer in there:
        ratio = "" if peer == "holdfast" else shown(spread(ratios(rounds, metric, (peer,))))
        cells = [shown(found[peer]), ratio and f"{ratio} x"]
        for name in extras:
            other = spread(values(rounds, peer, name))
            cells.append(
                number(other.high if name in ("max", "errors") else other.median) if other else ""
            )
        name = f"**{peer}**" if peer == "holdfast" else peer
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    gone = [f"{peer}: {reason(rounds, peer)}" for peer in peers if not found[peer]]
    return lines + (["", f"Left out: {'; '.join(gone)}."] if gone else [])


def lost(saved: dict[str, Any]) -> list[str]:
    """Every loss of an acknowledged write."""
    return [
        f"{work}, {peer}, round {n + 1}: {found['lost']}"
        for work, rounds in saved["works"].items()
        for n, one in enumerate(rounds)
        for peer, found in one.items()
        if "lost" in found
    ]


def text(saved: dict[str, Any]) -> str:
    """All tables."""
    works = saved["works"]
    lines = target_table(works)
    for work, rounds in works.items():
        lines += ["", f"## {WORKS[work].title}", "", *work_table(work, rounds)]
    return "\n".join(lines)
