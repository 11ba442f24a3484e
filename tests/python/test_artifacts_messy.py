"""Files as people have them: each is indexed, or recorded with what is wrong."""

from pathlib import Path
from typing import Any

import pytest

from holdfast.artifacts import Artifact
from markdown_files import indexed

#: A front matter or whole file, and what the index makes of it; None for an error.
MESSY: dict[str, tuple[str | bytes, dict[str, Any] | None]] = {
    "none": ("# Only\n\ntext", {"title": "Only", "metadata": {}}),
    "empty": ("", {"title": "empty", "tags": (), "status": "draft", "type": "document"}),
    "dashes": ("---", {"title": "dashes", "metadata": {}}),
    "two-dashes": ("---\n---\n", {"title": "two-dashes", "metadata": {}}),
    "unclosed": ("---\ntitle: x\n# Head\n", {"title": "Head", "metadata": {}}),
    "crlf": ("---\r\ntitle: x\r\ntags: [a, b]\r\n---\r\n# H\r\n",
       {"title": "x", "tags": ("a", "b")}),
    "bom": ("\ufeff---\ntitle: x\n---\n", {"title": "x"}),
    "bom-crlf": ("\ufeff---\r\ntitle: x\r\n---\r\n", {"title": "x"}),
    "utf16": ("---\ntitle: x\n---\n".encode("utf-16"), None),
    "latin-1": ("---\ntitle: é\n---\n".encode("latin-1"), None),
    "not-utf8-body": (b"# Fine\n\xc3\x28", None),
    "nul": ("# A\0B\n\0", {"title": "A\0B"}),
    "invalid": ("---\ntags: [\n---\n", None),
    "tab": ("---\na:\n\t- b\n---\n", None),
    "tab-value": ("---\ntitle: x\t\n---\n", {"title": "x"}),
    "text": ("---\njust text\n---\n# H\n", {"title": "H", "metadata": {}}),
    "list": ("---\n- a\n- b\n---\n# H\n", {"title": "H", "metadata": {}}),
    "fence": ("---\ntitle: x\n---\n```\n---\nstatus: done\n---\n```\n", {"status": "draft"}),
    "fence-first": ("```\n---\nstatus: done\n---\n```\n", {"status": "draft", "metadata": {}}),
    "heading-in-fence": ("```\n# no\n```\n# yes\n", {"title": "yes"}),
    "sharp": ("# Learning C# now, in C#\n", {"title": "Learning C# now, in C#"}),
    "tags-text": ("---\ntags: a, b,, #c , a\n---\n", {"tags": ("a", "b")}),
    "tags-quoted": ("---\ntags: 'a, #b,  c d '\n---\n", {"tags": ("a", "b", "c d")}),
    "tags-list": ("---\ntags:\n- a\n- b\n- a\n---\n", {"tags": ("a", "b")}),
    "tags-nested": ("---\ntags: [a, [b, [c, null]], d]\n---\n", {"tags": ("a", "b", "c", "d")}),
    "tags-null": ("---\ntags:\n---\n", {"tags": (), "metadata": {"tags": None}}),
    "tags-dict": ("---\ntags: {a: 1, b: {c: 2}}\n---\n", {"tags": ("a", "b")}),
    "tags-numbers": ("---\ntags: [2024, 1.5, 2024-01-02]\n---\n",
       {"tags": ("2024", "1.5", "2024-01-02")}),
    "tags-bool": ("---\ntags: yes\n---\n", {"tags": ()}),
    "tags-unicode": ("---\ntags: [日本, É, é]\n---\n", {"tags": ("日本", "É", "é")}),
    "date": ("---\ndate: 2024-01-02\n---\n", {"created_at": "2024-01-02 00:00:00"}),
    "date-text": ("---\ncreated: '2024-01-02'\n---\n", {"created_at": "2024-01-02 00:00:00"}),
    "date-slashes": ("---\ncreated: 2024/01/02\n---\n", {"created_at": "2024-01-02 00:00:00"}),
    "date-time": ("---\ncreated: 2024-01-02 03:04:05\n---\n",
       {"created_at": "2024-01-02 03:04:05"}),
    "date-zone": ("---\ncreated: 2024-01-02T03:04:05+05:00\n---\n",
       {"created_at": "2024-01-01 22:04:05"}),
    "date-zulu": ("---\ncreated: '2024-01-02T03:04:05Z'\n---\n",
       {"created_at": "2024-01-02 03:04:05"}),
    "date-year-1": ("---\ncreated: 0001-01-01T00:00:00+10:00\n---\n", {"status": "draft"}),
    "date-nonsense": ("---\ncreated: soon\nupdated: [1]\n---\n",
       {"metadata": {"created": "soon", "updated": [1]}}),
    "date-not-there": ("---\ncreated: 2024-02-30\n---\n", None),
    "title-number": ("---\ntitle: 2024\n---\n", {"title": "2024"}),
    "title-list": ("---\ntitle: [a]\n---\n# H\n", {"title": "H"}),
    "title-lines": ("---\ntitle: |\n  a\n  b\n---\n", {"title": "a b"}),
    "title-long": (f"---\ntitle: {'x' * 100_000}\n---\n", {"title": "x" * 300}),
    "status-null": ("---\nstatus:\ntype: ~\ncategory: ''\n---\n",
       {"status": "draft", "category": None}),
    "status-list": ("---\nstatus: [done, late]\n---\n", {"status": "done"}),
    "status-dict": ("---\nstatus: {a: b}\n---\n", {"status": "draft"}),
    "keys": ("---\n1: a\nnull: b\n2024-01-02: c\n---\n",
             {"metadata": {"1": "a", "null": "b", "2024-01-02": "c"}}),
    "values": ("---\na: 1:30\nb: 010\nc: yes\nd: .inf\ne: !!binary aGk=\nf: !!set {x}\n---\n",
               {"metadata": {"a": 90, "b": 8, "c": True, "d": "inf", "e": "aGk=", "f": ["x"]}}),
    "duplicate-keys": ("---\nstatus: a\nstatus: b\n---\n", {"status": "b"}),
    "surrogate": ('---\ntitle: "\\ud800"\n---\n', None),
    "escapes": ('---\ntitle: "a\\0b\\u00e9"\n---\n', {"title": "a\0bé"}),
    "tag": ("---\na: !!bool maybe\n---\n", None),
    "python-tag": ("---\na: !!python/object/apply:os.system [echo]\n---\n", None),
    "unknown-tag": ("---\na: !mine b\n---\n", None),
    "two-documents": ("---\na: b\n...\nc: d\n---\n", None),
    "spaces": ("\n \n---  \ntitle: x\n---\t\nbody", {"title": "x"}),
    "long-dashes": ("-----\ntitle: x\n------\nbody", {"title": "x"}),
}  # fmt: skip


