"""Small values that a face keeps between its runs: the open tab, the filter that was set."""

from __future__ import annotations

import json
from typing import Any

from ..database import Database
from .models import now
from .policy import MetadataPolicy
from .store import PATIENCE


class UiState:
    """Keys and their JSON values, under the same policy as the metadata of jobs."""

    def __init__(self, db: Database, policy: MetadataPolicy) -> None:
        self._db = db
        self._policy = policy

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or `default`."""
        row = self._db.fetch_one("select value from ui_state where key = ?", [key])
        return default if row is None else json.loads(row[0])

    def set(self, key: str, value: object) -> None:
        """Keep a value; MetadataPolicyError for one that may not be kept."""
        self._policy.dump({key: value}, "ui_state")
        text = self._policy.dump(value, f"ui_state.{key}") or "null"
        self._db.upsert(
            "ui_state",
            {"key": key, "value": text, "updated_at": now()},
            key="key",
            timeout=PATIENCE,
        )

    def delete(self, key: str) -> bool:
        """Forget a key; whether there was one."""
        return self._db.execute("delete from ui_state where key = ?", [key], timeout=PATIENCE) > 0
