"""Which runs are set against which, and what may be said of each pair."""

import math
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file

from report import intervals, pairs
from report.intervals import paired_interval
from report.pairs import compare_runs, fastest_pair, with_comparison
from shared.results import EpochResult, RunResult, group_by_run
from tests.support.results import make_result


def make_run(name: str, seed: int = 0, seconds: float = 1.0, accuracy: float = 0.9, **others):
    """A completed run, unless told otherwise."""
    known = {"status": "completed", "epoch_seconds": seconds, "test_accuracy": accuracy}
    size = others.pop("batch_size", 64)
    framework = name.partition("/")[0]
    return RunResult(name, framework, "variant", seed, 1, size, **known | others)


def repeated(ratios: list[float], accuracies: list[float] | None = None) -> list[RunResult]:
    """`other` against `base`: so many times as long, and so much more accurate, in each repeat."""
    runs = []
    for seed, ratio in enumerate(ratios):
        runs.append(make_run("base", seed, 2.0, 0.5))
        runs.append(make_run("other", seed, 2.0 * ratio, 0.5 + (accuracies or [0.0] * 99)[seed]))
    return runs


def test_groups_keep_the_order_of_their_first_run():
    runs = [make_run("b"), make_run("a"), make_run("a", 1), make_run("b", 1), make_run("c")]
    groups = group_by_run(runs)
    assert list(groups) == ["b", "a", "c"]
    assert [run.seed for run in groups["b"]] == [0, 1]
    assert groups["a"] == [runs[1], runs[2]]


def test_a_sweep_compares_at_each_batch_size():
    speeds = {64: (1.0, 2.0), 16: (4.0, 2.0)}
    runs = [
        make_run(name, seconds=seconds, batch_size=size, setting=setting)
        for setting, (size, pair) in enumerate(speeds.items())
        for name, seconds in zip(("a", "b"), pair, strict=True)
    ]
    found = compare_runs(runs).pairs
    assert [(pair.run, pair.setting, pair.train_time_ratio.median) for pair in found] == [
        ("b", 0, 2.0),
        ("b", 1, 0.5),
    ]


def test_runs_are_paired_by_seed():
    runs = [
        make_run("base", 0, 1.0, 0.90),
        make_run("other", 1, 6.0, 0.72),
        make_run("other", 0, 2.0, 0.91),
        make_run("base", 1, 3.0, 0.70),
    ]
    comparison = compare_runs(runs)
    assert comparison.baseline == "base"
    (pair,) = comparison.pairs
    assert (pair.run, pair.repeats) == ("other", 2)
    # Each twice as slow as its partner; set against the wrong one they would differ.
    assert pair.train_time_ratio.values == [2.0, 2.0]
    assert pair.test_accuracy_difference == paired_interval([0.72 - 0.70, 0.91 - 0.90])


@pytest.mark.parametrize("status", ["failed", "diverged", "interrupted", "unavailable"])
@pytest.mark.parametrize("lost", ["base", "other"])
def test_only_completed_partners_count(status, lost):
    unfinished = {"status": status, "epoch_seconds": 50.0, "test_accuracy": None}
    runs = [
        make_run(name, seed, seconds, **(unfinished if name == lost and seed == 1 else {}))
        for seed in (0, 1, 2)
        for name, seconds in (("base", 1.0), ("other", 3.0))
    ]
    (pair,) = compare_runs(runs).pairs
    assert pair.repeats == 2
    assert pair.train_time_ratio.median == pytest.approx(3, rel=1e-14)


def test_no_partner_no_pair():
    lonely = [make_run("base", 0), make_run("other", 1), make_run("third", 0)]
    assert [pair.run for pair in compare_runs(lonely).pairs] == ["third"]
    failed = [make_run("base", status="failed"), make_run("other")]
    assert compare_runs(failed).baseline == "base"
    assert compare_runs(failed).pairs == []
    assert compare_runs([make_run("base")]).pairs == []


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ([1.3] * 4, "none"),
        ([1.30, 1.31, 1.32, 1.31, 1.30], "different"),
        ([1.00, 1.01, 0.99, 1.00, 1.01], "same"),
        # Within 5 %, and yet not the same: a difference that is there, however small.
        ([1.020, 1.021, 1.019, 1.020, 1.021], "different"),
        ([0.8, 1.2, 1.0, 1.1, 0.95], "undecided"),
    ],
)
def test_verdicts_on_the_time(ratios, verdict):
    (pair,) = compare_runs(repeated(ratios)).pairs
    assert pair.time_verdict == verdict


@pytest.mark.parametrize(
    ("points", "verdict"),
    [
        ([1.0] * 4, "none"),
        ([0.5, 0.6, 0.5, 0.4, 0.5], "different"),
        ([0.1, -0.1, 0.0, 0.1, -0.1], "same"),
        ([0.0] * 5, "same"),
        ([0.5, -0.5, 0.3, -0.2, 0.1], "undecided"),
    ],
)
def test_verdicts_on_the_accuracy(points, verdict):
    found = compare_runs(repeated([1.0] * len(points), [each / 100 for each in points]))
    assert found.pairs[0].accuracy_verdict == verdict


def test_nothing_is_claimed_of_a_time_that_is_unknown():
    runs = [replace(run, epoch_seconds=None) for run in repeated([1.0] * 5)]
    (pair,) = compare_runs(runs).pairs
    assert (pair.train_time_ratio, pair.time_verdict) == (None, "none")
    assert (pair.total_time_ratio, pair.accuracy_verdict) == (None, "same")


