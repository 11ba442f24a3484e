"""Markdown as HTML that cannot do anything: no HTML of its own, no scripts, no other hosts."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from functools import cache
from html import escape
from posixpath import normpath
from typing import Any
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

#: Characters of a text that is rendered, at most, and seconds that this may take.
LONGEST, PATIENCE = 400_000, 3.0
SCHEMES = frozenset(("http", "https", "mailto"))
_TASK = re.compile(r"\[([ xX])\]\s+")
_SPACES = re.compile(r"[\s\x00-\x20\x7f-\xa0]+")


def render(body: str, path: str, *, patience: float = PATIENCE) -> str | None:
    """Return the HTML of a text, None for one that takes too long; `path` is that of its file.

    Links to other files have no `href` but `data-path`: the path below the root of the index.
    """
    if len(body) > LONGEST:
        return None
    try:
        return _parser().render(body, {"path": path, "until": time.monotonic() + patience})
    except _TooLong:
        return None


def is_harmless(url: str) -> bool:
    """Whether a link may be followed: to the web, to mail, or to another file.

    >>> [is_harmless(url) for url in ("https://e.org", "a.md#b", "JaVaScRiPt:x", "data:x")]
    [True, True, False, False]
    """
    # Browsers drop spaces and control characters where they look for the scheme.
    plain = _SPACES.sub("", unquote(url)).lower()
    scheme = re.match(r"([^/?#:]*):", plain)
    return scheme is None or scheme[1] in SCHEMES


def target_of(url: str, path: str) -> str | None:
    """The file that a relative link of a file leads to, below the root; None for none of those."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    name = unquote(parts.path)
    if parts.scheme or parts.netloc or not name or "\\" in name:
        return None
    folder = "" if name.startswith("/") else path.rpartition("/")[0]
    found = normpath(f"{folder}/{name.lstrip('/')}".lstrip("/"))
    return None if found.startswith("../") or found in ("..", ".") else found


class _TooLong(Exception):
    """The text was made to keep a parser busy."""


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 50})
    parser.enable(["table", "strikethrough"])
    parser.validateLink = is_harmless
    parser.block.ruler.before("table", "patience", _be_patient)
    parser.inline.ruler.before("newline", "patience", _be_patient)
    parser.core.ruler.push("cells", _cells)
    parser.core.ruler.push("tasks", _tasks)
    parser.add_render_rule("link_open", _link)
    parser.add_render_rule("image", _image)
    return parser


def _be_patient(state: StateBlock | StateInline, *_: object) -> bool:
    if time.monotonic() > state.env["until"]:
        raise _TooLong
    return False


def _cells(state: StateCore) -> None:
    """Make the sides of cells classes, as styles of their own are not let through."""
    for token in state.tokens:
        if style := token.attrs.pop("style", None):
            token.attrs["class"] = str(style).removeprefix("text-align:")


def _tasks(state: StateCore) -> None:
    """Make boxes of `[ ]` and `[x]` at the beginning of list items."""
    for number, token in enumerate(state.tokens[2:], 2):
        before = state.tokens[number - 2 : number]
        if [each.type for each in before] != ["list_item_open", "paragraph_open"]:
            continue
        first = token.children[0] if token.children else None
        if first is None or first.type != "text" or not (found := _TASK.match(first.content)):
            continue
        assert token.children is not None
        first.content = first.content[found.end() :]
        box = Token("task", "input", 0)
        checked = {} if found[1] == " " else {"checked": ""}
        box.attrs = {"type": "checkbox", "disabled": "", **checked}
        token.children.insert(0, box)
        before[0].attrJoin("class", "task")


def _link(self: Any, tokens: Sequence[Token], number: int, options: Any, env: Any) -> str:
    token = tokens[number]
    _lead(token, str(token.attrGet("href") or ""), env["path"])
    return self.renderToken(tokens, number, options, env)


def _lead(token: Token, url: str, path: str) -> None:
    token.attrs = {name: value for name, value in token.attrs.items() if name == "title"}
    if url.startswith("#"):
        token.attrs["data-anchor"] = unquote(url[1:])
    elif (target := target_of(url, path)) is not None:
        token.attrs["data-path"] = target
    elif re.match(r"(https?|mailto):", url, re.I):
        token.attrs |= {"href": url, "rel": "noopener noreferrer nofollow", "target": "_blank"}


def _image(self: Any, tokens: Sequence[Token], number: int, options: Any, env: Any) -> str:
    token = tokens[number]
    text = escape(self.renderInlineAsText(token.children or [], options, env) or "image")
    link = Token("link_open", "a", 1)
    _lead(link, str(token.attrGet("src") or ""), env["path"])
    if "href" not in link.attrs:
        return f'<span class="image">{text}</span>'
    link.attrs["class"] = "image"
    return f"{self.renderToken([link], 0, options, env)}{text}</a>"
