"""The table of prompts from the shell of sqlite3, which is another SQLite than ours."""

import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import holdfast
from history_records import MILLISECOND, NOON, ideas, record
from holdfast.history import BackendType, HoldfastRepository
from processes import look

LEAST = "original_idea, improved_prompt, backend, model, provider"
GIVEN = "'by hand', 'Write.', 'few-shot', 'm', 'p'"


def shell(path: Path, sql: str) -> str:
    """What the shell prints; AssertionError with what it complains of."""
    done = subprocess.run(["sqlite3", path, sql], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def repository(opened: Callable[..., holdfast.Database]) -> Iterator[HoldfastRepository]:
    db = opened()
    yield HoldfastRepository(db)
    # Whatever was done, the text index is that of the texts.
    assert db.check().ok
    db.execute("insert into prompt_history_text(prompt_history_text, rank) "
               "values ('integrity-check', 1)")  # fmt: skip


def test_the_shell_reads_what_was_saved(repository: HoldfastRepository, path: Path) -> None:
    repository.save(record("é", at=5, guardrails=["a", 'b"'], latency_ms=1.5, confidence=0.5))
    columns = "id, timestamp, backend, original_idea, guardrails, latency_ms, quality_score, size"
    assert shell(path, f"select {columns} from prompt_history") == (
        '1|2026-11-20 12:00:00.005|zero-shot|é|["a", "b\\""]|1.5|0.38|29'
    )


def test_ordinary_queries_are_right(repository: HoldfastRepository, path: Path) -> None:
    now = datetime.now(UTC)
    ages = [timedelta(days=40), timedelta(0), timedelta(days=31), timedelta(days=29)]
    repository.save_many(record(f"{age.days} days", timestamp=now - age) for age in ages)
    newest = "select original_idea from prompt_history order by timestamp desc"
    assert shell(path, newest).split("\n") == ["0 days", "29 days", "31 days", "40 days"]
    assert shell(path, f"{newest} limit 1") == ideas(repository.find_recent(1))[0]
    old = "from prompt_history where timestamp < datetime('now', '-30 days')"
    assert shell(path, f"select count(*) {old}") == "2"
    shell(path, f"delete {old}")
    assert ideas(repository.find_recent()) == ["0 days", "29 days"]
    by_backend = "select backend, count(*) from prompt_history group by backend"
    assert shell(path, by_backend) == "zero-shot|2"


def test_before_and_from_are_right_at_the_boundary(
    repository: HoldfastRepository, path: Path
) -> None:
    names = {-1: "before", 0: "at", 1: "a millisecond after", 123: "after"}
    repository.save_many(record(name, at=at) for at, name in names.items())

    def found(test: str, moment: str) -> list[str]:
        rows = f"select original_idea from prompt_history where timestamp {test} '{moment}'"
        return shell(path, f"{rows} order by timestamp").split("\n")

    second = "2026-11-20 12:00:00"
    assert found("<", second) == ["before"]
    assert found(">=", second) == ["at", "a millisecond after", "after"]
    # A second without its milliseconds is a shorter text: it comes before itself.
    assert found(">", second)[0] == "at" and found("<=", second) == ["before"]
    exact = f"{second}.000"
    assert found("<=", exact) == ["before", "at"]
    assert found("=", exact) == ["at"] and found("<", exact) == ["before"]


def test_both_agree_on_what_is_older(repository: HoldfastRepository, path: Path) -> None:
    repository.save_many(record(f"{at}", at=at) for at in (-1001, -1, 0, 1, 999, 1000))
    bound = "datetime('2026-12-20 12:00:00', '-30 days')"
    count = int(shell(path, f"select count(*) from prompt_history where timestamp < {bound}"))
    assert repository.delete_old(30, now=NOON + timedelta(days=30)) == count == 2


def test_what_the_shell_deletes_is_not_found(repository: HoldfastRepository, path: Path) -> None:
    texts = [f"poem {n} " + "ünïcode \0 " * n for n in range(40)]
    repository.save_many(record(t, guardrails=[t, "line\nbreak", "nul\0"]) for t in texts)
    shell(path, "delete from prompt_history where id % 2")
    assert repository.search("poem").total == repository.search("unicode break").total == 20
    assert repository.search("poem 0").total == 0
    shell(path, "delete from prompt_history")
    assert repository.search("poem").total == repository.find_recent().total == 0


def test_what_the_shell_changes_is_found_as_it_is(
    repository: HoldfastRepository, path: Path
) -> None:
    repository.save_many([record("a poem"), record("a novel")])
    shell(path, "update prompt_history set original_idea = 'an opera' where id = 1")
    shell(path, "update prompt_history set id = 7, guardrails = json_array('sung') where id = 1")
    assert repository.search("poem").total == 0
    found = repository.search("opera sung").items[0]
    assert (found.id, found.original_idea, found.guardrails) == (7, "an opera", ("sung",))
    assert repository.get_statistics().bytes == 8 + 7 + 2 * 15 + len('["sung"]') + 2


def test_the_shell_may_add_records_too(repository: HoldfastRepository, path: Path) -> None:
    repository.save(record())
    before = datetime.now(UTC)
    shell(path, f"insert into prompt_history({LEAST}) values ({GIVEN})")
    found = repository.search("hand").items[0]
    assert found.id == 2 and found.backend is BackendType.FEW_SHOT and found.guardrails == ()
    assert before - 2 * MILLISECOND < found.timestamp <= datetime.now(UTC)
    assert repository.get_statistics().average_quality == 0.0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("timestamp", "datetime('now')"),
        ("timestamp", "'2026-02-30 00:00:00.000'"),
        ("timestamp", "'2026-11-20T12:00:00.000'"),
        ("timestamp", "2460000.5"),
        ("timestamp", "null"),
        ("confidence", "1.1"),
        ("confidence", "'high'"),
        ("latency_ms", "-1"),
        ("latency_ms", "9e999"),
        ("input_tokens", "-1"),
        ("input_tokens", "'many'"),
        ("output_tokens", "1.5"),
        ("guardrails", "'none'"),
        ("guardrails", "'{}'"),
        ("context", "null"),
        ("context", "x'ff'"),
        ("reasoning", "x'00'"),
        ("id", "1"),
        ("id", "0"),
        ("id", "9007199254740992"),
    ],
)
def test_what_is_no_record_is_not_added(
    repository: HoldfastRepository, path: Path, column: str, value: str
) -> None:
    repository.save(record())
    into = f"into prompt_history({LEAST}, {column}) values ({GIVEN}, {value})"
    # A replace would take a default for null.
    for verb in ("insert",) if value == "null" else ("insert", "replace"):
        with pytest.raises(
            AssertionError, match="constraint failed|there is a record with that id"
        ):
            shell(path, f"{verb} {into}")
    assert ideas(repository.find_recent()) == ["a poem"]


