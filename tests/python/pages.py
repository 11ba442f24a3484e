"""The examples of a Markdown page: `python pages.py PAGE` runs them in the current directory.

The blocks of a page run in order, in one namespace. A `text` or `console` block that follows a
`python` block with only blank lines between is what it must have printed; white space is folded and
`...` stands for anything. `python no-run: REASON` is not run.
"""

import contextlib
import doctest
import io
import re
import sys
import types
from pathlib import Path
from typing import NamedTuple

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
FENCE = re.compile(r"(`{3,})(.*)")


class Block(NamedTuple):
    line: int
    kind: str
    reason: str
    source: str
    output: str | None


def blocks(page: Path) -> list[Block]:
    """The `python` blocks of a page, each with the output that the page claims."""
    found: list[Block] = []
    lines = page.read_text().splitlines()
    follows = False
    number = 0
    while number < len(lines):
        fence = FENCE.fullmatch(lines[number].strip())
        number += 1
        if fence is None:
            follows = follows and not lines[number - 1].strip()
            continue
        begin = number
        while lines[number].strip() != fence[1]:
            number += 1
        source = "\n".join(lines[begin:number]) + "\n"
        number += 1
        kind, _, reason = fence[2].strip().partition(":")
        if kind in {"text", "console"} and follows:
            found[-1] = found[-1]._replace(output=source)
        follows = kind == "python"
        if kind.split() and kind.split()[0] == "python":
            found.append(Block(begin + 1, kind, reason.strip(), source, None))
    return found


def run(page: Path) -> None:
    """Run the blocks; AssertionError for one that prints something else than the page says."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    for block in blocks(page):
        if block.kind != "python":
            continue
        printed = io.StringIO()
        # The blank lines make the numbers of a traceback those of the page.
        code = compile("\n" * (block.line - 1) + block.source, str(page), "exec")
        with contextlib.redirect_stdout(printed):
            exec(code, module.__dict__)
        if block.output is None:
            continue
        example = doctest.Example(block.source, block.output)
        checker = doctest.OutputChecker()
        if not checker.check_output(block.output, printed.getvalue(), FLAGS):
            problem = checker.output_difference(example, printed.getvalue(), doctest.ELLIPSIS)
            raise AssertionError(f"{page.name}, line {block.line}:\n{problem}")


if __name__ == "__main__":
    run(Path(sys.argv[1]))
