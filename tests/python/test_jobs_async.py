"""Jobs and event loops: awaiting them, and handlers that are coroutines."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import holdfast
from handlers import WAIT, until_stopped
from holdfast.jobs import JobFailedError, JobManager, JobStopped

Make = Callable[..., JobManager]


async def test_a_job_is_submitted_and_awaited(jobs: JobManager) -> None:
    jobs.handler("double")(lambda ctx, payload: payload["n"] * 2)
    submitted = [await jobs.asubmit("double", {"n": n}) for n in range(20)]
    results = await asyncio.gather(*(jobs.await_result(job.id, WAIT) for job in submitted))
    assert results == [n * 2 for n in range(20)]


async def test_the_loop_goes_on_while_a_result_is_awaited(jobs: JobManager) -> None:
    started, go_on = threading.Event(), threading.Event()

    def work(ctx: Any, payload: Any) -> int:
        started.set()
        go_on.wait(WAIT)
        return 1

    job = await jobs.asubmit(work)
    waiting = asyncio.create_task(jobs.await_result(job.id))
    while not started.is_set():
        await asyncio.sleep(0)
    with pytest.raises(holdfast.TimeoutError, match="is still running after 0.01 s"):
        await jobs.await_result(job.id, 0.01)
    go_on.set()
    assert await waiting == 1


async def test_a_failure_and_a_cancelled_wait(jobs: JobManager) -> None:
    def fail(ctx: Any, payload: Any) -> None:
        raise ValueError("no")

    with pytest.raises(JobFailedError, match="ValueError: no"):
        await jobs.await_result((await jobs.asubmit(fail)).id, WAIT)
    jobs.handler("wait")(until_stopped(started := threading.Event()))
    job = await jobs.asubmit("wait")
    waiting = asyncio.create_task(jobs.await_result(job.id))
    while not started.is_set():
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert jobs.status(job.id) == "running"
    jobs.cancel(job.id)


async def test_a_job_of_a_transaction_comes_and_goes_with_it(make: Make, path: Path) -> None:
    jobs = make(workers=0)
    async with holdfast.open_async(path) as db:
        async with db.transaction() as tx:
            kept = await jobs.asubmit("work", {"n": 1}, dedupe_key="a", tx=tx)
        with pytest.raises(RuntimeError):
            async with db.transaction() as tx:
                assert (await jobs.asubmit("work", dedupe_key="a", tx=tx)).id == kept.id
                await jobs.asubmit("work", {"n": 2}, dedupe_key="b", tx=tx)
                raise RuntimeError
    assert [job.payload for job in jobs.list().items] == [{"n": 1}]


def test_a_coroutine_is_a_handler(jobs: JobManager) -> None:
    @jobs.handler("sleepy")
    async def sleepy(ctx: Any, payload: dict[str, int]) -> int:
        await asyncio.sleep(0)
        ctx.report(50)
        return payload["n"] + 1

    assert jobs.result(jobs.submit("sleepy", {"n": 1}).id, WAIT) == 2


@pytest.mark.parametrize("how", ["cancel", "timeout", "shutdown"])
def test_a_coroutine_is_stopped_where_it_awaits(make: Make, how: str) -> None:
    jobs = make()
    started = threading.Event()
    cleaned: list[bool] = []

    @jobs.handler("forever", timeout=0.05 if how == "timeout" else None)
    async def forever(ctx: Any, payload: Any) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)

    job = jobs.submit("forever")
    assert started.wait(WAIT)
    match how:
        case "cancel":
            jobs.cancel(job.id)
            assert jobs.wait(job.id, WAIT).state == "cancelled"
        case "timeout":
            assert jobs.wait(job.id, WAIT).state == "failed"
        case _:
            jobs.shutdown(cancel=True)
            assert jobs.get(job.id).state == "queued"
    assert cleaned == [True]


def test_a_coroutine_may_raise_what_it_likes(jobs: JobManager) -> None:
    async def stops(ctx: Any, payload: Any) -> None:
        raise JobStopped("cancelled")

    async def cancels_itself(ctx: Any, payload: Any) -> None:
        raise asyncio.CancelledError

    for work, named in ((stops, "JobStopped: cancelled"), (cancels_itself, "CancelledError")):
        job = jobs.wait(jobs.submit(work).id, WAIT)
        assert job.state == "failed"
        assert job.error is not None
        assert job.error.startswith(named)
