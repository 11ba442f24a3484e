"""Deleting from both schemas what was written to both."""

from __future__ import annotations

import json

from .. import Transaction
from . import retention, state
from .legacy import ARTIFACTS, SYNTHESES
from .mapping import NATIVE


def artifacts(tx: Transaction, spec_id: str, stage: str | None) -> int:
    """Delete the artifacts of a spec, at one stage or all, with their outputs; count them.

    Syntheses stay. A run that has none and no output any more is deleted too.
    """
    where, values = "spec_id = ?", [spec_id]
    if stage is not None:
        where, values = f"{where} and stage = ?", [spec_id, stage]
    if state.phase(tx) is not state.Phase.DUAL:
        of_runs = f"run_id in (select id from consensus_runs where {where})"
        deleted = tx.execute(f"delete from agent_outputs where {of_runs}", values)
    else:
        ids = f"(select id from {ARTIFACTS} where {where})"
        tx.execute(f"delete from agent_outputs where id < {NATIVE} and id in {ids}", values)
        _forget(tx, ARTIFACTS, ids, values)
        deleted = tx.execute(f"delete from {ARTIFACTS} where {where}", values)
    _tidy(tx, where, values)
    return deleted


def spec(tx: Transaction, spec_id: str) -> int:
    """Delete all of a spec; count its runs."""
    if state.phase(tx) is state.Phase.DUAL:
        for table in (ARTIFACTS, SYNTHESES):
            _forget(tx, table, f"(select id from {table} where spec_id = ?)", [spec_id])
            tx.execute(f"delete from {table} where spec_id = ?", [spec_id])
    return tx.execute("delete from consensus_runs where spec_id = ?", [spec_id])


def some_old(tx: Transaction, before: str) -> int:
    """Delete some of the oldest runs with what they were in the old schema; count them."""
    found = tx.fetch_all(
        "select id, (select count(*) from agent_outputs o where o.run_id = r.id) "
        "from consensus_runs r where run_timestamp < ? order by run_timestamp limit ?",
        [before, retention.RUNS],
    )
    runs: list[int] = []
    outputs = 0
    for run_id, count in found:
        outputs += count
        # One at least, however many outputs it has: what is deleted by half does not agree.
        if runs and outputs > retention.OUTPUTS:
            break
        runs.append(run_id)
    ids = json.dumps(runs)
    if state.phase(tx) is state.Phase.DUAL:
        of_runs = "(select value from json_each(?))"
        tx.execute(
            f"delete from {ARTIFACTS} where id in "
            f"(select id from agent_outputs where id < {NATIVE} and run_id in {of_runs})",
            [ids],
        )
        tx.execute(
            f"delete from {SYNTHESES} where id in "
            f"(select legacy_synthesis_id from consensus_runs where id in {of_runs})",
            [ids],
        )
    return tx.execute(
        "delete from consensus_runs where id in (select value from json_each(?))", [ids]
    )


def _forget(tx: Transaction, table: str, ids: str, values: list[str]) -> None:
    tx.execute(
        f"delete from run_unmapped where legacy_table = ? and legacy_id in {ids}", [table, *values]
    )


def _tidy(tx: Transaction, where: str, values: list[str]) -> None:
    """Delete the runs that have nothing any more."""
    tx.execute(
        f"delete from consensus_runs where {where} and synthesis_json is null "
        "and legacy_synthesis_id is null and not exists "
        "(select 1 from agent_outputs o where o.run_id = consensus_runs.id)",
        values,
    )
