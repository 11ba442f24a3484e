"""Pages by cursor while files come and go; values that make no sense; one artifact and its file."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.artifacts import (
    ArtifactError,
    ArtifactFileError,
    ArtifactIndex,
    UnknownArtifactError,
)
from markdown_files import indexed, note, paths, write


@pytest.mark.parametrize(
    "sort", ["title", "-title", "path", "-path", "created", "-created", "updated", "-updated"]
)
def test_a_cursor_goes_on_where_the_page_ended_though_files_come_and_go(
    tmp_path: Path, sort: str
) -> None:
    files = {f"{n:02}.md": note(f"T{n % 7}", created=f"2024-01-{n % 5 + 1:02}") for n in range(40)}
    with indexed(tmp_path, files) as (index, root, _):
        expected = [found.path for found in index.query(sort=sort, limit=1000).items]
        seen: list[str] = []
        cursor = None
        for turn in range(100):
            page = index.query(sort=sort, limit=7, cursor=cursor)
            seen += [found.path for found in page.items]
            cursor = page.cursor
            if cursor is None:
                break
            write(
                root,
                {
                    f"new{turn}-{n}.md": note(f"T{n}", created=f"2024-01-{n + 1:02}")
                    for n in range(5)
                },
            )
            # What was seen already may go.
            (root / seen[turn]).unlink()
            index.sync()
        assert cursor is None
        old = [path for path in seen if not path.startswith("new")]
        assert old == expected and len(seen) == len(set(seen))


def test_the_end_is_told_when_a_page_is_just_full(tmp_path: Path) -> None:
    with indexed(tmp_path, {f"{n}.md": "" for n in range(4)}) as (index, _, _):
        first = index.query(limit=2)
        assert first.cursor and index.query(limit=2, cursor=first.cursor).cursor is None
        assert index.query(limit=4).cursor is None
        assert index.query(limit=2, offset=4).items == () and index.query(offset=4).total == 4
        assert index.query(offset=2**61).items == ()


def _cursor(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode()


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("type", {"type": 5}),
    ("type", {"type": [1]}),
    ("type", {"type": b"x"}),
    ("type", {"type": "\ud800"}),
    ("status", {"status": [None]}),
    ("category", {"category": object()}),
    ("tags", {"tags": 5}),
    ("tags", {"tags": [f"t{n}" for n in range(5000)]}),
    ("text", {"text": 5}),
    ("path", {"path": 5}),
    ("path", {"path": "\ud800"}),
    ("created_after", {"created_after": "soon"}),
    ("created_after", {"created_after": 5}),
    ("created_before", {"created_before": "2024-02-30"}),
    ("updated_after", {"updated_after": ""}),
    ("updated_before", {"updated_before": "9999-12-31T23:59:59-10:00"}),
    ("has_error", {"has_error": "yes"}),
    ("has_error", {"has_error": 1}),
    ("facets", {"facets": None}),
    ("sort", {"sort": "size"}),
    ("sort", {"sort": "--title"}),
    ("sort", {"sort": 5}),
    ("sort", {"sort": ""}),
    ("sort", {"sort": "relevance"}),
    ("sort", {"sort": "relevance", "text": "-word"}),
    ("sort", {"sort": "-relevance", "text": "word"}),
    ("sort", {"sort": "title; drop table artifacts"}),
    ("limit", {"limit": 0}),
    ("limit", {"limit": 1001}),
    ("limit", {"limit": True}),
    ("limit", {"limit": "5"}),
    ("limit", {"limit": None}),
    ("offset", {"offset": -1}),
    ("offset", {"offset": 1.0}),
    ("offset", {"offset": 2**70}),
    ("cursor", {"cursor": 5}),
    ("cursor", {"cursor": ""}),
    ("cursor", {"cursor": "é"}),
    ("cursor", {"cursor": _cursor([])}),
    ("cursor", {"cursor": _cursor(["title", "a", 1])}),
    ("cursor", {"cursor": _cursor(["-updated", "a", 2**70])}),
    ("cursor", {"cursor": _cursor(["-updated", 5, 1])}),
    ("cursor", {"cursor": _cursor(["-updated", "\ud800", 1])}),
    ("cursor", {"cursor": _cursor(["relevance", -1]), "text": "a"}),
    ("cursor", {"cursor": urlsafe_b64encode(b"[" * 100_000).decode()}),
    ("cursor", {"cursor": _cursor(["-updated", "a", 1]), "offset": 5}),
]


@pytest.mark.parametrize("given", ["database", "path"])
def test_values_that_make_no_sense_are_named(tmp_path: Path, given: str) -> None:
    with holdfast.open(tmp_path / "x.db") as db:
        index = ArtifactIndex(db if given == "database" else tmp_path / "y.db", tmp_path)
        for name, query in WRONG:
            with pytest.raises(ValueError) as caught:
                index.query(**query)
            assert name in str(caught.value), query
        index.close()


def test_a_cursor_is_good_for_its_own_sort_alone(tmp_path: Path) -> None:
    with indexed(tmp_path, {f"{n}.md": "word" for n in range(4)}) as (index, _, _):
        cursor = index.query(sort="title", limit=1).cursor
        assert index.query(sort="title", cursor=cursor).items
        for other in ("-title", "path", None):
            with pytest.raises(ValueError, match="cursor"):
                index.query(sort=other, cursor=cursor)
        with pytest.raises(ValueError, match="cursor"):
            index.query(text="word", cursor=cursor)


def test_times_are_taken_in_every_form(tmp_path: Path) -> None:
    with indexed(tmp_path, {"a.md": note("A", created="2024-05-06 12:00:00")}) as (index, _, _):
        for after, fits in [
            (date(2024, 5, 6), True),
            (date(2024, 5, 7), False),
            (datetime(2024, 5, 6, 12), True),
            (datetime(2024, 5, 6, 12, 0, 1, tzinfo=UTC), False),
            ("2024-05-06", True),
            ("2024-05-06T13:00:00+01:00", True),
            ("2024-05-06T13:00:01+01:00", False),
            ("2024-05-06T12:00:00Z", True),
        ]:
            assert (index.query(created_after=after).total == 1) is fits, after
            assert (index.query(created_before=after).total == 0) is fits, after


def test_an_artifact_is_read_from_its_file(tmp_path: Path) -> None:
    with indexed(tmp_path, {"a.md": note("A", "# Body\n"), "b.md": "# B\n"}) as (index, root, _):
        number = index.query(path="a.md").items[0].id
        found = index.get(number)
        assert (found.body, found.stale, found.artifact.title) == ("# Body", False, "A")
        write(root, {"a.md": note("A", "changed")})
        assert index.get(number) == found._replace(body="changed", stale=True)
        for wrong in (b"\xff", b"x" * 10_000_001):
            write(root, {"a.md": wrong})
            with pytest.raises(ArtifactFileError, match=f"artifact {number}"):
                index.get(number)
        (root / "a.md").unlink()
        with pytest.raises(ArtifactFileError):
            index.get(number)
        index.sync()
        for unknown in (number, 0, -1, 2**70, "x", None):
            with pytest.raises(UnknownArtifactError):
                index.get(unknown)  # type: ignore[arg-type]
        assert paths(index) == {"b.md"}
        assert issubclass(UnknownArtifactError, ArtifactError) and issubclass(
            ArtifactError, holdfast.Error
        )


def test_the_log_is_read_with_a_limit(tmp_path: Path) -> None:
    with indexed(tmp_path, {"a.md": ""}) as (index, _, _):
        index.sync("full")
        assert [run.mode for run in index.log()] == ["full", "incremental"]
        assert [run.mode for run in index.log(1)] == ["full"]
        for wrong in (0, 1001, None, "x"):
            with pytest.raises(ValueError, match="limit"):
                index.log(wrong)  # type: ignore[arg-type]
