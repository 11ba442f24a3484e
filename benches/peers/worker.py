"""One measurement in a process of its own: `python -m peers.worker WORK PEER PATH SECONDS`."""

import json
import sys
import traceback
from typing import Any

from . import adapters, aio_works, works
from .plan import WORKS


def measure(work: str, peer: str, path: str, seconds: float) -> dict[str, Any]:
    """The figures, or why there are none."""
    try:
        module = adapters.load(peer)
    except ImportError as error:
        return {"skipped": f"not installed: {error}"}
    chosen = WORKS[work]
    if chosen.is_async:
        reason = getattr(module.AsyncPeer, "missing", lambda: None)()
        if reason:
            return {"skipped": reason}
        return getattr(aio_works, chosen.function)(module.AsyncPeer, path, seconds)
    function = getattr(works, chosen.function)
    if chosen.argument is not None:
        function = function(chosen.argument)
    return function(module.Peer, path, seconds)


def settings(peer: str, path: str) -> dict[str, Any]:
    """What is in force on the peer's connections."""
    try:
        module = adapters.load(peer)
    except ImportError as error:
        return {"skipped": f"not installed: {error}"}
    if not hasattr(module, "Peer"):
        return {"skipped": "async only"}
    found = {}
    for durable in (False, True):
        db = module.Peer(path, durable) if durable else module.Peer(path)
        found["durable" if durable else "balanced"] = db.read_back()
        if peer == "holdfast" and not durable:
            found["options"] = [option for (option,) in db.fetch("pragma compile_options")]
        db.close()
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
