"""The tables of the report: which rows there are, and what each shows."""

import pytest

from report import against, markdown, plotting, sentences, series, table
from shared.results import (
    ComparisonResult,
    Floor,
)
from shared.verified import VerificationFailure
from tests.support.results import (
    ONE,
    UNTIMED,
    make_result,
    make_run,
    make_unfinished,
    make_verification,
)


def rows_of(result: ComparisonResult) -> dict[str, list[str]]:
    """The table of all figures by the names of its rows."""
    found = table.details(result)
    return {name: cells for name, *cells in (found.header, *found.rows)}


def test_table_of_one_run(dataset):
    rows = rows_of(make_result(dataset, make_run("numpy/reference", speed=0.5)))
    assert rows == {
        "scikit-learn's embedded digits": ["numpy/reference"],
        "status": ["completed"],
        "test accuracy": ["93.00 %"],
        "test loss": ["0.3667"],
        "training accuracy, last epoch": ["83.00 %"],
        "training loss, last epoch": ["0.3333"],
        "training time per epoch": ["0.500 s"],
        "training images per second": ["2,874"],
        "time to first step": ["0.75 s"],
        "peak memory": ["300 MiB"],
        "wall time": ["13.8 s"],
        "device": ["cpu"],
        "version": ["1.2.3"],
    }


@pytest.mark.parametrize("who", ["the run", "its verification"])
def test_table_has_no_figures_of_what_is_unavailable(who, dataset):
    verification = make_verification(passed=True)
    run = make_run("pytorch/eager")
    if who == "the run":
        run = make_unfinished("pytorch/eager", "unavailable", "No such device.")
    else:
        # As where a device has float64 and no float32: the figures of float64 are there.
        verification.runs[0].fail(VerificationFailure("unavailable", message="No such device."))
    rows = rows_of(make_result(dataset, run, ONE[0], verification=verification))
    assert [
        name for name in rows if name.startswith("max. error against the NumPy reference")
    ] == []


def test_table_of_repeats_shows_means_over_what_was_completed(dataset):
    rows = rows_of(
        make_result(
            dataset,
            make_run("pytorch/eager", 0, speed=1),
            make_run("tensorflow/fit", 0, speed=3),
            make_run("pytorch/eager", 1, speed=2),
            make_unfinished("tensorflow/fit", "failed", "It broke.", epochs=1, seed=1),
        )
    )
    assert rows["scikit-learn's embedded digits"] == ["pytorch/eager", "tensorflow/fit"]
    assert rows["status"] == ["2 completed", "1 completed, 1 failed"]
    assert rows["training time per epoch"] == ["1.500 s", "3.000 s"]
    assert rows["test accuracy"] == ["93.00 %", "93.00 %"]
    assert rows["device"] == ["cpu", "-, cpu"]


@pytest.mark.parametrize("status", ["failed", "diverged", "interrupted", "unavailable"])
def test_table_has_no_figures_of_what_was_not_completed(status, dataset):
    run = make_unfinished("pytorch/eager", status, "It broke.", epochs=2)
    rows = rows_of(make_result(dataset, run))
    assert rows.pop("status") == [status]
    assert rows.pop("scikit-learn's embedded digits") == ["pytorch/eager"]
    assert rows == {}, "a row that says nothing of any run is left out"


def test_the_table_shows_how_far_from_the_oracle(dataset):
    verification = make_verification(True)
    del verification.runs[0].figures["float64"]["gradients"]
    runs = [make_run("pytorch/eager"), make_run("pytorch/eager#2"), make_run("numpy/reference")]
    rows = rows_of(make_result(dataset, *runs, verification=verification))
    assert rows["max. error against the NumPy reference, logits"] == ["4e-16", "4e-16", "-"]
    assert rows["max. error against the NumPy reference, weights"] == ["2e-15", "2e-15", "-"]
    assert "max. error against the NumPy reference, gradients" not in rows


def test_runs_are_shown_as_multiples_of_the_lowest_floor(dataset):
    floors = [
        *(Floor("slow", 64, [0.5]), Floor("fast", 64, [0.2, 0.4]), Floor("x", 16, [0.1], 1)),
        Floor("fast", 64, [0.25], repeat=1),
    ]
    result = make_result(dataset, make_run("numpy/reference", speed=0.5), floors=floors)
    assert rows_of(result)["training time in multiples of the floor"] == ["2.00"]
    assert any(
        "0.250 s per epoch" in sentence and "with fast" in sentence
        for sentence in sentences.in_words(result)
    )


def test_on_a_merged_page_each_run_has_the_floor_of_its_machine(dataset):
    runs = [make_run(f"{machine}: numpy/reference", speed=0.5) for machine in ("old", "new")]
    floors = [Floor("old: torch", 64, [0.25]), Floor("new: torch", 64, [0.1])]
    rows = rows_of(make_result(dataset, *runs, floors=floors))
    assert rows["training time in multiples of the floor"] == ["2.00", "5.00"]


def test_time_to_the_target(dataset):
    run = make_run("numpy/reference")
    run.time_to_target_seconds = 2.5
    assert rows_of(make_result(dataset, run))["time to 97 % test accuracy"] == ["2.50 s"]


def test_a_target_that_a_repeat_missed_counts_as_reached_never(dataset):
    seconds = {"numpy/reference": (2.5, None, 3.5), "pytorch/eager": (None, None, 1.5)}
    runs = []
    for name, times in seconds.items():
        for seed, time in enumerate(times):
            run = make_run(name, seed)
            run.time_to_target_seconds = time
            runs.append(run)
    resumed = make_run("numpy/reference", 3)
    resumed.resumed_from_step = 10
    result = make_result(dataset, *runs, resumed)
    cells = rows_of(result)["time to 97 % test accuracy"]
    assert cells == ["3.50 s (2 of 3)", "- (1 of 3)"]
    words = sentences.in_words(result)
    assert (
        "numpy/reference reached 97 % test accuracy in 2 of 3 repeats, after a median of 3.50 s."
        in words
    )
    assert "pytorch/eager reached 97 % test accuracy in 1 of 3 repeats." in words


