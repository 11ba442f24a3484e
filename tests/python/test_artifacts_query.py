"""Filters, facets and totals, as counted by hand; with and without the database."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.artifacts import Artifact, ArtifactIndex, Facets
from markdown_files import indexed, note, paths, write

NAMES = [
    "a.md",
    "plans/x.md",
    "plans2/x.md",
    "plans/y/z.md",
    "Plans/q.md",
    "p%/a.md",
    "p_/é.md",
    "plans.md",
]
SORTS = ["title", "path", "created", "updated"]
DAY = datetime(2024, 5, 1, tzinfo=UTC)

_file = st.fixed_dictionaries(
    {"title": st.sampled_from(["One", "two", "Three", "é", "É", "a", "B"])},
    optional={
        "type": st.sampled_from(["plan", "Plan", "note"]),
        "status": st.sampled_from(["done", "draft", "open"]),
        "category": st.sampled_from(["x", "y", "~"]),
        "tags": st.lists(st.sampled_from(["a", "b", "c", "A"]), max_size=3).map(str),
        "created": st.integers(0, 3).map(lambda day: f"{DAY + timedelta(day):%F %T}"),
        "updated": st.integers(0, 3).map(lambda day: f"{DAY + timedelta(day):%F}"),
    },
)
_days = st.integers(0, 4).map(lambda day: DAY + timedelta(day))
_query = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["plan", ["plan", "note"], [], ("nothing",)]),
        "status": st.sampled_from(["done", ["draft", "open"], {"done", "open"}]),
        "category": st.sampled_from(["x", ["x", "y"]]),
        "tags": st.sampled_from(["a", ["a"], ["a", "b"], ["a", "A"], ["nothing"], []]),
        "path": st.sampled_from(
            ["plans", "plans/", "/plans", "plans/y", "p%", "p_", "a.md", "plan", "Plans", "/"]
        ),
        "created_after": _days,
        "created_before": _days,
        "updated_after": _days.map(lambda day: day.date()),
        "updated_before": _days.map(lambda day: day.isoformat()),
        "has_error": st.booleans(),
        "text": st.sampled_from(["word", "one", "t*", "-word", "word -one"]),
        "sort": st.sampled_from([way + name for name in SORTS for way in ("", "-")]),
    },
)  # fmt: skip


def fits(artifact: Artifact, query: dict[str, Any]) -> bool:
    """Whether a query lets an artifact through, said as plainly as can be."""
    for name in ("type", "status", "category"):
        wanted = query.get(name) or ()
        wanted = [wanted] if isinstance(wanted, str) else wanted
        if wanted and getattr(artifact, name) not in wanted:
            return False
    tags = query.get("tags") or ()
    if (
        not {tags} <= set(artifact.tags)
        if isinstance(tags, str)
        else not set(tags) <= set(artifact.tags)
    ):
        return False
    path = query.get("path", "").strip("/")
    if path and path != artifact.path and not artifact.path.startswith(path + "/"):
        return False
    for name in ("created", "updated"):
        when = getattr(artifact, f"{name}_at")
        if (after := query.get(f"{name}_after")) and when < _moment(after):
            return False
        if (before := query.get(f"{name}_before")) and when >= _moment(before):
            return False
    words = [artifact.title.lower(), *(["word"] if "d" in artifact.path else [])]
    match query.get("text"):
        case "word" | "one" as word if word not in words:
            return False
        case "t*" if not any(word.startswith("t") for word in words):
            return False
        case "-word" if "word" in words:
            return False
        case "word -one" if "word" not in words or "one" in words:
            return False
        case _:
            return not query.get("has_error")


def _moment(value: Any) -> datetime:
    return datetime.fromisoformat(str(value)).replace(tzinfo=UTC)


def facets_of(found: Sequence[Artifact]) -> Facets:
    def count(values: Any) -> Any:
        return tuple(sorted(Counter(values).items(), key=lambda each: (-each[1], each[0] or "")))

    return Facets(
        count(each.type for each in found),
        count(each.status for each in found),
        count(each.category for each in found),
        count(tag for each in found for tag in each.tags),
    )


def key_of(sort: str) -> Callable[[Artifact], Any]:
    match sort.removeprefix("-"):
        case "title":
            return lambda each: each.title.translate({code: code + 32 for code in range(65, 91)})
        case "path":
            return lambda each: each.path
        case name:
            return lambda each: getattr(each, f"{name}_at")


@settings(max_examples=40, deadline=None)
@given(st.lists(_file, max_size=8), st.lists(_query, min_size=8, max_size=8))
def test_filters_and_facets_are_as_counted_by_hand(
    files: list[dict[str, str]], queries: list[dict[str, Any]]
) -> None:
    with TemporaryDirectory() as place:
        root = Path(place) / "root"
        root.mkdir()
        texts = zip(NAMES, files, strict=False)
        write(root, {n: note(body="word" * ("d" in n), **front) for n, front in texts})
        write(root, {"malformed.md": "---\n[\n---\n"})
        with (
            ArtifactIndex(Path(place) / "x.db", root) as index,
            ArtifactIndex(place, root) as listed,
        ):
            whole = index.query(limit=1000).items
            assert len(whole) == len(files)
            for query in queries:
                for asked, source in ((index, "index"), (listed, "files")):
                    check(asked, query, whole, source)


def check(
    asked: ArtifactIndex, query: dict[str, Any], whole: Sequence[Artifact], source: str
) -> None:
    expected = [artifact for artifact in whole if fits(artifact, query)]
    page = asked.query(**query)
    assert page.source == source
    assert {found.path for found in page.items} == {found.path for found in expected}, query
    assert page.total == len(expected) and page.facets == facets_of(expected), query
    bare = asked.query(**query, facets=False)
    assert bare.facets == Facets() and bare.items == page.items and bare.total == page.total
    if sort := query.get("sort"):
        keys = [key_of(sort)(found) for found in page.items]
        assert keys == sorted(keys, reverse=sort.startswith("-")), query
    rest: list[Artifact] = []
    cursor = None
    while True:
        part = asked.query(**query, limit=2, cursor=cursor)
        assert part.total == page.total and part.facets == page.facets
        rest += part.items
        cursor = part.cursor
        if cursor is None:
            break
        offset = asked.query(**query, limit=2, offset=len(rest))
        assert offset.items == page.items[len(rest) : len(rest) + 2]
    assert tuple(rest) == page.items, query


def test_a_path_is_a_folder_or_a_file_and_no_pattern(tmp_path: Path) -> None:
    files = dict.fromkeys([*NAMES, "%/a.md", "plans!.md", "plans0.md", "日本/語.md"], "# T\n")
    with indexed(tmp_path, files) as (index, _, _):
        assert paths(index, path="plans") == {"plans/x.md", "plans/y/z.md"}
        assert paths(index, path="%") == {"%/a.md"}
        assert paths(index, path="p_") == {"p_/é.md"}
        assert paths(index, path="日本") == {"日本/語.md"}
        assert paths(index, path="plans.md") == {"plans.md"}


def test_facets_have_the_most_frequent_values_first_and_none_for_no_category(
    tmp_path: Path,
) -> None:
    files = {f"{n}.md": note("T", category="x" if n == 0 else "~") for n in range(3)}
    with indexed(tmp_path, files) as (index, _, _):
        assert index.query().facets.category == ((None, 2), ("x", 1))
        assert index.stats().facets == index.query().facets and index.stats().total == 3


@pytest.mark.parametrize("tags", [[f"t{n}" for n in range(200)], ["a"] * 5000])
def test_many_values_are_no_matter(tmp_path: Path, tags: list[str]) -> None:
    with indexed(tmp_path, {"a.md": note("T", tags=str(tags))}) as (index, _, _):
        assert index.query(tags=tags, type=tags).total == 0
        assert index.query(tags=tags).total == 1
