"""One measurement in a process of its own: `python -m jobs.worker WORK QUEUE PATH SYNC`."""

import logging
import sys
from typing import Any

from peers.harness import answer

from .queues import QUEUES
from .works import WORKS


def settings(peer: str, path: str, sync: str) -> dict[str, Any]:
    """What is in force on the connection."""
    queue = QUEUES[peer](path, sync)
    level, sqlite = queue.read_back()
    queue.close()
    return {"synchronous": level, "sqlite": sqlite}


def main() -> None:
    work, peer, path, sync = sys.argv[1:]
    logging.disable()
    answer(settings if work == "settings" else WORKS[work][1], peer, path, sync)


if __name__ == "__main__":
    main()
