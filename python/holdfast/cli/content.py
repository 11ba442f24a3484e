"""The stores of content in a file, as they are: no command makes their tables to look at them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from ..database import Database
from ..errors import NotSupportedError
from .files import versions

if TYPE_CHECKING:
    from ..history import HoldfastRepository
    from ..runs import RunStore


class Content(TypedDict):
    """The stores of content that a file has."""

    history: HoldfastRepository | None
    runs: RunStore | None


def content_of(database: Database, file: str) -> Content:
    """Find them. NotSupportedError for tables of another version."""
    from ..history import HoldfastRepository, sqlite
    from ..runs import RunStore, statements

    has_history = _has(database, file, "the history", sqlite.COMPONENT, sqlite.SCHEMA)
    has_runs = _has(database, file, "runs", statements.COMPONENT, statements.SCHEMA)
    return {
        "history": HoldfastRepository(database) if has_history else None,
        "runs": RunStore(database) if has_runs else None,
    }


def _has(database: Database, file: str, what: str, component: str, schema: Path) -> bool:
    found, known = versions(database, component, schema)
    if found not in (0, known):
        # An app that runs with the older tables could not go on with newer ones.
        raise NotSupportedError(
            f"the tables of {what} in {file!r} are at version {found}, and this holdfast works "
            f"with {known}: use the holdfast that the app uses"
        )
    return found > 0
