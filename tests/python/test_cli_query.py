"""The query command: values, refusals, long results, tables."""

import signal
import subprocess
from pathlib import Path

import pytest

from command_line import COMMAND, FILL, digest, failure, holdfast, make, on_terminal

COUNT = "with recursive c(n) as (select 1 union all select n + 1 from c{}) select n from c"


def test_query_shows_a_table(path: Path) -> None:
    make(path)
    done = holdfast("query", path, "select 1 as one, 'a' as letter, null as gap")
    assert done.out.splitlines() == ["one  letter  gap", "---  ------  ---", "  1  a"]


def test_query_writes_every_kind_of_value_as_json(path: Path) -> None:
    make(path)
    sql = "select null as a, 1 as b, 1.5 as c, 'é' as d, x'00ff' as e, 9e999 as f"
    row = {"a": None, "b": 1, "c": 1.5, "d": "é", "e": {"base64": "AP8="}, "f": "Infinity"}
    assert holdfast("query", path, sql, "--json").json == [row]
    assert holdfast("query", path, "select 1 where 0", "--json").json == []


def test_query_binds_numbers_in_their_shortest_form_as_numbers(path: Path) -> None:
    make(path)
    values = ["10", "-2.5", "1.10", "007", "9" * 30, "", "a b", "-x"]
    words = [word for value in values for word in ("--param", value)]
    columns = ", ".join(f"? as c{number}" for number in range(len(values)))
    (row,) = holdfast("query", path, f"select {columns}", *words, "--json").json
    assert list(row.values()) == [10, -2.5, *values[2:]]


def test_query_reads_sql_from_standard_input(path: Path) -> None:
    make(path)
    assert holdfast("query", path, "-", "--json", stdin="select 'ü' as x").json == [{"x": "ü"}]
    assert "utf-8" in failure(holdfast("query", path, "-", stdin=b"select '\xff'"))


@pytest.mark.parametrize(
    "sql",
    [
        "insert into note(body) values ('x')",
        "insert into note(body) values ('x') returning id",
        "drop table note",
        "pragma user_version = 7",
        "pragma journal_mode = delete",
        "vacuum",
        "begin",
        "attach 'other.db' as other",
        "select 1; delete from note",
    ],
)
def test_query_refuses_what_writes(path: Path, sql: str) -> None:
    make(path, *FILL)
    before = digest(path)
    failure(holdfast("query", path, sql))
    assert digest(path) == before
    assert list(path.parent.iterdir()) == [path]


def test_a_table_cannot_drive_the_terminal(path: Path) -> None:
    make(path)
    out = holdfast("query", path, "select char(27) || '[2J' || char(10) as x").out
    assert out.splitlines()[2] == r"\x1b[2J\n"


def test_big_results_stream_and_a_closed_pipe_is_quiet(path: Path) -> None:
    make(path)
    for option in ([], ["--json"]):
        endless = [*COMMAND, "query", str(path), COUNT.format(""), *option]
        pipe = subprocess.PIPE
        with subprocess.Popen(endless, stdout=pipe, stderr=pipe) as process:
            assert process.stdout
            assert process.stderr
            assert process.stdout.readline()
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(30) == 0


def test_a_full_disk_is_an_error(path: Path) -> None:
    make(path)
    with open("/dev/full", "w") as full:  # noqa: PTH123
        words = [*COMMAND, "query", str(path), "select 1"]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: [Errno 28] No space left on device\n"


def test_an_interrupt_ends_with_130_and_no_noise(path: Path) -> None:
    make(path)
    words = [*COMMAND, "query", str(path), COUNT.format("")]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdout=pipe, stderr=pipe) as process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (130, b"")


def test_on_a_terminal_a_table_fits_its_width(path: Path) -> None:
    make(path)
    sql = "select 'short' as a, printf('%.*c', 500, 'x') as b"
    _, shown = on_terminal("query", path, sql, NO_COLOR="1")
    assert max(map(len, shown.splitlines())) <= 60
    assert "x" * 500 in holdfast("query", path, sql).out
