"""The twins as one HTML page that needs no other file and no network."""

import re
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup, escape
from pygments import lex
from pygments.lexers import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String, _TokenType

from study.pairing import DIFF_MARK, SIGNS, bare
from study.twins import SIDES, TWINS, Chapter, read_ledger, read_notes

TEMPLATES = Path(__file__).resolve().parent

# The style sheet's class for each kind of token; the first that fits is taken.
CLASSES = {
    String.Doc: "c",
    Comment: "c",
    String: "s",
    Number: "m",
    Keyword: "k",
    Operator.Word: "k",
    Name.Decorator: "d",
    Name.Function: "f",
    Name.Class: "f",
}

LABELS = {"names": "names differ", "differs": "differs", "alone": "this side only"}


def render_page(chapters: list[Chapter]) -> str:
    """The whole page."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["markdown"] = markdown
    return environment.get_template("side_by_side.html.j2").render(
        chapters=chapters,
        code={
            chapter.file: {s: colour(t) for s, t in chapter.lines.items()} for chapter in chapters
        },
        counterparts=read_notes()["counterparts"],
        ledger=read_ledger(),
        sides=SIDES,
        labels=LABELS,
        signs=SIGNS,
        twins=TWINS,
    )


def markdown(text: str) -> Markup:
    """Inline Markdown as HTML; links to rows of the ledger lead to the page's own."""
    html = MarkdownIt("commonmark", {"html": False}).renderInline(" ".join(text.split()))
    return Markup(re.sub(r'href="#(diff-\d+)[^"]*"', r'href="#\1"', html))


def colour(lines: list[str]) -> list[tuple[Markup, list[str]]]:
    """Each line of a Python file as HTML, and its DIFF marks, which stand beside the code."""
    done, current = [], Markup("")
    tokens = lex("\n".join(map(bare, lines)), PythonLexer(stripnl=False))
    # Tokens of one class together: a string is three, its quotes and what they enclose.
    for name, alike in groupby(tokens, lambda token: class_of(token[0])):
        for place, part in enumerate("".join(text for _, text in alike).split("\n")):
            if place:
                done.append(current)
                current = Markup("")
            current += span(name, part)
    return [
        (html, DIFF_MARK.findall(line)) for html, line in zip([*done, current], lines, strict=False)
    ]


def class_of(kind: _TokenType) -> str | None:
    """The style sheet's class for a token, if there is one."""
    return next((name for token, name in CLASSES.items() if kind in token), None)


def span(name: str | None, text: str) -> Markup:
    """Tokens of one class, or their part on one line."""
    # There are thousands: the shortest element, and no quotation marks.
    return Markup("<i class={}>{}</i>").format(name, text) if name and text else escape(text)
