"""Index the markdown files of a folder, and show them on the dashboard.

    python examples/dashboard.py [FOLDER] [DIRECTORY]

By default the folder is the current one. The database, and a picture of the dashboard where there
is no terminal to serve it for, are kept in DIRECTORY, `target/demo` by default.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from holdfast.artifacts import ArtifactIndex

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
#: Milliseconds that the page has to fill.
PATIENCE = 4000


def say(title: str, text: object) -> None:
    """Print one line of the report."""
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"{bold}{title:<18}{plain}{text}", flush=True)


def index_of(folder: Path, file: Path) -> None:
    """Sync twice and look around."""
    with ArtifactIndex(file, folder) as index:
        for title in ("First sync", "Second sync"):
            result = index.sync()
            say(title, f"{result} in {result.seconds * 1000:.1f} ms")
        page = index.query(text="lock", limit=3)
        say("Search for lock", f"{page.total} of {index.stats().total}, the best:")
        for found in page.items:
            snippet = "".join(f"[{part}]" if match else part for part, match in found.snippet)
            say("", f"{found.path}: {snippet[:90]}")


def picture(address: str, file: Path) -> str:
    """Take a picture of the dashboard with a browser, if there is one."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        return f"{address} while it is served: holdfast serve (no browser here for a picture)"
    with tempfile.TemporaryDirectory() as profile:
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        options += ["--window-size=1280,900", f"--timeout={PATIENCE}"]
        options += [f"--user-data-dir={profile}", f"--screenshot={file}", address]
        done = subprocess.run([browser, *options], capture_output=True, check=False, timeout=60)
    return str(file) if done.returncode == 0 and file.exists() else f"{address} (no picture)"


def main() -> None:
    """Read the arguments and run."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    directory = Path(sys.argv[2] if len(sys.argv) > 2 else "target/demo")
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "dashboard.db"
    print(f"\nMarkdown below {folder.resolve()}\n")
    index_of(folder, file)
    command = [sys.executable, "-m", "holdfast", "serve", str(file), "--root", str(folder)]
    server = subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    address = server.stdout.readline().strip()
    try:
        if not address:
            raise SystemExit("the dashboard could not be served; see above")
        if sys.stdout.isatty():
            say("Dashboard", f"{address} until Ctrl-C")
            server.wait()
        else:
            say("Dashboard", picture(f"{address}#/artifacts", directory / "dashboard.png"))
    except KeyboardInterrupt:
        print()
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
