"""Triggers on the old tables: that they are read-only, and which rows of them are written."""

from __future__ import annotations

from .. import Transaction
from .legacy import ARTIFACTS, SYNTHESES
from .pending import TABLES

#: Where the rows of an old table are.
_NEW = {ARTIFACTS: "agent_outputs", SYNTHESES: "consensus_runs"}
#: What may be done to a row, and how a trigger calls that row.
_VERBS = {"insert": ("new",), "update": ("old", "new"), "delete": ("old",)}


def freeze(tx: Transaction) -> None:
    """Make the old tables read-only, for whichever program writes to them."""
    for table in TABLES:
        why = f"{table} is read-only since the cutover: holdfast.runs writes to {_NEW[table]}"
        for verb in _VERBS:
            tx.execute(
                f"create trigger {table}_frozen_{verb} before {verb} on {table} "
                f"begin select raise(abort, '{why}'); end"
            )


def thaw(tx: Transaction) -> None:
    """Let the old tables be written again."""
    _drop(tx, "frozen")


def watch(tx: Transaction) -> None:
    """Note in run_changes which rows of the old tables are written from now on."""
    for table in TABLES:
        for verb, sides in _VERBS.items():
            notes = " ".join(
                f"insert into run_changes(legacy_table, legacy_id) values ('{table}', {side}.id);"
                for side in sides
            )
            tx.execute(
                f"create trigger {table}_watched_{verb} after {verb} on {table} begin {notes} end"
            )


def unwatch(tx: Transaction) -> None:
    """No longer note what is written, and forget what was."""
    _drop(tx, "watched")
    tx.execute("delete from run_changes")


def _drop(tx: Transaction, kind: str) -> None:
    for table in TABLES:
        for verb in _VERBS:
            tx.execute(f"drop trigger if exists {table}_{kind}_{verb}")
