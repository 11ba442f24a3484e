"""A table of artifacts from before Holdfast is taken over with its rows, whatever they hold."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.artifacts import ArtifactIndex
from holdfast.artifacts.adopt import adopt
from markdown_files import counts, known, known_afresh, note, titles, write
from processes import Child

FILES = {"a.md": note("A", "hello", tags="[x]"), "d/b.md": note("B", "world"), "c.md": "# C\n"}
_ID = "id integer primary key, path text"
#: The columns of an older table, and what comes after it.
OLD: dict[str, tuple[str, str]] = {
    "integer ids": (_ID, ""),
    "integer ids and more": (
        "id integer primary key autoincrement, type text not null, path text not null unique, "
        "title text, status text default 'x', content_hash text, created_at text",
        "",
    ),
    "other columns": (f"{_ID} not null, owner text, stars integer", ""),
    "columns that must be given": (f"{_ID}, owner text not null", ""),
    "a category that must be given": (f"{_ID}, category text not null", ""),
    "text ids": ("id text primary key, type text, path text, title text", ""),
    "no ids": ("path text, title text", ""),
    "two keys": ("id integer, path text, owner text, primary key(id, path)", ""),
    "a check": (f"{_ID}, title text, check(title <> 'A')", ""),
    "case": (f"{_ID} collate nocase, title text", ""),
    "unique titles": (f"{_ID}, title text unique", ""),
    "no paths": ("id integer primary key, title text", ""),
    "a generated column": (f"{_ID}, name text as (upper(path))", ""),
    "an index": (
        f"{_ID}, title text",
        "create index artifacts_path on artifacts(title);"
        "create index artifacts_values on artifacts(path)",
    ),
    "a unique index": (
        f"{_ID}, content_hash text",
        "create unique index one on artifacts(content_hash)",
    ),
    "a trigger": (
        _ID,
        "create trigger t after insert on artifacts begin select raise(abort, 'no'); end",
    ),
    "its own log": (_ID, "create table sync_log(at text); create table artifact_tags(a, b)"),
}


ROW = {"type": "old", "title": "Old", "status": "done", "owner": "ann", "category": "x"}


def fill(db: holdfast.Database, rows: list[dict[str, Any]]) -> None:
    columns = {name for (name,) in db.fetch_all("select name from pragma_table_info('artifacts')")}
    for row in rows:
        values = {name: value for name, value in row.items() if name in columns}
        if values:
            db.insert("artifacts", values)


@pytest.mark.parametrize("kind", OLD)
def test_an_older_table_is_adopted(tmp_path: Path, kind: str) -> None:
    root = write(tmp_path / "root", FILES)
    same = hashlib.sha256(FILES["a.md"].encode()).hexdigest()
    with holdfast.open(tmp_path / "index.db") as db:
        columns, more = OLD[kind]
        db.execute_script(f"create table artifacts({columns})")
        fill(db, [ROW | {"id": 7, "path": "a.md", "content_hash": same}])
        fill(db, [ROW | {"id": 9, "path": "gone.md", "title": "Gone"}])
        db.execute_script(more)
        before = db.fetch_all("select * from artifacts")
        index = ArtifactIndex(db, root)
        index.sync()
        assert known(db) == known_afresh(root, tmp_path)
        assert titles(index, text="hello") == titles(index, tags="x") == ["A"]
        if kept := db.fetch_all("select name from sqlite_schema where name = 'artifacts_v1'"):
            assert db.fetch_all(f"select * from {kept[0][0]}") == before
        elif "owner" in columns:
            assert db.fetch_value("select owner from artifacts where path = 'a.md'") == "ann"
        if columns.startswith("id integer primary key") and "path" in columns:
            assert index.query(path="a.md").items[0].id == 7
        assert counts(index.sync()) == (0, 0, 3, 0, 0)
        assert db.check().ok
        indexes = {
            name for (name,) in db.fetch_all("select name from pragma_index_list('artifacts')")
        }
        assert {
            "artifacts_type_status",
            "artifacts_created_at",
            "artifacts_content_hash",
        } <= indexes


@pytest.mark.parametrize("key", ["id integer primary key", "id text primary key"])
def test_rows_with_gaps_and_nonsense_are_adopted(tmp_path: Path, key: str) -> None:
    root = write(tmp_path / "root", FILES)
    with holdfast.open(tmp_path / "index.db") as db:
        db.execute_script(
            f"create table artifacts({key}, type, path, title, status, category, tags_json, "
            "metadata_json, content_hash, created_at, updated_at)"
        )
        nonsense = [None, "", 5, "[1, {}]", "{", b"\xff", "2024-05-06T07:08:09Z", 1.5e9, "[" * 5000]
        for number, value in enumerate(nonsense):
            row: dict[str, Any] = dict.fromkeys(["type", "title", "status", "category"], value)
            row |= dict.fromkeys(["tags_json", "metadata_json", "created_at", "updated_at"], value)
            path = ["a.md", "a.md", None, "c.md", f"{number}.md"][min(number, 4)]
            db.insert("artifacts", {"id": number + 1, "path": path, **row})
        index = ArtifactIndex(db, root)
        assert index.log() == ()
        index.stats()
        result = index.sync()
        assert (result.added, result.updated) == (1, 2)
        assert known(db) == known_afresh(root, tmp_path)


def test_old_times_are_kept_and_sorted_like_new_ones(tmp_path: Path) -> None:
    root = write(
        tmp_path / "root",
        {f"{n}.md": "" for n in range(3)} | {"new.md": note("N", created="2024-05-06 08:00:00")},
    )
    with holdfast.open(tmp_path / "index.db") as db:
        db.execute_script("create table artifacts(id integer primary key, path text, created_at)")
        times = ["2024-05-06T07:00:00+00:00", "2024-05-06T11:00:00+02:00", 1714989600]
        for number, value in enumerate(times):
            db.insert("artifacts", {"path": f"{number}.md", "created_at": value})
        index = ArtifactIndex(db, root)
        found: list[str] = []
        cursor = None
        for _ in range(4):
            page = index.query(sort="created", limit=1, cursor=cursor)
            found += [f"{each.path} {each.created_at:%H}" for each in page.items]
            cursor = page.cursor
        assert found == ["0.md 07", "new.md 08", "1.md 09", "2.md 10"] and cursor is None


def test_a_table_that_is_put_aside_makes_way_for_another(tmp_path: Path) -> None:
    with holdfast.open(tmp_path / "index.db") as db:
        db.execute_script(
            "create table artifacts(id text primary key); create table artifacts_v1(x)"
        )
        ArtifactIndex(db, tmp_path).sync()
        assert (
            db.fetch_all("select * from artifacts_v1")
            == db.fetch_all("select * from artifacts_v2")
            == []
        )


_OPEN = """
import sys
from holdfast.artifacts import ArtifactIndex
from holdfast.artifacts.adopt import adopt
sys.stdin.readline()
with ArtifactIndex(sys.argv[1], sys.argv[2]) as index:
    print(index.query().total, flush=True)
