"""The tables, and the part of docs/benchmarks.md that they are, between two markers."""

from __future__ import annotations

import datetime
from typing import Any

from peers.figures import Rounds, ratios, reason, spread, values
from peers.harness import put
from peers.limit import ROOT
from peers.page import QUIET, machine
from peers.report import shown

from .queues import QUEUES
from .works import AT_MOST, COMPARED, DRAINED, WORKS

PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- jobs:begin -->", "<!-- jobs:end -->"
OTHERS = tuple(peer for peer in QUEUES if peer != "holdfast")
#: Times the better peer that each of these is to reach; nanoseconds that a report may cost.
AIMED, TIMES, REPORT = ("enqueue", "drain"), 1.5, 2000


def rates(works: dict[str, Rounds]) -> list[str]:
    """Every queue in each work at each level; Holdfast's rate by that of the better other one."""
    lines = [
        f"| jobs/s | `synchronous` | {' | '.join(QUEUES)} | Holdfast's, by the better peer's |",
        "|---|---|" + "--:|" * (len(QUEUES) + 1),
    ]
    gone: dict[str, None] = {}
    for key, rounds in works.items():
        work, _, sync = key.partition(" ")
        if work not in COMPARED:
            continue
        found = {peer: spread(values(rounds, peer, "rate")) for peer in QUEUES}
        best = max((one.median for one in found.values() if one), default=0)
        cells = [
            f"**{shown(one)}**" if one and one.median == best else shown(one)
            for one in found.values()
        ]
        ratio = spread(ratios(rounds, "rate", OTHERS))
        lines.append(f"| {WORKS[work][0]} | {sync} | {' | '.join(cells)} | {times(ratio)} |")
        for peer in QUEUES:
            if why := reason(rounds, peer):
                gone[f"{peer} ({WORKS[work][0]}, {sync}: {why})"] = None
    return [*lines, *(["", f"Without figures: {'; '.join(gone)}."] if gone else [])]


def aims(works: dict[str, Rounds]) -> list[str]:
    """What was aimed at, and whether the median meets it."""
    lines = ["| aim | `synchronous` | found | |", "|---|---|--:|---|"]
    for key, rounds in works.items():
        work, _, sync = key.partition(" ")
        if work in AIMED:
            found, aim = spread(ratios(rounds, "rate", OTHERS)), f"{TIMES:g} x the better peer"
            met, cell = found and found.median >= TIMES, times(found)
        elif work == "report":
            found, aim = spread(values(rounds, "holdfast", "nanoseconds")), f"under {REPORT:,} ns"
            met, cell = found and found.median < REPORT, shown(found)
        else:
            continue
        state = "open" if found is None else "met" if met else "**missed**"
        lines.append(f"| {WORKS[work][0]}: {aim} | {sync} | {cell} | {state} |")
    return lines


def times(ratio: Any) -> str:
    return f"{shown(ratio)} x" if ratio else "-"


def publications(works: dict[str, Rounds]) -> list[str]:
    """How long a publication takes beside the bare system calls."""
    lines = [
        "| ms | `synchronous` | holdfast | bare | by the bare |",
        "|---|---|--:|--:|--:|",
    ]
    for key, rounds in works.items():
        work, _, sync = key.partition(" ")
        if not work.startswith("publish"):
            continue
        ours, bare = values(rounds, "holdfast", "milliseconds"), values(rounds, "holdfast", "bare")
        each = spread([one / other for one, other in zip(ours, bare, strict=True)])
        cells = [shown(spread(ours)), shown(spread(bare)), times(each)]
        lines.append(f"| {WORKS[work][0]} | {sync} | {' | '.join(cells)} |")
    return lines


def text(saved: dict[str, Any]) -> str:
    """All tables."""
    works = saved["works"]
    lines = [*aims(works), "", *rates(works), "", *publications(works)]
    cost = spread([n for key in works for n in values(works[key], "holdfast", "nanoseconds")])
    if cost:
        lines += ["", f"`ctx.report` costs its caller {shown(cost)} ns."]
    return "\n".join(lines)


def section(saved: dict[str, Any]) -> str:
    """The part of the page that is made here."""
    facts = saved["facts"]
    day = datetime.datetime.fromtimestamp(facts["began"], datetime.UTC).date()
    versions = ", ".join(
        f"{peer} {facts['versions'][peer]} with SQLite {facts['settings'][peer]['sqlite']}"
        for peer in QUEUES
    )
    noise = f"**The machine was not quiet: its load was {facts['load']:.1f}.**"
    lines = [
        BEGIN,
        "## Background jobs",
        "",
        "The same work on [Holdfast's jobs](jobs.md), huey and litequeue, each a file in WAL mode",
        f"at the same `synchronous`, {facts['rounds']} rounds, the queues in turn within each,",
        "each measurement in a process of its own. Shown are the median and, in brackets, the",
        "least and the most; a ratio is computed within a round. The fastest is in bold. After",
        "each work every job that was acknowledged was looked for in the file.",
        "",
        *([] if facts["load"] <= QUIET else [noise, ""]),
        text(saved),
        "",
        "What is promised differs. huey deletes a job when it takes it, in one commit, so that a",
        "process that dies loses it, and keeps nothing of what is done. litequeue commits twice,",
        "and a message stays locked when its process dies, until somebody unlocks it. Holdfast",
        "keeps the row and its history, and runs the job again.",
        "",
        "In the work with a transaction huey enqueues one by one, having nothing of the kind;",
        "litequeue uses its connection's. A job of Holdfast's can share one with rows of the app.",
        f"litequeue runs {AT_MOST['litequeue']} jobs, the others up to {max(DRAINED.values()):,}:",
        "its pop sorts all that waits, so a longer queue would be slower. huey and litequeue run",
        "jobs in a loop of one thread; Holdfast in a worker of its manager, from the manager's",
        "start until the file says that all have succeeded.",
        "",
        "*Bare* is the least that keeps a directory through a power cut: write and fsync each",
        "file, fsync the directory, rename it, fsync the parent. It has no row, and nothing says",
        "which directory is the newest.",
        "",
        f"Measured on {day}: {machine()}, load {facts['load']:.2f} before it began; {versions}.",
        "",
        "Run it again on a quiet machine: `make bench-jobs`.",
        END,
    ]
    return "\n".join(lines)


def write(saved: dict[str, Any]) -> None:
    """Put the section in its place, and leave what others wrote."""
    put(PAGE, BEGIN, END, section(saved))
