"""The tables, and the part of docs/benchmarks.md that they are, between two markers."""

from __future__ import annotations

import datetime
from typing import Any

from peers.figures import Rounds, Spread, reason, spread, values
from peers.harness import put
from peers.limit import ROOT
from peers.page import QUIET, machine
from peers.report import number, shown

from .saves import COUNT, WORKS
from .service import ASKED, CLOSED, MODES, RATE, TURNS
from .sides import NAMES, SIDES

PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- history:begin -->", "<!-- history:end -->"
#: How many times the answer of a service without; how many milliseconds more; microseconds.
TIMES, MORE, SAVE = 1.05, 5.0, 50.0
ASIDE = [mode for mode in MODES if mode not in ("off", "again")]
NAMED = {"p50": "median", "p99": "p99"}


def by_off(rounds: Rounds, mode: str, metric: str) -> Spread | None:
    """How many times what it is with the history off, a value for each round."""
    pairs = [(one.get(mode, {}), one.get("off", {})) for one in rounds]
    return spread([on[metric] / off[metric] for on, off in pairs if metric in on and metric in off])


def more(rounds: Rounds, mode: str, metric: str) -> Spread | None:
    """How many milliseconds more than with the history off, a value for each round."""
    pairs = [(one.get(mode, {}), one.get("off", {})) for one in rounds]
    found = [on[metric] - off[metric] for on, off in pairs if metric in on and metric in off]
    return spread([each / 1000 for each in found])


def signed(found: Spread | None) -> str:
    """A spread of differences, with their signs."""
    if found is None:
        return "-"
    median, low, high = (f"{each:+.2f}" for each in (found.median, found.low, found.high))
    return f"{median} ({low} to {high})" if low != high else median


def times(found: Spread | None) -> str:
    """A ratio that is near 1, to the hundredth."""
    if found is None:
        return "-"
    median, low, high = (f"{each:.2f}" for each in (found.median, found.low, found.high))
    return f"{median} ({low} to {high}) x" if low != high else f"{median} x"


def line(said: str, cell: str, met: bool | None) -> str:
    return f"| {said} | {cell} | {'open' if met is None else 'met' if met else '**missed**'} |"


def aims(works: dict[str, Rounds]) -> list[str]:
    """What was aimed at, and whether the median meets it."""
    lines = ["| aim | found | |", "|---|--:|---|"]
    rounds = works.get("service", [])
    for mode in ASIDE:
        said = f"history {MODES[mode].said}"
        for metric, name in NAMED.items():
            found = by_off(rounds, mode, metric)
            met = None if found is None else found.median <= TIMES
            lines.append(line(f"{said}: {name} at most {TIMES} x off", times(found), met))
        found = more(rounds, mode, "p99")
        met = None if found is None else found.median <= MORE
        text = f"{said}: p99 at most {MORE:g} ms more"
        lines.append(line(text, f"{signed(found)} ms" if found else "-", met))
    saves = {"in the service": spread(values(rounds, "on", "save p99"))}
    for work, (said, _) in WORKS.items():
        saves[said] = spread(values(works.get(work, []), "writer", "p99"))
    for said, found in saves.items():
        met = None if found is None else found.median < SAVE
        cell = f"{shown(found)} us" if found else "-"
        lines.append(line(f"`HistoryWriter.save`, {said}: p99 under {SAVE:g} us", cell, met))
    return lines


def answers(works: dict[str, Rounds]) -> list[str]:
    """How long an answer takes in each mode, and how many there are."""
    rounds = works.get("service", [])
    if not rounds:
        return []
    names = ("median", "p99", "p99.9", "slowest")
    lines = [
        f"| history | {', ms | '.join(names)}, ms | p99, ms more than off | answers/s | by off |",
        "|---|" + "--:|" * 7,
    ]
    for mode in MODES:
        cells = [
            shown(spread([each / 1000 for each in values(rounds, mode, metric)]))
            for metric in ("p50", "p99", "p999", "max")
        ]
        cells.append("" if mode == "off" else signed(more(rounds, mode, "p99")))
        cells.append(shown(spread(values(rounds, mode, "rate"))))
        cells.append("" if mode == "off" else times(by_off(rounds, mode, "rate")))
        lines.append(f"| {MODES[mode].said} | {' | '.join(cells)} |")
    return [*lines, *gone(rounds, tuple(MODES))]


def saves(works: dict[str, Rounds]) -> list[str]:
    """What a save takes on each side, and how many there are."""
    lines = [
        f"| a save, us, and saves/s | | {' | '.join(NAMES[side] for side in SIDES)} |",
        "|---|---|" + "--:|" * len(SIDES),
    ]
    measured = [work for work in WORKS if work in works]
    without: list[str] = []
    for work in measured:
        metrics = {"p50": "median", "p99": "p99", "max": "slowest"}
        # Where they are paced, all have the same.
        metrics |= {} if work == "paced" else {"rate": "saves/s"}
        for metric, name in metrics.items():
            cells = best(works[work], metric)
            lines.append(f"| {WORKS[work][0]} | {name} | {' | '.join(cells)} |")
        without += gone(works[work], tuple(SIDES))
    return [*lines, *without] if measured else []


