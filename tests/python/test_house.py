"""The rooms of the house and who may enter them."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python" / "holdfast"
STORES = {"jobs", "history", "artifacts", "runs"}
#: What a store needs besides, each only in the modules that are named.
FRAMEWORKS = {
    "artifacts/front_matter.py": {"yaml"},
    "history/fastapi.py": {"fastapi", "starlette"},
    "history/problems.py": {"fastapi", "starlette"},
    "history/routes.py": {"anyio", "fastapi"},
    "history/settings.py": {"pydantic", "pydantic_settings"},
}
SURFACES = {"web", "streamlit", "cli", "__main__"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room(module: Path) -> str:
    return module.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(module: Path) -> set[str]:
    """Every module that is named in an import, as `holdfast.x` or by its top-level name."""
    found: set[str] = set()
    package = ["holdfast", *module.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{name}.{alias.name}" for alias in node.names} | {name}
    return found


def rooms_of(names: set[str]) -> set[str]:
    inside = {name.split(".")[1] for name in names if name.startswith("holdfast.")}
    return {name for name in inside if (PACKAGE / name).is_dir() or is_module(name)}


def is_module(name: str) -> bool:
    return (PACKAGE / f"{name}.py").exists() or (PACKAGE / f"{name}.pyi").exists()


@pytest.mark.parametrize("module", modules(), ids=lambda m: str(m.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_room_may(module: Path) -> None:
    here, reached = room(module), rooms_of(imports(module))
    outside = {n.split(".")[0] for n in imports(module)} - {"holdfast"} - sys.stdlib_module_names
    if here in STORES:
        assert not reached & ({"_core"} | SURFACES | STORES - {here})
        assert outside <= FRAMEWORKS.get(module.relative_to(PACKAGE).as_posix(), set())
    elif here in SURFACES:
        assert "_core" not in reached
        assert here == "cli" or not reached & {"cli"} - {here} or here == "__main__"
    else:
        assert not reached & (STORES | SURFACES)
        assert not outside


@pytest.mark.parametrize("module", modules(), ids=lambda m: str(m.relative_to(PACKAGE)))
def test_a_surface_uses_only_what_is_public(module: Path) -> None:
    if room(module) not in SURFACES:
        return
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Attribute) and re.match(r"_[a-z]", node.attr):
            of_named_tuples = node.attr in ("_asdict", "_replace", "_fields")
            assert of_named_tuples or ast.unparse(node.value) in ("self", "cls"), ast.unparse(node)


def rust(folder: str) -> dict[Path, str]:
    return {
        p: p.read_text()
        for p in (ROOT / "src").rglob("*.rs")
        if ("py" in p.parts) == (folder == "py")
    }


def test_the_engine_knows_nothing_of_python() -> None:
    for path, text in rust("engine").items():
        assert not re.search(r"\bpyo3\b", text), path


def test_the_binding_has_no_sqlite_of_its_own() -> None:
    for path, text in rust("py").items():
        assert not re.search(r"\brusqlite::|\bffi::sqlite3_", text), path
        assert not re.search(r'"\s*(SELECT|INSERT|UPDATE|DELETE|PRAGMA|BEGIN) ', text), path


def test_the_design_names_every_file_of_the_engine() -> None:
    design = (ROOT / "docs" / "design.md").read_text()
    files = {path.name for path in (ROOT / "src").glob("*.rs")} - {"lib.rs"}
    rows = [line.split("|")[1] for line in design.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+\.rs)`", row)}
    assert files <= named, files - named


def test_the_design_names_every_file_of_the_dashboard() -> None:
    design = (ROOT / "docs" / "design.md").read_text()
    section = design.partition("## The dashboard")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([\w-]+\.\w+)`", row)}
    files = {path.name for path in (PACKAGE / "web").rglob("*.*") if path.suffix != ".pyc"}
    assert named == files - {"__init__.py"}


def test_the_default_features_bring_no_python() -> None:
    tree = ["cargo", "tree", "--edges", "normal", "--prefix", "none", "--offline"]
    done = subprocess.run(tree, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "rusqlite" in done.stdout
    assert "pyo3" not in done.stdout


def test_the_front_door_names_what_there_is() -> None:
    import holdfast

    assert sorted(holdfast.__all__) == sorted(set(holdfast.__all__))
    assert all(hasattr(holdfast, name) for name in holdfast.__all__)


def test_importing_starts_nothing_and_brings_little() -> None:
    code = (
        "import threading, sys; before = set(sys.modules); import holdfast; "
        "assert threading.active_count() == 1; "
        "heavy = {'asyncio', 'dataclasses', 'email.utils', 'enum', 'inspect', 'logging', 'random', "
        "'re', 'rich', 'sqlite3', 'typer', 'typing'}; "
        "assert not heavy & (set(sys.modules) - before), heavy & (set(sys.modules) - before)"
    )
    # Without what an environment imports at its start.
    path = str(PACKAGE.parent)
    subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path.append({path!r}); {code}"], check=True
    )


def test_what_is_imported_late_is_there_from_the_start() -> None:
    code = (
        "import holdfast; assert set(holdfast.__all__) <= set(dir(holdfast)); "
        "assert callable(holdfast.retry) and holdfast.retry is holdfast.retry; "
        "from holdfast import *; assert RetryPolicy(attempts=2).attempts == 2; "
        "assert holdfast.Migration is Migration; "
        "assert not hasattr(holdfast, 'retries')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
