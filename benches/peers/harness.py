"""What every harness does: measurements in processes of their own, and their part of the page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # A worker has nothing that it does not need.
    from .figures import Rounds

BENCHES = Path(__file__).resolve().parents[1]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(BENCHES), "PYTHONHASHSEED": "0"}
#: Rounds that a page needs.
LEAST = 3


def measured(module: str, *arguments: object, patience: float) -> dict[str, Any]:
    """The answer of a worker, from a process that has ended since; or why there is none."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    try:
        done = subprocess.run(
            command, env=ENVIRONMENT, capture_output=True, text=True, timeout=patience, check=False
        )
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return {"failed": f"not done after {patience:.0f} s"}
    except (IndexError, json.JSONDecodeError):
        return {"failed": f"exit status {done.returncode}: {done.stderr[-500:]}"}
    if "failed" in found:
        print(done.stderr, file=sys.stderr)
    return found


def answer(call: Callable[..., dict[str, Any]], *arguments: object) -> None:
    """Print what a worker has found, or why it found nothing, for `measured` to read."""
    try:
        found = call(*arguments)
    except ImportError as error:
        found = {"skipped": f"not installed: {error}"}
    except Exception as error:
        traceback.print_exc()
        found = {"failed": f"{type(error).__name__}: {error}"}
    print(json.dumps(found))


def rotated(peers: tuple[str, ...], by: int) -> list[str]:
    """The same peers, begun with another: none is always first."""
    by %= len(peers)
    return [*peers[by:], *peers[:by]]


def told(works: dict[str, Rounds], name: str) -> list[str]:
    """Every measurement that has something under a name, such as `failed`."""
    return [
        f"{work}, {peer}, round {number + 1}: {found[name]}"
        for work, rounds in works.items()
        for number, one in enumerate(rounds)
        for peer, found in one.items()
        if name in found
    ]


def failures(works: dict[str, Rounds]) -> int:
    """Say what has failed; the exit status."""
    failed = told(works, "failed")
    for line in failed:
        print(f"FAILED: {line}", file=sys.stderr)
    return 1 if failed else 0


def put(page: Path, begin: str, end: str, section: str) -> None:
    """Put a section, with its markers, in its place on a page, and leave what others wrote."""
    text = page.read_text() if page.exists() else "# Benchmarks\n"
    before, found, rest = text.partition(begin)
    if found:
        _, _, after = rest.partition(end)
    else:
        before, after = text.rstrip() + "\n\n", "\n"
    page.write_text(before + section + after)
