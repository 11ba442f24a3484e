"""From a file with the old tables alone to one with both: the old ones stay with their rows."""

from __future__ import annotations

from .. import Transaction
from ..database import Database
from . import legacy, state
from .legacy import ARTIFACTS, SYNTHESES
from .mapping import NATIVE
from .store import migrate


def attach(db: Database) -> None:
    """Make the tables of either schema that are missing, and note where both begin to be written.

    Nothing is changed in a table of the old schema. Raises LegacySchemaError for one that is not as
    the mapping needs it. Called again it does nothing.
    """
    migrate(db)
    if state.phase(db) is None:
        db.run(_attach)


def _attach(tx: Transaction) -> None:
    if state.phase(tx) is not None:
        # Another process was faster.
        return
    legacy.create(tx)
    for table in (ARTIFACTS, SYNTHESES):
        state.put(tx, f"mark.{table}", tx.fetch_value(f"select max(id) from {table}") or 0)
    # An artifact and its output have one id: those of other outputs are out of the way.
    tx.execute("update agent_outputs set id = id + ?", [NATIVE])
    _number_from(tx, NATIVE)
    state.put(tx, "mark.runs", tx.fetch_value("select max(id) from consensus_runs") or 0)
    state.put(tx, "mark.outputs", tx.fetch_value("select max(id) from agent_outputs") or NATIVE)
    state.put(tx, "phase", state.Phase.DUAL)


def _number_from(tx: Transaction, least: int) -> None:
    """Let the ids of outputs that are given none be greater. SQLite's own way is here."""
    if not tx.execute(
        "update sqlite_sequence set seq = max(seq, ?) where name = 'agent_outputs'", [least]
    ):
        tx.execute("insert into sqlite_sequence(name, seq) values ('agent_outputs', ?)", [least])
