"""Which error of a history is raised, and when the table is not what it should be."""

import shutil
from pathlib import Path

import pytest

import holdfast
from history_records import FACES, QUESTIONS, VERBS, record, refused, repository_of
from holdfast.history import (
    RepositoryConnectionError,
    RepositoryConstraintError,
    RepositoryError,
)
from holdfast.history.errors import translate
from holdfast.history.sqlite import SCHEMA
from processes import run

faces = pytest.mark.parametrize("face", FACES)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed history of one record."""
    with repository_of("holdfast", tmp_path) as repository:
        repository.save(record("kept"))
    return tmp_path / "history.db"


@faces
def test_a_table_of_a_newer_version_is_left_alone(face: str, path: Path, tmp_path: Path) -> None:
    newer = shutil.copytree(SCHEMA, tmp_path / "newer")
    (newer / "0002_more.sql").write_text("alter table prompt_history add column more")
    with holdfast.open(path) as db:
        db.migrate(newer, component="history")
    with repository_of(face, path.parent) as repository:
        for verb in (VERBS[0], QUESTIONS[0]):
            error = refused(verb, repository)
            assert isinstance(error, RepositoryConnectionError) and not error.retryable
            assert isinstance(error.__cause__, holdfast.MigrationError)


@faces
def test_a_table_that_is_gone_is_told(face: str, path: Path) -> None:
    with repository_of(face, path.parent) as repository:
        repository.find_recent()
        with holdfast.open(path) as db:
            db.execute("drop table prompt_history")
        for verb in (VERBS[0], QUESTIONS[0]):
            assert type(refused(verb, repository)) is RepositoryError


@faces
def test_a_row_that_is_no_record_is_named(face: str, path: Path) -> None:
    run(
        "import sqlite3, sys; connection = sqlite3.connect(sys.argv[1])\n"
        "connection.execute('pragma ignore_check_constraints = on')\n"
        "connection.execute(\"update prompt_history set guardrails = '[1]'\")\n"
        "connection.commit(); connection.close()",
        path,
    )
    with repository_of(face, path.parent) as repository:
        for question in (lambda it: it.find_by_id(1), lambda it: it.find_recent()):
            with pytest.raises(RepositoryError, match=r"id 1 is no record: guardrails\[0\] must"):
                question(repository)
        assert repository.delete(1)


@pytest.mark.parametrize(
    ("kind", "translated"),
    [
        (holdfast.BusyError, RepositoryConnectionError),
        (holdfast.TimeoutError, RepositoryConnectionError),
        (holdfast.MovedError, RepositoryConnectionError),
        (holdfast.CorruptionError, RepositoryConnectionError),
        (holdfast.ClosedError, RepositoryConnectionError),
        (holdfast.IntegrityError, RepositoryConstraintError),
        (holdfast.ProgrammingError, RepositoryError),
        (holdfast.DataError, RepositoryError),
        (holdfast.InternalError, RepositoryError),
    ],
)
def test_each_error_has_its_place(kind: type[holdfast.Error], translated: type) -> None:
    error = kind("why")
    error.sqlite_errorcode, error.sqlite_errorname, error.retryable = 5, "SQLITE_BUSY", True
    said = translate(error)
    assert type(said) is translated and str(said) == "why" and said.retryable
    assert (said.sqlite_errorcode, said.sqlite_errorname) == (5, "SQLITE_BUSY")
