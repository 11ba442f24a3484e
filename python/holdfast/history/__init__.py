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

from .aio import AsyncPromptRepository
from .breaker import BreakerState, CircuitBreaker
from .errors import RepositoryConnectionError, RepositoryConstraintError, RepositoryError
from .health import WriterStatistics
from .memory import AsyncInMemoryRepository, InMemoryRepository
from .models import (
    BackendType,
    HistoryPage,
    HistoryStatistics,
    InvalidRecordError,
    PromptHistory,
)
from .repository import PromptRepository
from .sqlite import HoldfastRepository
from .sqlite_aio import AsyncHoldfastRepository
from .writer import HistoryWriter

__all__ = [
    "AsyncHoldfastRepository",
    "AsyncInMemoryRepository",
    "AsyncPromptRepository",
    "BackendType",
    "BreakerState",
    "CircuitBreaker",
    "HistoryPage",
    "HistoryStatistics",
    "HistoryWriter",
    "HoldfastRepository",
    "InMemoryRepository",
    "InvalidRecordError",
    "PromptHistory",
    "PromptRepository",
    "RepositoryConnectionError",
    "RepositoryConstraintError",
    "RepositoryError",
    "WriterStatistics",
]
