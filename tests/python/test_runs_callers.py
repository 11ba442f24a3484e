"""Callers of the old schema find all as before, also after the cutover."""

from collections.abc import Callable
from itertools import islice

import pytest

import holdfast
from holdfast.runs import DualWriter, Sweep
from holdfast.runs.cutover import cutover, undo_cutover
from old_runs import artifacts, assert_same


@pytest.fixture
def writer(opened: Callable[..., holdfast.Database]) -> DualWriter:
    return DualWriter(opened())


def test_callers_of_the_old_schema_read_what_they_wrote(writer: DualWriter) -> None:
    made = list(islice(artifacts(), 300))
    ids = [writer.store_artifact(*each[:6], model_version=each[6]) for each in made]
    for spec in sorted({each.spec_id for each in made}):
        assert writer.count_artifacts(spec) == sum(each.spec_id == spec for each in made)
    found = [*writer.query_artifacts("SPEC-1", "plan")]
    wanted = [
        (number, *each[:6])
        for number, each in zip(ids, made, strict=True)
        if each[:2] == ("SPEC-1", "plan")
    ]
    assert sorted(each[:-1] for each in found) == wanted
    assert [each.created_at for each in found] == sorted(
        (each.created_at for each in found), reverse=True
    )
    assert writer.list_specs() == sorted({each.spec_id for each in made})
    assert writer.get_stats()[:2] == (300, 0)
    assert writer.query_latest_synthesis("SPEC-1", "plan") is None
    assert writer.delete_stage_artifacts("SPEC-1", "plan") == len(wanted)
    assert writer.query_artifacts("SPEC-1", "plan") == []
    assert writer.delete_spec_artifacts("SPEC-2") == writer.count_artifacts("SPEC-3") == 30


def test_deletes_leave_both_sides_alike(opened: Callable[..., holdfast.Database]) -> None:
    db = opened()
    writer = DualWriter(db)
    for number, each in enumerate(islice(artifacts(), 300)):
        writer.store_artifact(*each[:6])
        if number % 3 == 2 and number % 2:
            writer.store_synthesis(each.spec_id, each.stage, "# x", run_id=each.run_id)
    syntheses = writer.get_stats().syntheses
    writer.delete_spec_artifacts("SPEC-1")
    writer.delete_stage_artifacts("SPEC-2", "plan")
    assert writer.get_stats().syntheses == syntheses
    assert Sweep(db).run().mismatches == 0
    assert writer.delete_spec("SPEC-3") > 0
    assert writer.query_syntheses("SPEC-3", "plan") == []
    assert Sweep(db).run().mismatches == 0
    assert_same(db)


def test_after_the_cutover_the_same_calls_write_and_read_the_new_tables(
    opened: Callable[..., holdfast.Database],
) -> None:
    db = opened()
    writer, other = DualWriter(db), DualWriter(db)
    for each in islice(artifacts(), 60):
        writer.store_artifact(*each[:6])
    writer.store_synthesis("SPEC-0", "plan", "# old", run_id="run-0")
    reads = (writer.query_artifacts("SPEC-1", "plan"), writer.query_syntheses("SPEC-0", "plan"))
    stats = writer.get_stats()
    cutover(db)
    assert writer.query_artifacts("SPEC-1", "plan") == reads[0] != []
    assert writer.query_syntheses("SPEC-0", "plan") == reads[1] != []
    assert writer.get_stats()[:2] == stats[:2]
    for each in (writer, other):
        number = each.store_artifact("SPEC-0", "plan", "qwen", "{}", "raw", "run-0")
        newest = each.query_artifacts("SPEC-0", "plan")[0]
        assert newest[:-1] == (number, "SPEC-0", "plan", "qwen", "{}", "raw", "run-0")
        synthesis = each.store_synthesis("SPEC-0", "plan", "# new", run_id="run-0")
        assert each.query_syntheses("SPEC-0", "plan")[0].id == synthesis
    assert db.fetch_value("select count(*) from consensus_artifacts") == 60
    assert writer.delete_stage_artifacts("SPEC-0", "code") > 0
    undo_cutover(db)
    for each in (writer, other):
        each.store_artifact("SPEC-0", "plan", "qwen", "{}", None, "run-0")
    assert Sweep(db).run().mismatches == 0
    assert_same(db)
