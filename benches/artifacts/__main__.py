"""Measure the index of artifacts beside plain Python; `make bench-artifacts` calls it."""

import argparse
import json
import os
import shutil
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from peers.figures import Rounds
from peers.harness import LEAST, failures, measured, rotated
from peers.limit import TARGET

from . import corpus, page
from .sides import SIDES
from .works import COUNTS, LARGE, LARGE_ROUNDS, QUERIES, steps

ROOM = TARGET / "bench-artifacts"
#: Seconds for one process.
PATIENCE = 600.0
#: Seconds after which nobody has to distrust the times of a file that was written.
SETTLED = 3.0
PACKAGES = ("holdfast", "python-frontmatter", "PyYAML")


def plan(counts: list[int]) -> list[str]:
    """What is measured: a step and a number of files each."""
    return [f"{step} {count}" for count in counts for step in steps(count)]


def measure(step: str, side: str, root: Path, count: int) -> dict[str, Any]:
    """The figures of one side on its file, from a process that has ended since."""
    # What another one has left to be written would slow down the waits for the disk.
    os.sync()
    file = ROOM / "work" / f"{side}.db"
    return measured("artifacts.worker", step, side, file, root, count, patience=PATIENCE)


def fresh() -> None:
    """No index yet, on any side."""
    shutil.rmtree(ROOM / "work", ignore_errors=True)
    (ROOM / "work").mkdir(parents=True)


def settings() -> dict[str, Any]:
    """What each connection says of itself; RuntimeError where they are not set alike."""
    fresh()
    found = {side: measure("settings", side, ROOM / "work", 0) for side in SIDES}
    for side, said in found.items():
        if (said.get("mode"), said.get("synchronous")) != ("wal", 1):
            raise RuntimeError(f"{side} is not in WAL mode at synchronous NORMAL: {said}")
    return found


def alike(figures: dict[str, dict[str, Any]]) -> None:
    """Queries of both sides have found the same number of artifacts, or both have failed."""
    for name in QUERIES:
        found = {side: one.get(f"{name} found") for side, one in figures.items()}
        if len(set(found.values())) > 1:
            for side in figures:
                figures[side] = {"failed": f"{name}: not the same was found: {found}"}


def run(rounds: int, counts: list[int]) -> dict[str, Rounds]:
    """For each number of files, round by round, step by step, both sides in turn."""
    found: dict[str, Rounds] = {key: [] for key in plan(counts)}
    for count in counts:
        root = ROOM / "corpus"
        shutil.rmtree(root, ignore_errors=True)
        corpus.write(root, count)
        time.sleep(SETTLED)
        most = rounds if count < LARGE else min(rounds, LARGE_ROUNDS)
        for number in range(most):
            fresh()
            for place, step in enumerate(steps(count)):
                if step == "changed":
                    corpus.change(root, count, number + 1)
                    time.sleep(SETTLED)
                order = rotated(tuple(SIDES), number + place)
                figures = {side: measure(step, side, root, count) for side in order}
                alike(figures)
                found[f"{step} {count}"].append(figures)
                print(f"{count} files, round {number + 1}/{most}, {step}", file=sys.stderr)
    shutil.rmtree(ROOM / "work")
    shutil.rmtree(ROOM / "corpus")
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-artifacts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help=f"at most {LARGE_ROUNDS} of {LARGE}")
    numbers = ", ".join(str(count) for count in COUNTS)
    parser.add_argument("--only", default="", help=f"numbers of files, by comma: {numbers}")
    parser.add_argument("--again", action="store_true", help="report the last run once more")
    given = parser.parse_args()
    only = {count for count in given.only.split(",") if count}
    given.counts = [count for count in COUNTS if not only or str(count) in only]
    if given.rounds < 1 or len(given.counts) < len(only):
        parser.error(f"at least one round, and only {numbers} files")
    return given


def main() -> int:
    given = arguments()
    results = ROOM / "results.json"
    if not given.again:
        facts: dict[str, Any] = {"began": time.time(), "load": os.getloadavg()[0]}
        facts |= {"settings": settings(), "rounds": given.rounds}
        facts["versions"] = {package: metadata.version(package) for package in PACKAGES}
        results.write_text(json.dumps({"facts": facts, "works": run(given.rounds, given.counts)}))
    saved = json.loads(results.read_text())
    print(page.text(saved))
    if list(saved["works"]) == plan(list(COUNTS)) and saved["facts"]["rounds"] >= LEAST:
        page.write(saved)
    else:
        print(f"docs/benchmarks.md takes all numbers of files, {LEAST} rounds: left as it is")
    return failures(saved["works"])


if __name__ == "__main__":
    sys.exit(main())
