"""The tables, and the part of docs/benchmarks.md that they are, between two markers."""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple

from peers.figures import Rounds, Spread, reason, spread, values
from peers.harness import put
from peers.limit import ROOT
from peers.page import QUIET, machine
from peers.report import shown

from .sides import SIDES
from .works import CALLS, LARGE, LARGE_ROUNDS, QUERIES, STEPS, WARM

PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- artifacts:begin -->", "<!-- artifacts:end -->"


class Aim(NamedTuple):
    """What one figure of a work is to reach: `least` times as fast as the baseline, or `most`."""

    said: str
    work: str
    metric: str
    least: float = 0.0
    most: float = 0.0
    unit: str = ""


AIMS = (
    Aim("first sync of 5,000 files: 3 x as fast", "first 5000", "sync", least=3),
    Aim(
        "nothing-changed sync of 5,000: 8 x as fast as one that hashes every file",
        "hashed 5000",
        "sync",
        least=8,
    ),
    Aim("the same, beside one that compares sizes and times", "unchanged 5000", "sync", least=8),
    Aim("file of 5,000: no larger than the baseline's", "first 5000", "megabytes", least=1),
    Aim("first sync of 100 files: under 2 s", "first 100", "sync", most=2000, unit=" ms"),
    Aim("file of 500: under 10 MB", "first 500", "megabytes", most=10, unit=" MB"),
    Aim(
        "query with filters, facets and text over 50,000: under 20 ms",
        f"query {LARGE}",
        "filtered",
        most=20,
        unit=" ms",
    ),
)


def times(rounds: Rounds, metric: str) -> Spread | None:
    """How many times as much the baseline needs, computed within each round."""
    pairs = [(one.get("baseline", {}), one.get("holdfast", {})) for one in rounds]
    return spread(
        [plain[metric] / ours[metric] for plain, ours in pairs if {metric} <= {*plain} & {*ours}]
    )


def factor(ratio: Spread | None) -> str:
    return f"{shown(ratio)} x" if ratio else "-"


def aims(works: dict[str, Rounds]) -> list[str]:
    """What was aimed at, and whether the median meets it."""
    lines = ["| aim | found | |", "|---|--:|---|"]
    for aim in AIMS:
        rounds = works.get(aim.work, [])
        if aim.least:
            found = times(rounds, aim.metric)
            met, cell = found and found.median >= aim.least, factor(found)
        else:
            found = spread(values(rounds, "holdfast", aim.metric))
            met, cell = (
                found and found.median < aim.most,
                shown(found) + (aim.unit if found else ""),
            )
        state = "open" if found is None else "met" if met else "**missed**"
        lines.append(f"| {aim.said} | {cell} | {state} |")
    return lines


def cells(rounds: Rounds, metric: str) -> list[str]:
    """Both sides, the better one in bold, and the ratio."""
    found = {side: spread(values(rounds, side, metric)) for side in SIDES}
    least = min((one.median for one in found.values() if one), default=0)
    return [
        *(
            f"**{shown(one)}**" if one and one.median == least else shown(one)
            for one in found.values()
        ),
        factor(times(rounds, metric)),
    ]


def syncs(works: dict[str, Rounds]) -> list[str]:
    """Every step with every number of files."""
    lines = [
        f"| sync, ms | files | {' | '.join(SIDES)} | Holdfast is faster | with open and close |",
        "|---|--:|" + "--:|" * (len(SIDES) + 2),
    ]
    for step in STEPS:
        for key, rounds in works.items():
            name, _, count = key.partition(" ")
            if name == step != "query":
                row = [*cells(rounds, "sync"), factor(times(rounds, "whole"))]
                lines.append(f"| {STEPS[step][0]} | {int(count):,} | {' | '.join(row)} |")
    return lines


def sizes(works: dict[str, Rounds]) -> list[str]:
    """The file after the first sync, and the memory that it took."""
    lines = [
        f"| files | MB of the file: {' | '.join(SIDES)} | Holdfast's is smaller "
        f"| MB of memory: {' | '.join(SIDES)} |",
        "|--:|" + "--:|" * (2 * len(SIDES) + 1),
    ]
    for key, rounds in works.items():
        name, _, count = key.partition(" ")
        if name == "first":
            row = [*cells(rounds, "megabytes"), *cells(rounds, "memory")[:-1]]
            lines.append(f"| {int(count):,} | {' | '.join(row)} |")
    return lines


