"""Whatever differs between the two schemas is found, kept with both sides, and said."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

import holdfast
from holdfast.runs import DualWriter, RunStore, Sweep
from processes import look

#: A value that no column has, for each column of each table but the id of an output.
OTHER = {
    "consensus_artifacts": {
        "id": 77, "spec_id": "X", "stage": "X", "agent_name": "X", "content_json": "X",
        "response_text": None, "run_id": None, "created_at": "2026-01-01 00:00:00.000",
    },
    "consensus_synthesis": {
        "id": 77, "spec_id": "X", "stage": "X", "output_markdown": "X", "output_path": "X",
        "status": "X", "artifacts_count": 7, "agreements": "X", "conflicts": None, "degraded": 0,
        "run_id": "X", "created_at": "2026-01-01 00:00:00.000",
    },
    "agent_outputs": {
        "id": 77, "run_id": 1, "agent_name": "X", "model_version": "X", "content": "X",
        "output_timestamp": "2026-01-01 00:00:00.000", "response_text": "X", "legacy_json": "{}",
    },
    "consensus_runs": {
        "id": 77, "spec_id": "X", "stage": "X", "run_timestamp": "2026-01-01 00:00:00.000",
        "consensus_ok": 0, "degraded": 0, "synthesis_json": "{}", "legacy_run_id": "X",
        "legacy_synthesis_id": 77,
    },
}  # fmt: skip
#: The rows that are changed: an artifact and its output, a synthesis, and its run.
ROW = {"consensus_artifacts": 5, "consensus_synthesis": 2, "agent_outputs": 5, "consensus_runs": 2}
PLANTED = [(table, column) for table, values in OTHER.items() for column in values]


@pytest.fixture
def db(opened: Callable[..., holdfast.Database]) -> holdfast.Database:
    """Three runs of three artifacts, with a synthesis each but for the last."""
    database = opened()
    writer = DualWriter(database)
    for number in range(3):
        spec, name = f"S-{number}", f"run-{number}"
        for agent in ("gemini", "claude", "gpt"):
            writer.store_artifact(spec, "plan", agent, '{"a": 1}', "raw", name, model_version="5")
        if number < 2:
            writer.store_synthesis(
                spec, "plan", "# x", "x.md", "ok", 3, "all", "none", degraded=True, run_id=name
            )
    assert Sweep(database).run()[2:4] == (14, 0)
    return database


#: Changes the file as another program does, whose foreign keys are off.
plant = look


@pytest.mark.parametrize(("table", "column"), PLANTED, ids=[".".join(each) for each in PLANTED])
def test_a_change_of_any_column_is_found(
    db: holdfast.Database, path: Path, table: str, column: str
) -> None:
    was = db.fetch_value(f"select {column} from {table} where id = ?", [ROW[table]])
    value = OTHER[table][column]
    assert was != value
    plant(path, f"update {table} set {column} = ? where id = ?", value, ROW[table])
    report = Sweep(db).run()
    assert report.mismatches > 0
    found = DualWriter(db).mismatches().items
    assert len(found) == report.mismatches
    names = {each.legacy_table for each in found} | {each.new_table for each in found}
    sides = [json.loads(side) for each in found for side in each[7:9] if side is not None]
    if (table, column) == ("consensus_runs", "id"):
        # Its outputs belong to no run.
        assert {was} <= {side.get("run_id") for side in sides}
    else:
        assert table in names
        assert {str(was), str(value)} & {str(side.get(column)) for side in sides}
    number = value if column == "id" else ROW[table]
    plant(path, f"update {table} set {column} = ? where id = ?", was, number)
    assert Sweep(db).run().mismatches == 0
    assert DualWriter(db).mismatches().items == ()
    resolved = DualWriter(db).mismatches(resolved=True).items
    assert len(resolved) == len(found)
    assert all(each.resolved_at is not None for each in resolved)


@pytest.mark.parametrize("table", ROW)
def test_a_row_that_is_missing_is_found(db: holdfast.Database, path: Path, table: str) -> None:
    kind = "missing in legacy" if table.endswith(("artifacts", "synthesis")) else "missing in new"
    plant(path, f"delete from {table} where id = ?", ROW[table])
    assert Sweep(db).run().mismatches > 0
    found = DualWriter(db).mismatches().items
    if table == "consensus_runs":
        # Its outputs belong to no run, and its synthesis has none.
        assert sorted(each.kind for each in found) == ["differs"] * 3 + [kind]
    else:
        (each,) = found
        assert (each.kind, each.legacy_id) == (kind, ROW[table])
        sides = (each.legacy_json, each.new_json)
        assert [side is None for side in sides] == [
            kind == "missing in legacy", kind == "missing in new",
        ]  # fmt: skip


@pytest.mark.parametrize("table", ROW)
def test_a_row_that_is_too_many_is_found(db: holdfast.Database, path: Path, table: str) -> None:
    columns = [name for name in OTHER[table] if name not in ("id", "legacy_synthesis_id")]
    values = [f"'{'new'}'" if name == "run_timestamp" else name for name in columns]
    plant(
        path,
        f"insert into {table}({', '.join(columns)}) select {', '.join(values)} from {table} "
        "where id = ?",
        ROW[table],
    )
    assert Sweep(db).run().mismatches == 1
    (found,) = DualWriter(db).mismatches().items
    of_old = table.endswith(("artifacts", "synthesis"))
    assert found.kind == ("missing in new" if of_old else "missing in legacy")
    assert (found.new_id is None) == of_old


def test_one_disagreement_is_one_mismatch_however_often_it_is_seen(
    db: holdfast.Database, path: Path
) -> None:
    plant(path, "update agent_outputs set content = 'X' where id = 4")
    for _ in range(3):
        assert Sweep(db).run().mismatches == 1
    (found,) = DualWriter(db).mismatches().items
    assert (found.times_seen, found.found_by, found.columns) == (3, "sweep", ("content",))
    assert found.first_seen_at <= found.last_seen_at
    assert json.loads(found.legacy_json or "")["content_json"] == '{"a": 1}'
    assert json.loads(found.new_json or "")["content"] == "X"
    plant(path, "update agent_outputs set content = 'Y' where id = 4")
    Sweep(db).run()
    assert len(DualWriter(db).mismatches().items) == 1
    assert len(DualWriter(db).mismatches(resolved=True).items) == 2
    assert RunStore(db).stats().mismatches == DualWriter(db).report().mismatches == 1
    plant(path, "update agent_outputs set content = 'X' where id = 4")
    Sweep(db).run()
    (again,) = DualWriter(db).mismatches().items
    assert (again.id, again.times_seen, again.resolved_at) == (found.id, 4, None)


def test_text_that_is_no_text_is_found_and_shown(db: holdfast.Database, path: Path) -> None:
    for table, column in (
        ("consensus_artifacts", "content_json"),
        ("agent_outputs", "content"),
        ("consensus_synthesis", "output_markdown"),
        ("consensus_runs", "synthesis_json"),
    ):
        was = db.fetch_value(f"select {column} from {table} where id = ?", [ROW[table]])
        plant(path, f"update {table} set {column} = cast(x'41ff' as text) where id = ?", ROW[table])
        assert Sweep(db).run().mismatches == 1
        (found,) = DualWriter(db).mismatches().items
        assert "A\\\\xff" in (found.legacy_json or "") + (found.new_json or "")
        plant(path, f"update {table} set {column} = ? where id = ?", was, ROW[table])
        assert Sweep(db).run().mismatches == 0


def test_a_write_that_another_program_changes_is_told_at_once(
    db: holdfast.Database, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for table, column in (
        ("consensus_artifacts", "content_json"),
        ("consensus_synthesis", "status"),
    ):
        plant(
            path,
            f"create trigger change_{table} after insert on {table} begin "
            f"update {table} set {column} = 'X' where id = new.id; end",
        )
    writer = DualWriter(db)
    with caplog.at_level(logging.WARNING, "holdfast.runs"):
        number = writer.store_artifact("S-0", "plan", "claude", "{}", run_id="run-0")
    assert f"row {number} of consensus_artifacts is another one" in caplog.text
    (found,) = writer.mismatches().items
    assert (found.found_by, found.legacy_id, found.columns) == ("write", number, ("content",))
    report = writer.report()
    assert (report.written, report.mismatched, report.mismatches) == (1, 1, 1)
    # What the trigger makes of a synthesis is there before it is mapped.
    writer.store_synthesis("S-0", "plan", "# x", run_id="run-0")
    assert Sweep(db).run().mismatches == 1
    writer.store_artifacts([("S-0", "plan", agent, "{}", None, "run-0") for agent in "ab"])
    assert writer.report().mismatched == 3


def test_mismatches_come_in_pages(db: holdfast.Database, path: Path) -> None:
    plant(path, "update agent_outputs set content = 'X'")
    assert Sweep(db).run().mismatches == 9
    writer = DualWriter(db)
    seen: list[int] = []
    page = writer.mismatches(limit=4)
    while page.items:
        seen += [each.id for each in page.items]
        page = writer.mismatches(limit=4, cursor=page.cursor or 1)
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 9
    with pytest.raises(ValueError, match="limit is a number from 1 to 1000"):
        writer.mismatches(limit=0)
