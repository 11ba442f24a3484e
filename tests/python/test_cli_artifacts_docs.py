"""The examples of `holdfast artifacts` in the documentation, run by a shell and by make."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from markdown_folder import MALFORMED, fill

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
SECTION = PAGE[PAGE.index("\n## artifacts\n") :]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", SECTION, re.DOTALL)


EXAMPLES = [line for block in blocks("sh") for line in block.splitlines()]
STEPS = re.findall(r"- run: (holdfast .*)", "".join(blocks("yaml")))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    fill(tmp_path / "docs")
    return tmp_path


def run(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    # Nothing of a make that runs the tests.
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    return subprocess.run(
        words,
        cwd=project,
        env=environment | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs(project: Path, example: str) -> None:
    assert run(project, "holdfast", "artifacts", "sync", "docs").returncode == 0
    done = run(project, "sh", "-c", example)
    assert (done.returncode, "rror" in done.stderr) == (0, False)


def test_make_brings_the_index_up_to_date_and_checks_it(project: Path) -> None:
    (recipe,) = blocks("make")
    (project / "Makefile").write_text(recipe)
    assert run(project, "make", "db-check").returncode == 2
    assert run(project, "make", "db-sync").stdout.splitlines()[-1].startswith("3 new, ")
    assert run(project, "make", "db-check").returncode == 0


def test_the_gate_stops_a_malformed_file(project: Path) -> None:
    assert [run(project, "sh", "-c", step).returncode for step in STEPS] == [0, 0]
    (project / "docs" / "bad.md").write_text(MALFORMED)
    assert [run(project, "sh", "-c", step).returncode for step in STEPS] == [0, 1]
