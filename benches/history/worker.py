"""One measurement in a process of its own: `python -m history.worker WORK SIDE FOLDER`."""

import logging
import os
import sys
from pathlib import Path
from typing import Any

from peers.harness import answer


def measure(work: str, side: str, folder: Path) -> dict[str, Any]:
    """The figures of one side; of a service, those of all of its modes."""
    if work != "service":
        from . import saves

        return saves.measure(work, side, str(folder / "history.db"))
    # The process that asks services has nothing of Holdfast.
    from . import service

    core, own = service.cores()
    os.sched_setaffinity(0, {own})
    return service.measure(core, folder)


def main() -> None:
    work, side, folder = sys.argv[1:]
    logging.disable()
    answer(measure, work, side, Path(folder))


if __name__ == "__main__":
    main()
