"""What every repository does: it keeps records, finds them by id, counts and deletes them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from history_records import KINDS, MILLISECOND, NOON, ideas, record, records, repository_of
from holdfast.history import (
    BackendType,
    HistoryStatistics,
    PromptHistory,
    RepositoryConstraintError,
    RepositoryError,
)


@pytest.fixture(params=KINDS)
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with repository_of(request.param, tmp_path) as made:
        yield made


def test_what_was_saved_is_found_by_its_id(repository: Any) -> None:
    first, second = record("a poem"), record("a novel", backend="few-shot")
    assert repository.save(first) == 1
    assert repository.save(second) == 2
    assert repository.find_by_id(1) == replace(first, id=1)
    assert repository.find_by_id(2) == replace(second, id=2)
    assert first.id is None


@pytest.mark.parametrize("kind", KINDS)
def test_any_record_comes_back_as_it_was(kind: str) -> None:
    with TemporaryDirectory() as folder, repository_of(kind, Path(folder)) as repository:

        @settings(max_examples=60, deadline=None)
        @given(st.lists(records, min_size=1, max_size=3))
        def comes_back(batch: list[PromptHistory]) -> None:
            ids = repository.save_many(batch)
            for number, kept in zip(ids, batch, strict=True):
                found = repository.find_by_id(number)
                assert found == replace(kept, id=number)
                assert type(found.latency_ms) is type(kept.latency_ms)

        comes_back()


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 15, 16, 17, 85, 300, 337])
def test_many_are_saved_in_their_order(repository: Any, number: int) -> None:
    repository.save(record("first"))
    ids = repository.save_many(record(f"idea {n}") for n in range(number))
    assert ids == list(range(2, number + 2))
    assert [repository.find_by_id(each).original_idea for each in ids] == [
        f"idea {n}" for n in range(number)
    ]
    assert repository.find_recent().total == number + 1


def test_a_record_that_has_an_id_keeps_it(repository: Any) -> None:
    assert repository.save(record("seventh", id=7)) == 7
    assert repository.save_many([record("a"), record("third", id=3), record("b")]) == [8, 3, 9]
    found = [repository.find_by_id(number).original_idea for number in (7, 8, 3, 9)]
    assert found == ["seventh", "a", "third", "b"]


def test_an_id_that_is_taken_is_refused_with_all_of_its_batch(repository: Any) -> None:
    repository.save(record("first"))
    for batch in ([record("x", id=1)], [record("x"), record("y", id=1)], [record(id=5)] * 2):
        with pytest.raises(RepositoryConstraintError, match="there is a record with") as raised:
            repository.save_many(batch)
        assert isinstance(raised.value, RepositoryError) and not raised.value.retryable
    assert ideas(repository.find_recent()) == ["first"]
    assert repository.save(record()) == 2


def test_after_the_greatest_id_there_is_none_to_give(repository: Any) -> None:
    assert repository.save(record(id=2**53 - 1)) == 2**53 - 1
    with pytest.raises(RepositoryConstraintError):
        repository.save(record())


def test_an_id_is_never_given_again(repository: Any) -> None:
    repository.save_many([record("a"), record("b")])
    assert repository.delete(2)
    assert repository.save(record("c")) == 3
    assert repository.find_by_id(2) is None
    assert repository.delete_old(0, now=NOON.replace(year=9000)) == 2
    assert repository.save(record("d")) == 4


def test_a_record_is_deleted_once(repository: Any) -> None:
    repository.save_many([record("a poem"), record("a poem, too")])
    assert repository.delete(1) is True
    assert repository.delete(1) is False
    assert ideas(repository.find_recent()) == ideas(repository.search("poem")) == ["a poem, too"]


@pytest.mark.parametrize("number", [0, -1, 2, 2**53, 2**64, 10**30])
def test_an_id_that_no_record_has_finds_nothing(repository: Any, number: int) -> None:
    repository.save(record())
    assert repository.find_by_id(number) is None
    assert repository.delete(number) is False


@pytest.mark.parametrize("number", [None, "1", 1.0, True, b"1"])
def test_what_is_no_id_is_refused(repository: Any, number: Any) -> None:
    for verb in (repository.find_by_id, repository.delete):
        with pytest.raises(ValueError, match="an id is a whole number"):
            verb(number)


def test_what_is_no_record_is_refused_with_all_of_its_batch(repository: Any) -> None:
    for verb in (repository.save, lambda each: repository.save_many([record(), each])):
        for other in ({"original_idea": "x"}, None, "a poem"):
            with pytest.raises(TypeError, match="keeps PromptHistory, not "):
                verb(other)
    assert repository.find_recent().total == 0


def test_statistics_of_nothing(repository: Any) -> None:
    nothing = HistoryStatistics(0, 0, None, None, None, 0, 0, {}, {}, {}, None, None)
    assert repository.get_statistics() == nothing
    repository.save(record())
    assert repository.get_statistics(provider="openai") == nothing


def test_statistics_count_and_average(repository: Any) -> None:
    repository.save_many(
        [
            record("é", at=0, latency_ms=100, confidence=1, input_tokens=5, guardrails=["ü"]),
            record("b", at=2, latency_ms=200, role="poet", output_tokens=7, model="b"),
            record("c", at=1, confidence=0.5, backend="few-shot", provider="a", model="b"),
        ]
    )
    found = repository.get_statistics()
    assert found.total == 3
    assert found.average_latency_ms == 150 and found.average_confidence == 0.75
    assert found.average_quality == pytest.approx((0.68 + 0.2 + 0.3) / 3)
    assert (found.input_tokens, found.output_tokens) == (5, 7)
    assert list(found.by_provider.items()) == [("ollama", 2), ("a", 1)]
    assert list(found.by_backend.items()) == [
        (BackendType.ZERO_SHOT, 2),
        (BackendType.FEW_SHOT, 1),
    ]
    assert all(isinstance(each, BackendType) for each in found.by_backend)
    assert list(found.by_model.items()) == [("b", 2), ("llama3", 1)]
    assert (found.oldest, found.newest) == (NOON, NOON + 2 * MILLISECOND)
    # The ideas, three prompts, a role, and guardrails as JSON.
    assert found.bytes == (2 + 1 + 1) + 3 * 15 + 4 + len('["ü"]'.encode()) + 2 * len("[]")


def test_statistics_are_of_what_is_asked_for(repository: Any) -> None:
    repository.save_many(record(f"idea {n}", at=n, provider=f"p{n % 2}") for n in range(10))
    assert repository.get_statistics(provider="p1").total == 5
    assert repository.get_statistics(start=NOON + 4 * MILLISECOND).total == 6
    assert repository.get_statistics(end=NOON + 4 * MILLISECOND, provider="p0").total == 2
    assert repository.get_statistics(text="idea 7").by_provider == {"p1": 1}
    assert repository.get_statistics(backend="few-shot").total == 0


def test_equal_counts_are_in_the_order_of_their_names(repository: Any) -> None:
    repository.save_many(
        record(model=name) for name in ("b", "é", "a", "Z", "\U0001f600", "\uffff")
    )
    assert list(repository.get_statistics().by_model) == [
        "Z",
        "a",
        "b",
        "é",
        "\uffff",
        "\U0001f600",
    ]


@settings(max_examples=25, deadline=None)
@given(st.lists(records, max_size=12))
def test_every_repository_counts_alike(batch: list[PromptHistory]) -> None:
    found: list[HistoryStatistics] = []
    for kind in ("memory", "holdfast"):
        with TemporaryDirectory() as folder, repository_of(kind, Path(folder)) as repository:
            repository.save_many(batch)
            found.append(repository.get_statistics())
    first, second = found
    averages = ("average_latency_ms", "average_confidence", "average_quality")
    for name in averages:
        assert getattr(first, name) == pytest.approx(getattr(second, name)), name
    plain = dict.fromkeys(averages)
    assert first._replace(**plain) == second._replace(**plain)


def test_what_is_asked_for_by_no_known_name_is_refused(repository: Any) -> None:
    with pytest.raises(TypeError, match="colour"):
        repository.find_recent(colour="blue")
