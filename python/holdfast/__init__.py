"""Durable local state for Python apps: SQLite with the production work already done."""

from ._core import Database
from .database import open

__all__ = ["Database", "open"]
