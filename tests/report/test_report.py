"""What is told at the end: the table, the words, the pictures, and the folder they go to."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from rich.console import Console
from safetensors.numpy import save_file

from report import markdown, sentences, table, terminal, write
from shared import outputs, plotting
from shared.clock import PHASES
from shared.config import CHOICES, TrainConfig
from shared.datasets import Dataset
from shared.errors import UsageError
from shared.outputs import claim_output_dir, current_command
from shared.results import (
    ComparisonResult,
    EpochResult,
    Floor,
    RunResult,
    RunVerification,
    Verification,
    load_results,
)

TEST_IMAGES = 50
ENVIRONMENT = {
    "python": "3.12.1",
    "platform": "Linux",
    "processor": "Processor 9000",
    "physical_cores": 2,
    "logical_cores": 4,
    "memory_bytes": 8 * 2**30,
    "load_average": [0.25, 0.5, 0.75],
    "versions": {"torch": "2.15.0", "tensorflow": None, "numpy": "2.4.6"},
}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    random = np.random.default_rng(0)
    return Dataset(
        name="digits",
        train_images=np.zeros((1437, 784), np.float32),
        train_labels=np.zeros(1437, np.int64),
        test_images=random.normal(size=(TEST_IMAGES, 784)).astype(np.float32),
        test_labels=np.arange(TEST_IMAGES) % 10,
        class_names=("zero", "one", "two", "three", *"456789"),
        mean=0.5,
        deviation=0.25,
        sha256={},
    )


def make_run(name: str, seed: int = 0, speed: float = 1.0, epochs: int = 3) -> RunResult:
    """A completed run that needs `speed` seconds an epoch, the first twice that."""
    framework, _, variant = name.partition("/")
    run = RunResult(name, framework, variant, seed, threads=2, batch_size=64, status="completed")
    run.epochs = [
        EpochResult(k, 1 / k, 0.8 + k / 100, 1.1 / k, 0.9 + k / 100, speed * (1 + (k == 1)), 0.5)
        for k in range(1, epochs + 1)
    ]
    run.test_loss, run.test_accuracy = run.epochs[-1].test_loss, run.epochs[-1].test_accuracy
    run.phases = {phase: number / 4 for number, phase in enumerate(PHASES, 1)}
    run.wall_seconds = sum(run.phases.values())
    run.time_to_first_step_seconds = 0.75
    run.peak_memory_bytes = 300 * 2**20
    run.framework_version, run.device = "1.2.3", "cpu"
    run.predictions = f"{framework}-{variant}-{seed}.predictions.safetensors"
    run.set_speed(1437, 0.0)
    return run


def make_unfinished(name: str, status: str, error: str, epochs: int = 0, seed: int = 0):
    """A run that ended early, after some epochs."""
    whole = make_run(name, seed, epochs=epochs or 1)
    run = RunResult(name, whole.framework, whole.variant, seed, 2, 64, status=status, error=error)
    if epochs:
        run.epochs, run.phases, run.wall_seconds = whole.epochs, whole.phases, whole.wall_seconds
        run.set_speed(1437, 0.0)
    return run


def make_result(dataset: Dataset, *runs: RunResult, **others) -> ComparisonResult:
    """What the commands assemble from these runs."""
    config = TrainConfig(dataset="digits", threads=2)
    command, notice = "python compare.py --epochs 3", others.pop("notice", None)
    return write.assemble(command, config, dataset, notice, ENVIRONMENT, list(runs), **others)


def rows_of(result: ComparisonResult) -> dict[str, list[str]]:
    """The table by the names of its rows."""
    return {name: cells for name, *cells in table.table(result)}


def test_assembled_facts(dataset):
    result = make_result(dataset, make_run("numpy/reference"), notice="Beware.")
    assert (result.dataset.name, result.dataset.notice) == ("digits", "Beware.")
    assert (result.dataset.train_size, result.dataset.test_size) == (1437, TEST_IMAGES)
    assert result.dataset.classes == list(dataset.class_names)
    assert result.config["dataset"] == "digits"
    assert datetime.fromisoformat(result.created).utcoffset().total_seconds() == 0


def test_table_of_one_run(dataset):
    rows = rows_of(make_result(dataset, make_run("numpy/reference", speed=0.5)))
    assert rows == {
        "scikit-learn's embedded digits": ["numpy/reference"],
        "status": ["completed"],
        "test accuracy": ["93.00 %"],
        "test loss": ["0.3667"],
        "training time per epoch": ["0.500 s"],
        "training images per second": ["2,874"],
        "time to first step": ["0.75 s"],
        "peak memory": ["300 MiB"],
        "wall time": ["7.0 s"],
        "device": ["cpu"],
        "version": ["1.2.3"],
    }


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


def test_words_of_one_run_are_none(dataset):
    assert sentences.in_words(make_result(dataset, make_run("numpy/reference"))) == []


def test_words_compare_each_with_the_first(dataset):
    runs = [make_run(name) for name in ("pytorch/eager", "tensorflow/fit", "numpy/reference")]
    words = sentences.in_words(make_result(dataset, *runs))
    assert [line.partition(" needs")[0] for line in words] == ["tensorflow/fit", "numpy/reference"]
    assert all("of pytorch/eager" in line for line in words)


def test_words_about_what_went_wrong_come_before_the_figures(dataset):
    runs = [
        make_run("pytorch/eager"),
        make_unfinished("tensorflow/fit", "failed", "It broke."),
        make_run("numpy/reference"),
        make_unfinished("tensorflow/graph", "diverged", "The loss was lost.", seed=7),
    ]
    words = sentences.in_words(make_result(dataset, *runs, notice="Digits are used."))
    assert words[:3] == [
        "NOTICE: Digits are used.",
        "tensorflow/fit (seed 0) failed: It broke.",
        "tensorflow/graph (seed 7) diverged: The loss was lost.",
    ]
    assert [line.partition(" ")[0] for line in words[3:]] == ["numpy/reference"]


def test_different_devices_are_a_loud_warning(dataset):
    runs = [make_run("pytorch/eager"), make_run("tensorflow/fit")]
    assert not any("WARNING" in line for line in sentences.in_words(make_result(dataset, *runs)))
    runs[0].device = "cuda (NVIDIA H200)"
    result = make_result(dataset, *runs)
    warning = (
        "WARNING: the runs used different devices (pytorch/eager on cuda (NVIDIA H200), "
        "tensorflow/fit on cpu). Their timings compare devices, not frameworks."
    )
    assert sentences.in_words(result)[0] == warning
    assert warning in markdown.markdown(result, {})


def test_a_run_that_never_had_a_device_is_no_other_device(dataset):
    runs = [make_run("pytorch/eager"), make_unfinished("tensorflow/fit", "failed", "It broke.")]
    assert not any("WARNING" in line for line in sentences.in_words(make_result(dataset, *runs)))


def make_verification(passed: bool) -> Verification:
    run = RunVerification("pytorch/eager", passed, "says this")
    return Verification("numpy/reference", "matched", 20, 10.0, 1.25, [run])


@pytest.mark.parametrize(
    ("passed", "verdict"), [(True, "Verification passed"), (False, "Verification FAILED")]
)
def test_the_summary_tells_what_was_verified(passed, verdict, dataset):
    verification = make_verification(passed)
    first, second = sentences.describe_verification(verification, {"alignment": "matched"})
    assert first.startswith(verdict)
    assert "(20 steps, 1.2 s)." in first
    assert "only Adam's epsilon" in first
    assert sentences.describe_verification(verification, {"alignment": "exact"})[0].endswith(
        "(20 steps, 1.2 s)."
    )
    config = TrainConfig(alignment="exact", dropout=0.2, precision="bfloat16").as_json()
    without = sentences.describe_verification(verification, config)[0]
    assert without.endswith(" Not verified is --dropout, --precision: it has no equal.")
    assert second == "  pytorch/eager says this"
    result = make_result(dataset, make_run("pytorch/eager"), verification=verification)
    lines = markdown.markdown(result, {}).splitlines()
    assert first in lines
    assert "- pytorch/eager says this" in lines


def test_words_begin_with_a_verification_only_if_it_failed(dataset):
    runs = [make_run("pytorch/eager"), make_run("numpy/reference")]
    words = [
        sentences.in_words(make_result(dataset, *runs, verification=verification))
        for verification in (None, make_verification(True), make_verification(False))
    ]
    assert words[1] == words[0]
    assert words[2][0].startswith("Verification FAILED")
    assert words[2][1:] == words[0]


def test_markdown(dataset):
    broken = make_unfinished("tensorflow/fit", "failed", "It broke.")
    broken.error_output = ["Traceback", "  ValueError: [bad]"]
    result = make_result(dataset, make_run("pytorch/eager"), broken)
    lines = markdown.markdown(result, {"time.png": "Where the time went"}).splitlines()
    assert lines[0] == "# pytorch/eager, tensorflow/fit on scikit-learn's embedded digits"
    assert f"`python compare.py --epochs 3` ({result.created})" in lines
    rows = [line for line in lines if line.startswith("|")]
    assert rows[1] == "|---|---:|---:|"
    assert "| test accuracy | 93.00 % | - |" in rows
    assert len(rows) == len(table.table(result)) + 1
    assert {row.count("|") for row in rows} == {4}
    # A blank line is what separates a table from the text around it.
    start = lines.index(rows[0])
    assert lines[start - 1] == lines[start + len(rows)] == ""
    assert "![Where the time went](time.png)" in lines
    assert "tensorflow/fit (seed 0) failed: It broke." in lines
    quoted = lines.index("```")
    assert lines[quoted + 1 : quoted + 4] == [*broken.error_output, "```"]


def test_machine():
    assert sentences.describe_machine(ENVIRONMENT) == (
        "Processor 9000, 2 cores, 8 GiB; Linux; Python 3.12.1, torch 2.15.0, numpy 2.4.6; "
        "load average at the start 0.25"
    )


def test_printed_report(dataset):
    broken = make_unfinished("tensorflow/fit", "failed", "It [red]broke[/red].")
    broken.error_output = ["ValueError: [bold]"]
    result = make_result(dataset, make_run("pytorch/eager"), broken)
    printed = io.StringIO()
    terminal.print_report(result, Console(file=printed, width=200))
    lines = printed.getvalue().splitlines()
    for row in table.table(result):
        assert any(line.split() == " ".join(row).split() for line in lines), row
    # Square brackets would be taken for colours.
    assert "tensorflow/fit (seed 0) failed: It [red]broke[/red]." in lines
    assert "  tensorflow/fit: ValueError: [bold]" in lines


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (754, "12:34")),
        *((3599.7, "1:00:00"), (5025, "1:23:45"), (360000, "100:00:00")),
    ],
)
def test_duration(seconds, text):
    assert terminal.format_duration(seconds) == text


def test_line_of_an_epoch(dataset):
    epochs = make_run("numpy/reference", epochs=2).epochs
    line = terminal.epoch_line("numpy/reference", epochs, TrainConfig(epochs=6), dataset)
    assert line == (
        "numpy/reference  epoch 2/6  train loss 0.5000 accuracy 82.00 %"
        "  test loss 0.5500 accuracy 92.00 %  1,437 images/s  0:06 left"
    )


def test_description_of_the_job(dataset):
    config = TrainConfig(dataset="digits", threads=2, seed=4, hidden=(32, 16))
    text = sentences.describe_job(config, dataset, None)
    assert text == (
        "scikit-learn's embedded digits: 1,437 training and 50 test images. "
        "Network 784-32-16-10, Adam 0.001, batches of 64, epochs: 5, seed 4, float32, threads: 2."
    )
    assert sentences.describe_job(config, dataset, "Beware.") == f"NOTICE: Beware.\n{text}"
    config = TrainConfig(dataset="digits", optimizer="sgd", learning_rate=0.1)
    assert ", SGD 0.1, " in sentences.describe_job(config, dataset, None)


def test_every_optimizer_has_a_title():
    assert set(sentences.OPTIMIZER_TITLES) == set(CHOICES["optimizer"])


def save_predictions(dataset: Dataset, run: RunResult, folder: Path, wrong: int) -> None:
    """Logits that are right but for the first `wrong` images."""
    answers = dataset.test_labels.copy()
    answers[:wrong] = (answers[:wrong] + 1) % 10
    save_file({"logits": np.eye(10, dtype=np.float32)[answers]}, folder / run.predictions)


ONE = (make_run("numpy/reference"),)
TWO = (make_run("pytorch/eager"), make_run("tensorflow/fit"))
REPEATS = (
    *(make_run(name, seed) for seed in (0, 1) for name in ("pytorch/eager", "tensorflow/fit")),
    make_unfinished("pytorch/eager", "interrupted", "Stopped.", epochs=1, seed=2),
)
UNFINISHED = (
    make_unfinished("pytorch/eager", "interrupted", "Stopped.", epochs=2),
    make_unfinished("tensorflow/fit", "unavailable", "Not installed."),
)
NOTHING = (make_unfinished("pytorch/eager", "failed", "It broke."),)
ALL_PICTURES = {"time.png", "curves.png", "predictions.png"}
REPORTS = {
    "one run": (ONE, ALL_PICTURES),
    "repeats": (REPEATS, ALL_PICTURES),
    "none completed": (UNFINISHED, {"time.png", "curves.png"}),
    "not one epoch": (NOTHING, set()),
}


@pytest.mark.parametrize(("runs", "pictures"), REPORTS.values(), ids=REPORTS)
def test_report_files(runs, pictures, dataset, tmp_path, monkeypatch):
    if len(runs) > 1:
        # The grid is drawn whole only once, because that takes seconds.
        monkeypatch.setattr(plotting, "GRID_COLUMNS", 2)
        monkeypatch.setattr(plotting, "GRID_ROWS", 1)
    for number, run in enumerate(runs):
        if run.status == "completed":
            save_predictions(dataset, run, tmp_path, wrong=3 * number)
    predictions = {run.predictions for run in runs if run.predictions}
    result = make_result(dataset, *runs)
    write.write_report(result, dataset, tmp_path)
    written = {path.name for path in tmp_path.iterdir()} - predictions
    assert written == {"results.json", "summary.md", "report.html"} | pictures
    assert load_results(tmp_path / "results.json") == result
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    for name in pictures:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        pixels = imread(tmp_path / name)
        assert min(pixels.shape[:2]) > 100
        # More than one colour: something is drawn.
        assert len(np.unique(pixels[..., :3].reshape(-1, 3), axis=0)) > 2
    for name in ALL_PICTURES:
        assert (f"({name})" in summary) == (name in pictures)
    listed = terminal.describe_files(tmp_path)
    others = f", and {len(predictions)} files of weights, predictions and logs"
    assert (
        listed == f"Written to {tmp_path}: {', '.join(sorted(written))}{others * bool(predictions)}"
    )


def test_figures_are_saved_before_a_picture_can_fail(dataset, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError

    monkeypatch.setattr(plotting, "plot_time", fail)
    with pytest.raises(RuntimeError):
        write.write_report(make_result(dataset, *UNFINISHED), dataset, tmp_path)
    assert load_results(tmp_path / "results.json").runs == list(UNFINISHED)


@pytest.fixture
def figures(monkeypatch):
    """The figures that would be saved, without the time that drawing takes."""
    kept = []
    monkeypatch.setattr(plotting, "save", lambda figure, path: kept.append(figure))
    return kept


def test_bars_are_means_over_the_repeats(figures, dataset, tmp_path):
    first, second = make_run("pytorch/eager", 0), make_run("pytorch/eager", 1)
    second.phases = {phase: 3 * seconds for phase, seconds in first.phases.items()}
    plotting.plot_time(make_result(dataset, first, second), tmp_path / "time.png")
    (axes,) = figures[0].axes
    widths = [bar.get_width() for bar in axes.patches]
    assert widths == [2 * first.phases[phase] for phase in PHASES]
    assert [text.get_text().strip() for text in axes.texts] == ["14.0 s"]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == [phase.replace("_", " ") for phase in PHASES]


def test_curves_are_means_with_the_range_as_band(figures, dataset, tmp_path):
    first, second = make_run("pytorch/eager", 0), make_run("pytorch/eager", 1)
    second.epochs = [replace(epoch, test_loss=epoch.test_loss + 1) for epoch in first.epochs]
    cut_short = make_unfinished("pytorch/eager", "interrupted", "Stopped.", epochs=1, seed=2)
    result = make_result(dataset, first, second, cut_short)
    plotting.plot_curves(result, tmp_path / "curves.png")
    loss_axes, accuracy_axes = figures[0].axes
    lines = {line.get_label(): line for line in loss_axes.lines}
    assert list(lines) == ["pytorch/eager, train", "pytorch/eager, test"]
    assert [lines[name].get_linestyle() for name in lines] == ["--", "-"]
    tested = lines["pytorch/eager, test"]
    assert tested.get_xdata().tolist() == [1, 2, 3]
    expected = [epoch.test_loss + 0.5 for epoch in first.epochs]
    np.testing.assert_allclose(tested.get_ydata(), expected)
    assert len(loss_axes.collections) == len(accuracy_axes.collections) == 2


def test_disputed_images_come_first(figures, dataset, tmp_path):
    agreed = np.eye(10)[dataset.test_labels]
    other = agreed.copy()
    disputed = list(range(30, 50))
    other[disputed] = np.roll(agreed[disputed], 1, axis=1)
    result = make_result(dataset, *TWO)
    logits = {"pytorch/eager": agreed, "tensorflow/fit": other}
    plotting.plot_predictions(result, dataset, logits, tmp_path / "predictions.png")
    (axes,) = figures[0].axes
    assert len(axes.images) == 32
    # For each image its number and true class, then what each run says.
    texts = [(text.get_text(), text.get_color()) for text in axes.texts]
    titles = [text.partition(":")[0] for text, _ in texts[::3]]
    # At most half of the grid's 32 cells, then the first images of the test set.
    assert titles == [str(row) for row in (*disputed[:16], *range(16))]
    assert "disagree about 20 of 50 images" in figures[0].get_suptitle()
    assert texts[1:3] == [
        ("pytorch/eager: zero", plotting.RIGHT),
        ("tensorflow/fit: one", plotting.WRONG),
    ]
    assert len(axes.patches) == 16, "one frame for each disputed image shown"


def test_few_test_images_leave_cells_empty(figures, dataset, tmp_path):
    few = dataset.with_test_images(5)
    logits = {"numpy/reference": np.eye(10)[few.test_labels]}
    plotting.plot_predictions(make_result(few, *ONE), few, logits, tmp_path / "predictions.png")
    (axes,) = figures[0].axes
    titles = [text.get_text() for text in axes.texts[::2]]
    assert titles == ["0: zero", "1: one", "2: two", "3: three", "4: 4"]
    assert len(axes.images) == 5
    assert "disagree" not in figures[0].get_suptitle()


@pytest.fixture
def one_moment(tmp_path, monkeypatch):
    """An empty folder to work in, at one moment of time."""

    class Frozen(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    monkeypatch.setattr(outputs, "datetime", Frozen)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_default_folders_are_unique(one_moment):
    folders = [claim_output_dir(None, "the command") for _ in range(3)]
    names = ["2026-01-02T03-04-05Z", "2026-01-02T03-04-05Z-2", "2026-01-02T03-04-05Z-3"]
    assert folders == [Path("results", name) for name in names]
    for folder in folders:
        assert (one_moment / folder / "command.txt").read_text() == "the command\n"


def test_default_folder_where_there_can_be_none(one_moment):
    (one_moment / "results").write_text("mine")
    with pytest.raises(UsageError, match="results"):
        claim_output_dir(None, "the command")
    assert (one_moment / "results").read_text() == "mine"


@pytest.mark.parametrize("exists", [True, False])
def test_requested_folder_new_or_empty(exists, tmp_path):
    folder = tmp_path / "deep" / "out"
    if exists:
        folder.mkdir(parents=True)
    assert claim_output_dir(folder, "the command") == folder
    assert [path.name for path in folder.iterdir()] == ["command.txt"]


def test_a_folder_is_claimed_only_once(tmp_path):
    claim_output_dir(tmp_path / "out", "first")
    with pytest.raises(UsageError, match=r"--output-dir .*not empty"):
        claim_output_dir(tmp_path / "out", "second")
    assert (tmp_path / "out" / "command.txt").read_text() == "first\n"


def test_a_folder_claimed_at_the_same_moment(tmp_path, monkeypatch):
    claim_output_dir(tmp_path / "out", "first")
    # Both found it empty.
    monkeypatch.setattr(Path, "iterdir", lambda self: iter(()))
    with pytest.raises(UsageError, match=r"--output-dir .*taken by another run"):
        claim_output_dir(tmp_path / "out", "second")
    assert (tmp_path / "out" / "command.txt").read_text() == "first\n"


@pytest.mark.parametrize("inside", ["", "deeper"])
def test_a_file_is_no_folder(inside, tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(UsageError, match=r"^--output-dir .*taken.*\.$"):
        claim_output_dir(tmp_path / "taken" / inside, "the command")
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["/some/compare.py", "a b", "--seed", "1"], "python compare.py 'a b' --seed 1"),
        (["/some/numpy_impl/__main__.py", "--offline"], "python -m numpy_impl --offline"),
    ],
)
def test_command_as_typed(arguments, command, monkeypatch):
    monkeypatch.setattr("sys.argv", arguments)
    assert current_command() == command


def test_a_busy_machine_is_a_warning(dataset):
    result = make_result(dataset, make_run("pytorch/eager"))
    assert not any("busy" in line for line in sentences.in_words(result))
    result.environment = {**ENVIRONMENT, "physical_cores": 2, "load_average": [1.5, 0, 0]}
    assert any("WARNING: the machine was busy" in line for line in sentences.in_words(result))


def test_the_table_shows_how_far_from_the_oracle(dataset):
    verification = make_verification(True)
    verification.runs[0].figures = {"float64": {"logits": 4e-16, "weights": 2e-15}}
    runs = [make_run("pytorch/eager"), make_run("pytorch/eager#2"), make_run("numpy/reference")]
    rows = rows_of(make_result(dataset, *runs, verification=verification))
    assert rows["off the oracle, logits"] == ["4e-16", "4e-16", "-"]
    assert rows["off the oracle, weights"] == ["2e-15", "2e-15", "-"]
    assert "off the oracle, gradients" not in rows


def doubts_of(dataset: Dataset, *runs: RunResult, **others) -> list[str]:
    return sentences.doubts(make_result(dataset, *runs, **others))


def test_a_quiet_machine_raises_no_doubts(dataset):
    assert doubts_of(dataset, make_run("numpy/reference"), probes=[0.005, 0.0051]) == []


def test_work_of_others_is_a_warning_that_names_the_worst(dataset):
    runs = [make_run("numpy/reference", seed) for seed in range(3)]
    runs[0].foreign_cpus, runs[1].foreign_cpus, runs[2].foreign_cpus = 0.05, 1.25, 0.5
    (doubt,) = doubts_of(dataset, *runs)
    assert "during 2 of 3 runs, most during numpy/reference (seed 1): 1.2 cores" in doubt


def test_a_machine_that_changes_its_speed_is_a_warning(dataset):
    (doubt,) = doubts_of(dataset, make_run("numpy/reference"), probes=[0.005, 0.008, 0.006])
    assert "took 5.0 to 8.0 ms" in doubt


def test_more_threads_than_cores_and_a_battery_are_warnings(dataset, monkeypatch):
    changed = ENVIRONMENT | {"physical_cores": 1, "on_battery": True}
    monkeypatch.setitem(globals(), "ENVIRONMENT", changed)
    shared_cores, battery = doubts_of(dataset, make_run("numpy/reference"))
    assert "2 threads share 1 physical cores" in shared_cores
    assert "battery" in battery


def compiled_pair(start: float, epoch: float) -> list[RunResult]:
    """A plain run of 1 s an epoch and no start, and a compiled one."""
    runs = [make_run("pytorch/eager"), make_run("pytorch/compiled", speed=epoch)]
    for run, seconds in zip(runs, (0, start), strict=True):
        run.phases["first_step"] = seconds
        run.phases["build"] = 0.0
        run.phases["train"] = len(run.epochs) * run.epoch_seconds
    return runs


@pytest.mark.parametrize(
    ("start", "epoch", "words"),
    [
        (3.0, 0.6, "spends 3.0 s more than pytorch/eager on its start and saves 0.40 s an epoch: "),
        (3.0, 0.6, "it is ahead after epoch 8."),
        (-1.0, 0.6, "spends 1.0 s less"),
        (3.0, 1.5, "saves nothing an epoch: it never makes up for that."),
    ],
)
def test_when_compiling_has_paid(start, epoch, words, dataset):
    (sentence,) = sentences.paid_off(make_result(dataset, *compiled_pair(start, epoch)))
    assert words in sentence


def test_nothing_is_said_of_compiling_without_a_plain_run_of_the_framework(dataset):
    names = ("pytorch/compiled", "pytorch/compiled#2", "tensorflow/fit")
    runs = [make_run(name) for name in names]
    assert sentences.paid_off(make_result(dataset, *runs)) == []


def test_runs_are_shown_as_multiples_of_the_lowest_floor(dataset):
    floor = [Floor("slow", 64, [0.5]), Floor("fast", 64, [0.2, 0.25, 0.4]), Floor("x", 16, [0.1])]
    result = make_result(dataset, make_run("numpy/reference", speed=0.5), floor=floor)
    assert rows_of(result)["training time in multiples of the floor"] == ["2.00"]
    assert any("0.250 s with fast" in sentence for sentence in sentences.in_words(result))


def test_on_a_merged_page_each_run_has_the_floor_of_its_machine(dataset):
    runs = [make_run(f"{machine}: numpy/reference", speed=0.5) for machine in ("old", "new")]
    floor = [Floor("old: torch", 64, [0.25]), Floor("new: torch", 64, [0.1])]
    rows = rows_of(make_result(dataset, *runs, floor=floor))
    assert rows["training time in multiples of the floor"] == ["2.00", "5.00"]


def test_time_to_the_target(dataset):
    run = make_run("numpy/reference")
    run.time_to_target_seconds = 2.5
    assert rows_of(make_result(dataset, run))["time to 97 % test accuracy"] == ["2.50 s"]


def test_a_sweep_has_a_table_and_a_picture_of_its_own(figures, dataset, tmp_path):
    runs = [make_run("pytorch/eager", speed=1.0), make_run("pytorch/eager", speed=0.5)]
    runs[1].batch_size = 256
    floor = [Floor("slow", 64, [0.5]), Floor("fast", 64, [0.25]), Floor("fast", 256, [0.125])]
    result = make_result(dataset, *runs, floor=floor)
    assert table.sweep_table(result) == [
        ["batch size", "pytorch/eager, images/s"],
        ["64", "1,437"],
        ["256", "2,874"],
    ]
    assert rows_of(result)["training time per epoch"] == ["1.000 s"]
    assert "| 256 | 2,874 |" in markdown.markdown(result, {})
    plotting.plot_throughput(result, tmp_path / "throughput.png")
    (axes,) = figures[0].axes
    assert list(axes.lines[0].get_xdata()) == [64, 256]
    assert list(axes.lines[0].get_ydata()) == [1437, 2874]
    assert list(axes.lines[1].get_ydata()) == [4 * 1437, 8 * 1437]
