"""What a query asks for, checked, and its filters as SQL."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, cast

from .front_matter import moment, stamp
from .models import Artifact
from .search import Search, parse

#: Artifacts of a page, at most.
LIMIT = 1000
#: Values of a filter, at most.
VALUES = 200
#: Characters of a cursor that are looked at: a path may have 4096 bytes, each written as six.
MOST = 40_000

#: What each sort goes by, with the id after it; a minus begins with the greatest.
SORTS = {
    "relevance": "t.rank",
    "updated": "a.updated_at",
    "created": "a.created_at",
    "title": "a.title collate nocase",
    "path": "a.path",
}


class Query(NamedTuple):
    """What is asked for; see `ArtifactIndex.query`."""

    type: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    search: Search | None = None
    path: str | None = None
    created: tuple[datetime | None, datetime | None] = (None, None)
    updated: tuple[datetime | None, datetime | None] = (None, None)
    has_error: bool | None = None
    sort: str = "-updated"
    limit: int = 50
    offset: int = 0
    #: What the last artifact of the page before is sorted by, and its id.
    after: tuple[str, int] | None = None
    facets: bool = True

    @property
    def descending(self) -> bool:
        """Whether the greatest comes first."""
        return self.sort.startswith("-")


def make(
    *,
    labels: Mapping[str, object],
    times: Mapping[str, object],
    text: object,
    path: object,
    has_error: object,
    sort: str | None,
    limit: int,
    offset: int,
    cursor: str | None,
    facets: object,
) -> Query:
    """Check what a query was given. Raises ValueError, which names the argument."""
    search = None if text is None else parse(_string("text", text))
    if search == Search(()):
        search = None
    ranked = search is not None and bool(search.wanted)
    if sort is None:
        sort = "relevance" if ranked else "-updated"
    sorts = [name for name in SORTS if ranked or name != "relevance"]
    if sort not in [*sorts, *(f"-{name}" for name in sorts if name != "relevance")]:
        needs = "" if ranked else "; relevance needs a text with words"
        raise ValueError(
            f"sort is one of {', '.join(sorts)}, or -updated and so on, not {sort!r}{needs}"
        )
    if not _is_number(limit) or not 1 <= limit <= LIMIT:
        raise ValueError(f"limit is a number from 1 to {LIMIT}, not {limit!r}")
    after = None
    if cursor is not None:
        if offset:
            raise ValueError("a page has an offset or a cursor, not both")
        offset, after = _read_cursor(cursor, sort)
    if not _is_number(offset) or not 0 <= offset < 2**62:
        raise ValueError(f"offset is a number from 0, not {offset!r}")
    if not isinstance(has_error, bool | None):
        raise ValueError(f"has_error is True or False, not {has_error!r}")
    if not isinstance(facets, bool):
        raise ValueError(f"facets is True or False, not {facets!r}")
    return Query(
        *(_several(name, labels[name]) for name in ("type", "status", "category")),
        tags=tuple(tag.removeprefix("#") for tag in _several("tags", labels["tags"])),
        search=search,
        path=None if path is None else _text("path", path).strip("/"),
        created=(_when(times, "created_after"), _when(times, "created_before")),
        updated=(_when(times, "updated_after"), _when(times, "updated_before")),
        has_error=has_error,
        sort=sort,
        limit=limit,
        offset=offset,
        after=after,
        facets=facets,
    )


def cursor_after(query: Query, items: Sequence[Artifact]) -> str:
    """Make the cursor of the page after this one."""
    if query.sort == "relevance":
        # Every word of a new text changes it: there is no place to go on from.
        position: list[object] = [query.offset + len(items)]
    else:
        last = items[-1]
        key = {
            "updated": stamp(last.updated_at),
            "created": stamp(last.created_at),
            "title": last.title,
            "path": last.path,
        }[query.sort.removeprefix("-")]
        position = [key, last.id]
    return urlsafe_b64encode(json.dumps([query.sort, *position]).encode()).decode()


def _read_cursor(cursor: object, sort: str) -> tuple[int, tuple[str, int] | None]:
    text = str(cursor)[:MOST]
    try:
        match json.loads(urlsafe_b64decode(text.encode())):
            case ["relevance", int(offset)] if sort == "relevance" and offset >= 0:
                return offset, None
            case [made_for, str(key), int(number)] if made_for == sort and abs(number) < 2**63:
                return 0, (_text("cursor", key), number)
            case _:
                pass
    except (ValueError, RecursionError):
        pass
    raise ValueError(f"cursor {text[:40]!r} is not one of a page with the sort {sort!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _string(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} is a text, not {value!r}")
    return value


def _text(name: str, value: object) -> str:
    value = _string(name, value)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} has half a character: {value!r}") from None
    return value


def _several(name: str, value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, bytes) or not isinstance(value, Iterable):
        raise ValueError(f"{name} is a text or several, not {value!r}")
    values = [value] if isinstance(value, str) else cast("Iterable[object]", value)
    found = tuple(dict.fromkeys(_text(name, each) for each in values))
    if len(found) > VALUES:
        raise ValueError(f"{name} has at most {VALUES} values, not {len(found)}")
    return found


def _when(values: Mapping[str, Any], name: str) -> datetime | None:
    value = values[name]
    if value is None:
        return None
    when = moment(value) if isinstance(value, str | date) else None
    if when is None:
        raise ValueError(f"{name} is a date or time such as 2026-11-20T18:30, not {value!r}")
    return when


def where(query: Query) -> tuple[list[str], list[Any]]:
    """Write the filters as conditions on the artifact `a`, and their values.

    A search is one on `artifact_text`, the first of the tags one on a row `g` of `artifact_tags`
    where there is no search.
    """
    tests: list[str] = []
    values: list[Any] = []
    tags = query.tags
    if query.search and query.search.wanted:
        tests.append("artifact_text match ?")
        values.append(query.search.match)
    elif tags:
        tests.append("g.tag = ?")
        values.append(tags[0])
        tags = tags[1:]
    if query.search and query.search.without:
        tests.append("a.id not in (select rowid from artifact_text where artifact_text match ?)")
        values.append(query.search.unmatch)
    for column in ("type", "status", "category"):
        wanted: tuple[str, ...] = getattr(query, column)
        if wanted:
            tests.append(f"a.{column} in ({', '.join('?' * len(wanted))})")
            values += wanted
    for tag in tags:
        tests.append("a.id in (select artifact_id from artifact_tags where tag = ?)")
        values.append(tag)
    if query.path:
        tests.append("(a.path = ? or (a.path > ? and a.path < ?))")
        # The character after the slash ends the names below a folder.
        values += [query.path, f"{query.path}/", f"{query.path}0"]
    for column, (after, before) in (("created_at", query.created), ("updated_at", query.updated)):
        if after is not None:
            tests.append(f"a.{column} >= ?")
            values.append(stamp(after))
        if before is not None:
            tests.append(f"a.{column} < ?")
            values.append(stamp(before))
    if query.has_error is not None:
        tests.append(
            f"a.path {'' if query.has_error else 'not '}in "
            "(select path from artifact_files where error is not null)"
        )
    return tests, values
