"""Front matter means what python-frontmatter says, also where Rust reads it."""

from typing import Any

import frontmatter
import pytest
from frontmatter.default_handlers import YAMLHandler
from hypothesis import HealthCheck, example, given, settings

from holdfast.artifacts import MalformedError, parse
from holdfast.walk import split_front_matter
from yaml_texts import SPACES, WORDS, documents, noise

HANDLER = YAMLHandler()
QUICK = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SOAK = settings(QUICK, max_examples=60_000)


def expected(text: str) -> Any:
    """What python-frontmatter makes of a text; None where it fails."""
    stripped = text.replace("\r\n", "\n").strip()
    if not HANDLER.detect(stripped):
        # With a handler given, it takes dashes further down for the first ones.
        return [], stripped
    try:
        metadata, body = frontmatter.parse(text, handler=HANDLER)
    except Exception:
        return None
    return typed(metadata), body


def typed(value: Any) -> Any:
    """A value with its types, so that neither 1 equals True nor a nan differs from itself."""
    match value:
        case dict():
            return [(typed(key), typed(each)) for key, each in value.items()]
        case list() | tuple():
            return type(value).__name__, [typed(each) for each in value]
        case _:
            return type(value).__name__, repr(value)


def found(text: str) -> Any:
    try:
        metadata, body = parse(text)
    except MalformedError:
        return None
    return typed(metadata), body


def check(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert found(text) == expected(text)


@QUICK
@given(documents())
@example("---\na: !!bool x\n---\n")
@example("---\na: !!timestamp x\n---\n")
@example("---\na: !!int ''\n---\n")
@example("x\n---\na: b\n---\n")
@example("---\n---\n---\n")
@example("---")
@example("\ufeff---\na: b\n---\n")
def test_documents_are_read_as_by_python_frontmatter(text: str) -> None:
    check(text)


@QUICK
@given(noise)
def test_noise_is_read_as_by_python_frontmatter(text: str) -> None:
    check(text)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@SOAK
@given(documents())
def test_no_document_is_read_otherwise_in_a_long_run(text: str) -> None:
    check(text)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@SOAK
@given(noise)
def test_no_noise_is_read_otherwise_in_a_long_run(text: str) -> None:
    check(text)


@pytest.mark.parametrize("form", ["a: {}", "a:\n- {}\n- b", "a: [{}, b]", "{}: a", "a:\n  {}"])
def test_each_word_of_yaml_means_the_same(form: str) -> None:
    for value in WORDS:
        check(f"---\n{form.format(value)}\n---\nbody")


@pytest.mark.parametrize(
    "form", ["a: b{}", "a:{}b", "a{}: b", "{}a: b", "a:\n-{}b", "a: b{}c", "a: [b{}]"]
)
def test_each_kind_of_space_means_the_same(form: str) -> None:
    for space in SPACES:
        check(f"---\n{form.format(space)}\n---\nbody")
        check(f"---{space}\na: b\n---{space}\n{space}body{space}")


def test_numbers_without_end_are_refused_rather_than_read() -> None:
    for number in ("0x" + "f" * 5000, ":".join(["1"] * 100_000), "9" * 5000, "0b" + "1" * 5000):
        with pytest.raises(MalformedError, match="digits"):
            parse(f"---\na: {number}\n---\n")


def test_values_that_contain_themselves_are_read() -> None:
    metadata, _ = parse("---\na: &x [*x]\n---\n")
    assert metadata["a"][0] is metadata["a"]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[{a: ", "!!set {"])
def test_nesting_without_end_is_malformed(opening: str) -> None:
    with pytest.raises(MalformedError):
        parse(f"---\na:\n {opening * 100_000}\n---\n")


def test_texts_are_split_where_their_dashes_are() -> None:
    assert split_front_matter("---\na: b\n---\nc") == ({"a": "b"}, None, "c")
    assert split_front_matter("a") == (None, None, "a")
    assert split_front_matter("---\na: &x b\n---\n") == (None, "\na: &x b\n", "")
