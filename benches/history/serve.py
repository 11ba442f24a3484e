"""The service of the examples on a processor of its own: `python -m history.serve CORE`.

Prints its port, and what it runs on, once it listens; SIGTERM ends it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import sys

import uvicorn

from peers.limit import ROOT

#: What uvicorn takes where it is there, and what it takes otherwise.
PREFERRED = {"uvloop": "asyncio", "httptools": "h11"}


def main() -> None:
    os.sched_setaffinity(0, {int(sys.argv[1])})
    sys.path.insert(0, str(ROOT / "examples"))
    # Connections that rest are kept, as behind a proxy.
    config = uvicorn.Config(
        "prompt_service:app", log_level="critical", access_log=False, timeout_keep_alive=600
    )
    config.load()
    runs_on = [a if importlib.util.find_spec(a) else b for a, b in PREFERRED.items()]
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        said = {"port": listener.getsockname()[1], "on": runs_on}
        print(json.dumps(said), flush=True)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
