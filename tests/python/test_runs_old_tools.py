"""What old tools do to their tables while a writer lives, and how odd these tables are."""

from pathlib import Path

import pytest

import holdfast
from holdfast.runs import DualWriter, LegacySchemaError, RunStore, backfill, verify
from old_runs import TABLES, opened
from processes import look

NO_AUTOINCREMENT = TABLES.replace(" autoincrement", "")


def make(path: Path, tables: str = TABLES) -> Path:
    path.touch()
    for statement in tables.strip().strip(";").split(";"):
        look(path, statement)
    return path


@pytest.mark.parametrize("more", [False, True])
@pytest.mark.parametrize("in_transaction", [False, True])
def test_an_id_that_is_given_again_is_no_end_of_writing(
    path: Path, *, more: bool, in_transaction: bool
) -> None:
    make(path, NO_AUTOINCREMENT)
    if more:
        look(path, "alter table consensus_artifacts add column cost real default 1.0")
    with opened(path) as db:
        writer = DualWriter(db)
        writer.store_artifacts([("S", "plan", agent, "{}", None, "run") for agent in "abc"])
        writer.store_synthesis("S", "plan", "# one", run_id="run")
        look(path, "delete from consensus_artifacts where id = 3")
        look(path, "delete from consensus_synthesis where id = 1")
        if in_transaction:
            with db.transaction() as tx:
                assert writer.store_artifact("S", "plan", "d", "{}", run_id="run", tx=tx) == 4
                assert writer.store_synthesis("S", "plan", "# two", run_id="run", tx=tx) == 2
        else:
            assert writer.store_artifact("S", "plan", "d", "{}", run_id="run") == 4
            assert writer.store_synthesis("S", "plan", "# two", run_id="run") == 2
        assert writer.report().mismatched == 0
        # What is left of the rows that were deleted is told, and nothing else.
        assert verify(db).mismatches == 2
        kinds = {(each.kind, each.new_id) for each in writer.mismatches().items}
        assert ("missing in legacy", 3) in kinds
        assert backfill(db, repair=True).repaired == 2
        assert verify(db).ok


def test_a_column_that_is_added_while_a_writer_lives_is_written_too(path: Path) -> None:
    with opened(make(path)) as db:
        writer = DualWriter(db)
        writer.store_artifact("S", "plan", "a", "{}", run_id="run", model_version="4.5")
        look(path, "alter table consensus_artifacts add column cost real default 1.0")
        look(path, "alter table consensus_synthesis add column cost real default 1.0")
        writer.store_artifact("S", "plan", "b", "{}", run_id="run", model_version="4.5")
        writer.store_artifacts([("S", "plan", agent, "{}", None, "run") for agent in "cd"])
        writer.store_synthesis("S", "plan", "# x", run_id="run")
        assert writer.report().mismatched == 0
        # The row from before has the default now too, until the new tables follow.
        assert verify(db).mismatches == 1
        assert backfill(db, repair=True).repaired == 1
        assert verify(db).ok
        look(path, "alter table consensus_artifacts drop column cost")
        writer.store_artifact("S", "plan", "e", "{}", run_id="run")
        assert writer.report().mismatched == 0
        assert [each.content for each in RunStore(db).get(1).outputs] == ["{}"] * 5


@pytest.mark.parametrize(
    ("column", "kept", "content"),
    [
        ("content_json json", "content_json", "5"),
        ("content_json text", "cast(content_json as blob)", "{}"),
        ("content_json text collate nocase", "lower(content_json)", "LOUD"),
    ],
)
def test_a_value_that_the_old_table_changes_is_a_mismatch_at_once(
    path: Path, column: str, kept: str, content: str
) -> None:
    make(path, TABLES.replace("content_json text", column))
    look(
        path,
        "create trigger odd after insert on consensus_artifacts begin update consensus_artifacts "
        f"set content_json = {kept} where id = new.id; end",
    )
    with opened(path) as db:
        writer = DualWriter(db)
        writer.store_artifact("S", "plan", "a", content)
        assert writer.report().mismatched == 1
        assert verify(db).mismatches == 1


def test_a_row_that_a_trigger_ignores_is_told_and_nothing_is_kept(path: Path) -> None:
    make(path)
    look(
        path,
        "create trigger none before insert on consensus_artifacts when new.agent_name = 'skip' "
        "begin select raise(ignore); end",
    )
    with opened(path) as db:
        writer = DualWriter(db)
        with pytest.raises(LegacySchemaError, match="a trigger ignores or moves it"):
            writer.store_artifacts([("S", "plan", "a", "{}"), ("S", "plan", "skip", "{}")])
        assert (writer.report().artifacts, writer.report().outputs) == (0, 0)
        assert writer.store_artifact("S", "plan", "a", "{}") == 1


@pytest.mark.parametrize(
    "tables",
    [
        TABLES.replace("primary key autoincrement", "primary key desc"),
        NO_AUTOINCREMENT.replace("\n);", "\n) without rowid;"),
    ],
)
def test_ids_that_are_no_rowids_are_refused(path: Path, tables: str) -> None:
    says = "an integer primary key, and so its rowid"
    with opened(make(path, tables)) as db, pytest.raises(LegacySchemaError, match=says):
        DualWriter(db)


def test_names_of_columns_are_the_same_in_whatever_case(path: Path) -> None:
    make(
        path,
        TABLES.replace("spec_id text", "Spec_ID text").replace("    id integer", " Id integer"),
    )
    with opened(path) as db:
        writer = DualWriter(db)
        assert writer.store_artifact("S", "plan", "a", "{}") == 1
        assert writer.store_synthesis("S", "plan", "# x") == 1
        assert [each.spec_id for each in writer.query_artifacts("S", "plan")] == ["S"]
        assert verify(db).ok


def test_a_table_that_is_dropped_is_told(path: Path) -> None:
    with opened(make(path)) as db:
        writer = DualWriter(db)
        writer.store_artifact("S", "plan", "a", "{}")
        look(path, "drop table consensus_artifacts")
        with pytest.raises(LegacySchemaError, match="consensus_artifacts is gone"):
            writer.query_artifacts("S", "plan")


def test_what_a_trigger_forbids_is_an_error_of_the_database(path: Path) -> None:
    with opened(make(path)) as db:
        writer = DualWriter(db)
        look(
            path,
            "create trigger no before insert on agent_outputs begin select raise(abort, 'no'); end",
        )
        with pytest.raises(holdfast.IntegrityError, match="no"):
            writer.store_artifact("S", "plan", "a", "{}")
        assert writer.report().artifacts == 0


def test_a_reason_has_the_beginning_of_a_value_alone(path: Path) -> None:
    look(make(path), "insert into consensus_artifacts(spec_id, stage, agent_name, content_json, "
         "created_at) values ('S', 'plan', 'a', '{}', printf('%.*c', 1000000, 'x'))")  # fmt: skip
    with opened(path) as db:
        (unmapped,) = backfill(db).unmapped
        assert unmapped.reason.endswith(f"created_at is no time: '{'x' * 60}'")
