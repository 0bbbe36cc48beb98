"""What each colour means, in the pictures and on the page: no two things share one.

Runs have the colours of their frameworks, blues for PyTorch and oranges for TensorFlow. Everything
else keeps away from both: teal, rose and grey are phases of time, green is right or better, purple
wrong or worse, yellow a disagreement or a warning, and shades of grey are amounts.
"""

from collections.abc import Iterable, Sequence

from shared.registry import IMPLEMENTATIONS, RUNS

RIGHT, WRONG, DISAGREE = "#3F7D12", "#7B1FA2", "#F3C300"

INK, PALE = "#1B2027", "#B9C0C7"

# Each lies apart in lightness from its neighbours.
PHASES = {
    "start": "#3F454C",
    "import": "#767E87",
    "data": "#9BA3AB",
    "build": "#BEC5CC",
    "first_step": "#0B4F55",
    "train": "#1F9E93",
    "evaluate": "#93D8CE",
    "inference": "#A3476F",
    "save": "#D18AAB",
    "other": "#D8DCE0",
}

# The matrix products alone, drawn beside the runs.
FLOORS = ("#808890", "#4C535B", "#B0B7BE")

# Runs that are not registered, and those for which their framework has no colour left.
SPARE = ("#009E73", "#CC79A7", "#117733", "#999933", "#882255", "#44AA99")

# The effects of single defaults.
EFFECTS = ("#0B4F55", "#882255", "#1F9E93", "#999933", "#767E87", "#CC79A7", "#A3476F")


def run_colors(names: Sequence[str]) -> list[str]:
    """A colour for each run: its own; where that is taken, as by the same run on another machine,
    a free one of its framework."""
    plain = [name.rpartition(": ")[2].partition("#")[0] for name in names]
    given = [
        RUNS[run].color if run in RUNS and run not in plain[:place] else ""
        for place, run in enumerate(plain)
    ]
    for place, run in enumerate(plain):
        if not given[place]:
            family = IMPLEMENTATIONS.get(run.partition("/")[0], [])
            given[place] = _free([*(each.color for each in family), *SPARE], given)
    return given


def _free(colors: Sequence[str], given: Iterable[str]) -> str:
    """The first colour that is given to as few as any."""
    taken = list(given)
    return min(colors, key=taken.count)


def chart_colors(names: Sequence[str]) -> list[str]:
    """By place: those of the runs, then those of the floors."""
    return [*run_colors(names), *FLOORS]
