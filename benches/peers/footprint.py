"""What a library costs before it does anything: the time of its import, the memory it takes."""

import json
import statistics
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from .adapters import PEERS
from .limit import ROOM
from .timing import Figures

MODULES = {"stdlib": "sqlite3", "sqlite-utils": "sqlite_utils"}
IMPORT = (
    "import time; before = time.perf_counter(); import {module}; "
    "print((time.perf_counter() - before) * 1000)"
)


def child(code: str, *given: str) -> str:
    """What a fresh interpreter prints."""
    command = [sys.executable, "-c", code, *given]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def import_time(peer: str, _path: str) -> Figures:
    """The median of five fresh processes, the files in the system's cache."""
    code = IMPORT.format(module=MODULES.get(peer, peer))
    child(code)
    return {"milliseconds": statistics.median(float(child(code)) for _ in range(5))}


def installed() -> dict[str, Any]:
    """What installing the peers found: versions, sizes, reasons."""
    found = json.loads((Path(sys.prefix) / "peers.json").read_text())
    return {"holdfast": {"version": metadata.version("holdfast")}} | found


def wheel(peer: str, _path: str) -> Figures:
    """What pip downloads for it, without what it depends on."""
    if peer == "holdfast":
        built = (ROOM / "wheel").glob("*.whl")
        size = max(built, key=lambda path: path.stat().st_mtime).stat().st_size
    else:
        size = installed()[PEERS[peer][1]]["bytes"]
    return {"megabytes": size / 1e6}


MEMORY = """
import sys
from importlib import metadata
from peers import adapters, data
from peers.footprint import resident

before = resident()
db = adapters.load(sys.argv[1]).Peer(sys.argv[2])
db.writer()(1, "a body")
db.fetch(f"select * from item where id = 7")
after = resident()
print(after[0] - before[0], after[1] - before[1])
db.close()
"""


def resident() -> tuple[float, float]:
    """Megabytes of this process in memory: in all, and without mapped files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = {name: value for name, _, value in (line.partition(":") for line in lines)}
    return tuple(int(found[name].split()[0]) / 1024 for name in ("VmRSS", "RssAnon"))  # type: ignore[return-value]


def memory(peer: str, path: str) -> Figures:
    """With one write and one select, so that what is made when first needed is there."""
    whole, own = map(float, child(MEMORY, peer, path).split())
    return {"megabytes": whole, "own": own, "acknowledged": 1}
