"""Files and folders that may not be read: recorded, and what was known of them stays."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from markdown_files import write
from processes import Child

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a user is needed who may be denied")

#: To root nothing is denied, so the process becomes another user once it has loaded everything.
_SYNC = """
import os, sys
import holdfast
from holdfast.artifacts import ArtifactIndex
with ArtifactIndex(sys.argv[2], sys.argv[1]) as index:
    print(index.sync(), flush=True)
    os.setuid(65534)
    for mode in sys.stdin:
        result = index.sync(mode.strip())
        would = index.sync(mode.strip(), dry_run=True)
        assert (result.problems, str(result)) == (would.problems, str(would))
        problems = ", ".join(f"{path}: {error}" for path, error in result.problems)
        print(result, index.query().total, problems, sep="|", flush=True)
"""
FILES = {"a.md": "# A\n", "d/b.md": "# B\n", "d/e/c.md": "# C\n", "bad/x.md": "---\n[\n---\n"}
DENIED = "permission to read it is denied"


@pytest.fixture
def root() -> Iterator[Path]:
    with TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        yield write(Path(place), FILES)


def ask(child: Child, mode: str = "incremental") -> list[str]:
    child.send(mode)
    return child.line().split("|")


def test_what_may_not_be_read_is_recorded_and_kept(root: Path, tmp_path: Path) -> None:
    with Child(_SYNC, root, tmp_path / "index.db") as child:
        assert child.line() == "3 new, 0 updated, 0 unchanged, 0 removed, 1 errors"
        for path in ("d", "bad", "a.md"):
            (root / path).chmod(0)
        malformed = "bad/x.md: front matter"
        for mode in ("incremental", "full", "incremental"):
            summary, total, problems = ask(child, mode)
            assert summary.startswith("0 new, 0 updated, 0 unchanged, 0 removed, ")
            assert total == "3" and malformed in problems
            for path in ("a.md", "bad", "d"):
                assert f"{path}: {DENIED}" in problems
        for path in ("d", "bad", "a.md"):
            (root / path).chmod(0o755)
        summary, total, problems = ask(child)
        assert summary == "0 new, 0 updated, 3 unchanged, 0 removed, 1 errors"
        assert total == "3" and "denied" not in problems and malformed in problems


def test_a_root_that_may_not_be_read_removes_nothing(root: Path, tmp_path: Path) -> None:
    code = _SYNC.replace(
        "result = index.sync(mode.strip())",
        """
        try:
            index.sync(mode.strip())
        except holdfast.Error as error:
            print(type(error).__name__, index.query().total, sep="|", flush=True)
            continue
        result = index.sync(mode.strip())""",
    )
    with Child(code, root, tmp_path / "index.db") as child:
        child.line()
        root.chmod(0)
        assert ask(child) == ["PathError", "3"]
        root.chmod(0o755)
        assert ask(child)[:2] == ["0 new, 0 updated, 3 unchanged, 0 removed, 1 errors", "3"]