def queries(works: dict[str, Rounds]) -> list[str]:
    """Each query over as many artifacts as there are enough of."""
    lines = [
        f"| query, ms | artifacts | found | {' | '.join(SIDES)} "
        "| Holdfast is faster | its slowest |",
        "|---|--:|--:|" + "--:|" * (len(SIDES) + 2),
    ]
    for query, said in QUERIES.items():
        for key, rounds in works.items():
            name, _, count = key.partition(" ")
            if name == "query":
                found = [total / CALLS for total in values(rounds, "holdfast", f"{query} found")]
                slowest = spread(values(rounds, "holdfast", f"{query} slowest"))
                row = [shown(spread(found)), *cells(rounds, query), shown(slowest)]
                lines.append(f"| {said} | {int(count):,} | {' | '.join(row)} |")
    return lines


def gone(works: dict[str, Rounds]) -> list[str]:
    """What has no figures, and why."""
    found = [
        f"{key}, {side}: {why}"
        for key, rounds in works.items()
        for side in SIDES
        if (why := reason(rounds, side))
    ]
    return ["", f"Without figures: {'; '.join(found)}."] if found else []


def text(saved: dict[str, Any]) -> str:
    """All tables."""
    works = saved["works"]
    parts = [aims(works), syncs(works), sizes(works), queries(works), gone(works)]
    return "\n\n".join("\n".join(part) for part in parts if part)


def section(saved: dict[str, Any]) -> str:
    """The part of the page that is made here."""
    facts, rounds = saved["facts"], saved["facts"]["rounds"]
    few = min(rounds, LARGE_ROUNDS)
    day = datetime.datetime.fromtimestamp(facts["began"], datetime.UTC).date()
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    sqlite = ", ".join(f"{side} {facts['settings'][side]['sqlite']}" for side in SIDES)
    noise = f"**The machine was not quiet: its load was {facts['load']:.1f}.**"
    lines = [
        BEGIN,
        "## The index of artifacts",
        "",
        "The same markdown files of 10 kB, 60 in 100 with front matter, indexed by",
        "[Holdfast](artifacts.md) and by a baseline in plain Python: `os.walk`,",
        "python-frontmatter with PyYAML's C loader, `hashlib`, `sqlite3` and FTS5, each a file in",
        f"WAL mode at `synchronous` NORMAL. {rounds} rounds ({few} of {LARGE:,} files), both sides",
        "in turn within each, each measurement in a process of its own. Shown are the median and,",
        "in brackets, the least and the most; a ratio is computed within a round. The better side",
        "is in bold.",
        "",
        *([] if facts["load"] <= QUIET else [noise, ""]),
        text(saved),
        "",
        "All files are in the page cache: nobody waits for the disk to read. The baseline works",
        "in one thread; Holdfast reads on all processors. A sync is the call alone; *with open",
        "and close* counts opening the file, the sync, and closing it with its log written back.",
        "Where nothing has changed both compare sizes and times, but where the baseline is said to",
        "hash; `full` has both read and hash every file. After each sync what it found was",
        "compared with what was done to the files, and after the queries how many artifacts each",
        "side had found.",
        "",
        "A query gives the first page of 50 with its total and facets; where there is a word, by",
        "relevance and with snippets. The baseline has each text a second time in its index and",
        "cuts snippets out of that; Holdfast reads them from the files. Its rows are plain tuples,",
        "where Holdfast makes objects with dates, tags and metadata. A query is called",
        f"{CALLS - WARM} times, each with another word and tag; *found* is how many artifacts a",
        "call found on average.",
        "",
        f"Measured on {day}: {machine()}, load {facts['load']:.2f} before it began; {versions};",
        f"SQLite: {sqlite}.",
        "",
        "Run it again on a quiet machine: `make bench-artifacts`.",
        END,
    ]
    return "\n".join(lines)


def write(saved: dict[str, Any]) -> None:
    """Put the section in its place, and leave what others wrote."""
    put(PAGE, BEGIN, END, section(saved))
