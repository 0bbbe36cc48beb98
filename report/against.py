"""Tables of runs set against one another: every number of the verdicts stands in one of them."""

import math
from collections.abc import Callable, Sequence

from report import wording
from report.break_even import BreakEven, break_evens
from report.figures import completed_by_run, mean_epoch_seconds, reached
from report.intervals import LEAST_FOR_TRIMMING
from report.pairs import fastest_pair, partners_of, ratio_of
from report.table import Table, details, headline, scaling_table, sweep_table
from shared import formats
from shared.pairs import Pair, RatioInterval
from shared.results import ComparisonResult

Columns = Sequence[tuple[str, Callable[[Pair], str]]]


def _of_ratio(show: Callable[[RatioInterval], str]) -> Callable[[Pair], str]:
    return lambda pair: show(pair.train_time_ratio) if pair.train_time_ratio else ""


def _totals(pair: Pair) -> str:
    ratio, total = pair.train_time_ratio, pair.total_time_ratio
    return wording.beside(ratio, total) if ratio and total else ""


TIME: Columns = (
    ("times as long", _of_ratio(wording.ratio)),
    ("95 % interval", _of_ratio(wording.ratio_limits)),
    ("same within", _of_ratio(wording.within_time)),
    ("of totals", _totals),
    ("verdict", lambda pair: pair.time_verdict.replace("none", "")),
)

ACCURACY: Columns = (
    ("points", lambda pair: wording.differences(pair.test_accuracy_difference)),
    ("95 % interval", lambda pair: wording.points_limits(pair.test_accuracy_difference)),
    ("same within", lambda pair: wording.within_points(pair.test_accuracy_difference)),
    ("detectable", lambda pair: wording.resolved_points(pair.test_accuracy_difference)),
    ("verdict", lambda pair: pair.accuracy_verdict.replace("none", "")),
)

NEW_IMAGES = (
    "95 % interval",
    lambda pair: wording.points_limits(pair.new_images) if pair.new_images else "",
)


def tables(result: ComparisonResult, everything: bool = False) -> list[Table]:
    """All tables in the order of reading; of a single run all its figures.

    Args:
        everything: with the table of all figures at the end.
    """
    alone = len(result.plan.runs) == 1
    main = [] if alone else [headline(result), *tables_against(result)]
    sweeps = {None: [], "batch_size": [sweep_table], "workers": [scaling_table]}
    sweep = [make(result) for make in sweeps[result.swept]]
    rest = [details(result)] if everything or alone else []
    return [*main, *sweep, *rest]


def tables_against(result: ComparisonResult) -> list[Table]:
    """What the sentences say of runs against each other, as far as there is something to say."""
    found = [
        *pair_tables(result),
        fastest_table(result),
        break_even_table(result),
        target_table(result),
    ]
    return [table.with_known_columns() for table in found if table.rows]


def fastest_table(result: ComparisonResult) -> Table:
    """The fastest runs of two frameworks, where the first run is not one of them."""
    faster, pair = fastest_pair(result) or (None, None)
    columns: Columns = [("run", lambda pair: pair.run), *TIME]
    if pair is None or result.comparison.baseline in (faster, pair.run):
        return Table("", [name for name, _ in columns], [])
    caption = f"Training time per epoch against {faster}"
    note = "Chosen for their times; a difference is claimed only if it holds for every such choice."
    return _pair_table(caption, columns, [pair], note)


