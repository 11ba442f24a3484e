"""A measurement in a process of its own: `python -m artifacts.worker STEP SIDE FILE ROOT COUNT`."""

import importlib
import logging
import sys
from pathlib import Path
from typing import Any

from peers.harness import answer

from .sides import MODULES, SIDES
from .works import STEPS


def settings(side: str, path: str, root: Path, _count: int) -> dict[str, Any]:
    """What is in force on the connection."""
    index = SIDES[side](path, root)
    found = index.read_back()
    index.close()
    return found


def measure(step: str, side: str, path: str, root: Path, count: int) -> dict[str, Any]:
    """The figures of a step."""
    # Importing is not what is measured.
    for name in MODULES[side]:
        importlib.import_module(name)
    call = settings if step == "settings" else STEPS[step][1]
    return call(side, path, root, count)


def main() -> None:
    step, side, path, root, count = sys.argv[1:]
    logging.disable()
    answer(measure, step, side, path, Path(root), int(count))


if __name__ == "__main__":
    main()
