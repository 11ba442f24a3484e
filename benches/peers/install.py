"""Install the peers into the environment that runs this; what does not install is noted."""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "apsw",
    "aiosqlite",
    "SQLAlchemy",
    "sqlite-utils",
    "libsql",
    "cysqlite",
    "msqlite",
    "rapsqlite",
)
#: What `make bench-jobs` measures.
QUEUES = ("huey", "litequeue")
#: What the baseline of `make bench-artifacts` needs.
MARKDOWN = ("python-frontmatter", "PyYAML")
#: What the service of `make bench-history` runs on.
SERVICE = ("fastapi", "uvicorn", "uvloop", "httptools", "pydantic-settings")


def install(package: str) -> dict[str, Any]:
    """The version, or the reason why there is none; the size of the wheel."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", package]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["pip said nothing"]
        return {"reason": said[-1]}
    wheels = Path(sys.prefix) / "wheels" / package
    command[3:] = ["download", "--quiet", "--no-deps", "--dest", str(wheels), package]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        return {"version": metadata.version(package)}
    newest = max(wheels.iterdir(), key=lambda path: path.stat().st_mtime)
    return {"version": metadata.version(package), "bytes": newest.stat().st_size}


def main() -> None:
    """Write peers.json beside the environment's interpreter."""
    found = {package: install(package) for package in (*PACKAGES, *QUEUES, *MARKDOWN, *SERVICE)}
    for package, outcome in found.items():
        print(f"    {package} {outcome.get('version') or 'is left out: ' + outcome['reason']}")
    (Path(sys.prefix) / "peers.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
