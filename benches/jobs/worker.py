"""One measurement in a process of its own: `python -m jobs.worker WORK QUEUE PATH SYNC`."""

import json
import logging
import sys
import traceback
from typing import Any

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
    try:
        call = settings if work == "settings" else WORKS[work][1]
        found = call(peer, path, sync)
    except ImportError as error:
        found = {"skipped": f"not installed: {error}"}
    except Exception as error:
        traceback.print_exc()
        found = {"failed": f"{type(error).__name__}: {error}"}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
