"""Measure what a write to both schemas of runs costs; `make bench-runs` calls it."""

import argparse
import json
import os
import shutil
import sys
import time
from importlib import metadata
from typing import Any

from peers.figures import Rounds
from peers.harness import LEAST, failures, measured
from peers.limit import TARGET

from . import page
from .works import LEVELS, WORKS

ROOM = TARGET / "bench-runs"
PATIENCE = 120.0


def plan(only: set[str]) -> list[str]:
    """Each work at each level."""
    return [f"{work} {sync}" for work in WORKS if not only or work in only for sync in LEVELS]


def measure(work: str, sync: str) -> dict[str, Any]:
    """The figures of all sides on new files, from a process that has ended since."""
    room = ROOM / "work"
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir(parents=True)
    # What another one has left to be written would slow down the waits for the disk.
    os.sync()
    found = measured("runs.worker", work, sync, room, patience=PATIENCE)
    shutil.rmtree(room)
    return {"dual": found} if "failed" in found else found


def settings() -> str:
    """The version of SQLite; RuntimeError for another level than asked."""
    found: dict[str, Any] = {}
    for sync in LEVELS:
        found = measure("settings", sync)
        if found.get("synchronous") != sync:
            raise RuntimeError(f"not at synchronous {sync}: {found}")
    return found["sqlite"]


def run(rounds: int, works: list[str]) -> dict[str, Rounds]:
    """Round by round, work by work."""
    found: dict[str, Rounds] = {key: [] for key in works}
    for number in range(rounds):
        for key in works:
            work, _, sync = key.partition(" ")
            found[key].append(measure(work, sync))
            print(f"round {number + 1}/{rounds} {key}", file=sys.stderr, flush=True)
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-runs", description=__doc__)
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
        facts: dict[str, Any] = {"began": time.time(), "load": os.getloadavg()[0]}
        facts |= {"rounds": given.rounds, "sqlite": settings()}
        facts["version"] = metadata.version("holdfast")
        found = run(given.rounds, plan({work for work in given.only.split(",") if work}))
        results.write_text(json.dumps({"facts": facts, "works": found}))
    saved = json.loads(results.read_text())
    print(page.text(saved))
    if list(saved["works"]) == plan(set()) and saved["facts"]["rounds"] >= LEAST:
        page.write(saved)
    else:
        print(f"docs/benchmarks.md takes all works, {LEAST} rounds: left as it is")
    return failures(saved["works"])


if __name__ == "__main__":
    sys.exit(main())
