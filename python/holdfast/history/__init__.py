"""A history of improved prompts, for services that use language models.

`docs/history.md` is the guide.

>>> repository = HoldfastRepository(db)
>>> _ = repository.save(PromptHistory(
...     original_idea="a poem", improved_prompt="Write a sonnet.", backend="zero-shot",
...     model="llama3", provider="ollama",
... ))
>>> repository.search("sonnet").total
1
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .aio import AsyncPromptRepository
from .breaker import BreakerState, CircuitBreaker
from .errors import RepositoryConnectionError, RepositoryConstraintError, RepositoryError
from .health import HistoryHealth, HistoryStatus, WriterStatistics
from .memory import AsyncInMemoryRepository, InMemoryRepository
from .models import (
    BackendType,
    HistoryPage,
    HistoryStatistics,
    InvalidRecordError,
    PromptHistory,
)
from .repository import PromptRepository
from .retention import Retention
from .service import History
from .sqlite import HoldfastRepository
from .sqlite_aio import AsyncHoldfastRepository
from .writer import HistoryWriter

if TYPE_CHECKING:
    from .fastapi import get_history, get_repository, get_settings, lifespan, router
    from .settings import HistorySettings, InvalidSettingsError
else:
    # What these need comes with an extra.
    _LATER = {
        "HistorySettings": "settings",
        "InvalidSettingsError": "settings",
        "get_history": "fastapi",
        "get_repository": "fastapi",
        "get_settings": "fastapi",
        "lifespan": "fastapi",
        "router": "fastapi",
    }

    def __getattr__(name):
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
        return value

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = [
    "AsyncHoldfastRepository",
    "AsyncInMemoryRepository",
    "AsyncPromptRepository",
    "BackendType",
    "BreakerState",
    "CircuitBreaker",
    "History",
    "HistoryHealth",
    "HistoryPage",
    "HistorySettings",
    "HistoryStatistics",
    "HistoryStatus",
    "HistoryWriter",
    "HoldfastRepository",
    "InMemoryRepository",
    "InvalidRecordError",
    "InvalidSettingsError",
    "PromptHistory",
    "PromptRepository",
    "RepositoryConnectionError",
    "RepositoryConstraintError",
    "RepositoryError",
    "Retention",
    "WriterStatistics",
    "get_history",
    "get_repository",
    "get_settings",
    "lifespan",
    "router",
]
