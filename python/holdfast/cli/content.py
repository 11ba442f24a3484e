"""The stores of content in a file, as they are: no command makes their tables to look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from ..database import Database
from .files import has_tables
from .run_files import has_runs

if TYPE_CHECKING:
    from ..history import HoldfastRepository
    from ..runs import RunStore


class Content(TypedDict):
    """The stores of content that a file has."""

    history: HoldfastRepository | None
    runs: RunStore | None


def content_of(database: Database, file: str) -> Content:
    """Find them. NotSupportedError for tables of another version."""
    from ..history import HoldfastRepository
    from ..history.sqlite import COMPONENT, SCHEMA
    from ..runs import RunStore

    has_history = has_tables(database, file, "the history", COMPONENT, SCHEMA)
    return {
        "history": HoldfastRepository(database) if has_history else None,
        "runs": RunStore(database) if has_runs(database, file) else None,
    }
