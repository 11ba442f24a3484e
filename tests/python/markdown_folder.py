"""A folder of markdown files to index."""

from pathlib import Path

FILES = {
    "plans/road.md": "---\ntype: plan\nstatus: done\ncategory: core\ntags: [q1, api]\n"
    "created: 2026-03-01\nupdated: 2026-03-05\nowner: {name: ann}\n---\n"
    "# Road map\n\nWhere the **map** leads.\n",
    "plans/later.md": "---\ntype: plan\ntags: q1\ncreated: 2026-05-01\nupdated: 2026-05-05\n---\n"
    "# Later\n\nNo map yet.\n",
    "notes/one.md": "---\ncreated: 2026-01-01\nupdated: 2026-01-05\n---\n# One\n",
}
MALFORMED = "---\ntags: [\n---\n# Broken\n"


def fill(folder: Path) -> Path:
    """Write three files that can be indexed."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def fill_with(folder: Path, count: int) -> Path:
    """Write many files."""
    folder.mkdir(exist_ok=True)
    for number in range(count):
        text = f"---\ntags: [a, b{number % 7}]\n---\n# Number {number}\n"
        (folder / f"{number}.md").write_text(text + "words " * 50)
    return folder


def database_of(folder: Path) -> Path:
    return folder / ".holdfast" / "artifacts.db"