@pytest.mark.parametrize("name", ["original_idea", "improved_prompt", "model", "provider"])
def test_what_is_blank_is_not_added(repository: HoldfastRepository, path: Path, name: str) -> None:
    repository.save(record())
    for value in ("''", "'  '", "char(9, 10, 11, 12, 13, 32)", "x'41'", "null"):
        with pytest.raises(AssertionError, match="constraint failed"):
            shell(path, f"update prompt_history set {name} = {value}")
    with pytest.raises(AssertionError, match="constraint failed"):
        shell(path, "update prompt_history set backend = 'one-shot'")


def test_the_plans_use_the_indexes(repository: HoldfastRepository, path: Path) -> None:
    repository.save(record())
    for rest, index in {
        "order by timestamp desc": "timestamp",
        "where timestamp < datetime('now', '-30 days')": "timestamp",
        "where backend = 'few-shot' order by timestamp desc": "backend",
        "where provider = 'p' order by timestamp desc, id desc": "provider",
        "where model = 'm' and timestamp > '2026'": "model",
        "where conversation_id = 'c' order by timestamp": "conversation",
    }.items():
        plan = json.dumps(look(path, f"explain query plan select * from prompt_history {rest}"))
        assert f"prompt_history_{index}" in plan and "TEMP B-TREE" not in plan, (rest, plan)
