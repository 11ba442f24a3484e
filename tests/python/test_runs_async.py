"""The verbs of runs, awaited, do what they do in threads."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.errors import MigrationError
from holdfast.runs import AsyncRunStore, Output, RunStore, UnknownRunError

AT = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)


async def test_what_is_written_is_read(path: Path) -> None:
    async with holdfast.open_async(path) as db:
        runs = AsyncRunStore(db)
        run_id = await runs.upsert_consensus_run("S", "plan", run_timestamp=AT, name="run_7")
        assert await runs.upsert_consensus_run("S", "plan", run_timestamp=AT) == run_id
        output = await runs.add_output(run_id, "claude", "a", model_version="4.5")
        assert await runs.add_outputs(run_id, [Output("gemini", "b"), ("gpt", "c")]) == 2
        await runs.store_synthesis(run_id, '{"a":  1}', consensus_ok=True, degraded=True)
        run = await runs.get(run_id)
        assert run == await runs.latest("S", "plan")
        assert run.outputs[0].id == output
        assert (run.synthesis_json, run.consensus_ok, run.degraded) == ('{"a":  1}', True, True)
        assert (await runs.query(agent_name="gpt", name="run_7")).items[0].id == run_id
        stats = await runs.stats()
    with holdfast.open(path) as same:
        assert RunStore(same).get(run_id) == run
        assert RunStore(same).stats() == stats


async def test_the_errors_are_the_same(path: Path) -> None:
    async with holdfast.open_async(path) as db:
        runs = AsyncRunStore(db)
        for call in (
            runs.get(7),
            runs.add_output(7, "claude", "x"),
            runs.add_outputs(7, [("claude", "x")]),
            runs.store_synthesis(7, {}),
        ):
            with pytest.raises(UnknownRunError, match="no run 7"):
                await call
        with pytest.raises(ValueError, match="spec_id is blank"):
            await runs.upsert_consensus_run("", "plan")
        with pytest.raises(ValueError, match="limit is a number"):
            await runs.query(limit=0)
        assert await runs.latest("S", "plan") is None


async def test_a_transaction_of_the_caller_takes_it_back(path: Path) -> None:
    async with holdfast.open_async(path) as db:
        runs = AsyncRunStore(db)
        await runs.migrate()
        with pytest.raises(KeyError):
            async with db.transaction() as tx:
                run_id = await runs.upsert_consensus_run("S", "plan", tx=tx)
                await runs.add_output(run_id, "claude", "x", tx=tx)
                await runs.add_outputs(run_id, [("claude", "x")], tx=tx)
                await runs.store_synthesis(run_id, {}, tx=tx)
                await runs.delete_spec("S", tx=tx)
                raise KeyError
        assert (await runs.stats())[:2] == (0, 0)


async def test_tasks_that_begin_at_once_share_the_tables(path: Path) -> None:
    async with holdfast.open_async(path) as db:
        stores = [AsyncRunStore(db) for _ in range(8)]

        async def write(number: int) -> None:
            runs = stores[number % 8]
            run_id = await runs.upsert_consensus_run("S", "plan", run_timestamp=AT)
            await runs.add_output(run_id, f"agent-{number}", "x")

        await asyncio.gather(*(write(number) for number in range(100)))
        assert (await stores[0].stats())[:2] == (1, 100)


async def test_a_task_that_is_cancelled_leaves_all_or_nothing(path: Path) -> None:
    async with holdfast.open_async(path) as db:
        runs = AsyncRunStore(db)
        run_id = await runs.upsert_consensus_run("S", "plan")
        many = [("claude", "x" * 1000)] * 5000
        for turns in range(0, 60, 3):
            task = asyncio.ensure_future(runs.add_outputs(run_id, many))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            count = await db.fetch_value("select count(*) from agent_outputs")
            assert count % len(many) == 0
            await db.execute("delete from agent_outputs")
        assert await runs.add_output(run_id, "claude", "x") > 0


async def test_old_runs_go(path: Path) -> None:
    async with holdfast.open_async(path) as db:
        runs = AsyncRunStore(db)
        for days in range(130):
            at = datetime.now(UTC) - timedelta(days=days, hours=1)
            run_id = await runs.upsert_consensus_run("S", "plan", run_timestamp=at)
            await runs.add_outputs(run_id, [("claude", "x")] * 12)
        assert await runs.delete_old(timedelta(days=10)) == 120
        assert (await runs.stats())[:2] == (10, 120)
        assert await runs.delete_spec("S") == 10


async def test_tables_of_another_program_are_refused(path: Path) -> None:
    async with holdfast.open_async(path) as db:
        await db.execute("create table consensus_runs(id integer primary key, note text)")
        with pytest.raises(
            MigrationError, match=r"from another program: the table consensus_runs\."
        ):
            await AsyncRunStore(db).query()
        await db.execute("alter table consensus_runs rename to old_runs")
        assert (await AsyncRunStore(db).query()).total == 0


def test_it_needs_a_database_for_loops(path: Path) -> None:
    with holdfast.open(path) as db:
        wrong: Any = db
        with pytest.raises(TypeError, match=r"holdfast\.open_async gives, not Database"):
            AsyncRunStore(wrong)
