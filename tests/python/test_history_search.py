"""Full-text search of a history, the same in every repository."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from history_records import KINDS, MILLISECOND, NOON, ideas, record, repository_of

FIELDS = ("improved_prompt", "context", "role", "directive", "framework", "reasoning")
HOSTILE = [
    '"', '""', '"""', "'", "*", "a*b", "**", "-", "--", "-*", '-"', "(", ")", "poem)", "{", "^poem",
    "poem OR", "OR", "AND poem", "NOT poem", "NEAR(poem sea)", "NEAR", "original_idea:poem", ":",
    "poem:sea", "{a b}: poem", "+", "poem + sea", "\\", "%", "_", "poem;drop table prompt_history",
    "\0", "poem\0sea", "\ud800", "poem\ud800", "\u202e", "\U0001f600", "?", "?1", ":name",
    "a" * 5000, "poem " * 5000, '"' * 5000, "- " * 5000, "\u0301", "\u0301poem",
]  # fmt: skip


@pytest.fixture(params=KINDS)
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with repository_of(request.param, tmp_path) as made:
        yield made


def found(repository: Any, text: str, **asked: Any) -> set[str]:
    page = repository.search(text, **asked)
    assert page.total == len(page.items)
    return set(ideas(page))


def test_all_words_must_be_there(repository: Any) -> None:
    repository.save_many([record("a poem of the sea"), record("the sea"), record("seas")])
    assert found(repository, "sea") == {"a poem of the sea", "the sea"}
    assert found(repository, "sea poem") == {"a poem of the sea"}
    assert found(repository, "lake") == found(repository, "sea lake") == set()


def test_phrases_beginnings_and_words_that_must_not_be(repository: Any) -> None:
    repository.save_many([record("a poem of the sea"), record("the sea of poems"), record("lake")])
    assert found(repository, '"of the sea"') == {"a poem of the sea"}
    assert found(repository, '"the of"') == set()
    assert found(repository, "poem*") == {"a poem of the sea", "the sea of poems"}
    assert found(repository, '"of the" sea -lake') == {"a poem of the sea"}
    assert found(repository, "sea -poems") == found(repository, "sea -poem*x -poems")
    assert found(repository, "-sea") == {"lake"}
    assert found(repository, '-"of the"') == {"the sea of poems", "lake"}
    # What is joined by other characters is a phrase.
    assert found(repository, "poem-of-the") == {"a poem of the sea"}


def test_case_and_accents_make_no_difference(repository: Any) -> None:
    idea = "L'été À la Übersee, ÅNGSTRÖM; cafe\u0301, Ελλάδας, МОСКВА 日本 한글 ½ x\u0301y"  # noqa: RUF001
    repository.save(record(idea))
    for text in (
        "ete", "ÉTÉ", "e\u0301te", "ubersee", "angstrom", "café", "CAFE", "ΕΛΛΆΔΑΣ", "москва",
        "日本", "한글", "½", "xy", "l'ete", "été à la", "Übersee;ångström",
    ):  # fmt: skip
        assert found(repository, text) == {idea}, text
    assert found(repository, "日") == set()


@pytest.mark.parametrize("field", FIELDS)
def test_every_text_is_looked_at(repository: Any, field: str) -> None:
    repository.save_many([record("one", **{field: "of albatrosses"}), record("two")])
    assert found(repository, "albatrosses") == {"one"}
    # A phrase does not go from one text into the next.
    assert found(repository, '"one albatrosses"') == found(repository, '"sonnet of"') == set()


def test_guardrails_are_looked_at(repository: Any) -> None:
    rules = [
        'no "rhymes"',
        "tab\there",
        "line\nbreak\r\nend",
        "back\\slash \\n",
        "ünïcode",
        "nul\0nul",
    ]
    repository.save_many([record("one", guardrails=rules), record("two")])
    for text in ("rhymes", "here", "tab", "break", "end", "slash", "back", "unicode"):
        assert found(repository, text) == {"one"}, text
    for text in ("there", "nbreak", "rend", "nend"):
        assert found(repository, text) == set(), text


