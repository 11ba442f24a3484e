"""Whom a record may be given to, with the same verbs; each keeps one file in WAL mode at NORMAL.

`save` returns when its record is committed, but that of `Background`, which takes it; `settle`
returns when all are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

from holdfast.history import PromptHistory

COLUMNS = (
    "timestamp",
    "backend",
    "provider",
    "model",
    "conversation_id",
    "confidence",
    "quality_score",
    "latency_ms",
    "input_tokens",
    "output_tokens",
    "original_idea",
    "improved_prompt",
    "context",
    "role",
    "directive",
    "framework",
    "guardrails",
    "reasoning",
)


class Background:
    """Holdfast's writer, as a service uses it."""

    def __init__(self, path: str) -> None:
        self.path = path

    async def __aenter__(self) -> Self:
        import holdfast
        from holdfast.history import HistoryWriter

        self.db = holdfast.open(self.path)
        self.writer = HistoryWriter(self.db)
        return self

    async def save(self, record: PromptHistory) -> None:
        if not self.writer.save(record):
            raise AssertionError("a record was dropped")

    async def settle(self) -> None:
        if not await self.writer.flush(60):
            raise AssertionError("not everything was written")

    async def read_back(self) -> dict[str, Any]:
        """The settings in force, and the version of SQLite."""
        return settings(self.db.pragmas(), self.db.fetch_value("select sqlite_version()"))

    async def __aexit__(self, *details: object) -> None:
        await self.writer.aclose(60)
        self.db.close()


class Repository:
    """Holdfast's asynchronous repository: a transaction for each record."""

    def __init__(self, path: str) -> None:
        self.path = path

    async def __aenter__(self) -> Self:
        import holdfast
        from holdfast.history import AsyncHoldfastRepository

        self.db = await holdfast.open_async(self.path)
        self.repository = AsyncHoldfastRepository(self.db)
        await self.repository.migrate()
        return self

    async def save(self, record: PromptHistory) -> None:
        await self.repository.save(record)

    async def settle(self) -> None:
        """All is written."""

    async def read_back(self) -> dict[str, Any]:
        """The settings in force, and the version of SQLite."""
        sqlite = await self.db.fetch_value("select sqlite_version()")
        return settings(await self.db.pragmas(), sqlite)

    async def __aexit__(self, *details: object) -> None:
        await self.db.close()


class Plain:
    """What a service has that does it by hand: aiosqlite, one connection, a table, an index."""

    insert = f"insert into prompt_history({', '.join(COLUMNS)}) values ({', '.join('?' * 18)})"

    def __init__(self, path: str) -> None:
        self.path = path

    def schema(self) -> str:
        return """
            create table prompt_history (
                id integer primary key autoincrement, timestamp text not null,
                backend text not null, provider text not null, model text not null,
                conversation_id text, confidence real, quality_score real, latency_ms real,
                input_tokens integer, output_tokens integer, original_idea text not null,
                improved_prompt text not null, context text not null, role text not null,
                directive text not null, framework text not null, guardrails text not null,
                reasoning text
            );
            create index prompt_history_timestamp on prompt_history(timestamp);
        """

    async def __aenter__(self) -> Self:
        import aiosqlite

        self.db = await aiosqlite.connect(self.path)
        await self.db.execute("pragma journal_mode = wal")
        await self.db.execute("pragma synchronous = normal")
        await self.db.executescript(self.schema())
        return self

    async def save(self, record: PromptHistory) -> None:
        await self.db.execute(
            self.insert,
            (
                record.timestamp.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
                record.backend.value,
                record.provider,
                record.model,
                record.conversation_id,
                record.confidence,
                record.quality_score,
                record.latency_ms,
                record.input_tokens,
                record.output_tokens,
                record.original_idea,
                record.improved_prompt,
                record.context,
                record.role,
                record.directive,
                record.framework,
                json.dumps(record.guardrails, ensure_ascii=False),
                record.reasoning,
            ),
        )
        await self.db.commit()

    async def settle(self) -> None:
        """All is written."""

    async def read_back(self) -> dict[str, Any]:
        """The settings in force, and the version of SQLite."""
        found: dict[str, Any] = {}
        for name in ("pragma journal_mode", "pragma synchronous", "select sqlite_version()"):
            async with self.db.execute(name) as cursor:
                found[name.split()[1]] = (await cursor.fetchone())[0]
        found["synchronous"] = ("off", "normal", "full")[found["synchronous"]]
        return settings(found, found["sqlite_version()"])

    async def __aexit__(self, *details: object) -> None:
        await self.db.close()


class Searched(Plain):
    """The same with Holdfast's table: its checks, its indexes, its index of words."""

    def schema(self) -> str:
        import holdfast.history

        folder = Path(holdfast.history.__file__).parent / "schema"
        return "\n".join(step.read_text() for step in sorted(folder.glob("*.sql")))


def settings(pragmas: Any, sqlite: Any) -> dict[str, Any]:
    names = ("journal_mode", "synchronous")
    return {name: str(pragmas[name]) for name in names} | {"sqlite": sqlite}


SIDES = {"writer": Background, "repository": Repository, "plain": Plain, "searched": Searched}
NAMES = {
    "writer": "`HistoryWriter`",
    "repository": "`AsyncHoldfastRepository`",
    "plain": "aiosqlite, by hand",
    "searched": "aiosqlite, Holdfast's table",
}
