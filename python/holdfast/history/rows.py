"""Records as rows of `prompt_history`, and rows as records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from .errors import RepositoryError
from .models import BackendType, HistoryPage, HistoryStatistics, PromptHistory, stamp
from .query import Query, cursor_after

#: The columns that a record is read from, in order.
COLUMNS = (
    "id, timestamp, backend, provider, model, conversation_id, confidence, latency_ms, "
    "input_tokens, output_tokens, original_idea, improved_prompt, context, role, directive, "
    "framework, guardrails, reasoning"
)
_INTO = f"insert into prompt_history({COLUMNS}, quality_score)"
_WIDTH = 19
_VALUES = f"({', '.join(['?'] * _WIDTH)})"
#: Inserts one and returns its id.
INSERT = f"{_INTO} values {_VALUES} returning id"
#: Inserts up to so many rows; what is left of the parameters is null. The text index writes what it
#: has at the end of each statement: one of many rows costs less than half of one for each.
_INSERTS = {
    most: f"with given({COLUMNS}, quality_score) as (values {', '.join([_VALUES] * most)}) "
    f"{_INTO} select * from given where timestamp is not null"
    for most in (4, 16, 64, 256)
}

Row = tuple[Any, ...]


def row_of(record: PromptHistory) -> Row:
    """Make the row that `INSERT` writes."""
    guardrails = record.guardrails
    return (
        record.id,
        stamp(record.timestamp),
        str(record.backend),
        record.provider,
        record.model,
        record.conversation_id,
        record.confidence,
        record.latency_ms,
        record.input_tokens,
        record.output_tokens,
        record.original_idea,
        record.improved_prompt,
        record.context,
        record.role,
        record.directive,
        record.framework,
        json.dumps(guardrails, ensure_ascii=False) if guardrails else "[]",
        record.reasoning,
        record.quality_score,
    )


def inserts(rows: list[Row]) -> Iterator[tuple[str, list[Any]]]:
    """Statements that insert rows, with their parameters."""
    for begin in range(0, len(rows), 256):
        part = rows[begin : begin + 256]
        most = min(most for most in _INSERTS if most >= len(part))
        values = list(chain.from_iterable(part))
        values += [None] * (most * _WIDTH - len(values))
        yield _INSERTS[most], values


def record_of(row: Row) -> PromptHistory:
    """Make the record of a row of `COLUMNS`. Raises RepositoryError for what no record can be."""
    (
        number, timestamp, backend, provider, model, conversation_id, confidence, latency_ms,
        input_tokens, output_tokens, original_idea, improved_prompt, context, role, directive,
        framework, guardrails, reasoning,
    ) = row  # fmt: skip
    try:
        return PromptHistory(
            id=number,
            timestamp=datetime.fromisoformat(timestamp).replace(tzinfo=UTC),
            backend=backend,
            provider=provider,
            model=model,
            conversation_id=conversation_id,
            confidence=confidence,
            latency_ms=latency_ms,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            original_idea=original_idea,
            improved_prompt=improved_prompt,
            context=context,
            role=role,
            directive=directive,
            framework=framework,
            guardrails=json.loads(guardrails),
            reasoning=reasoning,
        )
    except (ValueError, TypeError) as error:
        text = f"the row of prompt_history with the id {number} is no record: {error}"
        raise RepositoryError(text) from error


def texts_of(record: PromptHistory) -> Iterable[str]:
    """The texts of a record that a search looks at."""
    yield record.original_idea
    yield record.improved_prompt
    yield record.context
    yield record.role
    yield record.directive
    yield record.framework
    yield "\n".join(record.guardrails)
    yield record.reasoning or ""


def size_of(record: PromptHistory) -> int:
    """How many bytes the texts of a record have, as its row counts them."""
    row = row_of(record)
    return sum(len(text.encode()) for text in row[10:18] if text)


def page_of(query: Query, rows: list[Row], total: int) -> HistoryPage:
    """Make a page of its rows and the one after them, where there is one."""
    items = tuple(map(record_of, rows[: query.limit]))
    more = len(rows) > query.limit
    return HistoryPage(items, total, cursor_after(items) if more else None)


def statistics_of(sums: Row, counts: Iterable[Row]) -> HistoryStatistics:
    """Make statistics of what the statements `sums` and `counts` read."""
    total, size, latency, confidence, quality, input_tokens, output_tokens, oldest, newest = sums
    by: dict[str, dict[Any, int]] = {"provider": {}, "backend": {}, "model": {}}
    for column, value, count in counts:
        by[column][BackendType(value) if column == "backend" else value] = count
    return HistoryStatistics(
        total,
        size,
        latency,
        confidence,
        quality,
        input_tokens,
        output_tokens,
        by["provider"],
        by["backend"],
        by["model"],
        _moment(oldest),
        _moment(newest),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)
