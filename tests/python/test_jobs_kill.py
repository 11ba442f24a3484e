"""SIGKILL at random moments: every job succeeds, and what it publishes is there once and whole."""

import hashlib
import json
import random
import signal
import time
from pathlib import Path

import pytest

import holdfast
from holdfast.jobs import JobManager, JobReader, Snapshot
from job_processes import end, eventually, worker
from processes import Child

# Whatever runs for minutes keeps all that it made, so that it can be counted.
SETTINGS = {"restarts": 1_000_000, "keep_jobs": None, "keep_snapshots": 1_000_000}

_BUILDER = """
import hashlib, random
from holdfast import RetryPolicy

@jobs.handler("build", retries=RetryPolicy(attempts=1000, min_delay=0.0, max_delay=0.05))
def build(ctx, payload):
    sums = {}
    for number in range(payload["files"]):
        ctx.report(100 * number / payload["files"], "writing", f"file {number}")
        body = os.urandom(random.randrange(50_000))
        name = f"part{number % 2}/{number}.bin"
        ctx.path(name).write_bytes(body)
        sums[name] = hashlib.sha256(body).hexdigest()
        time.sleep(random.uniform(0, 0.04))
        if random.random() < payload["failing"]:
            raise RuntimeError("by chance")
    ctx.path("manifest.json").write_text(json.dumps(sums))
    ctx.publish("build")
    if payload["twice"]:
        ctx.path("index.txt").write_text("\\n".join(sums))
        (ctx.workspace / "manifest.json").write_text("{}")
        ctx.publish("index")
        if random.random() < payload["failing"]:
            raise RuntimeError("after it has published")
    return {"attempt": ctx.attempt}
"""


def builder(path: Path) -> Child:
    return worker(path, _BUILDER, workers=2, **SETTINGS)


def submit(jobs: JobManager, moments: random.Random) -> int:
    payload = {
        "files": moments.randrange(1, 6),
        "failing": moments.choice([0.0, 0.0, 0.1]),
        "twice": moments.random() < 0.5,
    }
    jobs.submit("build", payload)
    return 2 if payload["twice"] else 1


def kills(path: Path, count: int) -> None:
    """Kill one of three processes again and again while there is always work for them."""
    moments = random.Random(count)
    expected = 0
    with holdfast.open(path) as db, JobManager(db, workers=0, **SETTINGS) as jobs:
        children = [builder(path) for _ in range(3)]
        try:
            for _ in range(count):
                while jobs.counts()["queued"] < 40:
                    expected += submit(jobs, moments)
                time.sleep(moments.uniform(0.0, 0.2))
                victim = children.pop(moments.randrange(3))
                victim.signal(signal.SIGKILL)
                assert victim.wait() == -signal.SIGKILL
                assert victim.errors == ""
                children.append(builder(path))
            # A dead process is noticed in seconds, not when its lease of 30 s has run out.
            eventually(lambda: not active(jobs), 20.0 + count / 10)
            end(*children)
        finally:
            for child in children:
                child.kill()
        assert [state for state, number in jobs.counts().items() if number] == ["succeeded"]
    check(path, expected)


def active(jobs: JobManager) -> int:
    counts = jobs.counts()
    return counts["queued"] + counts["running"]


def check(path: Path, expected: int) -> None:
    with holdfast.open(path) as db:
        swept(db)
        completed = "select count(*) from job_history where event = 'job_completed'"
        assert db.fetch_value(completed) == db.fetch_value("select count(*) from jobs")
        assert db.fetch_value("select sum(losses) from jobs") > 0
        assert db.fetch_value("select count(*) from job_holders") == 0
        snapshots = JobReader(db).snapshots()
        assert len(snapshots) == expected
        found = (path.parent / "snapshots" / path.name).glob("*/*")
        assert {snapshot.path for snapshot in snapshots} == set(found)
        for snapshot in snapshots:
            whole(snapshot)
        assert db.fetch_all("pragma integrity_check") == [("ok",)]


def swept(db: holdfast.Database) -> None:
    """Have a new manager clear away, which it does in its first round."""
    staging = db.path.parent / "staging" / db.path.name
    with JobManager(db, workers=1, **SETTINGS) as jobs:
        jobs.handler("other")(lambda _, __: None)
        eventually(lambda: not list(staging.iterdir()), 10.0)


def whole(snapshot: Snapshot) -> None:
    root = snapshot.path
    found = [path for path in root.rglob("*") if path.is_file()]
    assert len(found) == snapshot.files
    assert sum(path.stat().st_size for path in found) == snapshot.size
    sums = json.loads((root / "manifest.json").read_text())
    for name, expected in sums.items():
        assert hashlib.sha256((root / name).read_bytes()).hexdigest() == expected
    assert len(found) == len(sums) + 1 + (root / "index.txt").exists()


def test_a_dozen_kills_lose_no_job_and_publish_each_once(path: Path) -> None:
    kills(path, 12)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_two_hundred_kills_lose_no_job_and_publish_each_once(path: Path) -> None:
    kills(path, 200)
