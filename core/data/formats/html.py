"""HTML: the words of the page, block by block; no scripts, styles, navigation or forms.

selectolax parses in native code whose time grows with the square of the depth and of the number of attributes. So the
page is first made lean, without attributes and scripts, and what is nested too deeply is refused by a look at its tags.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from core.data.corpora import Unusable
from core.data.formats import encoding
from core.data.formats.cutting import cut
from core.data.formats.intake import Intake

MAX_BYTES: Final = 16 << 20
MAX_DEPTH: Final = 512
_DROPPED: Final = (
    "script", "style", "nav", "noscript", "template", "svg", "math", "iframe", "object", "form", "button", "select",
    "head",
)  # fmt: skip
_BLOCKS: Final = frozenset(
    (
        "address", "article", "aside", "blockquote", "body", "caption", "dd", "details", "dialog", "div", "dl", "dt",
        "fieldset", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr",
        "html", "li", "main", "ol", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead",
        "tr", "ul",
    )
)  # fmt: skip
_APART: Final = frozenset(("p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "table", "ul", "ol", "dl"))
"""Blocks with an empty line around them."""
_TAG: Final = re.compile(rb"<(?:(!--)|([!?])|(/?)([a-zA-Z][^\s/>\"'=<]{0,40}))")
_REST: Final = re.compile(rb"(?>[^>\"']+|\"[^\"]*\"|'[^']*')*+>")
"""From a tag's name to its end; possessive, so it never looks at a byte twice."""
_ENDS: Final = {
    name: re.compile(b"</" + name, re.I)
    for name in (b"script", b"style", b"textarea", b"title", b"noscript", b"iframe", b"xmp", b"svg")
}
"""Whose content is no text of the page, or none that has tags."""
_FLAT: Final = frozenset(
    b"area base br col embed hr img input link meta param source track wbr p li dt dd tr td th option thead tbody "
    b"tfoot colgroup optgroup".split()
)
"""Tags that stand alone or end by themselves."""
_CHARSET: Final = re.compile(rb"<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*[\"']?([\w.:-]{1,40})", re.I)
_SPACE: Final = re.compile(r"[ \t\n\r\f]+")
_PULSE_EVERY: Final = 1 << 14


def read(intake: Intake) -> Iterator[str]:
    """The page is one document."""
    return cut((words(intake.whole(MAX_BYTES), intake.watch.pulse),))


def words(raw: bytes, pulse: Callable[[], None] = lambda: None) -> str:
    """The text of a page.

    Raises:
        Unusable: it is no text, or nested too deeply.
        MemoryError: there is too little for its tree.
    """
    label = _CHARSET.search(raw[:4096])
    text = encoding.named(raw, label.group(1).decode("ascii", "replace")) if label else None
    raw = (encoding.decode(raw) if text is None else text.replace("\0", "")).encode("utf-8", "replace")
    try:
        tree = LexborHTMLParser(_lean(raw, pulse))
    except SelectolaxError as error:  # no page is too wrong for HTML's rules; what can fail is to get memory
        raise MemoryError from error
    tree.strip_tags(list(_DROPPED))
    return "" if tree.root is None else _layout(tree.root, pulse)


def _lean(raw: bytes, pulse: Callable[[], None]) -> bytes:
    """The page without attributes, comments and scripts.

    Raises:
        Unusable: it is nested too deeply. An end tag counts only for a tag of its name, so none can hide depth.
    """
    out: list[bytes] = []
    open_tags: Counter[bytes] = Counter()
    depth = at = 0
    while match := _TAG.search(raw, at):
        out.append(raw[at : match.start()])
        if len(out) % _PULSE_EVERY == 0:
            pulse()
        comment, declaration, closing, name = match.groups()
        end = raw.find(b"-->", match.end()) if comment else _end_of(raw, match.end())
        if end < 0:
            return b"".join(out)  # never closed; browsers drop it, too
        at = end + 3 if comment else end
        if comment or declaration:
            continue
        name = name.lower()
        if not closing and name in _ENDS:
            found = _ENDS[name].search(raw, at)
            at = len(raw) if found is None else found.start()
            continue
        out.append(b"<" + closing + name + b">")
        if name not in _FLAT:
            step = 1 if not closing else -1 if open_tags[name] else 0
            open_tags[name] += step
            depth += step
            if depth > MAX_DEPTH:
                raise Unusable(f"more than {MAX_DEPTH} tags deep")
    out.append(raw[at:])
    return b"".join(out)


def _end_of(raw: bytes, at: int) -> int:
    """Behind the ``>`` of a tag whose name ends at ``at``; -1 where there is none."""
    match = _REST.match(raw, at)
    return -1 if match is None else match.end()


def _layout(root: Any, pulse: Callable[[], None]) -> str:
    """The text nodes in order, with a line end where the block changes and an empty line around paragraphs."""
    blocks: dict[int, tuple[int, bool, bool]] = {}
    out: list[str] = []
    current: tuple[int, bool, bool] | None = None
    for seen, node in enumerate(root.traverse(include_text=True), 1):
        if seen % _PULSE_EVERY == 0:
            pulse()
        tag = node.tag
        parent = node.parent
        above = blocks.get(parent.mem_id, (0, False, False)) if parent is not None else (0, False, False)
        if tag == "-text":
            text = node.text_content or ""
            text = text if above[2] else _SPACE.sub(" ", text)
            if not text.strip():
                if out and not out[-1].endswith((" ", "\n")):
                    out.append(" ")
                continue
            if current is not None and above[0] != current[0]:
                out.append("\n\n" if above[1] or current[1] else "\n")
            current = above
            out.append(text)
        elif tag == "br":
            out.append("\n")
        else:
            blocks[node.mem_id] = (node.mem_id, tag in _APART, above[2] or tag == "pre") if tag in _BLOCKS else above
    kept = any(pre for _, _, pre in blocks.values())
    lines = (line.rstrip() if kept else line.strip() for line in "".join(out).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))
