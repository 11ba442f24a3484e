"""Holdfast: one handle for all threads."""

from collections.abc import Awaitable
from typing import Any, Self

import holdfast

from ..data import ALL, INSERT, POINT, UPSERT, WRITE, Item, Row
from . import Closing, Point, Write


class Peer(Closing):
    def __init__(self, path: str, durable: bool = False, vacuum_every: float | None = None) -> None:
        super().__init__(path, durable)
        profile = "durable" if durable else "balanced"
        self.db = holdfast.open(path, profile=profile, vacuum_every=vacuum_every)

    def session(self) -> Self:
        return self

    def close(self) -> None:
        if not self.db.closed:
            self.db.close()

    def fetch(self, sql: str) -> list[Any]:
        return self.db.fetch_all(sql)

    def run(self, sql: str) -> None:
        self.db.execute(sql)

    def point(self) -> Point:
        fetch = self.db.fetch_one
        return lambda key: fetch(POINT, (key,))

    def tuples(self) -> list[Any]:
        return self.db.fetch_all(ALL)

    def dicts(self) -> list[Any]:
        return self.db.fetch_all(ALL, into=dict)

    def objects(self) -> list[Any]:
        return self.db.fetch_all(ALL, into=Item)

    def insert_many(self, table: str, rows: list[Row]) -> None:
        self.db.execute_many(INSERT.format(table=table), rows)

    def upsert_many(self, rows: list[dict[str, Any]]) -> None:
        self.db.upsert_many("item", rows, key="id")

    def upsert_sql(self, rows: list[Row]) -> None:
        self.db.execute_many(UPSERT, rows)

    def writer(self) -> Write:
        execute = self.db.execute
        return lambda key, body: execute(WRITE, (key, body))


class AsyncPeer:
    """The async face: the same verbs, awaited."""

    def __init__(self, path: str) -> None:
        self.path = path

    @staticmethod
    def missing() -> str | None:
        return None if hasattr(holdfast, "open_async") else "holdfast.open_async is not there yet"

    async def __aenter__(self) -> Self:
        self.opened = holdfast.open_async(self.path, vacuum_every=None)
        self.db = await self.opened.__aenter__()
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.opened.__aexit__(*raised)

    def point(self, key: int) -> Awaitable[Any]:
        return self.db.fetch_one(POINT, (key,))

    def write(self, key: int, body: str) -> Awaitable[Any]:
        return self.db.execute(WRITE, (key, body))

    async def fetch(self, sql: str) -> Any:
        return await self.db.fetch_all(sql)
