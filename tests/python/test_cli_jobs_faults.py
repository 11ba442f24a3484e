"""The commands of `holdfast jobs` given mistakes, rows that no manager wrote, and no output."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import holdfast as library
from command_line import COMMAND, failure, holdfast
from holdfast.jobs import JobManager
from job_processes import end, worker

COMMANDS = [["list"], ["show", 1], ["watch", 1], ["cancel", 1]]
DEEP = "[" * 100_000
PUBLISH = """
@jobs.handler("publish")
def publish(ctx, payload):
    ctx.path("sum.txt").write_text("3")
    ctx.publish("sums")
    say("published")
    while not os.path.exists(payload):
        time.sleep(0.01)
"""


@pytest.fixture
def jobs(path: Path) -> Iterator[JobManager]:
    with library.open(path) as database, JobManager(database, workers=0) as manager:
        yield manager


def change(path: Path, value: str) -> None:
    with library.open(path) as database:
        database.execute(f"update jobs set {value}")


@pytest.mark.parametrize(
    "words",
    [
        ["list", "x.db", "--state", "odd"],
        ["list", "x.db", "--since", "3z"],
        ["list", "x.db", "--since", "9999999999d"],
        ["list", "x.db", "--limit", "0"],
        ["list", "x.db", "--limit", "1001"],
        ["prune", "x.db", "--older-than", "soon"],
        ["cancel", "x.db"],
        ["cancel", "x.db", "1", str(2**63)],
        ["list", "x.db", "--cursor", "9" * 25],
    ],
    ids=" ".join,
)
def test_a_mistake_is_told_before_the_file_is_looked_for(words: list[str]) -> None:
    done = holdfast("jobs", *words)
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
@pytest.mark.parametrize(
    "value",
    ["payload = '{'", f"payload = '{DEEP}'", "created_at = 'x'", "started_at = x'00ff'"],
    ids=["no JSON", "deep JSON", "no time", "a BLOB"],
)
def test_a_row_that_cannot_be_read_is_one_line(
    path: Path, jobs: JobManager, value: str, words: list[object]
) -> None:
    jobs.submit("add")
    change(path, value)
    command, *rest = words
    assert "cannot be read" in failure(holdfast("jobs", command, path, *rest))


def test_json_that_json_does_not_have_is_text(path: Path, jobs: JobManager) -> None:
    jobs.submit("add")
    change(path, "payload = '[NaN, -1e999]', percent = 9e999")
    job = holdfast("jobs", "show", path, 1, "--json").json
    assert job["payload"] == ["NaN", "-Infinity"]
    assert job["progress"]["percent"] == "Infinity"
    assert holdfast("jobs", "list", path, "--json").json["items"][0]["payload"] == job["payload"]


def test_a_job_that_has_published_is_not_cancelled(path: Path, jobs: JobManager) -> None:
    go = path.with_name("go")
    job = jobs.submit("publish", str(go)).id
    with worker(path, PUBLISH) as child:
        assert child.line() == "published"
        assert "has published" in failure(holdfast("jobs", "cancel", path, job))
        go.touch()
        assert holdfast("jobs", "watch", path, job).code == 0
        end(child)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_a_closed_standard_output_is_no_failure(
    path: Path, jobs: JobManager, words: list[object]
) -> None:
    job = jobs.submit("add").id
    jobs.cancel(job)
    command, *rest = words
    shell = ["sh", "-c", '"$@" >&-', "sh", *COMMAND, "jobs", command, path, *rest]
    done = subprocess.run(list(map(str, shell)), capture_output=True, text=True, timeout=60)
    # Nothing else than with an output: the job that is watched has not succeeded.
    assert (done.returncode, done.stderr) == (int(command == "watch"), "")
