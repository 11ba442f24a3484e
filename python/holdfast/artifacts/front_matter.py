"""What the front matter of a file says about it."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cache
from itertools import chain
from typing import Any, NamedTuple, cast

from ..walk import Markdown, split_front_matter
from .errors import MalformedError

#: What a title is cut to, in characters.
TITLE = 300
#: What a type, status, category or tag is cut to.
LABEL = 100
#: Values that front matter may have, with the ones that aliases repeat.
MOST = 50_000
#: Characters of a whole number: reading one takes the square of its length.
DIGITS = 1000

#: Write a value as it is stored.
to_json = json.JSONEncoder(ensure_ascii=False, default=str).encode

#: Stands for a time that is not known.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CREATED = ("created_at", "created", "date")
_UPDATED = ("updated_at", "updated", "modified")


class Described(NamedTuple):
    """What an artifact's row has of a file; times as text, None where the file does not say."""

    type: str
    title: str
    status: str
    category: str | None
    tags: tuple[str, ...]
    metadata: str
    created_at: str | None
    updated_at: str | None


def parse(text: str) -> tuple[dict[Any, Any], str]:
    """Split a text into its front matter and its body, as python-frontmatter does.

    Raises MalformedError.

    >>> parse("---\\ntitle: Hello\\nat: 1:30\\n---\\nText")
    ({'title': 'Hello', 'at': 90}, 'Text')
    """
    metadata, yaml, body = split_front_matter(text)
    return _load(yaml) if metadata is None and yaml is not None else metadata or {}, body


def describe(found: Markdown) -> Described:
    """Make what the row of a file has of it. Raises MalformedError."""
    values: dict[str, Any] = found.metadata or {}
    if found.yaml is not None:
        values = cast("dict[str, Any]", _plain(_load(found.yaml), [MOST]))
    folder, slash, _ = found.path.partition("/")
    stem = found.path.rpartition("/")[2].rpartition(".")[0]
    return Described(
        type=_label(values.get("type")) or (folder[:LABEL] if slash else "document"),
        title=_title(values.get("title")) or _title(found.heading) or stem[:TITLE],
        status=_label(values.get("status")) or "draft",
        category=_label(values.get("category")),
        tags=tuple(tags_of(values.get("tags"))),
        metadata=to_json(values) if values else "{}",
        created_at=_moment(values, _CREATED),
        updated_at=_moment(values, _UPDATED),
    )


def tags_of(value: object) -> list[str]:
    """Make tags of what stands for them: a list, nested or not, or a text with commas.

    >>> tags_of("a, #b"), tags_of(["x", ["y", None, 3]]), tags_of(None)
    (['a', 'b'], ['x', 'y', '3'], [])
    """
    found = (tag.strip().removeprefix("#").strip()[:LABEL] for tag in _texts(value))
    return list(dict.fromkeys(tag for tag in found if tag))


def stamp(when: datetime) -> str:
    """Write a time as it is stored: UTC, in SQLite's own form."""
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "seconds")


def moment(value: object) -> datetime | None:
    """Read a time as front matter or a row has it; None where it is none. UTC if it has no zone."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip().replace("/", "-"))
        except ValueError:
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        return None
    try:
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except OverflowError:
        return None


def _moment(values: Mapping[str, Any], names: Iterable[str]) -> str | None:
    found = (moment(values[name]) for name in names if name in values)
    return next((stamp(when) for when in found if when), None)


def _load(text: str) -> dict[Any, Any]:
    yaml, loader = _yaml()
    try:
        loaded = yaml.load(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # The first line of the file is the dashes.
        where = f"line {mark.line + 1}: " if mark else ""
        raise MalformedError(f"front matter, {where}{error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError, TypeError, OverflowError) as error:
        # The parser's messages go over several lines.
        raise MalformedError(f"front matter: {' '.join(str(error).split())[:200]}") from None
    except (LookupError, AttributeError):
        # So the parser tells of `!!bool maybe` and its like.
        raise MalformedError("front matter: a value is not what its tag says") from None
    except RecursionError:
        raise MalformedError("front matter: it is nested too deeply") from None
    return cast("dict[Any, Any]", loaded) if isinstance(loaded, dict) else {}


@cache
def _yaml() -> tuple[Any, Any]:
    """The parser, and its loader that reads no number of any length."""
    try:
        import yaml
    except ModuleNotFoundError:
        hint = 'front matter needs PyYAML: pip install "holdfast[artifacts]"'
        raise ModuleNotFoundError(hint, name="yaml") from None
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    def integer(loader: Any, node: Any) -> object:
        if len(node.value) > DIGITS:
            problem = f"a number has more than {DIGITS} digits"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return loader.construct_yaml_int(node)

    loader: Any = type("Loader", (base,), {})
    loader.add_constructor("tag:yaml.org,2002:int", integer)
    return yaml, loader


def _plain(value: Any, left: list[int]) -> Any:
    """Make a value one that JSON has; aliases may stand for far more than the text has."""
    left[0] -= 1
    if left[0] < 0:
        raise MalformedError(f"front matter: it has more than {MOST} values")
    try:
        return _converted(value, left)
    except RecursionError:
        raise MalformedError("front matter: it contains itself, or is nested too deeply") from None


def _converted(value: Any, left: list[int]) -> Any:
    match value:
        case bool() | int() | None | datetime() | date():
            return value
        case str():
            # YAML can spell half a character, which UTF-8 has not.
            return value.encode("utf-8", "replace").decode()
        case float():
            return value if math.isfinite(value) else str(value)
        case bytes():
            return b64encode(value).decode()
        case dict():
            pairs = cast("dict[Any, Any]", value).items()
            return {_key(key): _plain(each, left) for key, each in pairs}
        case set():
            return sorted((_plain(each, left) for each in cast("set[Any]", value)), key=str)
        case list() | tuple():
            return [_plain(each, left) for each in cast("list[Any]", value)]
        case _:
            return str(value)


def _key(key: object) -> str:
    return "null" if key is None else str(key).encode("utf-8", "replace").decode()


def _texts(value: object) -> Iterator[str]:
    match value:
        case None | bool():
            return
        case str():
            yield from value.split(",")
        case list() | tuple():
            items = cast("list[object]", value)
            yield from chain.from_iterable(
                [each] if isinstance(each, str) else _texts(each) for each in items
            )
        case dict():
            yield from _texts(list(cast("dict[object, object]", value)))
        case _:
            yield str(value)


def _label(value: object) -> str | None:
    if isinstance(value, list):
        return next(iter(tags_of(cast("list[object]", value))), None)
    return _text(value, LABEL)


def _title(value: object) -> str | None:
    return _text(value, TITLE)


def _text(value: object, most: int) -> str | None:
    if value is None or isinstance(value, list | dict):
        return None
    return " ".join(str(value).split())[:most].strip() or None
