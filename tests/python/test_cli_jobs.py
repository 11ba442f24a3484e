"""The commands of `holdfast jobs` that look at jobs and change them, without their tables made."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import holdfast as library
from command_line import FILL, digest, failure, holdfast, make
from holdfast.jobs import JobManager
from job_processes import end, eventually, worker
from processes import Child, look

HANDLERS = """
@jobs.handler("add")
def add(ctx, payload):
    ctx.report(50, "half", "a\\nb")
    ctx.path("sum.txt").write_text("3")
    ctx.publish("sums")
    return payload["a"] + payload["b"]

@jobs.handler("fail")
def fail(ctx, payload):
    raise ValueError("no \\x1b[2J such thing")

@jobs.handler("wait")
def wait(ctx, payload):
    ctx.report(10, "wait")
    while True:
        ctx.check()
        time.sleep(0.01)
"""
LOOKING = [["list"], ["show", 1], ["counts"], ["watch"], ["watch", 1]]
CHANGING = [["cancel", 1], ["retry", 1], ["prune", "--keep", 0]]


@pytest.fixture
def jobs(path: Path) -> Iterator[JobManager]:
    """A manager that runs nothing: its jobs stay queued until a worker comes."""
    with library.open(path) as database, JobManager(database, workers=0) as manager:
        yield manager


@pytest.fixture
def worked(path: Path, jobs: JobManager) -> Iterator[Child]:
    """Another process at work; job 1 has succeeded, job 2 has failed."""
    first = jobs.submit("add", {"a": 1, "b": 2}, owner="ann")
    second = jobs.submit("fail", owner="bob")
    with worker(path, HANDLERS, workers=2) as child:
        jobs.wait(first.id, 30)
        jobs.wait(second.id, 30)
        yield child
        end(child)


@pytest.mark.parametrize("words", LOOKING + CHANGING, ids=lambda words: " ".join(map(str, words)))
def test_a_file_without_jobs_is_told_and_left_as_it_is(path: Path, words: list[object]) -> None:
    command, *rest = words
    assert "no such file" in failure(holdfast("jobs", command, path, *rest))
    assert not path.exists()
    make(path, *FILL, "create table jobs(mine)", journal_mode="delete")
    before = digest(path)
    assert "has no jobs" in failure(holdfast("jobs", command, path, *rest))
    assert digest(path) == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.usefixtures("jobs")
@pytest.mark.parametrize("words", [["list"], ["cancel", 1]])
def test_tables_of_another_version_are_neither_used_nor_changed(
    path: Path, words: list[object]
) -> None:
    with library.open(path) as database:
        steps = "select version, checksum from holdfast_migrations where component = 'jobs'"
        before = database.fetch_all(steps)
        database.execute(
            "insert into holdfast_migrations select component, 99, 'later', checksum, applied_at "
            "from holdfast_migrations where component = 'jobs' limit 1"
        )
        command, *rest = words
        assert "at version 99" in failure(holdfast("jobs", command, path, *rest))
        assert database.fetch_all(steps)[: len(before)] == before


@pytest.mark.usefixtures("worked")
def test_list_shows_the_newest_first_and_filters(path: Path, jobs: JobManager) -> None:
    lines = holdfast("jobs", "list", path).out.splitlines()
    assert lines[0].split() == ["id", "kind", "state", "progress", "attempts", "age"]
    assert lines[2].split()[:3] == ["2", "fail", "failed"]
    assert lines[3].split()[:3] == ["1", "add", "succeeded"]
    assert r"50 % half a\nb" in lines[3]
    late = jobs.submit("fail", owner="ann", delay=1000)

    def ids(*words: object) -> list[int]:
        return [job["id"] for job in holdfast("jobs", "list", path, *words, "--json").json["items"]]

    assert ids() == [3, 2, 1]
    assert ids("--state", "failed", "--state", "queued") == [3, 2]
    assert ids("--owner", "ann", "--kind", "add") == [1]
    assert ids("--limit", 1000) == [3, 2, 1]
    assert ids("--since", "1h") == [3, 2, 1]
    assert ids("--since", "2999-01-01") == []
    assert ids("--since", late.created_at.isoformat()) == [3]
    page = holdfast("jobs", "list", path, "--limit", 2, "--json").json
    assert [job["id"] for job in page["items"]] == [3, 2]
    assert page["cursor"] == 2
    assert ids("--limit", 2, "--cursor", 2) == [1]
    assert "--cursor 2" in holdfast("jobs", "list", path, "--limit", 2).err


@pytest.mark.usefixtures("worked")
def test_show_tells_all_about_a_job(path: Path) -> None:
    job = holdfast("jobs", "show", path, 1, "--json").json
    assert (job["payload"], job["result"], job["owner"]) == ({"a": 1, "b": 2}, 3, "ann")
    assert job["progress"] == {"percent": 50, "phase": "half", "message": "a\nb"}
    history = ["job_queued", "job_started", "job_completed"]
    assert [event["event"] for event in job["events"]] == history
    (snapshot,) = job["snapshots"]
    assert Path(snapshot["path"], "sum.txt").read_text() == "3"
    elsewhere = holdfast("jobs", "show", path, 1, "--data-dir", path.parents[1], "--json").json
    assert elsewhere["snapshots"][0]["path"].startswith(f"{path.parents[1]}/snapshots")
    shown = holdfast("jobs", "show", path, 2).out
    assert r"ValueError: no \x1b[2J such thing" in shown
    assert "\x1b" not in shown
    assert "job_failed" in shown


def test_an_id_below_zero_is_no_option(path: Path, jobs: JobManager) -> None:
    jobs.submit("add")
    with library.open(path) as database:
        database.execute("update jobs set id = -123")
    assert holdfast("jobs", "show", path, -123, "--json").json["id"] == -123
    assert holdfast("jobs", "show", path, "--json", "--", -123).json["id"] == -123
    assert holdfast("jobs", "cancel", path, -123).out == "job -123 is cancelled\n"
    assert "no job -7" in failure(holdfast("jobs", "retry", path, -7))
    assert holdfast("jobs", "show", path, "--nonsense").code == 2


def test_cancel_reaches_jobs_of_another_process(
    path: Path, jobs: JobManager, worked: Child
) -> None:
    running, queued = jobs.submit("wait").id, jobs.submit("wait", delay=1000).id
    eventually(lambda: jobs.get(running).progress.percent)
    done = holdfast("jobs", "cancel", path, running, queued, 1, 99)
    assert done.code == 1
    assert done.out == f"job {running} is asked to stop\njob {queued} is cancelled\n"
    assert [line.partition(";")[0] for line in done.err.splitlines()] == [
        "error: job 1 is succeeded",
        "error: there is no job 99",
    ]
    assert jobs.wait(running, 30).state == "cancelled"
    assert worked.process.poll() is None


@pytest.mark.usefixtures("worked")
def test_retry_and_counts(path: Path, jobs: JobManager) -> None:
    (again,) = holdfast("jobs", "retry", path, 2, "--json").json
    assert (again["id"], again["state"]) == (2, "queued")
    assert jobs.wait(2, 30).attempt == 2
    assert "only a failed" in failure(holdfast("jobs", "retry", path, 1))
    counts = holdfast("jobs", "counts", path, "--json").json
    assert (counts["succeeded"], counts["failed"], counts["queued"]) == (1, 1, 0)
    assert "succeeded    1\n" in holdfast("jobs", "counts", path).out


@pytest.mark.usefixtures("worked")
def test_prune_deletes_what_has_ended(path: Path, jobs: JobManager) -> None:
    for _ in range(3):
        jobs.cancel(jobs.submit("add").id)
    assert "--older-than" in holdfast("jobs", "prune", path).err
    assert holdfast("jobs", "prune", path, "--older-than", "1h", "--json").json == {"pruned": 0}
    assert holdfast("jobs", "prune", path, "--keep", 4).out == "1 job deleted\n"
    assert holdfast("jobs", "prune", path, "--older-than", "0s", "--json").json == {"pruned": 3}
    assert look(path, "select id from jobs") == [[5]]
