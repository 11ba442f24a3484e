"""Measure Holdfast and its peers side by side; `make bench-peers` calls it."""

import argparse
import json
import os
import platform
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from . import file, footprint, limit, page, report
from .figures import Rounds
from .harness import LEAST, measured, rotated
from .limit import ROOM
from .plan import WORKS, C

PATIENCE = 90.0


def fresh(name: str, settled: bool = False) -> Path:
    """A copy of the file that this measurement starts from; settled, it is on the disk."""
    path = ROOM / "work.db"
    for left in ROOM.glob("work.db*"):
        left.unlink()
    shutil.copy(ROOM / f"{name}.db", path)
    if settled:
        with path.open("rb") as copied:
            os.fsync(copied.fileno())
    return path


def measure(work: str, peer: str, path: Path, seconds: float) -> dict[str, Any]:
    """The figures of one peer, from a process that has ended since."""
    if peer == C:
        return limit.run(work, path, seconds)
    return measured("peers.worker", work, peer, path, seconds, patience=PATIENCE)


def proved(work: str, peer: str) -> dict[str, Any]:
    """Measure, then look for every write that was acknowledged."""
    path = fresh(WORKS[work].file, WORKS[work].is_durable)
    found = measure(work, peer, path, WORKS[work].seconds)
    try:
        file.prove(path, found)
    except file.LostWriteError as lost:
        return {"lost": str(lost)}
    return found


def settings(peers: set[str]) -> dict[str, Any]:
    """What each peer's connections say about themselves."""
    found = {}
    for peer in sorted(peers - {C}):
        found[peer] = measure("settings", peer, fresh("template"), 0)
    found[C] = {"options": sorted(limit.options())}
    ours = found.get("holdfast", {}).get("options")
    if ours is not None and set(ours) != limit.options():
        raise RuntimeError(
            "the C loop has another SQLite than Holdfast: "
            f"{set(ours) ^ limit.options()} differ; build both from the same state"
        )
    return found


def run(rounds: int, works: list[str], only: set[str] | None) -> dict[str, Rounds]:
    """Round by round, work by work, all peers in turn."""
    found: dict[str, Rounds] = {work: [] for work in works}
    for number in range(rounds):
        for place, work in enumerate(works):
            peers = tuple(p for p in WORKS[work].peers if only is None or p in only)
            if not peers:
                continue
            order = rotated(peers, number + place)
            began = time.monotonic()
            found[work].append({peer: proved(work, peer) for peer in order})
            print(
                f"round {number + 1}/{rounds} {work}: {time.monotonic() - began:.1f} s",
                file=sys.stderr,
                flush=True,
            )
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="works, by comma: " + ", ".join(WORKS))
    parser.add_argument("--peers", default="", help="only these peers, by comma")
    parser.add_argument("--again", action="store_true", help="report the last run once more")
    given = parser.parse_args()
    unknown = [work for work in given.only.split(",") if work and work not in WORKS]
    if unknown or given.rounds < 1:
        parser.error(f"no such work: {unknown}" if unknown else "at least one round")
    return given


def main() -> int:
    given = arguments()
    ROOM.mkdir(parents=True, exist_ok=True)
    results = ROOM / "results.json"
    if not given.again:
        works = [work for work in given.only.split(",") if work] or list(WORKS)
        only = set(given.peers.split(",")) if given.peers else None
        limit.build()
        file.make(ROOM / "template.db")
        if any(WORKS[work].file == "spare" for work in works):
            file.make_spare(ROOM / "spare.db", ROOM / "template.db")
        peers = {p for work in works for p in WORKS[work].peers if only is None or p in only}
        began, load = time.time(), os.getloadavg()[0]
        facts = {"settings": settings(peers), "load": load, "began": began}
        facts |= {"python": platform.python_version(), "rounds": given.rounds, "only": given.peers}
        facts["peers"] = footprint.installed()
        found = run(given.rounds, works, only)
        facts["seconds"] = time.time() - began
        results.write_text(json.dumps({"facts": facts, "works": found}))
        for left in [*ROOM.glob("*.db"), *ROOM.glob("*.db-*")]:
            left.unlink()
    saved = json.loads(results.read_text())
    print(report.text(saved))
    whole = set(saved["works"]) == set(WORKS) and not saved["facts"]["only"]
    if whole and saved["facts"]["rounds"] >= LEAST:
        page.write(saved)
    else:
        print(f"docs/benchmarks.md takes all works and peers, {LEAST} rounds: left as it is")
    lost = report.lost(saved)
    for line in lost:
        print(f"LOST WRITES: {line}", file=sys.stderr)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
