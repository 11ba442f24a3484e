"""The dashboard of a database over HTTP: its health, its artifacts and its jobs.

It comes with an extra: `pip install "holdfast[web]"`. `docs/web.md` is the guide.
"""

try:
    import fastapi
    import markdown_it
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f'holdfast.web needs {missing.name}: pip install "holdfast[web]"', name=missing.name
    ) from missing

from .app import app
from .router import router

del fastapi, markdown_it

__all__ = ["app", "router"]
