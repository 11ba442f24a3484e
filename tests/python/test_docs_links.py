"""Links within the documentation, and what its lists must have."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]*)#([^)\s]+)\)")
MODULES = ["holdfast", *(f"holdfast.{store}" for store in ("jobs", "history", "artifacts", "runs"))]


def anchors(page: Path) -> set[str]:
    """What headings are called in an address."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_to_a_heading_finds_it(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text()):
        if not target.startswith(("http:", "https:")):
            there = page.parent / target if target else page
            assert anchor in anchors(there), f"{target}#{anchor}"


@pytest.mark.parametrize("name", MODULES)
def test_every_error_is_listed_with_its_remedy(name: str) -> None:
    module = importlib.import_module(name)
    listed = (ROOT / "docs" / "errors.md").read_text()
    public = [getattr(module, each) for each in module.__all__]
    errors = [each for each in public if isinstance(each, type) and issubclass(each, Exception)]
    missing = {each.__name__ for each in errors} - set(re.findall(r"\w+", listed)) - {"Warning"}
    assert errors
    assert not missing


def test_every_guide_is_in_the_index() -> None:
    linked = set(re.findall(r"\]\((\w[\w-]*\.md)", (ROOT / "docs" / "index.md").read_text()))
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"} <= linked
