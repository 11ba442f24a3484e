"""Mismatches of runs as pairs of values, of which the parts that differ are marked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from ..runs import Mismatch
from .answers import ready
from .excerpts import Fragment

#: What columns of the old schema are called in the new one.
NAMES = {
    "consensus_artifacts": {
        "content_json": "content",
        "created_at": "output_timestamp",
        "run_id": "legacy_run_id",
    },
    "consensus_synthesis": {"run_id": "legacy_run_id"},
}
#: The column of a run that a synthesis is in.
SYNTHESIS = "synthesis_json"
#: What tells the rows, and is told with them.
IDS = frozenset(("id", "legacy_synthesis_id"))
#: Characters of what differs, and of what is before and after it, at most.
DIFFERING, AROUND = 2000, 120

Values = Mapping[str, Any]


def shown(found: Mismatch) -> dict[str, Any]:
    """A mismatch as an object: `pairs` has each column with both sides."""
    told = ready(found)
    del told["legacy_json"], told["new_json"]
    old, row = _side(found.legacy_json), _side(found.new_json)
    new, inner = _inside(row)
    names = NAMES.get(found.legacy_table or "", {})
    known = {*old, *new, *names.values(), SYNTHESIS}
    return {
        **told,
        "run_id": found.new_id if found.new_table == "consensus_runs" else row.get("run_id"),
        # Some are no columns, but what is wrong with the row.
        "remarks": [each for each in found.columns if each not in known],
        "pairs": list(_pairs(found, names, old, new, inner)),
    }


def _pairs(
    found: Mismatch, names: Mapping[str, str], old: Values, new: Values, inner: set[str]
) -> Iterator[dict[str, Any]]:
    both = found.legacy_json is not None and found.new_json is not None
    told = {names.get(name, name) for name in old} | IDS
    new_alone = [name for name in new if name not in told]
    for name in [*(name for name in old if name not in IDS), *new_alone]:
        other = names.get(name, name) if name in old else name
        one, two = old.get(name), new.get(other)
        if one is None and two is None:
            continue
        # What is in a synthesis is compared here; what of it is another is not told.
        within = SYNTHESIS in found.columns and name in old and other in inner
        differs = both and (other in found.columns or (within and one != two))
        legacy, later = _marked(_text(one), _text(two), differs=differs)
        if differs and legacy == later:
            # The values have the same text, but are of other types.
            legacy, later = _marked(json.dumps(one), json.dumps(two), differs=True)
        yield {
            "legacy_column": name if name in old else None,
            "new_column": other if other in new else None,
            "legacy": None if one is None else legacy,
            "new": None if two is None else later,
            "differs": differs,
        }


def _side(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "null")
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _inside(new: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """A run with what is in its synthesis in the place of that, and what that is."""
    text = new.get(SYNTHESIS)
    inner = _side(text) if isinstance(text, str) else {}
    if not inner:
        return new, set()
    run = {name: each for name, each in new.items() if name != SYNTHESIS}
    added = {name: each for name, each in inner.items() if name not in run}
    return run | added, set(added)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _marked(one: str, two: str, *, differs: bool) -> tuple[list[Fragment], list[Fragment]]:
    """Both texts, without most of what they have in common."""
    if not differs:
        return [Fragment(_short(one), match=False)], [Fragment(_short(two), match=False)]
    before = _common(one, two)
    after = _common(one[before:][::-1], two[before:][::-1])
    return _cut(one, before, after), _cut(two, before, after)


def _common(one: str, two: str) -> int:
    """How many characters two texts have in common at their beginning."""
    least, most = 0, min(len(one), len(two))
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if one[:middle] == two[:middle] else (least, middle - 1)
    return least


def _cut(text: str, before: int, after: int) -> list[Fragment]:
    end = len(text) - after
    begin = ("…" if before > AROUND else "") + text[max(0, before - AROUND) : before]
    rest = text[end : end + AROUND] + ("…" if after > AROUND else "")
    parts = [(begin, False), (_short(text[before:end]), True), (rest, False)]
    return [Fragment(part, match) for part, match in parts if part]


def _short(text: str) -> str:
    return text if len(text) <= DIFFERING else f"{text[:DIFFERING]}…"
