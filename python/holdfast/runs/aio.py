"""The runs of a database that is open for event loops."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Unpack

from ..aio import AsyncDatabase
from ..errors import IntegrityError
from . import query, retention
from . import statements as sql
from .models import AgentOutput, Output, Run, RunPage, RunStats, output_of, run_of
from .query import Filters
from .store import unknown

if TYPE_CHECKING:
    from .. import AsyncSnapshot, AsyncTransaction


class AsyncRunStore:
    """`RunStore` for event loops: the same verbs, awaited.

    The first one makes the tables; inside a transaction of yours it cannot: `migrate` before.

    >>> runs = AsyncRunStore(db)
    >>> run_id = await runs.upsert_consensus_run("SPEC-1", "plan")
    >>> await runs.add_output(run_id, "claude", "a plan")
    1
    >>> await runs.store_synthesis(run_id, {"agreements": ["a plan"]}, consensus_ok=True)
    >>> (await runs.latest("SPEC-1", "plan")).synthesis
    {'agreements': ['a plan']}
    """

    def __init__(self, db: AsyncDatabase) -> None:
        if not isinstance(db, AsyncDatabase):
            raise TypeError(f"db is what holdfast.open_async gives, not {type(db).__name__}")
        self._db = db
        self._is_ready = False

    async def migrate(self) -> None:
        """Make the tables, or bring them up to date; MigrationError for tables of others."""
        version = await self._db.schema_version(sql.COMPONENT)
        if version == 0 and (found := await self._db.fetch_all(*sql.others())):
            # It may be that another process has made them just now.
            version = await self._db.schema_version(sql.COMPONENT)
            if version == 0:
                raise sql.in_the_way(found)
        if version < sql.VERSION:
            await self._db.migrate(sql.SCHEMA, component=sql.COMPONENT, backup=version > 0)
        self._is_ready = True

    async def _ready(self) -> AsyncDatabase:
        if not self._is_ready:
            await self.migrate()
        return self._db

    @property
    def db(self) -> AsyncDatabase:
        """The database that the runs are in."""
        return self._db

    # Writing

    async def upsert_consensus_run(
        self,
        spec_id: str,
        stage: str,
        *,
        run_timestamp: datetime | None = None,
        consensus_ok: bool | None = None,
        degraded: bool | None = None,
        synthesis: Any = None,
        name: str | None = None,
        tx: AsyncTransaction | None = None,
    ) -> int:
        """Insert a run, or update the one of that spec, stage and time; return its id."""
        row = sql.run_row(spec_id, stage, run_timestamp, consensus_ok, degraded, synthesis, name)
        return await (tx or await self._ready()).fetch_value(sql.UPSERT_RUN, row)

    async def add_output(
        self,
        run_id: int,
        agent_name: str,
        content: str,
        *,
        model_version: str | None = None,
        output_timestamp: datetime | None = None,
        response_text: str | None = None,
        tx: AsyncTransaction | None = None,
    ) -> int:
        """Add what an agent has put out to a run; return the id. Raises UnknownRunError."""
        output = Output(agent_name, content, model_version, output_timestamp, response_text)
        row = sql.output_row(run_id, output)
        try:
            return await (tx or await self._ready()).fetch_value(
                f"{sql.INSERT_OUTPUT} returning id", row
            )
        except IntegrityError:
            raise unknown(run_id) from None

    async def add_outputs(
        self,
        run_id: int,
        outputs: Iterable[Output | Mapping[str, Any] | tuple[Any, ...]],
        *,
        tx: AsyncTransaction | None = None,
    ) -> int:
        """Add outputs to a run, all or none; return their number. Raises UnknownRunError."""
        rows = [sql.output_row(run_id, output) for output in outputs]
        try:
            return await (tx or await self._ready()).execute_many(sql.INSERT_OUTPUT, rows)
        except IntegrityError:
            raise unknown(run_id) from None

    async def store_synthesis(
        self,
        run_id: int,
        synthesis: Any,
        *,
        consensus_ok: bool | None = None,
        degraded: bool | None = None,
        tx: AsyncTransaction | None = None,
    ) -> None:
        """Write the synthesis of a run, and what was decided. Raises UnknownRunError."""
        row = sql.synthesis_row(run_id, synthesis, consensus_ok, degraded)
        if not await (tx or await self._ready()).execute(sql.STORE_SYNTHESIS, row):
            raise unknown(run_id)

    async def delete_spec(self, spec_id: str, *, tx: AsyncTransaction | None = None) -> int:
        """Delete the runs of a spec with their outputs; return how many runs there were."""
        return await (tx or await self._ready()).execute(
            sql.DELETE_SPEC, [sql.named("spec_id", spec_id)]
        )

    async def delete_old(self, older_than: timedelta) -> int:
        """Delete the runs that are older, a few in a transaction; return how many there were."""
        before = retention.boundary(older_than)
        deleted = 0
        while before is not None:
            found, gone = await (await self._ready()).run(_delete_some, before)
            deleted += gone
            if not found:
                break
        return deleted

    # Reading

    async def get(self, run_id: int) -> Run:
        """Read a run with its outputs, in the order of their coming. Raises UnknownRunError."""
        async with (await self._ready()).snapshot() as snap:
            row = await snap.fetch_one(sql.GET, [sql.number("run_id", run_id)])
            if row is None:
                raise unknown(run_id)
            return run_of(row, await _outputs(snap, run_id))

    async def latest(self, spec_id: str, stage: str) -> Run | None:
        """Read the newest run of a spec at a stage, with its outputs; None before the first."""
        wanted = [sql.named("spec_id", spec_id), sql.named("stage", stage)]
        async with (await self._ready()).snapshot() as snap:
            row = await snap.fetch_one(sql.LATEST, wanted)
            return None if row is None else run_of(row, await _outputs(snap, row[0]))

    async def query(
        self,
        *,
        limit: int = 50,
        offset: int = 0,
        cursor: str | None = None,
        **filters: Unpack[Filters],
    ) -> RunPage:
        """Read up to `limit` runs, the newest first, without their outputs; see `RunStore.query`.

        >>> runs = AsyncRunStore(db)
        >>> _ = await runs.upsert_consensus_run("SPEC-1", "plan", consensus_ok=True)
        >>> (await runs.query(spec_id="SPEC-1", consensus_ok=True)).total
        1
        """
        made = query.make(limit=limit, offset=offset, cursor=cursor, **filters)
        async with (await self._ready()).snapshot() as snap:
            rows = await snap.fetch_all(*made.page)
            return made.page_of(rows, await snap.fetch_value(*made.total))

    async def stats(self) -> RunStats:
        """Count runs and outputs."""
        async with (await self._ready()).snapshot() as snap:
            counts, stages, agents = [await snap.fetch_all(each) for each in sql.STATS]
            return sql.stats_of(counts[0], stages, agents)


async def _outputs(snap: AsyncSnapshot, run_id: int) -> tuple[AgentOutput, ...]:
    return tuple(output_of(row) for row in await snap.fetch_all(sql.OUTPUTS, [run_id]))


async def _delete_some(tx: AsyncTransaction, before: str) -> tuple[bool, int]:
    """Delete some of the oldest runs; whether there were any, and how many are gone."""
    rows = await tx.fetch_all(retention.OLDEST, [before, retention.RUNS])
    runs = [run for (run,) in rows]
    if not runs:
        return False, 0
    if await tx.execute(*retention.outputs_of(runs)) == retention.OUTPUTS:
        return True, 0
    return True, await tx.execute(*retention.runs_of(runs))
