"""The commands of `holdfast runs` that look at runs, and the way from the old schema."""

import json
from pathlib import Path

import pytest

from command_line import digest, failure, holdfast, make, on_terminal
from old_runs import fill
from processes import look

RUNS = 30
LOOKING = ["status", "list", "verify --dry-run", "backfill --dry-run", "cutover --dry-run"]


@pytest.fixture
def old(path: Path) -> Path:
    return fill(path, RUNS)


@pytest.fixture
def copied(old: Path) -> Path:
    """An old file whose rows are in the new tables too."""
    assert holdfast("runs", "backfill", old).code == 0
    return old


def phase(path: Path) -> str | None:
    return holdfast("runs", "status", path, "--json").json["phase"]


def test_the_way_of_a_file(old: Path) -> None:
    done = holdfast("runs", "status", old)
    assert done.out.startswith("phase       legacy: the old tables alone are in use\n")
    assert done.err == f"next: holdfast runs backfill {old}\n"
    report = holdfast("runs", "backfill", old, "--json").json
    assert (report["rows"], report["artifacts"], report["syntheses"]) == (4 * RUNS, 3 * RUNS, RUNS)
    assert holdfast("runs", "status", old).err == f"next: holdfast runs verify {old}\n"
    report = holdfast("runs", "verify", old, "--json").json
    assert (report["ok"], report["mismatches"], report["items"]) == (True, 0, [])
    assert holdfast("runs", "status", old).err == f"next: holdfast runs cutover {old}\n"
    done = holdfast("runs", "cutover", old)
    assert done == (0, f"{3 * RUNS} artifacts and {RUNS} syntheses are read-only\n", "")
    status = holdfast("runs", "status", old, "--json").json
    assert (status["phase"], status["outputs"]) == ("cutover", 3 * RUNS)
    assert status["tables"]["consensus_artifacts"] == {
        "rows": 3 * RUNS, "copied": 3 * RUNS, "unmapped": 0, "missing": 0,
    }  # fmt: skip
    assert None not in (status["backfilled_at"], status["cutover_at"])
    assert "nothing to compare" in failure(holdfast("runs", "verify", old))
    assert "undo the cutover first" in failure(holdfast("runs", "backfill", old))
    assert "made before" in holdfast("runs", "cutover", old).out
    done = holdfast("runs", "cutover", "--undo", old)
    assert (done.code, done.out.splitlines()[0]) == (0, "both schemas are written again")
    assert "nothing to undo" in holdfast("runs", "cutover", "--undo", old).out
    assert phase(old) == "dual"


def test_a_backfill_is_told_in_words(old: Path) -> None:
    look(old, "update consensus_artifacts set created_at = 'soon' where id < 30")
    done = holdfast("runs", "backfill", old)
    assert done.code == 0
    assert done.out == (
        f"{3 * RUNS - 29} artifacts and {RUNS} syntheses copied, "
        f"{look(old, 'select count(*) from consensus_runs')[0][0]} runs made; "
        f"the old tables have {4 * RUNS} rows\n"
    )
    lines = done.err.splitlines()
    why = "not copied: row 1 of consensus_artifacts: created_at is no time: 'soon'"
    assert (len(lines), lines[0]) == (21, why)
    assert lines[-1] == "and 9 rows more, in the table run_unmapped"
    mend = "mend or delete the rows that cannot be copied, which it names"
    for command in ("status", "verify", "status"):
        done = holdfast("runs", command, old)
        assert command != "status" or done.err == f"next: {mend}: holdfast runs backfill {old}\n"


def test_a_difference_is_told_and_exits_with_1(copied: Path) -> None:
    look(copied, "update agent_outputs set content = 'x' where id in (7, 8)")
    for option in ("--dry-run", "--limit=1"):
        done = holdfast("runs", "verify", copied, option)
        assert done.code == 1
        assert "mismatches        2" in done.out
        assert done.out.splitlines()[-1].split() == [
            "differs", "consensus_artifacts", "7" if "1" in option else "8", "agent_outputs",
            "7" if "1" in option else "8", "content",
        ]  # fmt: skip
    assert done.err == "and 1 mismatches more\n"
    done = holdfast("runs", "verify", copied, "--json")
    report = json.loads(done.out)
    assert (done.code, report["ok"], report["mismatches"]) == (1, False, 2)
    assert json.loads(report["items"][0]["new_json"])["content"] == "x"
    message = failure(holdfast("runs", "cutover", copied))
    assert "the cutover is refused: open mismatches, which verify shows: 2" in message
    assert phase(copied) == "dual"
    assert "mismatches repaired: 2" in holdfast("runs", "backfill", copied, "--repair").out
    assert holdfast("runs", "verify", copied).code == 0


def test_a_cutover_can_be_forced(copied: Path) -> None:
    look(copied, "update agent_outputs set content = 'x' where id = 7")
    done = holdfast("runs", "cutover", copied, "--force")
    assert (done.code, done.err) == (0, "")
    assert "forced in spite of open mismatches: 1" in done.out
    assert phase(copied) == "cutover"
    done = holdfast("runs", "cutover", copied, "--undo", "--force")
    assert (done.code, done.out) == (2, "")


@pytest.mark.parametrize("words", LOOKING)
def test_what_only_looks_changes_nothing(copied: Path, words: str) -> None:
    before = digest(copied)
    done = holdfast("runs", *words.split(), copied)
    assert done.code == 0
    assert digest(copied) == before


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_file_keeps_its_mode(path: Path, journal: str) -> None:
    fill(make(path, f"pragma journal_mode = {journal}"), 5)
    for words in (["backfill"], ["verify"], ["cutover"], ["cutover", "--undo"], ["list"]):
        assert holdfast("runs", *words, path).code == 0
    pragmas = holdfast("info", path, "--json").json["pragmas"]
    assert (pragmas["journal_mode"], pragmas["auto_vacuum"]) == (journal, "none")


@pytest.mark.parametrize("words", [*LOOKING, "backfill", "verify", "cutover", "show 1"])
def test_a_file_without_tables_is_told_what_to_do(path: Path, words: str) -> None:
    make(path, "create table note(body)")
    before = digest(path)
    command, *rest = words.split()
    message = failure(holdfast("runs", command, path, *rest))
    assert "has no runs" in message
    assert "consensus_artifacts" in message
    assert digest(path) == before


@pytest.mark.parametrize("words", ["list", "show 1", "verify", "cutover", "verify --dry-run"])
def test_an_old_file_is_to_be_backfilled_first(old: Path, words: str) -> None:
    before = digest(old)
    command, *rest = words.split()
    assert "backfill" in failure(holdfast("runs", command, old, *rest))
    assert digest(old) == before


def test_tables_of_another_version_are_refused(copied: Path) -> None:
    look(copied, "update holdfast_migrations set version = 99 where component = 'runs'")
    assert "at version 99" in failure(holdfast("runs", "status", copied))


def test_progress_shows_on_a_terminal(old: Path) -> None:
    code, shown = on_terminal("runs", "backfill", old)
    assert (code, "Copying" in shown) == (0, True)
    code, shown = on_terminal("runs", "verify", old)
    assert (code, "Comparing" in shown) == (0, True)
