"""One measurement in a process of its own: `python -m peers.worker WORK PEER PATH SECONDS`."""

import importlib
import json
import sys
import traceback
from typing import Any

from . import adapters, aio_works
from .plan import WORKS


def measure(work: str, peer: str, path: str, seconds: float) -> dict[str, Any]:
    """The figures, or why there are none."""
    try:
        module = adapters.load(peer)
    except ImportError as error:
        return {"skipped": f"not installed: {error}"}
    chosen = WORKS[work]
    function = getattr(importlib.import_module(f".{chosen.module}", __package__), chosen.function)
    if chosen.module == "footprint":
        return function(peer, path)
    if chosen.module == "aio_works":
        reason = getattr(module.AsyncPeer, "missing", lambda: None)()
        return {"skipped": reason} if reason else function(module.AsyncPeer, path, seconds)
    if chosen.argument is not None:
        function = function(chosen.argument)
    return function(module.Peer, path, seconds)


def settings(peer: str, path: str) -> dict[str, Any]:
    """What is in force on the peer's connections."""
    try:
        module = adapters.load(peer)
    except ImportError as error:
        return {"skipped": f"not installed: {error}"}
    found: dict[str, Any] = {}
    if hasattr(module, "Peer"):
        for name, durable in (("NORMAL", False), ("FULL", True)):
            db = module.Peer(path, durable)
            found[name] = db.read_back()
            if peer == "holdfast":
                found["options"] = [option for (option,) in db.fetch("pragma compile_options")]
            db.close()
    asynchronous = getattr(module, "AsyncPeer", None)
    if asynchronous and not getattr(asynchronous, "missing", lambda: None)():
        found["async"] = aio_works.read_back(asynchronous, path, 0)
    return found


def main() -> None:
    work, peer, path, seconds = sys.argv[1:]
    try:
        if work == "settings":
            found = settings(peer, path)
        else:
            found = measure(work, peer, path, float(seconds))
    except Exception as error:
        traceback.print_exc()
        found = {"failed": f"{type(error).__name__}: {error}"}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
