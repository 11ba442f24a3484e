"""A row of the old schema goes to the new one and comes back as it was, whatever it holds."""

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.runs import UnmappableError, legacy, mapping
from holdfast.runs.attach import attach
from holdfast.runs.legacy import ARTIFACTS, COLUMNS, SYNTHESES, LegacyRow
from holdfast.runs.reading import Garbled
from holdfast.runs.sides import RANGES
from holdfast.runs.times import read_any
from old_runs import fill, opened
from processes import look

TIMES: list[tuple[Any, str]] = [
    ("2026-11-20 18:30:00", "2026-11-20 18:30:00.000"),
    ("2026-11-20 18:30:00.5", "2026-11-20 18:30:00.500"),
    ("2026-11-20 18:30:00.123456789", "2026-11-20 18:30:00.123"),
    ("2026-11-20T18:30:00Z", "2026-11-20 18:30:00.000"),
    ("2026-11-20T20:30:00.25+02:00", "2026-11-20 18:30:00.250"),
    ("2026-11-20 18:30:00 UTC", "2026-11-20 18:30:00.000"),
    (" 2026-11-20 18:30 ", "2026-11-20 18:30:00.000"),
    ("2026-11-20", "2026-11-20 00:00:00.000"),
    (1_795_199_400, "2026-11-20 18:30:00.000"),
    (1_795_199_400_123, "2026-11-20 18:30:00.123"),
    (1_795_199_400_123_456, "2026-11-20 18:30:00.123"),
    (1_795_199_400.5, "2026-11-20 18:30:00.500"),
    ("1795199400", "2026-11-20 18:30:00.000"),
    ("1795199400.5", "2026-11-20 18:30:00.500"),
    ("1710010112345", "2024-03-09 18:48:32.345"),
    ("20261120", "2026-11-20 00:00:00.000"),
]
NONE = [
    None, "", "soon", "2026-13-45", 0, 7, -1_795_199_400, 10**20, b"2026-11-20", "20:30", "9" * 400,
]  # fmt: skip

ROW: dict[str, Any] = {
    "spec_id": "S", "stage": "plan", "agent_name": "claude", "content_json": "{}",
    "response_text": None, "run_id": "run_7", "created_at": "2026-11-20 18:30:00",
}  # fmt: skip
SYNTHESIS: dict[str, Any] = {
    "spec_id": "S", "stage": "plan", "output_markdown": "# x", "output_path": None, "status": "ok",
    "artifacts_count": 3, "agreements": None, "conflicts": None, "degraded": 0, "run_id": "run_7",
    "created_at": "2026-11-20 18:30:00",
}  # fmt: skip


@pytest.fixture
def db(opened: Callable[..., holdfast.Database]) -> holdfast.Database:
    database = opened()
    attach(database)
    return database


def made(table: str, number: int = 1, extra: Any = None, **values: Any) -> LegacyRow:
    row = {**(ROW if table == ARTIFACTS else SYNTHESIS), **values}
    return LegacyRow(table, number, tuple(row[name] for name in COLUMNS[table]), extra or {})


def there_and_back(db: holdfast.Database, row: LegacyRow) -> LegacyRow:
    """Map a row, and read it back from the new tables."""
    number = db.run(mapping.map_row, row)
    sql = "select * from consensus_runs where id = ?"
    if row.table == SYNTHESES:
        return mapping.synthesis_from(db.fetch_all(sql, [number], into=dict)[0])
    output = db.fetch_all("select * from agent_outputs where id = ?", [number], into=dict)[0]
    run = db.fetch_all(sql, [output["run_id"]], into=dict)[0]
    return mapping.artifact_from(output, run)


@pytest.mark.parametrize(("given", "time"), TIMES)
def test_a_time_in_any_form_is_read_and_kept(db: holdfast.Database, given: Any, time: str) -> None:
    for table in (ARTIFACTS, SYNTHESES):
        row = made(table, created_at=given, run_id=None)
        assert there_and_back(db, row) == row
    assert db.fetch_all("select output_timestamp from agent_outputs") == [(time,)]
    assert db.fetch_all("select run_timestamp from consensus_runs") == [(time,)]


@pytest.mark.parametrize("given", NONE)
def test_what_is_no_time_is_none(given: Any) -> None:
    assert read_any(given) is None
    for table in (ARTIFACTS, SYNTHESES):
        with pytest.raises(UnmappableError, match=f"row 1 of {table}: created_at is no time"):
            (mapping.output_of if table == ARTIFACTS else mapping.synthesis_of)(
                made(table, created_at=given)
            )


