"""Measure what a history costs a service, and beside aiosqlite; `make bench-history` calls it."""

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

from . import page, saves, service
from .sides import SIDES

ROOM = TARGET / "bench-history"
#: Seconds for one process.
PATIENCE = 900.0
PACKAGES = ("holdfast", "aiosqlite", "fastapi", "uvicorn")
WORKS = ("service", *saves.WORKS)


def measure(work: str, side: str) -> dict[str, Any]:
    """The figures of one side on a new file, from processes that have ended since."""
    room = ROOM / "work"
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir(parents=True)
    # What another one has left to be written would slow down the waits for the disk.
    os.sync()
    return measured("history.worker", work, side, room, patience=PATIENCE)


def modes() -> dict[str, dict[str, Any]]:
    """The figures of a service in all of its modes."""
    found = measure("service", "all")
    return {"off": found} if "failed" in found else found


def settings() -> dict[str, Any]:
    """What each connection says of itself; RuntimeError where they are not set alike."""
    found = {side: measure("settings", side) for side in SIDES}
    for side, said in found.items():
        if (said.get("journal_mode"), said.get("synchronous")) != ("wal", "normal"):
            raise RuntimeError(f"{side} is not in WAL mode at synchronous NORMAL: {said}")
    return found


def run(rounds: int, works: list[str]) -> dict[str, Rounds]:
    """Round by round, work by work, all sides in turn."""
    found: dict[str, Rounds] = {work: [] for work in works}
    for number in range(rounds):
        for place, work in enumerate(works):
            order = rotated(tuple(SIDES), number + place)
            if work == "service":
                found[work].append(modes())
            else:
                found[work].append({side: measure(work, side) for side in order})
            print(f"round {number + 1}/{rounds} {work}", file=sys.stderr, flush=True)
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-history", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="works, by comma: " + ", ".join(WORKS))
    parser.add_argument("--again", action="store_true", help="report the last run once more")
    given = parser.parse_args()
    only = {work for work in given.only.split(",") if work}
    given.works = [work for work in WORKS if not only or work in only]
    if only - set(WORKS) or given.rounds < 1:
        parser.error(f"at least one round, and only {', '.join(WORKS)}")
    return given


def main() -> int:
    given = arguments()
    results = ROOM / "results.json"
    if not given.again:
        facts: dict[str, Any] = {"began": time.time(), "load": os.getloadavg()[0]}
        facts |= {"settings": settings(), "rounds": given.rounds, "cores": service.cores()}
        facts["versions"] = {package: metadata.version(package) for package in PACKAGES}
        found = run(given.rounds, given.works)
        shutil.rmtree(ROOM / "work", ignore_errors=True)
        results.write_text(json.dumps({"facts": facts, "works": found}))
    saved = json.loads(results.read_text())
    print(page.text(saved))
    if set(saved["works"]) == set(WORKS) and saved["facts"]["rounds"] >= LEAST:
        page.write(saved)
    else:
        print(f"docs/benchmarks.md takes all works, {LEAST} rounds: left as it is")
    return failures(saved["works"])


if __name__ == "__main__":
    sys.exit(main())