#: Artifacts, errors and bodies by path.
Known = tuple[dict[str, Artifact], dict[str, str], dict[str, str]]


@pytest.fixture(scope="module")
def messy(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[dict[str, Artifact], dict[str, str], dict[str, str]]:
    files = {f"{name}.md": text for name, (text, _) in MESSY.items()}
    with indexed(tmp_path_factory.mktemp("messy"), files) as (index, _, _):
        page = index.query(limit=1000)
        again = index.sync("full")
        assert (again.added, again.updated, again.removed) == (0, 0, 0)
        problems = {problem.path: problem.error for problem in index.problems()}
        bodies = {found.path: index.get(found.id).body for found in page.items}
        return {found.path: found for found in page.items}, problems, bodies


@pytest.mark.parametrize("name", MESSY)
def test_a_messy_file_is_read_or_recorded(messy: Known, name: str) -> None:
    found, problems, _ = messy
    expected = MESSY[name][1]
    if expected is None:
        assert problems[f"{name}.md"] and f"{name}.md" not in found
        return
    assert f"{name}.md" not in problems
    artifact = found[f"{name}.md"]
    values = artifact._asdict() | {"created_at": f"{artifact.created_at:%F %T}"}
    assert {key: values[key] for key in expected} == expected


def test_bodies_are_without_the_front_matter(messy: Known) -> None:
    bodies = messy[2]
    assert bodies["crlf.md"] == "# H"
    assert bodies["fence.md"] == "```\n---\nstatus: done\n---\n```"
    assert bodies["long-dashes.md"] == "body"
    assert bodies["unclosed.md"] == "---\ntitle: x\n# Head"


def test_errors_say_what_is_wrong_and_where(tmp_path: Path) -> None:
    files = {"a.md": "---\na: b\nc: [\n---\n", "b.md": b"ab\xff", "c.md": "---\n\ta: b\n---\n"}
    with indexed(tmp_path, files) as (index, _, _):
        errors = {problem.path: problem.error for problem in index.problems()}
        # Where it ends without the bracket, to each of PyYAML's loaders.
        assert "line 4" in errors["a.md"]
        assert errors["b.md"] == "it is not UTF-8, from byte 2"
        assert "line 2" in errors["c.md"] and "\n" not in "".join(errors.values())
