"""`holdfast serve`, as a shell runs it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import holdfast
from command_line import COMMAND, FILL, failure, make
from command_line import holdfast as command
from handlers import WAIT
from holdfast.jobs import JobManager
from processes import look
from web_apps import Events, problem

SYNC = "/api/v1/database/sync"


@contextmanager
def serving(*words: object, cwd: Path) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    """Run the command on a free port; a client that may do what the page may."""
    process = subprocess.Popen(
        [*COMMAND, "serve", *map(str, words), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
    )
    try:
        assert process.stdout
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://[\w.\[\]:]+:\d+/", url), process.communicate()
        with httpx.Client(base_url=url, timeout=WAIT, trust_env=False) as web:
            found = re.search(r'name="holdfast-token" content="([^"]*)"', web.get("/").text)
            if found:
                web.headers.update({"Origin": url[:-1], "X-Holdfast-Token": found[1]})
            yield web, process
    finally:
        process.kill()
        process.communicate()


def end(process: subprocess.Popen[str], number: signal.Signals, code: int) -> None:
    """End it by a signal; it says nothing and leaves nothing running."""
    process.send_signal(number)
    out, err = process.communicate(timeout=WAIT)
    assert (process.returncode, out, err) == (code, "", "")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    docs = tmp_path / "docs"
    docs.mkdir()
    for number in range(30):
        (docs / f"{number}.md").write_text(f"---\ntitle: T{number}\n---\nText {number}.\n")
    return docs


def test_one_file_serves_all(tmp_path: Path, docs: Path) -> None:
    with serving("app.db", "--root", "docs", cwd=tmp_path) as (web, process):
        job = web.post(SYNC).raise_for_status().json()["id"]
        while not (found := web.get(f"/api/v1/jobs/{job}").json())["finished"]:
            time.sleep(0.01)
        assert found["result"]["added"] == 30
        assert web.get("/api/v1/database/artifacts").json()["total"] == 30
        stats = web.get("/api/v1/database/stats").json()
        assert stats["schema"] == {"app": 0, "jobs": 1, "artifacts": stats["schema"]["artifacts"]}
        assert web.post("/api/v1/database/backup").status_code == 201
        end(process, signal.SIGINT, 130)
    assert next(each.name for each in (tmp_path / "backups").iterdir()).startswith("app-")
    assert not list(tmp_path.glob("app.db-*")), "the database was closed"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_ends_at_once_although_somebody_listens(
    tmp_path: Path, docs: Path, number: signal.Signals, code: int
) -> None:
    with serving("--root", docs, cwd=tmp_path) as (web, process):
        listening = [Events(web) for _ in range(3)]
        for events in listening:
            events.next("stats")
        begun = time.monotonic()
        end(process, number, code)
        assert time.monotonic() - begun < 3
        for events in listening:
            events.close()
    assert (tmp_path / "holdfast.db").exists()
    assert not list(tmp_path.glob("holdfast.db-*"))


def test_a_file_of_others_is_left_as_it_is(tmp_path: Path) -> None:
    path = make(tmp_path / "theirs.db", *FILL, journal_mode="delete", auto_vacuum="none")
    tables = look(path, "select name from sqlite_schema")
    with serving(path, cwd=tmp_path) as (web, process):
        stats = web.get("/api/v1/database/stats").json()
        assert stats["pragmas"]["journal_mode"] == "delete"
        assert stats["schema"] == {"app": 0, "jobs": 0, "artifacts": 0}
        assert stats["jobs"] is stats["index"] is None
        problem(web.post("/api/v1/database/vacuum"), 409)
        end(process, signal.SIGINT, 130)
    assert look(path, "select name from sqlite_schema") == tables
    assert look(path, "pragma journal_mode") == [["delete"]]


def test_jobs_of_an_app_are_shown_and_cancelled_but_not_run(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with holdfast.open(path) as db, JobManager(db, workers=0) as jobs:
        job = jobs.submit("of the app").id
        with serving(path, cwd=tmp_path) as (web, process):
            assert web.get(f"/api/v1/jobs/{job}").json()["state"] == "queued"
            assert web.post(f"/api/v1/jobs/{job}/cancel").json()["state"] == "cancelled"
            end(process, signal.SIGINT, 130)
        assert jobs.get(job).state == "cancelled"


def test_read_only_changes_nothing(tmp_path: Path, docs: Path) -> None:
    path = tmp_path / "app.db"
    with serving(path, "--root", docs, cwd=tmp_path) as (web, process):
        assert web.get("/api/v1/database/artifacts").json()["total"] == 30
        end(process, signal.SIGINT, 130)
    with serving(path, "--root", docs, "--read-only", cwd=tmp_path) as (web, process):
        assert web.get("/api/v1/database/artifacts").json()["total"] == 30
        assert web.get("/api/v1/jobs").json()["items"] == []
        assert web.get("/api/v1/database/stats").json()["read_only"]
        assert "X-Holdfast-Token" not in web.headers
        problem(web.post(SYNC), 403)
        problem(web.post("/api/v1/database/vacuum"), 403)
        end(process, signal.SIGINT, 130)


def test_read_only_makes_no_file(tmp_path: Path) -> None:
    failure(command("serve", tmp_path / "none.db", "--read-only", "--port", 0))
    assert not list(tmp_path.iterdir())


def test_read_only_without_an_index_says_what_to_do(tmp_path: Path, docs: Path) -> None:
    holdfast.open(tmp_path / "app.db").close()
    done = command("serve", tmp_path / "app.db", "--root", docs, "--read-only", "--port", 0)
    assert "without --read-only" in failure(done)


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = command("serve", tmp_path / "app.db", "--port", port)
        assert f"port {port} of 127.0.0.1" in failure(done)
    assert not list(tmp_path.iterdir()), "nothing was made"


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_that_is_not_of_this_machine(tmp_path: Path, host: str) -> None:
    words = ["--host", host, "--allow-host", "state.example", "--port", 0]
    failure(command("serve", tmp_path / "app.db", *words))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", ""])
def test_others_may_only_connect_when_it_is_said_how(tmp_path: Path, host: str) -> None:
    done = command("serve", tmp_path / "app.db", "--host", host, "--port", 0)
    assert done.code == 2
    assert "--allow-host" in done.err
    assert not list(tmp_path.iterdir())


def test_the_names_that_are_allowed(tmp_path: Path) -> None:
    names = ["--allow-host", "127.0.0.1", "--allow-host", "b.example"]
    with serving("--host", "0.0.0.0", *names, cwd=tmp_path) as (web, _):
        for host, status in (("127.0.0.1", 200), ("b.example:80", 200), ("c.example", 421)):
            assert web.get("/health", headers={"Host": host}).status_code == status


@pytest.mark.parametrize("name", ["*", "*.example", "http://a", "a:80", ""])
def test_a_name_that_is_none(tmp_path: Path, name: str) -> None:
    words = ["--host", "0.0.0.0", "--allow-host", name, "--port", 0]
    done = command("serve", tmp_path / "app.db", *words)
    assert done.code == 2
    assert "without port" in done.err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_there_is_not(tmp_path: Path) -> None:
    failure(command("serve", tmp_path / "app.db", "--root", tmp_path / "none", "--port", 0))


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    path.write_bytes(b"no database" * 1000)
    failure(command("serve", path, "--port", 0))


def test_the_file_lies_in_the_data_directory(tmp_path: Path) -> None:
    with serving("app.db", "--data-dir", "data", cwd=tmp_path) as (web, _):
        assert web.get("/api/v1/database/stats").json()["name"] == "app.db"
        assert (tmp_path / "data" / "app.db").exists()
    failure(command("serve", tmp_path / "other.db", "--data-dir", tmp_path / "data", "--port", 0))


@pytest.mark.parametrize("missing", ["uvicorn", "fastapi", "markdown_it", "yaml"])
def test_a_missing_extra_is_one_line(tmp_path: Path, missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from holdfast.cli import main; main()"
    words = ["serve", str(tmp_path / "app.db"), "--root", str(tmp_path), "--port", "0"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        timeout=WAIT,
        env=os.environ,
    )
    assert done.returncode == 2, done
    assert done.stderr == f'error: serve needs {missing}: pip install "holdfast[web]"\n'
