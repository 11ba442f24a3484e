"""The part of docs/benchmarks.md that is made here, between two markers, and its plots."""

import datetime
import os
import platform
from pathlib import Path
from typing import Any

from . import plots
from .adapters import PEERS, READ_BACK
from .figures import Rounds
from .harness import put
from .limit import ROOT
from .plan import WORKS, C
from .report import headline, lost, main_metric, number, ranked, text, verdicts, wanted

PAGE = ROOT / "docs" / "benchmarks.md"
PLOTS = ROOT / "docs" / "benchmarks"
BEGIN, END = "<!-- peers:begin -->", "<!-- peers:end -->"

PICTURES = {
    "reads": ("point_select", "point_select_busy", "point_select_threads"),
    "rows": ("fetch_tuples", "fetch_dicts", "fetch_objects", "insert_many", "upsert_many"),
    "writes": ("write_one", "write_threads", "write_threads_full", "write_processes"),
    "async": ("async_point_1", "async_point_100", "async_write_100", "async_lag"),
    "footprint": ("import", "memory", "wheel"),
}
#: A machine with a greater load is not quiet.
QUIET = 0.3


def settings_table(facts: dict[str, Any]) -> list[str]:
    """Versions, and the settings as read back from each peer's own connections."""
    lines = ["| peer | version | SQLite | settings that are not Holdfast's |", "|---|---|---|---|"]
    ours = facts["settings"].get("holdfast", {})
    for peer, (_, package) in PEERS.items():
        known = facts["peers"].get(package, {})
        if "reason" in known:
            lines.append(f"| {peer} | does not install: {known['reason']} | | |")
            continue
        found = facts["settings"].get(peer, {})
        kinds = [kind for kind in ("NORMAL", "FULL", "async") if kind in found]
        other = [
            f"{name} {found[kind][name]} ({kind})"
            for kind in kinds
            for name in READ_BACK
            if str(found[kind][name]) != str(ours["FULL" if kind == "FULL" else "NORMAL"][name])
        ]
        version = known.get("version", "") if package else f"Python {facts['python']}"
        sqlite = found[kinds[0]]["sqlite"] if kinds else ""
        lines.append(f"| {peer} | {version} | {sqlite} | {', '.join(other) or 'none'} |")
    return lines


def settings_line(facts: dict[str, Any]) -> list[str]:
    """Holdfast's own settings."""
    ours = facts["settings"].get("holdfast", {})
    said = [
        f"- {kind}: " + ", ".join(f"{name} {ours[kind][name]}" for name in READ_BACK) + "."
        for kind in ("NORMAL", "FULL")
        if kind in ours
    ]
    return ["Holdfast's settings, as SQLite reads them back:", "", *said, ""]


def machine() -> str:
    """The processor, its cores, the kernel."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def draw(works: dict[str, Rounds]) -> list[str]:
    """Write the plots; gives their names."""
    PLOTS.mkdir(exist_ok=True)
    rows = []
    for one in verdicts(works):
        if one.found and one.found.median and one.target.want:
            share = one.found.median / one.target.want
            title = f"{one.target.work}: {wanted(one.target)}".replace("_", " ")
            rows.append((title[:66], 1 / share if one.target.most else share, bool(one.met)))
    (PLOTS / "targets.svg").write_text(plots.aims(rows))
    names = []
    for name, picked in PICTURES.items():
        panels = [
            (
                headline(work),
                "p99 us, less is better" if work == "async_lag" else unit(work),
                [
                    (peer, found, "ours" if peer.startswith("holdfast") else "bar")
                    for peer, found in ranked(work, works[work])
                ],
            )
            for work in picked
            if work in works
        ]
        (PLOTS / f"{name}.svg").write_text(plots.bars(panels, number))
        names.append(name)
    return names


def unit(work: str) -> str:
    """A work's unit, and whether less is better."""
    return WORKS[work].unit + ("" if main_metric(work) == "rate" else ", less is better")


def section(saved: dict[str, Any]) -> str:
    """The part of the page that is made here."""
    facts, works = saved["facts"], saved["works"]
    day = datetime.datetime.fromtimestamp(facts["began"], datetime.UTC).date()
    met = [one.met for one in verdicts(works)]
    pictures = [f"![{name}](benchmarks/{name}.svg)" for name in ("targets", *draw(works))]
    quiet = facts["load"] <= QUIET
    lines = [
        BEGIN,
        "## Beside other Python libraries",
        "",
        f"Every peer does the same work on a copy of the same file, {facts['rounds']} rounds, the",
        "peers in turn within each, each measurement in a process of its own. A ratio is computed",
        "within a round; shown are the median and, in brackets, the least and the most. After each",
        "work that writes, every write that was acknowledged was looked for in the file.",
        f"Of {len(met)} targets {met.count(True)} are met, {met.count(False)} are **missed**,",
        f"{met.count(None)} are open.",
        "",
        *(
            []
            if quiet
            else [f"**The machine was not quiet: its load was {facts['load']:.1f}.**", ""]
        ),
        *(f"**LOST WRITES: {line}**\n" for line in lost(saved)),
        text(saved, "###"),
        "",
        "### Plots",
        "",
        *("\n\n".join(pictures).splitlines()),
        "",
        "### Machine, versions, settings",
        "",
        f"Measured on {day}: {machine()}, load {facts['load']:.2f} before it began.",
        "",
        *settings_line(facts),
        *settings_table(facts),
        "",
        f"{C} is a loop in C over the same SQLite library that Holdfast is linked with, the same",
        "flags, the same settings, as a limit: prepared once, columns read, no Python objects; it",
        "inserts without checkpoints. Peers are written as their documentation recommends for",
        "speed: statements cached or made once, a connection held and, with threads, one for each.",
        "stdlib, cysqlite and libsql write in autocommit; apsw as BEGIN IMMEDIATE, statement,",
        "COMMIT, and *apsw-autocommit* without. *holdfast-sql* upserts by `execute_many`.",
        "aiosqlite, apsw and cysqlite serve all tasks from one connection and have one more for",
        "each task with long statements. Dataclasses come from apsw's `DataClassRowFactory`,",
        "SQLAlchemy's ORM, or `Item(*row)` by hand where a library has nothing of the kind.",
        "msqlite has no settings: the connections that it opens are set for it.",
        "",
        "Run it again on a quiet machine: `make bench-peers`.",
        END,
    ]
    return "\n".join(lines)


def write(saved: dict[str, Any]) -> None:
    """Put the section in its place, and leave what others wrote."""
    put(PAGE, BEGIN, END, section(saved))
