"""The runs of an open database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Unpack

from ..database import Database
from ..errors import IntegrityError
from . import query, retention
from . import statements as sql
from .errors import UnknownRunError
from .models import AgentOutput, Output, Run, RunPage, RunStats, output_of, run_of
from .query import Filters

if TYPE_CHECKING:
    from .. import Snapshot, Transaction


class RunStore:
    """Consensus runs and the outputs of their agents, in a database that is open.

    The verbs that write take a transaction as `tx`, to be part of it.

    >>> runs = RunStore(db)
    >>> run_id = runs.upsert_consensus_run("SPEC-1", "plan")
    >>> runs.add_output(run_id, "claude", "a plan")
    1
    >>> runs.store_synthesis(run_id, {"agreements": ["a plan"]}, consensus_ok=True)
    >>> runs.latest("SPEC-1", "plan").synthesis
    {'agreements': ['a plan']}
    """

    def __init__(self, db: Database) -> None:
        if not isinstance(db, Database):
            raise TypeError(f"db is what holdfast.open returns, not {type(db).__name__}")
        self._db = db
        migrate(db)

    @property
    def db(self) -> Database:
        """The database that the runs are in."""
        return self._db

    # Writing

    def upsert_consensus_run(
        self,
        spec_id: str,
        stage: str,
        *,
        run_timestamp: datetime | None = None,
        consensus_ok: bool | None = None,
        degraded: bool | None = None,
        synthesis: Any = None,
        name: str | None = None,
        tx: Transaction | None = None,
    ) -> int:
        """Insert a run, or update the one of that spec, stage and time; return its id either way.

        `run_timestamp` is the current time unless given; less than a millisecond of it is cut off.
        What is None stays as it is in a run that exists. A `synthesis` that is text is JSON already
        and kept as it is, anything else is written as JSON. `name` is what you call the run.
        """
        row = sql.run_row(spec_id, stage, run_timestamp, consensus_ok, degraded, synthesis, name)
        return (tx or self._db).fetch_value(sql.UPSERT_RUN, row)

    def add_output(
        self,
        run_id: int,
        agent_name: str,
        content: str,
        *,
        model_version: str | None = None,
        output_timestamp: datetime | None = None,
        response_text: str | None = None,
        tx: Transaction | None = None,
    ) -> int:
        """Add what an agent has put out to a run; return the id. Raises UnknownRunError."""
        output = Output(agent_name, content, model_version, output_timestamp, response_text)
        row = sql.output_row(run_id, output)
        try:
            return (tx or self._db).fetch_value(f"{sql.INSERT_OUTPUT} returning id", row)
        except IntegrityError:
            raise unknown(run_id) from None

    def add_outputs(
        self,
        run_id: int,
        outputs: Iterable[Output | Mapping[str, Any] | tuple[Any, ...]],
        *,
        tx: Transaction | None = None,
    ) -> int:
        """Add outputs to a run, all or none; return their number. Raises UnknownRunError.

        >>> runs = RunStore(db)
        >>> run_id = runs.upsert_consensus_run("SPEC-1", "plan")
        >>> runs.add_outputs(run_id, [Output("claude", "a"), Output("gemini", "b")])
        2
        """
        rows = (sql.output_row(run_id, output) for output in outputs)
        try:
            return (tx or self._db).execute_many(sql.INSERT_OUTPUT, rows)
        except IntegrityError:
            raise unknown(run_id) from None

    def store_synthesis(
        self,
        run_id: int,
        synthesis: Any,
        *,
        consensus_ok: bool | None = None,
        degraded: bool | None = None,
        tx: Transaction | None = None,
    ) -> None:
        """Write the synthesis of a run, and what was decided. Raises UnknownRunError."""
        row = sql.synthesis_row(run_id, synthesis, consensus_ok, degraded)
        if not (tx or self._db).execute(sql.STORE_SYNTHESIS, row):
            raise unknown(run_id)

    def delete_spec(self, spec_id: str, *, tx: Transaction | None = None) -> int:
        """Delete the runs of a spec with their outputs; return how many runs there were."""
        return (tx or self._db).execute(sql.DELETE_SPEC, [sql.named("spec_id", spec_id)])

    def delete_old(self, older_than: timedelta) -> int:
        """Delete the runs that are older, a few in a transaction; return how many there were."""
        before = retention.boundary(older_than)
        deleted = 0
        while before is not None:
            found, gone = self._db.run(_delete_some, before)
            deleted += gone
            if not found:
                break
        return deleted

    # Reading

    def get(self, run_id: int) -> Run:
        """Read a run with its outputs, in the order of their coming. Raises UnknownRunError."""
        with self._db.snapshot() as snap:
            row = snap.fetch_one(sql.GET, [sql.number("run_id", run_id)])
            if row is None:
                raise unknown(run_id)
            return run_of(row, _outputs(snap, run_id))

    def latest(self, spec_id: str, stage: str) -> Run | None:
        """Read the newest run of a spec at a stage, with its outputs; None before the first."""
        with self._db.snapshot() as snap:
            row = snap.fetch_one(
                sql.LATEST, [sql.named("spec_id", spec_id), sql.named("stage", stage)]
            )
            return None if row is None else run_of(row, _outputs(snap, row[0]))

    def query(
        self,
        *,
        limit: int = 50,
        offset: int = 0,
        cursor: str | None = None,
        **filters: Unpack[Filters],
    ) -> RunPage:
        """Read up to `limit` runs, the newest first, without their outputs.

        `Filters` are spec_id, stage, name, agent_name, consensus_ok, degraded, has_synthesis, since
        and until; one that is None lets all through. `since` is part of the time that is asked for,
        `until` is not. `cursor` is that of the page before; what comes meanwhile shifts nothing.

        >>> runs = RunStore(db)
        >>> _ = runs.upsert_consensus_run("SPEC-1", "plan", consensus_ok=True)
        >>> runs.query(spec_id="SPEC-1", consensus_ok=True).total
        1
        """
        made = query.make(limit=limit, offset=offset, cursor=cursor, **filters)
        with self._db.snapshot() as snap:
            return made.page_of(snap.fetch_all(*made.page), snap.fetch_value(*made.total))

    def stats(self) -> RunStats:
        """Count runs and outputs."""
        with self._db.snapshot() as snap:
            counts, stages, agents = (snap.fetch_all(each) for each in sql.STATS)
            return sql.stats_of(counts[0], stages, agents)


def unknown(run_id: int) -> UnknownRunError:
    """What is raised for a run that is not there."""
    return UnknownRunError(f"there is no run {run_id}; it may have been deleted")


def migrate(db: Database) -> None:
    """Make the tables, or bring them up to date; MigrationError for tables of others."""
    version = db.schema_version(sql.COMPONENT)
    if version == 0 and (found := db.fetch_all(*sql.others())):
        # It may be that another process has made them just now.
        version = db.schema_version(sql.COMPONENT)
        if version == 0:
            raise sql.in_the_way(found)
    if version < sql.VERSION:
        # The first step only makes tables: a copy of what is in the file is for later ones.
        db.migrate(sql.SCHEMA, component=sql.COMPONENT, backup=version > 0)


def _outputs(snap: Snapshot, run_id: int) -> tuple[AgentOutput, ...]:
    return tuple(output_of(row) for row in snap.fetch_all(sql.OUTPUTS, [run_id]))


def _delete_some(tx: Transaction, before: str) -> tuple[bool, int]:
    """Delete some of the oldest runs; whether there were any, and how many are gone."""
    runs = [run for (run,) in tx.fetch_all(retention.OLDEST, [before, retention.RUNS])]
    if not runs:
        return False, 0
    if tx.execute(*retention.outputs_of(runs)) == retention.OUTPUTS:
        return True, 0
    return True, tx.execute(*retention.runs_of(runs))
