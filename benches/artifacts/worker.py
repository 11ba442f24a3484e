"""A measurement in a process of its own: `python -m artifacts.worker STEP SIDE FILE ROOT COUNT`."""

import importlib
import json
import logging
import sys
import traceback
from pathlib import Path
from typing import Any

from .sides import MODULES, SIDES
from .works import STEPS


def settings(side: str, path: str, root: Path, _count: int) -> dict[str, Any]:
    """What is in force on the connection."""
    index = SIDES[side](path, root)
    found = index.read_back()
    index.close()
    return found


def main() -> None:
    step, side, path, root, count = sys.argv[1:]
    logging.disable()
    try:
        # Importing is not what is measured.
        for name in MODULES[side]:
            importlib.import_module(name)
        call = settings if step == "settings" else STEPS[step][1]
        found = call(side, path, Path(root), int(count))
    except ImportError as error:
        found = {"skipped": f"not installed: {error}"}
    except Exception as error:
        traceback.print_exc()
        found = {"failed": f"{type(error).__name__}: {error}"}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
