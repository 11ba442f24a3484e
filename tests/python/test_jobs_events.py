"""What happens to jobs, as it is logged and written as JSON lines."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import holdfast
from handlers import WAIT
from holdfast.jobs import JobManager, WorkspaceError
from holdfast.jobs.events import EventLog
from processes import Child

Make = Callable[..., JobManager]


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_the_life_of_a_job_is_written_as_json_lines(make: Make, path: Path) -> None:
    jobs = make(event_log="events.jsonl")

    @jobs.handler("work", retries=holdfast.RetryPolicy(attempts=2, min_delay=0.0))
    def work(ctx: Any, payload: Any) -> None:
        ctx.report(50, "half")
        if ctx.attempt == 1:
            raise ValueError("once")

    job = jobs.submit("work", {"file": "a"})
    jobs.wait(job.id, WAIT)
    dead = jobs.cancel(jobs.submit("work", delay=60).id)
    assert jobs.cancel(dead.id) == dead
    written = lines(path.parent / "events.jsonl")
    assert [line["event"] for line in written if line.get("job") == job.id] == [
        "job_queued",
        "job_started",
        "job_failed",
        "job_started",
        "job_completed",
    ]
    assert written[0]["event"] == "db_migrated"
    assert (written[0]["from_version"], written[0]["to_version"]) == (0, 1)
    assert [line["event"] for line in written].count("job_cancelled") == 1
    assert written[-1]["event"] == "job_cancelled"
    assert written[-1]["job"] == dead.id
    failed = next(line for line in written if line["event"] == "job_failed")
    assert failed["error"].startswith("ValueError: once")
    assert failed["attempt"] == 1
    assert failed["at"].endswith("+00:00")
    assert (path.parent / "events.jsonl").stat().st_mode & 0o777 == 0o600


def test_events_go_to_logging_with_their_fields(
    jobs: JobManager, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="holdfast.jobs")
    jobs.result(jobs.submit(lambda ctx, payload: None).id, WAIT)
    records = {record.event: record for record in caplog.records if hasattr(record, "event")}
    assert {"job_queued", "job_started", "job_completed"} <= set(records)
    assert records["job_completed"].levelno == logging.INFO
    assert records["job_completed"].job_job == 1


def test_progress_is_sampled(make: Make, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.jobs.keeper.TICK", 0.01)
    jobs = make(event_log="events.jsonl")

    def work(ctx: Any, payload: Any) -> None:
        written = -1
        for percent in range(100):
            ctx.report(percent, "count")
            # Each is written before the next is reported.
            while jobs_seen() == written:
                pass
            written = jobs_seen()

    def jobs_seen() -> float | None:
        return jobs.get(1).progress.percent

    jobs.wait(jobs.submit(work).id, WAIT)
    sampled = [x for x in lines(path.parent / "events.jsonl") if x["event"] == "job_progress"]
    assert len(sampled) == 1
    assert sampled[0]["phase"] == "count"


def test_a_long_file_of_events_is_turned_over(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl", max_bytes=1000)
    for number in range(20):
        log.tell("job_queued", job=number)
    old, new = lines(tmp_path / "events.jsonl.1"), lines(tmp_path / "events.jsonl")
    assert [line["job"] for line in old + new] == [*range(20)][-len(old + new) :]
    assert (tmp_path / "events.jsonl.1").stat().st_size < 1200


def test_processes_share_a_file_of_events_without_tearing_lines(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from holdfast.jobs.events import EventLog
log = EventLog(Path(sys.argv[1]))
for number in range(500):
    log.tell("job_queued", job=number, kind="k" * 200)
"""
    file = tmp_path / "events.jsonl"
    children = [Child(code, file) for _ in range(3)]
    for child in children:
        with child:
            child.finish()
    assert sorted(line["job"] for line in lines(file)) == sorted([*range(500)] * 3)


def test_events_that_cannot_be_written_stop_nobody(
    make: Make, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (path.parent / "events.jsonl").mkdir()
    jobs = make(event_log="events.jsonl")
    assert jobs.result(jobs.submit(lambda ctx, payload: 1).id, WAIT) == 1
    assert caplog.text.count("events are not written to events.jsonl") == 1
    with pytest.raises(WorkspaceError):
        make(event_log="../events.jsonl")
