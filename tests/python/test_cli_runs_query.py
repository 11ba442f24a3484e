"""Runs, listed and shown by the command line."""

import json
from pathlib import Path

import pytest

import holdfast as library
from command_line import failure, holdfast
from holdfast.runs import Output, RunStore
from old_runs import fill


@pytest.fixture
def some(path: Path) -> Path:
    """A file with four runs."""
    with library.open(path) as db:
        runs = RunStore(db)
        one = runs.upsert_consensus_run("SPEC-1", "plan", name="first", consensus_ok=True)
        runs.add_outputs(
            one,
            [
                Output("claude", "a plan\nof two lines", "opus-4"),
                Output("gemini", "\x1b[31mred", response_text="raw"),
            ],
        )
        runs.store_synthesis(one, {"output_markdown": "# Plan\nyes", "agreements": ["a"]})
        runs.upsert_consensus_run("SPEC-1", "tasks", consensus_ok=False, degraded=True)
        two = runs.upsert_consensus_run("SPEC-2", "plan", synthesis="[1]")
        runs.add_output(two, "claude", "")
        runs.upsert_consensus_run("SPEC-3", "plan")
    return path


def ids(*words: object) -> list[int]:
    found = holdfast("runs", "list", *words, "--json").json
    assert found["total"] >= len(found["items"])
    return [run["id"] for run in found["items"]]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", [4, 3, 2, 1]),
        ("--spec SPEC-1", [2, 1]),
        ("--stage plan", [4, 3, 1]),
        ("--name first", [1]),
        ("--agent claude", [3, 1]),
        ("--consensus", [1]),
        ("--no-consensus", [2]),
        ("--degraded", [2]),
        ("--not-degraded --stage plan", [4, 3, 1]),
        ("--since 1h", [4, 3, 2, 1]),
        ("--until 1h", []),
        ("--spec nobody", []),
        ("--limit 2", [4, 3]),
    ],
)
def test_runs_are_listed_by_what_they_are(some: Path, words: str, found: list[int]) -> None:
    assert ids(some, *words.split()) == found


def test_a_page_leads_to_the_next_one(some: Path) -> None:
    done = holdfast("runs", "list", some, "--limit", 3)
    assert done.err.startswith("there are more, 4 in all: --cursor ")
    assert ids(some, "--cursor", done.err.split()[-1]) == [1]
    assert holdfast("runs", "list", some, "--limit", 4).err == ""
    done = holdfast("runs", "list", some, "--cursor", "nonsense")
    assert (done.code, done.out) == (2, "")
    assert "nonsense" in done.err


def test_a_list_is_a_table(some: Path) -> None:
    lines = holdfast("runs", "list", some).out.splitlines()
    assert lines[0].split() == [
        "id", "spec", "stage", "at", "name", "consensus", "degraded", "outputs",
    ]  # fmt: skip
    row = lines[-1].split()
    assert (row[:3], row[-4:]) == (["1", "SPEC-1", "plan"], ["first", "yes", "no", "2"])
    assert [line.split()[-3] for line in lines[2:]] == ["-", "-", "no", "yes"]


def test_a_run_is_shown_with_its_synthesis_and_outputs(some: Path) -> None:
    done = holdfast("runs", "show", some, 1)
    assert (done.code, done.err) == (0, "")
    assert 'agreements  ["a"]\n\n--- synthesis\n# Plan\nyes\n\n--- claude (opus-4), ' in done.out
    assert "+00:00\na plan\nof two lines\n\n--- gemini, " in done.out
    assert done.out.endswith("\\x1b[31mred\n\n--- gemini, raw\nraw\n")
    assert holdfast("runs", "show", some, 3).out.count("--- synthesis\n[1]\n") == 1


def test_a_run_is_shown_as_json(some: Path) -> None:
    run = holdfast("runs", "show", some, 1, "--json").json
    assert [each["agent_name"] for each in run["outputs"]] == ["claude", "gemini"]
    assert json.loads(run["synthesis_json"])["agreements"] == ["a"]
    assert (run["name"], run["consensus_ok"], run["output_count"]) == ("first", True, 2)


def test_a_run_that_is_not_there_is_an_error(some: Path) -> None:
    assert "there is no run 99" in failure(holdfast("runs", "show", some, 99))
    done = holdfast("runs", "show", some, "one")
    assert (done.code, done.out) == (2, "")


def test_a_file_with_the_new_tables_alone_has_nothing_to_move(some: Path) -> None:
    done = holdfast("runs", "status", some)
    assert done.out.startswith("phase       new: there are no tables of the old schema\n")
    assert done.err == ""
    assert "nothing to copy from" in failure(holdfast("runs", "backfill", some))
    assert "backfill first" in failure(holdfast("runs", "cutover", some))


def test_what_others_wrote_wrong_is_one_line(some: Path) -> None:
    with library.open(some) as db:
        db.execute("update consensus_runs set run_timestamp = 'soon' where id = 1")
    assert "the time of run 1 is none" in failure(holdfast("runs", "list", some))


def test_runs_of_an_old_file_are_shown_once_they_are_copied(path: Path) -> None:
    fill(path, 3)
    assert holdfast("runs", "backfill", path).code == 0
    shown = holdfast("runs", "show", path, ids(path, "--spec", "SPEC-0", "--stage", "tasks")[0])
    assert "\n--- synthesis\n# Run 1\n" in shown.out