def test_the_first_table_has_the_runs_as_rows(dataset):
    floors = [Floor("fast", 64, [0.2, 0.4, 0.3])]
    runs = [make_run("pytorch/eager", speed=2), make_run("tensorflow/fit")]
    first = table.headline(make_result(dataset, *runs, floors=floors))
    assert first.caption == "scikit-learn's embedded digits"
    assert first.header == [
        *("run", "accuracy, %", "epoch, s", "times as long", "first step, s", "images/s"),
        "memory, MiB",
    ]
    assert first.rows == [
        ["pytorch/eager", "93.00", "2.000", "1", "0.75", "718", "300"],
        ["tensorflow/fit", "93.00", "1.000", "0.50", "0.75", "1,437", "300"],
        ["floor, fast", "-", "0.300", "-", "-", "-", "-"],
    ]
    # Where all are equal, none is best.
    assert first.best == {(1, 2), (1, 5)}
    assert first.note == table.BOLD
    equal = table.headline(make_result(dataset, runs[1], make_run("pytorch/eager")))
    assert (equal.best, equal.note) == (set(), "")


def test_the_first_table_says_what_is_missing_and_how_far_accuracies_spread(dataset):
    runs = [make_run("pytorch/eager", seed) for seed in range(3)]
    for run, accuracy in zip(runs, (0.92, 0.93, 0.94), strict=True):
        run.test_accuracy = accuracy
    broken = make_unfinished("tensorflow/fit", "failed", "It broke.")
    first = table.headline(make_result(dataset, *runs, broken))
    assert first.caption == "scikit-learn's embedded digits, means over 3 repeats"
    # t(2) = 4.303 at 97.5 %; the deviation is one point.
    assert first.rows[0][:3] == ["pytorch/eager", "3 completed", "93.00 ±2.48"]
    assert first.rows[1] == ["tensorflow/fit", "failed", "-", "-", "-", "-", "-"]


def test_a_sweep_has_a_table_and_a_picture_of_its_own(figures, dataset, tmp_path):
    runs = [make_run("pytorch/eager", speed=1.0), make_run("pytorch/eager", speed=0.5)]
    runs[1].batch_size, runs[1].setting = 256, 1
    floors = [Floor("slow", 64, [0.5]), Floor("fast", 64, [0.25]), Floor("fast", 256, [0.125], 1)]
    settings = [{"batch_size": 64}, {"batch_size": 256}]
    result = make_result(dataset, *runs, settings=settings, floors=floors)
    sweep = table.sweep_table(result)
    assert sweep.header == ["batch size", "pytorch/eager"]
    assert sweep.rows == [["64", "1,437"], ["256", "2,874"]]
    assert rows_of(result)["training time per epoch"] == ["1.000 s"]
    assert "| 256 | 2,874 |" in markdown.markdown(result, {})
    plotting.plot_throughput("Speed", series.throughput(result), tmp_path / "throughput.png")
    (axes,) = figures[0].axes
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines["pytorch/eager"].get_xdata()) == [64, 256]
    assert list(lines["pytorch/eager"].get_ydata()) == [1437, 2874]
    assert list(lines["matrix products alone, slow"].get_ydata()) == [2 * 1437]
    assert list(lines["matrix products alone, fast"].get_ydata()) == [4 * 1437, 8 * 1437]


def test_a_sweep_of_workers_says_what_they_gain(figures, dataset, tmp_path):
    runs = []
    for seed in range(3):
        for place, (workers, speed) in enumerate(((1, 1.0), (2, 0.6), (4, 1.25))):
            run = make_run("pytorch/eager", seed, speed)
            run.workers, run.setting, run.repeat = workers, place, seed
            run.peak_memory_bytes *= workers
            runs.append(run)
    runs[-1].status = "failed"
    settings = [{"workers": workers} for workers in (1, 2, 4)]
    result = make_result(dataset, *runs, settings=settings, floors=[Floor("fast", 64, [0.25])])
    gained = against.tables(result)[0]
    assert gained.header[1:] == [
        *("workers", "epoch, s", "images/s", "memory, MiB"),
        *("speed-up", "95 % interval", "efficiency"),
    ]
    assert gained.rows == [
        ["pytorch/eager", "1", "1.000", "1,437", "300", "-", "-", "-"],
        ["pytorch/eager", "2", "0.600", "2,395", "600", "1.67", "1.67 to 1.67", "83 %"],
        ["pytorch/eager", "4", "1.250", "1,150", "1,200", "0.80 and 0.80", "-", "20 %"],
    ]
    lines = series.throughput(result)
    assert [line.label for line in lines] == ["pytorch/eager"]
    assert [workers for workers, _ in lines[0].points] == [1, 2, 4]
    plotting.plot_throughput("Speed", lines, tmp_path / "throughput.png", "Workers")
    assert figures[0].axes[0].get_xlabel() == "Workers"


def test_an_unknown_time_per_epoch_is_a_dash(dataset):
    cells = rows_of(make_result(dataset, make_run("numpy/reference"), UNTIMED[0]))
    assert cells["training time per epoch"] == ["1.000 s", "-"]
    assert cells["training images per second"] == ["1,437", "-"]
    assert "training time per epoch" not in rows_of(make_result(dataset, UNTIMED[0]))
