"""The service of the examples on a processor of its own: `python -m history.serve CORE`.

Prints its port, and what it runs on, once it listens; SIGTERM ends it. /saves tells how long the
saves since the last time took its event loop.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import socket
import sys
from array import array

import uvicorn

from holdfast.history import History, PromptHistory
from peers.limit import ROOT
from peers.timing import Figures, clock, percentiles

#: What uvicorn takes where it is there, and what it takes otherwise.
PREFERRED = {"uvloop": "asyncio", "httptools": "h11"}


def timed(took: array[int]) -> None:
    """Have every save of a history timed."""
    save = History.save

    def call(history: History, record: PromptHistory) -> bool:
        before = clock()
        taken = save(history, record)
        took.append(clock() - before)
        return taken

    History.save = call


def main() -> None:
    os.sched_setaffinity(0, {int(sys.argv[1])})
    sys.path.insert(0, str(ROOT / "examples"))
    app = importlib.import_module("prompt_service").app
    took = array("Q")
    timed(took)

    @app.get("/saves")
    async def saves() -> Figures:
        found = percentiles(took) if took else {}
        del took[:]
        return found

    # Connections that rest are kept, as behind a proxy.
    config = uvicorn.Config(app, log_level="critical", access_log=False, timeout_keep_alive=600)
    runs_on = [a if importlib.util.find_spec(a) else b for a, b in PREFERRED.items()]
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        said = {"port": listener.getsockname()[1], "on": runs_on}
        print(json.dumps(said), flush=True)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
