"""Every example of the documentation, run."""

import ast
import asyncio
import contextlib
import doctest
import importlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import holdfast
import pages

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python" / "holdfast"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TRACEABILITY = ROOT / "docs" / "traceability.md"
COUNTS = {"ENG": 13, "OPS": 4, "JOB": 6, "HIS": 7, "ART": 6, "RUN": 3}
IDS = [f"{area}-{n:02}" for area, count in COUNTS.items() for n in range(1, count + 1)]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_the_examples_of_a_page(page: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, pages.__file__, str(page)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_an_example_that_is_not_run_says_why(page: Path) -> None:
    for block in pages.blocks(page):
        assert block.kind in {"python", "python no-run"}, f"line {block.line}"
        assert block.kind == "python" or block.reason, f"line {block.line}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith(("http:", "https:")):
            assert (page.parent / target).exists(), target


def docstrings() -> Iterator[tuple[str, str, Path, int]]:
    """Module, class or function, and docstring, of everything that has an example."""
    for path in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyi")]):
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        stack: list[tuple[str, ast.AST]] = [("", ast.parse(path.read_text()))]
        while stack:
            prefix, node = stack.pop()
            if not isinstance(node, kinds):
                continue
            name = prefix if isinstance(node, ast.Module) else f"{prefix}{node.name}."
            stack += [(name, child) for child in node.body]
            text = ast.get_docstring(node)
            if text and ">>>" in text:
                relative = path.relative_to(PACKAGE.parent).with_suffix("")
                module = ".".join(relative.parts).removesuffix(".__init__")
                yield module, name.rstrip("."), path, text


EXAMPLES = list(docstrings())


def enter(stack: contextlib.ExitStack, loop: asyncio.Runner, block: Any) -> Any:
    """Enter a with block, synchronous or not."""
    if not hasattr(block, "__aenter__"):
        return stack.enter_context(block)

    async def call(method: Callable[..., Any], *details: object) -> Any:
        return await method(*details)

    stack.push(lambda *details: loop.run(call(block.__aexit__, *details)))
    return loop.run(call(block.__aenter__))


def run_what_awaits(test: doctest.DocTest, loop: asyncio.Runner) -> None:
    """Run the examples with `await` on a loop, as `python -m asyncio` does."""

    async def run(source: str) -> None:
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        done = eval(compile(source, "<example>", "single", flags, dont_inherit=True), test.globs)
        if done is not None:
            await done

    test.globs["_run"] = lambda source: loop.run(run(source))
    for example in test.examples:
        if re.search(r"\basync|await\b", example.source):
            example.source = f"_run({example.source!r})\n"


@pytest.mark.parametrize(
    ("module", "name", "path", "text"), EXAMPLES, ids=[f"{m}:{n}" for m, n, _, _ in EXAMPLES]
)
def test_the_example_of_a_docstring(
    module: str, name: str, path: Path, text: str, tmp_path: Path
) -> None:
    """`db` has a table note of one row; `tx` and `snap` are a transaction and a snapshot of it."""
    with contextlib.ExitStack() as stack:
        loop = stack.enter_context(asyncio.Runner())
        db: Any = stack.enter_context(holdfast.open(tmp_path / "example.db"))
        db.execute("create table note(id integer primary key, body text)")
        db.insert("note", {"body": "first"})
        if name.startswith("Async"):
            db = enter(stack, loop, holdfast.open_async(tmp_path / "example.db"))
        names = {**vars(importlib.import_module(module)), "holdfast": holdfast, "db": db}
        names |= {"folder": tmp_path, "__name__": "example"}
        kind = name.partition(".")[0]
        if kind in {"Transaction", "AsyncTransaction"}:
            names["tx"] = enter(stack, loop, db.transaction())
        if kind in {"Session", "AsyncSession"}:
            names["snap"] = enter(stack, loop, db.snapshot())
        test = doctest.DocTestParser().get_doctest(text, names, name, str(path), 0)
        run_what_awaits(test, loop)
        said: list[str] = []
        runner = doctest.DocTestRunner(optionflags=pages.FLAGS, verbose=False)
        assert runner.run(test, out=said.append).failed == 0, "".join(said)


def test_every_verb_of_the_stub_has_an_example() -> None:
    plain = {"close", "closed", "path", "send", "throw"}
    shown = {name for module, name, _, _ in EXAMPLES if module == "holdfast._core"}
    tree = ast.parse((PACKAGE / "_core.pyi").read_text())
    for cls in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        for verb in (node for node in cls.body if isinstance(node, ast.FunctionDef)):
            if not verb.name.startswith("_") and verb.name not in plain:
                assert f"{cls.name}.{verb.name}" in shown


def rows_of_the_table() -> dict[str, str]:
    rows = re.findall(
        r"^\| ((?:ENG|OPS|JOB|HIS|ART|RUN)-\d\d) \|(.*)\|$", TRACEABILITY.read_text(), re.M
    )
    assert len(rows) == len({identifier for identifier, _ in rows}), "an id has two rows"
    return dict(rows)


def test_every_requirement_is_traced() -> None:
    assert sorted(rows_of_the_table()) == sorted(IDS)


def test_what_the_table_names_exists() -> None:
    text = TRACEABILITY.read_text()
    tests = set(re.findall(r"`(tests/[\w/]+\.(?:rs|py))::(\w+)`", text))
    code = set(re.findall(r"`((?:src|python|benches|examples)/[\w/.]+\.\w+)(?:::([\w.]+))?`", text))
    for file, name in tests | code:
        assert (ROOT / file).is_file(), file
        last = name.rpartition(".")[2]
        pattern = rf"\b(fn|def|class|struct|enum|trait|const|type) {last}\b" if last else ""
        assert re.search(pattern, (ROOT / file).read_text()), f"{file}::{name}"
    plain = re.findall(r"`((?:src|python|tests|docs|benches|examples)/[\w/.*-]+)`", text)
    for file in plain:
        assert list(ROOT.glob(file)), file


def test_what_is_done_names_code_and_tests() -> None:
    for identifier, row in rows_of_the_table().items():
        if "open" not in row.split("|")[-1]:
            assert "::" in row, identifier
