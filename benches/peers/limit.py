"""The C loop: compiled against the SQLite that cargo built for Holdfast, and run like a peer."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from . import data
from .adapters import pragmas

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
ROOM = TARGET / "bench-peers"
PROGRAM = ROOM / "limit"

#: Work: what the program calls it, the statement, and what the keys go up to.
WORKS = {
    "point_select": ("point", data.POINT, data.ITEMS),
    "fetch_tuples": ("scan", data.ALL, data.ITEMS),
    "insert_many": ("insert", data.INSERT.format(table="bulk%d"), data.ITEMS),
    "write_one": ("write", data.WRITE, data.TALLIES),
}


def source() -> Path:
    """The folder of the amalgamation that the build uses."""
    command = ["cargo", "metadata", "--format-version", "1", "--offline"]
    found = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
    (package,) = (p for p in found["packages"] if p["name"] == "libsqlite3-sys")
    return Path(package["manifest_path"]).parent / "sqlite3"


def build() -> None:
    """Link the loop with the newest library of a release build: the same code, the same flags."""
    built = TARGET.glob("release/build/libsqlite3-sys-*/out/libsqlite3.a")
    library = max(built, key=lambda path: path.stat().st_mtime, default=None)
    if library is None:
        raise FileNotFoundError(f"no libsqlite3.a in {TARGET}/release: run `make bench-peers`")
    here = Path(__file__).with_name("limit.c")
    command = ["gcc", "-O3", "-Wall", "-Werror", "-I", source(), here, library, "-o", PROGRAM]
    subprocess.run([*command, "-lm", "-lpthread", "-ldl"], check=True)


def options() -> set[str]:
    """The compile options of its SQLite, to compare with Holdfast's."""
    command = [PROGRAM, ":memory:", "options", "pragma compile_options", "0", "0"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def run(work: str, path: Path, seconds: float) -> dict[str, Any]:
    """The figures of one work, or why there are none."""
    name, sql, domain = WORKS[work]
    command = [PROGRAM, path, name, sql, str(seconds), str(domain), *pragmas(durable=False)]
    if name == "insert":  # Holdfast's checkpoints are not the caller's either.
        command.append("pragma wal_autocheckpoint = 0")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"failed": done.stderr.strip() or f"exit status {done.returncode}"}
    return json.loads(done.stdout)
