"""One measurement in a process of its own: `python -m runs.worker WORK SYNC ROOM`."""

import logging
import sys

from peers.harness import answer

from .works import measure, settings


def main() -> None:
    work, sync, room = sys.argv[1:]
    logging.disable()
    if work == "settings":
        answer(settings, sync, room)
    else:
        answer(measure, work, sync, room)


if __name__ == "__main__":
    main()