def test_texts_of_any_kind_come_back(db: holdfast.Database) -> None:
    texts = ["", "{", '{"a":1}', "a\0b", "😀\n", " x ", "null", "x" * 100_000]
    for number, text in enumerate(texts, 1):
        row = made(ARTIFACTS, number, content_json=text, response_text=text, run_id=text)
        assert there_and_back(db, row) == row
        same: dict[str, Any] = {
            "output_path": text,
            "agreements": text,
            "conflicts": text,
            "run_id": text,
        }
        row = made(SYNTHESES, number, output_markdown=text, status=text, **same)
        assert there_and_back(db, row) == row


def test_columns_that_nobody_knows_come_back_with_their_types(db: holdfast.Database) -> None:
    values = [1, 1.5, -0.0, 2**62, "text", b"\0\xff", Garbled(b"\xff"), '{"base64":"x"}']
    for number, value in enumerate(values, 1):
        extra = {"cost": value, "created_at ": 1, "model_version": "x", "extra": value}
        for table in (ARTIFACTS, SYNTHESES):
            row = made(table, number, extra)
            back = there_and_back(db, row)
            assert back == row
            assert [type(each) for each in back.extra.values()] == [
                type(each) for each in extra.values()
            ]


@pytest.mark.parametrize(
    ("table", "wrong", "says"),
    [
        (ARTIFACTS, {"spec_id": None}, "spec_id is NULL"),
        (ARTIFACTS, {"stage": 5}, "stage is a number"),
        (ARTIFACTS, {"agent_name": b"x"}, "agent_name is a blob"),
        (ARTIFACTS, {"content_json": Garbled(b"\xff")}, "content_json is text that is not"),
        (ARTIFACTS, {"run_id": 5}, "run_id is a number"),
        (ARTIFACTS, {"number": 0}, "its id is not between 0 and"),
        (ARTIFACTS, {"number": 2**40}, "its id is not between 0 and"),
        (ARTIFACTS, {"extra": {"cost": float("inf")}}, "a number is infinite"),
        (SYNTHESES, {"output_markdown": None}, "output_markdown is NULL"),
        (SYNTHESES, {"status": None}, "status is NULL"),
        (SYNTHESES, {"agreements": b"x"}, "agreements is a blob"),
        (SYNTHESES, {"artifacts_count": float("inf")}, "a number is infinite"),
    ],
)
def test_a_row_that_cannot_be_mapped_says_why_and_writes_nothing(
    db: holdfast.Database, table: str, wrong: dict[str, Any], says: str
) -> None:
    row = made(table, **wrong)
    with pytest.raises(UnmappableError, match=f"row {row.id} of {table}: {says}") as raised:
        db.run(mapping.map_row, row)
    assert raised.value.legacy_id == row.id
    assert db.fetch_value("select count(*) from consensus_runs") == 0


@pytest.mark.parametrize(
    ("status", "degraded", "found"),
    [
        ("ok", 0, (1, 0)),
        (" Success ", None, (1, 0)),
        ("degraded", 1, (1, 1)),
        ("failed", "true", (0, 1)),
        ("no consensus", "0", (0, 0)),
        ("", "no", (0, 0)),
    ],
)
def test_what_was_decided_is_read_from_the_status(
    db: holdfast.Database, status: str, degraded: Any, found: tuple[int, int]
) -> None:
    row = made(SYNTHESES, status=status, degraded=degraded)
    assert there_and_back(db, row) == row
    assert db.fetch_all("select consensus_ok, degraded from consensus_runs") == [found]


def test_random_rows_in_any_order_all_come_back_and_agree(db: holdfast.Database) -> None:
    chance = random.Random(7)
    written: list[LegacyRow] = []
    for table, number in itertools.product((ARTIFACTS, SYNTHESES), range(1, 151)):
        values: dict[str, Any] = {
            "spec_id": f"S-{chance.randrange(2)}",
            "stage": chance.choice(["plan", "code"]),
            "run_id": chance.choice([None, "run_1", "run_2", "run_3"]),
            "created_at": f"2026-11-20 18:30:0{chance.randrange(4)}{chance.choice(['', '.001'])}",
        }
        written.append(made(table, number, **values))
    chance.shuffle(written)
    for row in written:
        assert there_and_back(db, row) == row
        values = dict(zip(("id", *COLUMNS[row.table]), (row.id, *row.values), strict=True))
        db.insert(row.table, values)
    for check in RANGES.values():
        assert check(db, -(2**63), 10_000).findings == ()


def test_a_file_of_an_old_tool_is_mapped_and_agrees(path: Path) -> None:
    fill(path, 40)
    look(path, "alter table consensus_artifacts add column cost real default 1.5")
    with opened(path) as db:
        attach(db)
        for table in (ARTIFACTS, SYNTHESES):
            layout = legacy.layout(db, table)
            assert layout is not None
            for row in layout.read(db, 0, 1000):
                assert there_and_back(db, row) == row
        parts = [check(db, -(2**63), 10_000) for check in RANGES.values()]
        assert [part.findings for part in parts] == [()] * 4
        assert sum(part.checked for part in parts) >= 160
        assert db.check().ok
