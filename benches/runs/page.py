"""The tables, and the part of docs/benchmarks.md that they are, between two markers."""

from __future__ import annotations

import datetime
from typing import Any

from peers.figures import Rounds, Spread, reason, spread, values
from peers.harness import put
from peers.limit import ROOT
from peers.page import QUIET, machine
from peers.report import shown

from .sides import SIDES
from .works import LEVELS, WORKS

PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- runs:begin -->", "<!-- runs:end -->"
#: What a write to both schemas may cost, by a write to the new one alone.
MOST = 1.3


def cost(rounds: Rounds, side: str, by: str) -> Spread | None:
    """What one side needs by another one, computed within each round."""
    pairs = [(one.get(side, {}), one.get(by, {})) for one in rounds]
    return spread(
        [one["us"] / other["us"] for one, other in pairs if "us" in one and "us" in other]
    )


def times(ratio: Spread | None) -> str:
    return f"{shown(ratio)} x" if ratio else "-"


def aims(works: dict[str, Rounds]) -> list[str]:
    """What was aimed at, and whether the median meets it."""
    lines = ["| aim | `synchronous` | found | |", "|---|---|--:|---|"]
    for name, work in WORKS.items():
        for sync in LEVELS if work.batch == 1 else ():
            found = cost(works.get(f"{name} {sync}", []), "dual", "new")
            state = "open" if found is None else "met" if found.median < MOST else "**missed**"
            said = f"{work.said}: both under {MOST:g} x the new one"
            lines.append(f"| {said} | {sync} | {times(found)} | {state} |")
    return lines


def costs(works: dict[str, Rounds]) -> list[str]:
    """The microseconds of every side, and what both cost by one."""
    by = ("legacy", "new", "new, run known")
    heads = [*SIDES, *(f"dual by {side}" for side in by), "naive by new"]
    lines = [
        f"| us an artifact | `synchronous` | {' | '.join(heads)} |",
        "|---|---|" + "--:|" * len(heads),
    ]
    gone: dict[str, None] = {}
    for key, rounds in works.items():
        name, _, sync = key.partition(" ")
        cells = [shown(spread(values(rounds, side, "us"))) for side in SIDES]
        cells += [times(cost(rounds, "dual", side)) for side in by]
        cells.append(times(cost(rounds, "naive", "new")))
        lines.append(f"| {WORKS[name].said} | {sync} | {' | '.join(cells)} |")
        if why := reason(rounds, "dual"):
            gone[f"{WORKS[name].said}, {sync}: {why}"] = None
    return [*lines, *(["", f"Without figures: {'; '.join(gone)}."] if gone else [])]


def text(saved: dict[str, Any]) -> str:
    """All tables."""
    return "\n".join([*aims(saved["works"]), "", *costs(saved["works"])])


def section(saved: dict[str, Any]) -> str:
    """The part of the page that is made here."""
    facts = saved["facts"]
    day = datetime.datetime.fromtimestamp(facts["began"], datetime.UTC).date()
    noise = f"**The machine was not quiet: its load was {facts['load']:.1f}.**"
    lines = [
        BEGIN,
        "## Runs, in one schema and in both",
        "",
        "Artifacts of agents, three to a run, [written](runs.md) to the old schema, to the new",
        f"one, and to both: {facts['rounds']} rounds, each in a process of its own, in which the",
        "sides take turns of a few milliseconds, each on a file of its own in WAL mode. Shown are",
        "the median and, in brackets, the least and the most; a ratio is computed within a round.",
        "After each round every artifact was looked for in each table, and a sweep of both schemas",
        "found no mismatch.",
        "",
        *([] if facts["load"] <= QUIET else [noise, ""]),
        text(saved),
        "",
        "*legacy* is a row of `consensus_artifacts`, *new* an output in the run of its spec, stage",
        "and time, each in a transaction; *new, run known* is the output alone, by a caller who",
        "remembers the id of the run. *naive* writes both, a transaction each, and compares",
        "nothing. *dual* is `DualWriter`: one transaction, one timestamp, and both rows compared.",
        "",
        f"Measured on {day}: {machine()}, load {facts['load']:.2f} before it began; "
        f"holdfast {facts['version']} with SQLite {facts['sqlite']}.",
        "",
        "Run it again on a quiet machine: `make bench-runs`.",
        END,
    ]
    return "\n".join(lines)


def write(saved: dict[str, Any]) -> None:
    """Put the section in its place, and leave what others wrote."""
    put(PAGE, BEGIN, END, section(saved))
