"""Files that have moved: the same content under a new path, and none under the old one."""

from __future__ import annotations

from collections.abc import Mapping

from ..database import Database
from ..walk import Known
from . import store
from .store import Entry


def copies(db: Database, new: list[Entry], known: Mapping[str, object]) -> dict[str, str]:
    """Which new files have the content of a known one, and its hash: each may have moved."""
    found = store.paths_with(db, {entry.hash for entry in new}) if new else {}
    return {
        entry.path: entry.hash
        for entry in new
        if any(path in known for _, path in found.get(entry.hash, ()))
    }


def pairs(db: Database, copies: Mapping[str, str], missing: dict[str, Known]) -> dict[str, int]:
    """Give each of the copies the id of a missing file of its content; that one is not missing."""
    found = store.paths_with(db, set(copies.values()))
    moves: dict[str, int] = {}
    for path, hash_ in copies.items():
        for artifact_id, old in found.get(hash_, ()):
            if missing.pop(old, None) is not None:
                moves[path] = artifact_id
                break
    return moves