def test_what_is_different_alone_may_be_undecided_among_six():
    """p of these ratios lies between 5 % over six and 5 %."""
    ratios = [1.02, 1.06, 1.0, 1.05, 1.03]
    (alone,) = compare_runs(repeated(ratios)).pairs
    assert 0.05 / 6 < alone.train_time_ratio.p < 0.05
    assert alone.time_verdict == "different"
    runs = repeated(ratios)
    for other in range(5):
        runs += [
            replace(run, run=f"other{other}", epoch_seconds=2.0 * factor)
            for run, factor in zip(runs[1:10:2], (0.9, 1.1, 1.2, 0.8, 1.0), strict=True)
        ]
    first, *others = compare_runs(runs).pairs
    assert len(others) == 5
    assert first.train_time_ratio == alone.train_time_ratio
    assert first.time_verdict == "undecided"


def test_each_setting_is_a_family_of_its_own():
    ratios = [1.02, 1.06, 1.0, 1.05, 1.03]
    runs = [replace(run, setting=setting) for setting in range(6) for run in repeated(ratios)]
    assert {pair.time_verdict for pair in compare_runs(runs).pairs} == {"different"}


def test_the_ratio_of_totals_adds_up_all_epochs_but_the_first():
    def with_epochs(run: RunResult, seconds: list[float]) -> RunResult:
        epochs = [
            EpochResult(k, 0.1, 0.9, 0.1, 0.9, each, 0.1) for k, each in enumerate(seconds, 1)
        ]
        return replace(run, epochs=epochs)

    base, other = make_run("base"), make_run("other", seconds=1.5)
    runs = [with_epochs(base, [9, 1, 1, 4]), with_epochs(other, [90, 1.5, 1.5, 15])]
    (pair,) = compare_runs(runs).pairs
    assert pair.total_time_ratio == pytest.approx(18 / 6)
    assert pair.train_time_ratio.median == pytest.approx(1.5)
    (pair,) = compare_runs([with_epochs(base, [4]), with_epochs(other, [9])]).pairs
    # The only epoch's time is what it would take without its first step.
    assert pair.total_time_ratio == pytest.approx(1.5)
    runs[1].resumed_from_step = 5
    assert compare_runs(runs).pairs[0].total_time_ratio is None


def save_answers(runs: list[RunResult], right: np.ndarray, labels: np.ndarray, folder) -> None:
    """Predictions of each run: `right` says of which images they are correct, [runs, images]."""
    for run, row in zip(runs, right, strict=True):
        answers = np.where(row, labels, (labels + 1) % 10)
        run.predictions = str(folder / f"{run.run}-{run.seed}")
        save_file({"logits": np.eye(10, dtype=np.float32)[answers]}, run.predictions)


def test_new_images_are_judged_by_the_answers_to_each(tmp_path):
    labels = np.arange(40) % 10
    runs = repeated([1.0] * 5)
    right = np.random.default_rng(0).random((10, 40)) < 0.8
    save_answers(runs, right, labels, tmp_path)
    (pair,) = compare_runs(runs, labels).pairs
    differences = right[1::2].astype(float) - right[::2]
    assert pair.new_images == intervals.crossed_interval(differences)
    assert compare_runs(runs).pairs[0].new_images is None
    few = [run for run in runs if run.seed < 2]
    assert compare_runs(few, labels).pairs[0].new_images is None
    runs[3].predictions = str(tmp_path / "gone")
    assert compare_runs(runs, labels).pairs[0].new_images is None


def test_what_only_files_told_is_kept_when_compared_anew(dataset, tmp_path):
    labels = np.arange(40) % 10
    runs = repeated([1.0] * 5)
    save_answers(runs, np.random.default_rng(0).random((10, 40)) < 0.8, labels, tmp_path)
    result = make_result(dataset, *runs)
    known = with_comparison(result, labels)
    (pair,) = known.comparison.pairs
    assert pair.new_images
    forged = replace(pair, time_verdict="different", repeats=99)
    again = with_comparison(replace(known, comparison=replace(known.comparison, pairs=[forged])))
    assert again.comparison == known.comparison


def test_the_fastest_runs_of_two_frameworks_are_set_against_each_other(dataset):
    seconds = {"torch/a": 2.0, "torch/b": 1.0, "tf/a": 3.0, "tf/b": 1.5, "numpy/reference": 0.5}
    runs = [
        replace(make_run(name, seed, s * (1 + 0.01 * ((seed * len(name)) % 3))), framework=f)
        for seed in range(5)
        for name, s in seconds.items()
        for f in [name.partition("/")[0].replace("numpy", "NumPy")]
    ]
    reference = {run.framework for run in runs} & {pairs.REFERENCE.framework}
    runs = [
        replace(run, framework=pairs.REFERENCE.framework) if "numpy" in run.run else run
        for run in runs
    ]
    assert len(reference) <= 1
    faster, pair = fastest_pair(make_result(dataset, *runs))
    assert (faster, pair.run, pair.time_verdict) == ("torch/b", "tf/b", "different")
    alone = intervals.ratio_interval(pair.train_time_ratio.values)
    assert pair.train_time_ratio.p == pytest.approx(4 * alone.p), "two times two could be chosen"
    two = [run for run in runs if run.run in ("torch/a", "tf/a")]
    assert fastest_pair(make_result(dataset, *two)) is None, "the pair there is says it"


def test_wide_ratios_have_limits():
    (pair,) = compare_runs(repeated([1e-9, 1.0, 1e9])).pairs
    assert 0 < pair.train_time_ratio.low < 1e-9
    assert math.isfinite(pair.train_time_ratio.high)
