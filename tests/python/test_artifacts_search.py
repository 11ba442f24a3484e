"""Full-text search of artifacts: what people type, and what is found."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import holdfast
from holdfast.artifacts import ArtifactIndex
from holdfast.artifacts.search import parse
from holdfast.artifacts.snippets import snippet
from markdown_files import indexed, note, paths, titles, write

TEXTS = {
    "road.md": note("The road map", "Where we go in 2026, by rail and by road."),
    "map.md": note("Atlas", "A map of roads. The map of the road is not the road."),
    "resume.md": note("Résumé", "Für Ærø: naïve Straße, ÉCOLE, re\u0301sume\u0301"),
    "snake.md": note("Names", "snake_case kebab-case v1.2.3 C++ foo@example.com a/b"),
    "word.md": note("日本語", "東京 と 大阪 Привет мир"),
}
FOUND = {
    "road": {"road.md", "map.md"},
    "ROAD": {"road.md", "map.md"},
    "roads": {"map.md"},
    "road*": {"road.md", "map.md"},
    "ro*": {"road.md", "map.md"},
    '"road map"': {"road.md"},
    '"map of the road"': {"map.md"},
    '"road map" rail': {"road.md"},
    "road map": {"road.md", "map.md"},
    "road -rail": {"map.md"},
    'map -"road map"': {"map.md"},
    "-road": {"resume.md", "snake.md", "word.md"},
    "-road -names": {"resume.md", "word.md"},
    "-ro*": {"resume.md", "snake.md", "word.md"},
    "nothing": set(),
    "road nothing": set(),
    "resume": {"resume.md"},
    "résumé": {"resume.md"},
    "re\u0301sume\u0301": {"resume.md"},
    "RÉSUMÉ": {"resume.md"},
    "fur": {"resume.md"},
    "ecole": {"resume.md"},
    "naive": {"resume.md"},
    "snake_case": {"snake.md"},
    "case": {"snake.md"},
    "kebab-case": {"snake.md"},
    "v1.2.3": {"snake.md"},
    "C++": {"snake.md"},
    "foo@example.com": {"snake.md"},
    "a/b": {"snake.md"},
    "日本語": {"word.md"},
    "日本*": {"word.md"},
    "привет МИР": {"word.md"},
    '"unclosed road': set(),
    '"road ma': set(),
    "road AND map": {"road.md"},
    "road OR atlas": set(),
    "NOT": {"map.md"},
    "NEAR(road map)": set(),
    "title:road": set(),
    "^road": {"road.md", "map.md"},
    "road'; drop table artifacts; --": set(),
    "": set(TEXTS),
    " ": set(TEXTS),
    "***": set(TEXTS),
    '"': set(TEXTS),
    "-": set(TEXTS),
    "\0": set(TEXTS),
    "\ud800": set(TEXTS),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("search")
    write(place / "root", TEXTS)
    return place


@pytest.fixture(scope="module")
def words() -> Iterator[holdfast.Database]:
    with holdfast.open(":memory:") as db:
        db.execute("create virtual table word using fts5(text)")
        yield db


@pytest.mark.parametrize("text", FOUND)
def test_what_is_typed_finds(place: Path, text: str) -> None:
    with ArtifactIndex(place / "index.db", place / "root") as index:
        assert paths(index, text=text) == FOUND[text]
        page = index.query(text=text, limit=1)
        assert page.total == len(FOUND[text]) == sum(facet.count for facet in page.facets.status)
        assert paths(index, text=text, sort="title") == FOUND[text]


@pytest.mark.parametrize("text", FOUND)
def test_without_the_database_the_same_is_found(place: Path, text: str) -> None:
    with ArtifactIndex(place, place / "root") as index:
        page = index.query(text=text, limit=1000)
        assert page.source == "files" and page.warning
        assert {found.path for found in page.items} == FOUND[text]


_words = st.text("abé日A1_-*\"' ()^:~\\/\0\u0301\u00df", max_size=12)

# Of newer characters, and those that are none, the tokenizer has its own opinion.
_others = st.text(st.characters(max_codepoint=0x24F), max_size=8)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(_words, _others), max_size=6), st.one_of(_words, _others))
def test_no_text_is_an_error_and_files_are_searched_alike(bodies: list[str], text: str) -> None:
    with TemporaryDirectory() as place:
        root = Path(place) / "root"
        write(
            root,
            {f"{n}.md": f"# {n}x\n\n{b}".encode("utf-8", "replace") for n, b in enumerate(bodies)},
        )
        root.mkdir(exist_ok=True)
        with ArtifactIndex(Path(place) / "index.db", root) as index:
            mine = index.query(text=text, limit=1000)
        with ArtifactIndex(place, root) as index:
            theirs = index.query(text=text, limit=1000)
        assert {found.path for found in mine.items} == {found.path for found in theirs.items}
        assert (mine.total, mine.facets) == (theirs.total, theirs.facets)


def test_the_best_come_first(tmp_path: Path) -> None:
    files = {f"{n}.md": note(f"N{n}", "apple " * n + "pear " * 20) for n in range(1, 6)}
    with indexed(tmp_path, files) as (index, _, _):
        assert titles(index, text="apple") == ["N5", "N4", "N3", "N2", "N1"]
        assert titles(index, text="apple", sort="relevance", limit=2, offset=1) == ["N4", "N3"]
        first = index.query(text="apple", limit=2)
        second = index.query(text="apple", limit=2, cursor=first.cursor)
        third = index.query(text="apple", limit=2, cursor=second.cursor)
        assert [f.title for p in (first, second, third) for f in p.items] == titles(
            index, text="apple"
        )
        assert third.cursor is None


def test_snippets_show_what_was_found(tmp_path: Path) -> None:
    long = "filler words here " * 400
    files = {
        "a.md": note("A", f"{long} the Résumé of\n**Ann** {long}"),
        "b.md": note("needle", "hay"),
    }
    with indexed(tmp_path, files) as (index, root, _):
        (found,) = index.query(text="resume of").items
        assert [piece.text for piece in found.snippet if piece.match][-1] == "of"
        (found,) = index.query(text="resume").items
        assert [piece.text for piece in found.snippet if piece.match] == ["Résumé"]
        shown = "".join(piece.text for piece in found.snippet)
        assert shown.startswith("… ") and shown.endswith(" …") and len(shown) < 300
        assert "\n" not in shown
        (found,) = index.query(text="needle").items
        assert "".join(piece.text for piece in found.snippet) == "hay"
        assert index.query().items[0].snippet == ()
        (root / "b.md").unlink()
        assert index.query(text="needle").items[0].snippet == ()


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_no_text_is_an_error(words: holdfast.Database, text: str) -> None:
    search = parse(text)
    for match in filter(None, (search.match, search.unmatch)):
        words.fetch_all("select rowid from word where word match ?", [match])


@settings(max_examples=200, deadline=None)
@given(st.text("ab é日\n\u0301\u00dfİ", max_size=500), st.text('abé日İ\u00df *"-', max_size=8))
def test_a_snippet_is_part_of_the_text(body: str, text: str) -> None:
    pieces = snippet(body.encode(), parse(text).words)
    shown = "".join(piece.text for piece in pieces if piece.text not in ("… ", " …"))
    assert " ".join(shown.split()) in " ".join(body.split())
