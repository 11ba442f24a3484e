"""The command line `holdfast`, which needs the extra `cli`; also `python -m holdfast`."""

import sys
from importlib import import_module


def main() -> None:
    """Run the command line, or say how to install what it needs."""
    try:
        for needed in ("typer", "rich"):
            import_module(needed)
    except ModuleNotFoundError as missing:
        hint = 'pip install "holdfast[cli]"'
        print(f"holdfast: the command line needs {missing.name}: {hint}", file=sys.stderr)
        sys.exit(2)
    for stream in (sys.stdout, sys.stderr):
        # A file name need not be text of the terminal's encoding.
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
    from .app import app

    app(prog_name="holdfast")
