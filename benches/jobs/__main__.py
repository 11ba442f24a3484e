"""Measure queues of jobs side by side; `make bench-jobs` calls it."""

import argparse
import json
import os
import shutil
import sys
import time
from importlib import metadata
from typing import Any

from peers.figures import Rounds
from peers.harness import LEAST, failures, measured, rotated
from peers.limit import TARGET

from . import page
from .queues import LEVELS, QUEUES
from .works import COMPARED, WORKS

ROOM = TARGET / "bench-jobs"
PATIENCE = 120.0


def plan(only: set[str]) -> dict[str, tuple[str, ...]]:
    """Each work and level, and who takes part; the levels of what is not compared are fewer."""
    found: dict[str, tuple[str, ...]] = {}
    for work in WORKS:
        if only and work not in only:
            continue
        if work in COMPARED:
            found |= {f"{work} {sync}": tuple(QUEUES) for sync in LEVELS}
        elif work == "report":
            found[f"{work} normal"] = ("holdfast",)
        else:
            found |= {f"{work} {sync}": ("holdfast",) for sync in LEVELS[1:]}
    return found


def measure(work: str, peer: str, sync: str) -> dict[str, Any]:
    """The figures of one queue on a new file, from a process that has ended since."""
    room = ROOM / "work"
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir(parents=True)
    # What another one has left to be written would slow down the waits for the disk.
    os.sync()
    return measured("jobs.worker", work, peer, room / "jobs.db", sync, patience=PATIENCE)


def settings() -> dict[str, Any]:
    """What each queue's connection says of itself; RuntimeError for another level than asked."""
    found: dict[str, Any] = {}
    for peer in QUEUES:
        for level, sync in enumerate(LEVELS):
            found[peer] = measure("settings", peer, sync)
            if found[peer].get("synchronous") != level:
                raise RuntimeError(f"{peer} is not at synchronous {sync}: {found[peer]}")
    return found


def run(rounds: int, works: dict[str, tuple[str, ...]]) -> dict[str, Rounds]:
    """Round by round, work by work, all queues in turn."""
    found: dict[str, Rounds] = {key: [] for key in works}
    for number in range(rounds):
        for place, (key, peers) in enumerate(works.items()):
            work, _, sync = key.partition(" ")
            order = rotated(peers, number + place)
            found[key].append({peer: measure(work, peer, sync) for peer in order})
            print(f"round {number + 1}/{rounds} {key}", file=sys.stderr, flush=True)
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-jobs", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="works, by comma: " + ", ".join(WORKS))
    parser.add_argument("--again", action="store_true", help="report the last run once more")
    given = parser.parse_args()
    unknown = {work for work in given.only.split(",") if work} - set(WORKS)
    if unknown or given.rounds < 1:
        parser.error(f"no such work: {unknown}" if unknown else "at least one round")
    return given


def main() -> int:
    given = arguments()
    results = ROOM / "results.json"
    if not given.again:
        began, load = time.time(), os.getloadavg()[0]
        facts = {"settings": settings(), "load": load, "began": began, "rounds": given.rounds}
        facts["versions"] = {peer: metadata.version(peer) for peer in QUEUES}
        works = plan({work for work in given.only.split(",") if work})
        found = run(given.rounds, works)
        shutil.rmtree(ROOM / "work", ignore_errors=True)
        results.write_text(json.dumps({"facts": facts, "works": found}))
    saved = json.loads(results.read_text())
    print(page.text(saved))
    if set(saved["works"]) == set(plan(set())) and saved["facts"]["rounds"] >= LEAST:
        page.write(saved)
    else:
        print(f"docs/benchmarks.md takes all works, {LEAST} rounds: left as it is")
    return failures(saved["works"])


if __name__ == "__main__":
    sys.exit(main())
