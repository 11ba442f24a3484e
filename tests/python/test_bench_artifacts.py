"""The comparison of the index with plain Python is fair and runs, with few files."""

import hashlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from artifacts import __main__ as harness
from artifacts import corpus, page, works
from artifacts.sides import SIDES
from peers.figures import Rounds

N = 200


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("corpus")
    corpus.write(found, N)
    return found


def rows(side: str, path: Path, root: Path) -> dict[str, tuple[Any, ...]]:
    """What a side has of each file, read when it has closed its own file."""
    index = SIDES[side](str(path), root)
    index.sync()
    index.close()
    db = sqlite3.connect(path)
    found = db.execute(
        "select path, type, title, status, category, tags_json, metadata_json, content_hash, "
        "created_at, updated_at from artifacts"
    ).fetchall()
    tags = db.execute("select path, tag from artifact_tags join artifacts on artifact_id = id")
    pairs = sorted(tags.fetchall())
    db.close()
    return {
        each: (
            *rest,
            json.loads(tag_list),
            json.loads(metadata),
            [t for p, t in pairs if p == each],
        )
        for each, *first, tag_list, metadata, hash_, created, updated in found
        for rest in [(*first, hash_, created[:19], updated[:19])]
    }


def test_the_corpus_is_the_same_in_every_process(root: Path) -> None:
    code = "import hashlib; from artifacts import corpus; print(hashlib.sha256(''.join("
    code += f"corpus.text(number) for number in range({N})).encode()).hexdigest())"
    command = [sys.executable, "-c", code]
    environment = {"PYTHONPATH": str(Path(corpus.__file__).parents[1]), "PYTHONHASHSEED": "3"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    whole = b"".join((root / corpus.place(number)).read_bytes() for number in range(N))
    assert done.stdout.strip() == hashlib.sha256(whole).hexdigest()


def test_the_corpus_has_the_mix_that_it_says(root: Path) -> None:
    texts = [path.read_text() for path in root.rglob("*.md")]
    assert len(texts) == len(set(texts)) == N
    assert {len(text) for text in texts} == {corpus.SIZE}
    heads = [text.split("---\n")[1] for text in texts if text.startswith("---\n")]
    assert 0.5 < len(heads) / N < 0.7
    for part in ("tags: [", "tags:\n  - ", 'tags: "', 'created: "20', "created: 20", 'title: "'):
        assert any(part in head for head in heads), part
    assert any("```" in text for text in texts)


def test_both_sides_have_the_same_rows(root: Path, tmp_path: Path) -> None:
    found = [rows(side, tmp_path / f"{side}.db", root) for side in SIDES]
    assert found[0] == found[1] and len(found[0]) == N


def test_both_sides_answer_queries_alike(root: Path, tmp_path: Path) -> None:
    for name, (filters, *_) in works.queries().items():
        found = []
        for side in SIDES:
            index = SIDES[side](str(tmp_path / f"{side}.db"), root)
            index.sync()
            answer = index.query(**filters)
            found.append((answer["total"], len(answer["items"]), answer["facets"]))
            index.close()
        assert found[0] == found[1], name


@pytest.mark.parametrize("side", SIDES)
def test_each_step_runs_and_proves_itself(
    side: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(works, "CALLS", works.WARM + 1)
    corpus.write(tmp_path / "corpus", N)
    for step, (_, measure) in works.STEPS.items():
        if step == "changed":
            assert corpus.change(tmp_path / "corpus", N, 1) == 2
        found = measure(side, str(tmp_path / "index.db"), tmp_path / "corpus", N)
        assert found["all" if step == "query" else "sync"] > 0
    with pytest.raises(AssertionError, match="was to be found"):
        works.first(side, str(tmp_path / "index.db"), tmp_path / "corpus", N)
    with pytest.raises(AssertionError, match="files were indexed"):
        works.prove(str(tmp_path / "index.db"), N + 1)


def saved(faster: float, milliseconds: float) -> dict[str, Any]:
    """A run in which every figure of Holdfast is the same, and the baseline's a multiple."""
    names = ["sync", "whole", "megabytes", "memory", *works.QUERIES]
    ours = dict.fromkeys(names, milliseconds)
    rest = {f"{name} {kind}": 8.0 for name in works.QUERIES for kind in ("found", "slowest")}
    one = {"holdfast": ours | rest, "baseline": {key: n * faster for key, n in ours.items()} | rest}
    found: dict[str, Rounds] = {key: [one] * 3 for key in harness.plan(list(works.COUNTS))}
    facts = {"began": 0, "load": 0.0, "rounds": 3, "versions": {"holdfast": "1.2.3"}}
    return {
        "works": found,
        "facts": facts | {"settings": {side: {"sqlite": "9"} for side in SIDES}},
    }


def test_aims_are_met_or_missed_by_the_median() -> None:
    for faster, milliseconds, met in ((9, 9, 7), (4, 30, 3), (0.5, 2500, 0)):
        lines = page.aims(saved(faster, milliseconds)["works"])[2:]
        assert [line.endswith("| met |") for line in lines].count(True) == met
    assert all(line.endswith("| open |") for line in page.aims({})[2:])


def test_the_page_shows_what_was_measured_and_leaves_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "PAGE", tmp_path / "benchmarks.md")
    page.PAGE.write_text("# Benchmarks\n\nbefore\n")
    page.write(saved(4, 30))
    page.PAGE.write_text(page.PAGE.read_text() + "after\n")
    page.write(saved(9, 7))
    text = page.PAGE.read_text()
    assert text.startswith("# Benchmarks\n\nbefore\n\n") and text.endswith("after\n")
    assert text.count(page.BEGIN) == text.count(page.END) == 1
    for part in ("| 5,000 | **7** | 63 | 9 x | 9 x |", "holdfast 1.2.3", "1970-01-01"):
        assert part in text
    assert "30" not in text.partition("| sync, ms")[2].partition("| files")[0]


def test_sides_that_find_different_artifacts_have_no_figures() -> None:
    figures = {side: {"all found": place, "all": 1.0} for place, side in enumerate(SIDES)}
    harness.alike(figures)
    assert all("not the same" in one["failed"] for one in figures.values())
