"""Answers as JSON, and what may be in them: nothing that tells where on the host files are."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from fastapi import Response

# In quotes a path may have spaces; a bare one ends where text would go on.
_QUOTED = re.compile(r"""(?P<quote>['"])(?:file://)?(?P<path>/[^'"\n]*)(?P=quote)""")
_BEFORE = r"(?:file://|(?<![\w./]))"
_BARE = re.compile(rf"""{_BEFORE}(?P<path>/[^\s'"<>|;,()\[\]{{}}*?`]+)""")


class Answer(Response):
    """A value as JSON: named tuples as objects, times in ISO form and UTC."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Write the JSON; as ASCII, since a file name need not be text."""
        return json.dumps(ready(content), allow_nan=False, separators=(",", ":")).encode()


def ready(value: Any) -> Any:
    """Make a value into what JSON has; a number that is none is null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, Path):
        return value.name
    if isinstance(value, dict):
        return {str(k): ready(item) for k, item in cast("dict[Any, Any]", value).items()}
    if isinstance(value, tuple) and hasattr(cast("Any", value), "_asdict"):
        return ready(cast("Any", value)._asdict())
    if isinstance(value, list | tuple | set | frozenset):
        return [ready(item) for item in cast("Iterable[Any]", value)]
    if value is None or isinstance(value, str | int):
        return value
    return str(value)


def path_hider(known: Iterable[str | os.PathLike[str]] = ()) -> Callable[[Any], Any]:
    """Make what cuts absolute paths of this host in texts down to their last part.

    `known` are directories that are found although there are spaces in them.

    >>> hide = path_hider(["/srv/my data"])
    >>> hide({"error": "cannot open '/tmp/my files/a.db' nor /srv/my data/b.db: see e.org/tmp/x"})
    {'error': "cannot open 'a.db' nor b.db: see e.org/tmp/x"}
    """
    longest_first = sorted({os.fspath(each) for each in known} - {"/", ""}, key=len, reverse=True)
    folders = "|".join(map(re.escape, longest_first))
    begins = re.compile(rf"{_BEFORE}(?:{folders})/") if folders else None

    def hide(value: Any) -> Any:
        if isinstance(value, str):
            if "/" not in value:
                return value
            text = value if begins is None else begins.sub("", value)
            return _BARE.sub(_shortened, _QUOTED.sub(_shortened, text))
        if isinstance(value, dict):
            return {hide(name): hide(item) for name, item in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [hide(item) for item in cast("list[Any]", value)]
        return value

    return lambda value: hide(ready(value))


def _shortened(found: re.Match[str]) -> str:
    path = found["path"]
    below = path.lstrip("/")
    # After two slashes it is the host of an address.
    if len(path) - len(below) == 2 or not _is_here(below.partition("/")[0]):
        return found[0]
    quote = found[0][-1] if found[0][0] in "'\"" else ""
    return quote + path.rstrip("/").rpartition("/")[2] + quote


@lru_cache(maxsize=256)
def _is_here(name: str) -> bool:
    return bool(name) and "\0" not in name and os.path.lexists(f"/{name}")
