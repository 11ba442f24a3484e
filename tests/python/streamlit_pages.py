"""Pages of Streamlit under test, and what the threads of their jobs do."""

import ast
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import streamlit as st
from streamlit.testing.v1 import AppTest

import holdfast.streamlit
from holdfast.jobs import JobContext

DEADLINE = 20.0
DOCUMENTS = Path(__file__).parents[2] / "examples" / "streamlit_documents.py"


@contextmanager
def managers_ended() -> Iterator[None]:
    """What is managed in the with block is shut down and forgotten after it."""
    try:
        yield
    finally:
        for _, manager in holdfast.streamlit._managers.values():
            manager.shutdown(cancel=True, timeout=DEADLINE)
        holdfast.streamlit._managers.clear()
        st.cache_resource.clear()


def until(at: AppTest, seen: Callable[[], object]) -> None:
    """Run the page again, as its fragment does each second, until something is seen."""
    deadline = time.monotonic() + DEADLINE
    while not seen():
        assert time.monotonic() < deadline, at.main
        at.run()
    assert not at.exception


def texts(at: AppTest) -> str:
    return " ".join(str(element.value) for element in [*at.markdown, *at.text, *at.code])


def bars(at: AppTest) -> list[Any]:
    return [element.proto for element in at.get("progress")]


def waiter(ctx: JobContext, payload: dict[str, Any]) -> str:
    """A handler that works until it is asked to stop."""
    ctx.report(payload["percent"], "reading", "page_1*of*2")
    while not ctx.should_abort():
        time.sleep(0.01)
    ctx.check()
    return "never"


def job_threads() -> list[str]:
    return sorted(t.name for t in threading.enumerate() if t.name.startswith("holdfast-"))


@contextmanager
def streamlit_in_workers() -> Iterator[set[str]]:
    """The functions of Streamlit that threads of managers call which are made meanwhile."""
    home = str(Path(st.__file__).parent)
    called: set[str] = set()

    def look(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        worker = threading.current_thread().name.startswith("holdfast-")
        if worker and event == "call" and code.co_filename.startswith(home):
            called.add(code.co_qualname)

    threading.setprofile(look)
    try:
        yield called
    finally:
        threading.setprofile(None)


def streamlit_in_handlers(source: str) -> set[str]:
    """What the handlers of a page use of Streamlit by name, also through what they call."""
    tree = ast.parse(source)
    found = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    defined = {node.name: node for node in tree.body if isinstance(node, found)}
    registering = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and is_handler(n.func)]
    pending = [a.id for call in registering for a in call.args if isinstance(a, ast.Name)]
    pending += [
        name
        for name, node in defined.items()
        if any(isinstance(d, ast.Call) and is_handler(d) for d in node.decorator_list)
    ]
    assert pending, "no handler is registered"
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            uses = [s for s in getattr(defined.get(name), "body", []) for s in ast.walk(s)]
            pending += [use.id for use in uses if isinstance(use, ast.Name)]
    return seen & imported_from_streamlit(tree)


def imported_from_streamlit(tree: ast.Module) -> set[str]:
    """The names that a page gives to Streamlit, and to what it imports of it."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            base = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            names |= {
                alias.asname or alias.name.partition(".")[0]
                for alias in node.names
                if "streamlit" in f"{base}{alias.name}".split(".")
            }
    return names


def is_handler(node: ast.AST) -> bool:
    """Whether an expression is `something.handler(...)`."""
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(called, ast.Attribute) and called.attr == "handler"
