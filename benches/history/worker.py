"""One measurement in a process of its own: `python -m history.worker WORK SIDE FILE`."""

import importlib
import logging
import sys
from typing import Any

from peers.harness import answer


def measure(work: str, side: str, path: str) -> dict[str, Any]:
    """The figures of one side."""
    # The process that asks a service has no database open.
    module = importlib.import_module(f".{'service' if work == 'service' else 'saves'}", __package__)
    return module.measure(side, path) if work == "service" else module.measure(work, side, path)


def main() -> None:
    work, side, path = sys.argv[1:]
    logging.disable()
    answer(measure, work, side, path)


if __name__ == "__main__":
    main()
