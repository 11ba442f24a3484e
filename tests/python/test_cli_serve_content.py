"""`holdfast serve` of files that have a history of prompts, or runs of agents."""

import signal
from pathlib import Path

import pytest

import holdfast
import prompt_records
from command_line import failure
from command_line import holdfast as command
from holdfast.history import HoldfastRepository
from holdfast.runs import RunStore, legacy
from processes import look
from serving import end, serving
from web_apps import problem


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "app.db"
    with holdfast.open(path) as db:
        HoldfastRepository(db).save_many(prompt_records.records(3))
        RunStore(db).upsert_consensus_run("SPEC-1", "plan", consensus_ok=True)
    return path


def test_what_a_file_has_is_shown_and_can_be_deleted(file: Path, tmp_path: Path) -> None:
    with serving(file, cwd=tmp_path) as (web, process):
        assert 'name="holdfast-stores" content="history runs"' in web.get("/").text
        assert web.get("/api/v1/history").json()["total"] == 3
        assert web.get("/api/v1/runs").json()["total"] == 1
        assert web.delete("/api/v1/history/1").status_code == 204
        schema = web.get("/api/v1/database/stats").json()["schema"]
        assert (schema["history"], schema["runs"]) == (1, 1)
        end(process, signal.SIGINT, 130)
    assert look(file, "select id from prompt_history") == [[2], [3]]


def test_read_only_nothing_can_be_deleted(file: Path, tmp_path: Path) -> None:
    with serving(file, "--read-only", cwd=tmp_path) as (web, process):
        assert web.get("/api/v1/history").json()["total"] == 3
        assert web.get("/api/v1/runs/specs").json()["total"] == 1
        problem(web.delete("/api/v1/history/1"), 403)
        end(process, signal.SIGINT, 130)
    assert look(file, "select count(*) from prompt_history") == [[3]]


def test_nothing_is_made_in_a_file_without_them(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with holdfast.open(path) as db:
        # Runs of the old schema alone are copied by a command of their own.
        db.run(legacy.create)
    tables = look(path, "select name from sqlite_schema order by name")
    with serving(path, cwd=tmp_path) as (web, process):
        assert 'name="holdfast-stores" content=""' in web.get("/").text
        problem(web.get("/api/v1/history"), 404)
        problem(web.get("/api/v1/runs"), 404)
        end(process, signal.SIGINT, 130)
    assert look(path, "select name from sqlite_schema order by name") == tables


def test_tables_of_another_version_are_refused(file: Path) -> None:
    with holdfast.open(file) as db:
        db.execute("update holdfast_migrations set version = 99 where component = 'history'")
    error = failure(command("serve", file, "--port", 0))
    assert "the history" in error and "at version 99" in error
