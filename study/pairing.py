"""Lines of several texts, side by side: which belong into one row, and how alike they are."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import cache

DIFF_MARK = re.compile(r"# (DIFF-\d+)")

TOKEN = re.compile(r"\w+|[^\w\s]")

NUMBERED = re.compile(r"# \d\. \w+")

# How a line compares with its row's others; what stands beside it.
SIGNS = {"equal": "", "names": "≈", "differs": "≠", "alone": "+"}

# One row: per side the index of its line among the file's, or None where it has none.
Row = dict[str, int | None]


class Names:
    """Names of one framework that another one's stand for, as `torch.Tensor` and `tf.Tensor`."""

    def __init__(self, counterparts: list[list[str]]) -> None:
        self.common = {name: group[0] for group in counterparts for name in group}
        longest_first = sorted(self.common, key=len, reverse=True)
        self.pattern = re.compile("|".join(rf"(?<![\w.]){re.escape(n)}\b" for n in longest_first))

    def neutral(self, line: str) -> str:
        """The line without its indent, each name replaced by the first of its counterparts."""
        return self.pattern.sub(lambda found: self.common[found[0]], line.strip())


def align(lines: dict[str, list[str]], ranges: dict[str, range], names: Names) -> list[Row]:
    """Put lines that belong together into one row, keeping each side's order."""
    rows: list[Row] = []
    for side, indices in ranges.items():
        neutral = [names.neutral(lines[side][k]) for k in indices]
        known = [
            [names.neutral(lines[s][k]) for s, k in row.items() if k is not None] for row in rows
        ]
        pairs = match(known, neutral) if rows else [(None, k) for k in range(len(neutral))]
        empty: Row = dict.fromkeys(ranges)
        rows = [
            {**(empty if old is None else rows[old]), side: None if new is None else indices[new]}
            for old, new in pairs
        ]
    return rows


def match(
    rows: Sequence[Sequence[str]], lines: Sequence[str]
) -> list[tuple[int | None, int | None]]:
    """Pairs of row and line, in order, of the largest likeness in all; None faces what is alone."""
    height, width = len(rows), len(lines)
    best = [[0.0] * (width + 1) for _ in range(height + 1)]
    pair = {}
    for i in reversed(range(height)):
        for j in reversed(range(width)):
            pair[i, j] = max(likeness(known, lines[j]) for known in rows[i]) + best[i + 1][j + 1]
            best[i][j] = max(pair[i, j], best[i + 1][j], best[i][j + 1])
    found: list[tuple[int | None, int | None]] = []
    i = j = 0
    while i < height and j < width:
        if best[i][j] == pair[i, j]:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            found.append((i, None))
            i += 1
        else:
            found.append((None, j))
            j += 1
    return [*found, *((k, None) for k in range(i, height)), *((None, k) for k in range(j, width))]


# Lines whose ratio of equal tokens is smaller have nothing to do with each other; nor have those
# that share brackets and dots only, or words of which every other line has some.
APART = 0.3
WORD = re.compile(r"[^\W\d_]\w+")
EVERYWHERE = {"self", "None", "as", "by", "for", "if", "in", "is", "of", "or", "that", "the", "to"}


@cache
def likeness(one: str, other: str) -> float:
    """From -1 to 2: how gladly two lines stand in one row; below 0 rather not."""
    if NUMBERED.findall(one) and NUMBERED.findall(one) == NUMBERED.findall(other):
        return 2.0
    same_mark = set(DIFF_MARK.findall(one)) & set(DIFF_MARK.findall(other))
    one, other = bare(one), bare(other)
    if one == other:
        return 1.0 if len(one) > 3 else 0.3
    if not (same_mark or words(one) & words(other)):
        return -1.0
    matcher = SequenceMatcher(None, TOKEN.findall(one), TOKEN.findall(other), autojunk=False)
    # How far below 0 makes no difference, and the ratio itself is slow.
    if not same_mark and matcher.quick_ratio() < APART:
        return -1.0
    return matcher.ratio() if same_mark else matcher.ratio() - APART


def words(line: str) -> set[str]:
    """What a line speaks of."""
    return set(WORD.findall(line)) - EVERYWHERE


def kinds_of(
    row: Row, lines: dict[str, list[str]], names: Names, twins: Sequence[str]
) -> dict[str, str]:
    """For each side how its line compares with the others': equal, names, differs, or alone.

    The twins are compared with each other, a third side's line with both; a side without any
    other is equal.
    """
    texts = {side: lines[side][k] for side, k in row.items() if k is not None}
    kinds = {}
    for side, text in texts.items():
        others = [texts[other] for other in twins if other != side and other in texts]
        rivals = [other for other in twins if other != side and other in row]
        if not rivals or any(bare(text) == bare(other) for other in others):
            kinds[side] = "equal"
        elif any(names.neutral(bare(text)) == names.neutral(bare(other)) for other in others):
            kinds[side] = "names"
        else:
            kinds[side] = "differs" if others else "alone"
    return kinds


def bare(line: str) -> str:
    """The line without DIFF marks."""
    return DIFF_MARK.sub("", line).rstrip()