def pair_tables(result: ComparisonResult) -> list[Table]:
    """Time and accuracy against the first run; in one table where there are no intervals."""
    pairs, baseline = result.comparison.pairs, result.comparison.baseline
    if not pairs:
        return []
    start: Columns = [("run", lambda pair: pair.run), *_settings(result)]
    if len({pair.repeats for pair in pairs}) > 1:
        start = [*start, ("repeats", lambda pair: str(pair.repeats))]
    if all(pair.test_accuracy_difference.low is None for pair in pairs):
        columns = [*start, TIME[0], TIME[3], ACCURACY[0]]
        timed = any(pair.train_time_ratio for pair in pairs)
        return [_pair_table(f"Against {baseline}", columns, pairs, TOTALS if timed else "")]
    n = max(pair.repeats for pair in pairs)
    time = f"Training time per epoch against {baseline}, {n} paired repeats"
    accuracy = f"Test accuracy against {baseline}, percentage points, {n} paired seeds"
    tables = [
        _pair_table(time, [*start, *TIME], pairs, _note(result)),
        _pair_table(accuracy, [*start, *ACCURACY], pairs, ""),
    ]
    if any(pair.new_images for pair in pairs):
        others = "The same for new images of this kind"
        tables.append(_pair_table(others, [*start, ACCURACY[0], NEW_IMAGES], pairs, ""))
    return tables


def _pair_table(caption: str, columns: Columns, pairs: Sequence[Pair], note: str) -> Table:
    rows = [[show(pair) for _, show in columns] for pair in pairs]
    return Table(caption, [name for name, _ in columns], rows, note)


def _settings(result: ComparisonResult) -> Columns:
    """A column for each thing that the settings change."""
    names = {name: None for setting in result.plan.settings for name in setting}

    def show(name: str) -> Callable[[Pair], str]:
        return lambda pair: formats.text(result.plan.settings[pair.setting].get(name))

    return [(name.replace("_", " "), show(name)) for name in names]


TOTALS = "“Of totals” is the ratio of the total times of all epochs after the first."


def _note(result: ComparisonResult) -> str:
    """How the ratios go together with each other and with the means of the first table."""
    n = max(pair.repeats for pair in result.comparison.pairs)
    trimmed = ", without the lowest and the highest fifth" if n >= LEAST_FOR_TRIMMING else ""
    words = f"“Times as long” is the geometric mean of the paired ratios{trimmed}. {TOTALS}"
    means = {run: mean_epoch_seconds(each) for run, each in completed_by_run(result).items()}
    base = means.get(result.comparison.baseline)
    divided = []
    for pair in result.comparison.pairs:
        ratio, mean = pair.train_time_ratio, means.get(pair.run)
        if pair.setting == 0 and ratio and base and mean:
            quotient = wording.beside(ratio, mean / base)
            divided += [f"{quotient} for {pair.run}"] if quotient != wording.ratio(ratio) else []
    if divided:
        words += f" Dividing the means of the first table gives {', '.join(divided)}."
    return words


def break_even_table(result: ComparisonResult) -> Table:
    """What compiling costs and saves, and when it has paid off."""
    header = ["run", "against", "start costs, s", "epoch saves, s", "ahead after", "95 % interval"]
    return Table("When compiling has paid off", header, list(map(_paid_off, break_evens(result))))


def _paid_off(each: BreakEven) -> list[str]:
    after = f"epoch {each.epoch}" if each.epoch[0].isdigit() else each.epoch
    cost, saving = formats.decimal(each.cost, 1), formats.decimal(each.saving, 3)
    return [each.run, each.plain, cost, saving, after, each.epochs]


def target_table(result: ComparisonResult) -> Table:
    """How many repeats reached the target accuracy, and when; for several repeats."""
    target = formats.percent(result.config.target_accuracy, None)
    header = ["run", "reached", "median, s", "times as long", "95 % interval"]
    rows = []
    for name, repeats in completed_by_run(result).items():
        found = reached(repeats)
        if len(repeats) < 2 or not found.repeats:
            continue
        median = "" if math.isinf(found.median) else formats.decimal(found.median, 2)
        partners = partners_of(result.main_runs(), result.comparison.baseline, name)
        ratio = ratio_of(partners, lambda run: run.time_to_target_seconds)
        compared = (
            [wording.ratio(ratio), wording.ratio_limits(ratio)]
            if ratio and name != result.comparison.baseline
            else ["", ""]
        )
        rows.append([name, f"{len(found.times)} of {found.repeats}", median, *compared])
    if not any(row[1][0] != "0" for row in rows):
        rows = []
    return Table(f"Time to {target} test accuracy, from the start of the process", header, rows)