def best(rounds: Rounds, metric: str) -> list[str]:
    """Every side, the best in bold."""
    found = {side: spread(values(rounds, side, metric)) for side in SIDES}
    medians = [one.median for one in found.values() if one]
    first = (max if metric == "rate" else min)(medians, default=0)
    return [
        f"**{shown(one)}**" if one and one.median == first else shown(one) for one in found.values()
    ]


def gone(rounds: Rounds, sides: tuple[str, ...]) -> list[str]:
    """Who has no figures, and why."""
    found = [f"{side} ({why})" for side in sides if (why := reason(rounds, side))]
    return ["", f"Without figures: {'; '.join(found)}."] if found else []


def text(saved: dict[str, Any]) -> str:
    """All tables."""
    works = saved["works"]
    parts = [aims(works), answers(works), saves(works)]
    within = [spread(values(works.get("service", []), "on", f"save {at}")) for at in ("p50", "p99")]
    if all(within):
        at = f"{shown(within[0])} us at the median, {shown(within[1])} at p99"
        parts.append([f"In the service, with its history on, a save takes the loop {at}."])
    make = spread([n for work in WORKS for n in values(works.get(work, []), "writer", "make")])
    if make:
        parts.append([f"Making a record, which checks it, takes {shown(make)} us."])
    return "\n\n".join("\n".join(part) for part in parts if part)


def section(saved: dict[str, Any]) -> str:
    """The part of the page that is made here."""
    facts = saved["facts"]
    day = datetime.datetime.fromtimestamp(facts["began"], datetime.UTC).date()
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    sqlite = ", ".join(f"{NAMES[side]} {facts['settings'][side]['sqlite']}" for side in SIDES)
    one = next((each for each in saved["works"]["service"] if "on" in each.get("off", {})), None)
    runs_on = " and ".join(one["off"]["on"]) if one else "nothing"
    first, last = facts["cores"]
    apart = "each on a processor of its own" if first != last else "**both on one processor**"
    noise = f"**The machine was not quiet: its load was {facts['load']:.1f}.**"
    lines = [
        BEGIN,
        "## A history of prompts",
        "",
        "The [example service](history-service.md), uvicorn with one worker, improves prompts from",
        f"a template; a client on the same machine asks it, {apart}. In each of",
        f"{facts['rounds']} rounds there is a service for each mode, with a file of its own. They",
        f"take {TURNS} turns of some seconds; those that are not asked are stopped. Shown are the",
        "median over the rounds and, in brackets, the least and the most; a ratio and a difference",
        "are computed within a round.",
        "",
        *([] if facts["load"] <= QUIET else [noise, ""]),
        text(saved),
        "",
        f"Answers are timed at {number(RATE)} requests a second, {ASKED * TURNS:,} a round. They",
        "come as independent clients send them, at the same random times in every mode, whether",
        "others were answered or not, and each is timed from when it was due. *Answers/s* is what",
        f"there is where eight clients ask again as soon as they are answered, {CLOSED * TURNS:,}",
        "times. What two services differ by that do the same, the second one without shows. There",
        "is a warm-up, and no access log. The thread that writes has the processor of the service.",
        "*Off* is `SQLITE_ENABLED=false`: the record is made in every mode. *Locked* is by another",
        "process from before the first turn to after the last; its breaker stays closed, so that",
        "it goes on to try, for a second of about six. Afterwards every answer was looked for: in",
        "the file, or among what an open breaker had dropped and counted.",
        "",
        f"Saves are of {COUNT:,} records with texts of 1,500 characters, on a file in WAL mode at",
        "`synchronous` NORMAL on every side. `HistoryWriter.save` puts a record into a queue and",
        "returns; the others return when it is committed. A rate counts until all are, and each",
        "record was looked for in the file. *By hand* is aiosqlite with one connection, a table",
        "with an index on the time, `INSERT` and `commit` for each record, awaited: nothing is",
        "checked and no words are indexed. Beside it the same with the table that Holdfast has.",
        "The thread of the writer pauses between its transactions, so that others have the",
        "processor: its rate is not the highest that there could be.",
        "",
        f"Measured on {day}: {machine()}, load {facts['load']:.2f} before it began; {versions};",
        f"uvicorn on {runs_on}; SQLite: {sqlite}.",
        "",
        "Run it again on a quiet machine: `make bench-history`.",
        END,
    ]
    return "\n".join(lines)


def write(saved: dict[str, Any]) -> None:
    """Put the section in its place, and leave what others wrote."""
    put(PAGE, BEGIN, END, section(saved))
