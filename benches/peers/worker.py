"""One measurement in a process of its own: `python -m peers.worker WORK PEER PATH SECONDS`."""

import importlib
import sys
from typing import Any

from . import adapters, aio_works
from .harness import answer
from .plan import WORKS


def measure(work: str, peer: str, path: str, seconds: float) -> dict[str, Any]:
    """The figures, or why there are none."""
    module = adapters.load(peer)
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
    module = adapters.load(peer)
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
    if work == "settings":
        answer(settings, peer, path)
    else:
        answer(measure, work, peer, path, float(seconds))


if __name__ == "__main__":
    main()