def test_names_and_numbers_are_not_looked_at(repository: Any) -> None:
    repository.save(record(conversation_id="thursday", latency_ms=1234))
    for text in ("llama3", "ollama", "shot", "thursday", "1234"):
        assert found(repository, text) == set()


@pytest.mark.parametrize("text", ["", " ", "!?", "- -", '""', "*", "\ud800", "\u0301"])
def test_a_text_without_a_word_finds_nothing(repository: Any, text: str) -> None:
    repository.save(record())
    assert repository.search(text) == ((), 0, None)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_is_a_syntax_error(repository: Any, text: str) -> None:
    repository.save_many([record("a poem"), record("the sea")])
    page = repository.search(text)
    assert page.total == len(page.items) == repository.get_statistics(text=text).total
    assert repository.find_recent().total == 2


@pytest.mark.parametrize("text", [None, 1, b"poem", ["poem"]])
def test_what_is_no_text_is_refused(repository: Any, text: Any) -> None:
    with pytest.raises(ValueError, match="^text is a text, not "):
        repository.search(text)


def test_a_search_has_filters_dates_and_pages(repository: Any) -> None:
    repository.save_many(record(f"poem {n}", at=n, provider="ab"[n % 2]) for n in range(10))
    assert found(repository, "poem", provider="a", start=NOON + 6 * MILLISECOND) == {
        "poem 6",
        "poem 8",
    }
    page = repository.search("poem", 2, end=NOON + 5 * MILLISECOND)
    assert ideas(page) == ["poem 4", "poem 3"] and page.total == 5
    repository.save(record("poem 10", at=10))
    page = repository.search("poem", 2, end=NOON + 5 * MILLISECOND, cursor=page.cursor)
    assert ideas(page) == ["poem 2", "poem 1"]
    assert ideas(repository.search("poem", 1, 2)) == ["poem 8"]
    assert ideas(repository.search("-7 -9", 1)) == ["poem 10"]


def test_what_is_deleted_is_not_found(repository: Any) -> None:
    repository.save_many(record(f"poem {n}", at=n) for n in range(6))
    repository.delete(1)
    repository.delete_old(0, now=NOON + 3 * MILLISECOND)
    assert repository.trim(max_records=2) == 1
    assert found(repository, "poem") == {"poem 4", "poem 5"}
    assert found(repository, "0") == found(repository, "3") == set()


def test_so_many_words_are_looked_at_and_no_more(repository: Any) -> None:
    words = [f"w{n}" for n in range(40)]
    repository.save(record(" ".join(words[:32])))
    assert repository.search(" ".join(words)).total == 1
    assert repository.search(" ".join(words[8:])).total == 0


_letters = st.characters(codec="utf-8", categories=["Lu", "Ll", "Lo", "Nd", "Zs", "Po", "Sm"],
                         max_codepoint=0x2000)  # fmt: skip
_words = st.lists(
    st.sampled_from(["sea", "SEA", "séa", "seal", "of", "a-b", "a", "b", "x_y", "y"]), max_size=6
).map(" ".join)
_asked = st.lists(
    st.sampled_from(['sea', "se*", "-of", '"a b"', '"of sea', "a-b", "-x_y", "y", "b*", "-séa"]),
    max_size=3,
).map(" ".join)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.lists(_words | st.text(_letters, max_size=8), min_size=1, max_size=5),
    st.lists(_asked | st.text(_letters, min_size=1, max_size=4), min_size=4, max_size=8),
)
def test_every_repository_finds_the_same(texts: list[str], asked: list[str]) -> None:
    answers: list[list[list[str]]] = []
    for kind in ("memory", "holdfast"):
        with TemporaryDirectory() as folder, repository_of(kind, Path(folder)) as repository:
            repository.save_many(
                record(f"#{n}", at=n, context=text, role=text[::-1]) for n, text in enumerate(texts)
            )
            answers.append([ideas(repository.search(each)) for each in asked])
    for text, *both in zip(asked, *answers, strict=True):
        assert both[0] == both[1], (text, texts)