"""


def test_processes_that_adopt_at_once_agree(tmp_path: Path) -> None:
    root = write(tmp_path / "root", FILES)
    with holdfast.open(tmp_path / "index.db") as db:
        db.execute_script(
            "create table artifacts(id text primary key, path text); create table sync_log(x)"
        )
        db.execute("insert into artifacts values ('one', 'a.md')")
    children = [Child(_OPEN, tmp_path / "index.db", root) for _ in range(4)]
    try:
        for child in children:
            child.send()
        assert [child.finish() for child in children] == [["3"]] * 4
    finally:
        for child in children:
            child.kill()
    with holdfast.open(tmp_path / "index.db") as db:
        assert known(db) == known_afresh(root, tmp_path)
        assert db.fetch_all("select * from artifacts_v1") == [("one", "a.md")]


@pytest.mark.parametrize("key", ["id integer primary key", "id text primary key"])
def test_adopting_goes_on_after_it_was_interrupted(tmp_path: Path, key: str) -> None:
    root = write(tmp_path / "root", FILES)
    with holdfast.open(tmp_path / "index.db") as db:
        db.execute_script(f"create table artifacts({key}, path text); create table sync_log(x)")
        db.execute("insert into artifacts values (7, 'a.md')")
        adopt(db)
        adopt(db)
        assert counts(ArtifactIndex(db, root).sync()) == (2, 1, 0, 0, 0)
        adopt(db)
        assert known(db) == known_afresh(root, tmp_path)
        assert not db.fetch_all("select * from sqlite_schema where name like '%_v2'")
