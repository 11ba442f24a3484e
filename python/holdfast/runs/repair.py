"""Making the new tables follow the old ones where both were found not to agree.

Before the cutover the old tables are what counts. Both sides of what is changed stay in
run_mismatches. What only the new tables ever had is written to the old ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from .. import Transaction
from ..database import Database
from . import back, mismatches
from .compare import Finding
from .errors import UnmappableError
from .legacy import ARTIFACTS, LegacyRow, required
from .mapping import NATIVE, map_row
from .reading import fetch
from .sides import OUTPUTS, again
from .slots import free
from .sweep import BEGIN
from .times import read_any

#: Mismatches that one transaction looks at.
BATCH = 50


def repair(db: Database) -> int:
    """Repair the mismatches that are open; count those that are no more."""
    after, repaired = BEGIN, 0
    while some := mismatches.opened(db, after, BATCH):
        repaired += db.run(_repair, some)
        after = some[-1][0]
    return repaired


def _repair(tx: Transaction, some: Sequence[tuple[int, Finding]]) -> int:
    gone: list[int] = []
    for number, known in some:
        found = again(tx, known)
        if found is not None:
            # What cannot be mapped stays as it is, and open.
            with suppress(UnmappableError, OverflowError), tx.transaction() as part:
                _follow(part, found)
        if again(tx, known) is None:
            gone.append(number)
    mismatches.resolve(tx, gone)
    return len(gone)


def _follow(tx: Transaction, found: Finding) -> None:
    if found.new_table == OUTPUTS:
        _artifact(tx, found)
    elif found.new_id is None:
        map_row(tx, _row(tx, found))
    else:
        _synthesis(tx, found)


def _artifact(tx: Transaction, found: Finding) -> None:
    """Bring an output to its artifact, or what only it has to the old table."""
    if found.new_id is not None and found.new_id >= NATIVE:
        back.output(tx, found.new_id)
        return
    number = found.legacy_id
    old = tx.fetch_one("select run_id, model_version from agent_outputs where id = ?", [number])
    tx.execute("delete from agent_outputs where id = ?", [number])
    if found.kind != "missing in legacy":
        map_row(tx, _row(tx, found), None if old is None else old[1])
    if old is not None:
        _settle(tx, old[0])


def _synthesis(tx: Transaction, found: Finding) -> None:
    """Bring a run to its synthesis; what was never in the old table stays."""
    if found.legacy_id is not None and found.columns != ("run_timestamp",):
        tx.execute(
            "update consensus_runs set consensus_ok = null, degraded = 0, synthesis_json = null, "
            "legacy_synthesis_id = null where id = ?",
            [found.new_id],
        )
        if found.kind == "differs":
            map_row(tx, _row(tx, found))
    if found.legacy_id is not None or found.kind == "differs":
        _settle(tx, found.new_id or 0)


def _row(tx: Transaction, found: Finding) -> LegacyRow:
    row = required(tx, found.legacy_table or ARTIFACTS).one(tx, found.legacy_id or 0)
    assert row is not None, "it was there in this transaction"
    return row


def _settle(tx: Transaction, number: int) -> None:
    """Delete a run that has nothing any more; give one whose time was changed that which it had."""
    if tx.execute(
        "delete from consensus_runs where id = ? and synthesis_json is null "
        "and legacy_synthesis_id is null "
        "and not exists (select 1 from agent_outputs where run_id = consensus_runs.id)",
        [number],
    ):
        return
    columns = ("spec_id", "stage", "mapped_timestamp", "run_timestamp")
    for spec_id, stage, *times in fetch(tx, columns, "from consensus_runs where id = ?", [number]):
        # One that another program made has been given none.
        known = next((at for at in map(read_any, times) if at is not None), None)
        if known is not None and times[0] != times[1]:
            tx.execute(
                "update consensus_runs set run_timestamp = ?1, mapped_timestamp = ?1 where id = ?2",
                [free(tx, spec_id, stage, known, number), number],
            )
