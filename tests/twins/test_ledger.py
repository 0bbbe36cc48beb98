"""Every difference in docs/DIFFERENCES.md is marked in the code, and every mark has its row."""

import ast
import re
from collections.abc import Iterator

from tests.support.commands import ROOT

LEDGER = ROOT / "docs" / "DIFFERENCES.md"
TWINS = ("pytorch_impl", "tensorflow_impl")
LINES = ("PyTorch", "Keras", "Here", "How much", "Pinned by")


def sections() -> dict[int, str]:
    """The text of each row of the ledger, by number."""
    parts = re.split(r"^## DIFF-(\d+): ", LEDGER.read_text(), flags=re.MULTILINE)
    numbers = [int(number) for number in parts[1::2]]
    assert len(set(numbers)) == len(numbers), "a number is used twice"
    texts = (re.split(r"^## ", text, flags=re.MULTILINE)[0] for text in parts[2::2])
    return dict(zip(numbers, texts, strict=True))


def unused_rows() -> set[int]:
    """The numbers of the rows that, by the index, this code does not meet."""
    rows = re.findall(r"^\| \[DIFF-(\d+)\].* \| (\w+) \|$", LEDGER.read_text(), re.MULTILINE)
    assert {answer for _, answer in rows} == {"yes", "no"}
    return {int(number) for number, answer in rows if answer == "no"}


def marks() -> Iterator[tuple[int, str]]:
    """Number and place of every mark in the twins."""
    for twin in TWINS:
        for path in sorted((ROOT / twin).rglob("*.py")):
            for line, text in enumerate(path.read_text().splitlines(), start=1):
                for number in re.findall(r"# DIFF-(\d+)\b", text):
                    yield int(number), f"{twin}/{path.name}:{line}"


def test_every_mark_has_a_row():
    known = set(sections())
    assert [place for number, place in marks() if number not in known] == []


def test_every_used_row_has_a_mark_and_no_other_has():
    marked = {number for number, _ in marks()}
    unused = unused_rows()
    assert set(sections()) - unused - marked == set(), "rows without a mark in the code"
    assert unused & marked == set(), "these are used after all"


def test_every_row_has_all_its_lines():
    for number, text in sections().items():
        found = re.findall(r"^- \*\*(.+?):\*\* \S", text, re.MULTILINE)
        assert found == list(LINES), f"DIFF-{number}"


def test_rows_and_index_are_in_numeric_order():
    numbers = list(sections())
    assert numbers == sorted(numbers)
    indexed = re.findall(r"^\| \[DIFF-(\d+)\]", LEDGER.read_text(), re.MULTILINE)
    assert [int(number) for number in indexed] == numbers


def test_page_says_where_the_missing_numbers_went():
    gaps = set(range(1, max(sections()))) - set(sections())
    _, _, told = LEDGER.read_text().partition("merged into others: ")
    merged = re.findall(r"(\d+) into DIFF-(\d+)", told.partition(".")[0])
    assert {int(gone) for gone, _ in merged} == gaps
    assert {int(kept) for _, kept in merged} <= set(sections())


def test_index_links_to_every_row():
    page = LEDGER.read_text()
    titles = re.findall(r"^## (DIFF-\d+: .+)$", page, re.MULTILINE)
    rows = re.findall(r"^\| \[(DIFF-\d+)\]\(#(.+?)\) \|", page, re.MULTILINE)
    expected = {(title.partition(":")[0], anchor(title)) for title in titles}
    assert set(rows) == expected
    assert len(rows) == len(titles)


def test_every_link_within_the_page_leads_somewhere():
    page = LEDGER.read_text()
    anchors = {anchor(title) for title in re.findall(r"^#+ (.+)$", page, re.MULTILINE)}
    assert set(re.findall(r"\]\(#(.+?)\)", page)) <= anchors


def anchor(title: str) -> str:
    """What a heading's link is called: lower case, hyphens for spaces, no punctuation."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def test_every_pinning_test_exists():
    for number, text in sections().items():
        pinned = text.partition("**Pinned by:**")[2]
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", pinned)
        assert named, f"DIFF-{number} names no test"
        for path, name in named:
            body = ast.parse((ROOT / path).read_text()).body
            functions = {node.name for node in body if isinstance(node, ast.FunctionDef)}
            assert name in functions, f"DIFF-{number}: {path}::{name}"
