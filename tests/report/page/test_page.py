"""report.html without a browser: what it says, that it needs nothing else, that it is safe."""

import base64
import io
import json
import re
import shutil
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from report import __main__ as report_main
from report import axes, read, table, verdicts
from report.page import charts as charts_module
from report.page import page as page_module
from report.page import predictions as predictions_module
from shared.datasets import Dataset
from shared.download import MissingFiles
from shared.results import ComparisonResult, InferenceResult, group_by_run
from shared.results_file import load_results, save_results
from tests.support.commands import run_warm
from tests.support.folders import HOSTILE, make_dataset, make_folder, make_whole
from tests.support.results import (
    REPORTS,
    make_result,
    make_run,
    make_unfinished,
    make_verification,
)

SECTIONS = (
    *("verdict", "table", "verification", "curves", "time", "throughput", "latency"),
    *("confusion", "images", "weights", "environment", "command"),
)


class Page(HTMLParser):
    """Elements with their attributes, and all text outside of style and script."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.inside: list[str] = []
        self.feed(content)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside.append(tag)

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data):
        if not {"style", "script"} & set(self.inside):
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every such element."""
        return [attributes for name, attributes in self.elements if name == tag]


def draw(result: ComparisonResult, dataset: Dataset | None, folder: Path) -> Page:
    return Page(page_module.write_page(result, dataset, folder).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return make_dataset()


@pytest.fixture(scope="module")
def whole(dataset, tmp_path_factory) -> tuple[ComparisonResult, Path]:
    """A comparison that has everything, and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    return make_whole(folder, dataset), folder


def test_the_sections_come_in_the_order_in_which_one_reads(whole, dataset):
    page = draw(*whole[:1], dataset, whole[1])
    assert [each["id"] for each in page.all("section")] == list(SECTIONS)


def test_the_page_needs_nothing_but_itself(whole, dataset):
    path = page_module.write_page(whole[0], dataset, whole[1])
    content = path.read_text(encoding="utf-8")
    page = Page(content)
    addresses = [
        each[name]
        for _, each in page.elements
        for name in ("src", "href", "srcset", "action", "xlink:href", "data", "poster")
        if name in each
    ]
    assert len(addresses) > 15
    assert {each.partition(":")[0] for each in addresses if not each.startswith("#")} == {"data"}
    ids = {each.get("id") for _, each in page.elements}
    assert {each[1:] for each in addresses if each.startswith("#")} <= ids
    assert not page.all("link")
    assert not re.search(r"url\(|@import|fetch\(|https?:", content)
    assert "default-src 'none'" in content
    assert len(content.encode()) < 3e6


def test_a_page_drawn_again_is_the_same(whole, dataset):
    result, folder = whole
    first = page_module.write_page(result, dataset, folder).read_bytes()
    again = load_results(folder / "results.json")
    assert page_module.write_page(again, dataset, folder).read_bytes() == first
    assert not list(folder.glob("*.partial"))


def test_a_page_is_drawn_quickly(whole, dataset):
    started = time.process_time()
    draw(whole[0], dataset, whole[1])
    assert time.process_time() - started < 2


def test_everything_to_see_has_a_text(whole, dataset):
    page = draw(*whole[:1], dataset, whole[1])
    assert all(each.get("alt") for each in page.all("img"))
    for each in page.all("svg"):
        assert each.get("aria-hidden") or (each["role"] == "img" and each["aria-label"])
    assert all(each.get("scope") for each in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    labels = [each["aria-label"] for _, each in page.elements if each.get("role") == "region"]
    assert len(labels) == len(set(labels))


@pytest.mark.parametrize(("runs", "pictures"), REPORTS.values(), ids=REPORTS)
def test_every_kind_of_result_has_a_page(runs, pictures, dataset, tmp_path):
    runs = [replace(run) for run in runs]
    page = draw(make_folder(tmp_path, dataset, *runs), dataset, tmp_path)
    sections = {each["id"] for each in page.all("section")}
    expected = {"verdict", "table", "verification", "confusion", "environment", "command"}
    assert expected <= sections
    assert ("curves" in sections) == ("curves.png" in pictures)
    assert ("weights" in sections) == ("images" in sections) == ("predictions.png" in pictures)
    assert "throughput" not in sections
    links = {each["href"][1:] for each in page.all("a") if each["href"].startswith("#")}
    assert links == sections, "every section can be jumped to, and nothing else"


def test_the_charts_are_well_formed(whole, dataset):
    content = page_module.write_page(whole[0], dataset, whole[1]).read_text(encoding="utf-8")
    charts = re.findall(r"<svg [^>]*role=.*?</svg>", content, re.DOTALL)
    assert len(charts) >= 7
    for chart in charts:
        ElementTree.fromstring(chart)
        assert "nan" not in chart
        for tip in re.findall(r'data-tip="([^"]*)"', chart):
            title, rows = json.loads(tip.replace("&#34;", '"').replace("&#39;", "'"))
            assert title
            assert all(text for _, text in rows)


def test_hostile_names_stay_text(dataset, tmp_path):
    run = make_run("pytorch/eager")
    run.device = run.framework_version = HOSTILE
    broken = make_unfinished("tensorflow/fit", "failed", HOSTILE, epochs=2)
    broken.error_output = [HOSTILE]
    broken.run = HOSTILE
    result = make_folder(tmp_path, dataset, run, broken)
    result = replace(
        result,
        command=HOSTILE,
        created=HOSTILE,
        dataset=replace(
            result.dataset,
            missing=MissingFiles(HOSTILE, HOSTILE, [HOSTILE]),
            classes=[HOSTILE, *"123456789"],
        ),
        environment=replace(result.environment, platform=HOSTILE, versions={HOSTILE: HOSTILE}),
    )
    strange = replace(dataset, class_names=(HOSTILE, *"123456789"))
    page = draw(result, strange, tmp_path)
    assert len(page.all("script")) == 1
    assert not any(name.startswith("on") for _, each in page.elements for name in each)
    assert "alert(1)</script>" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert "49" not in page.text


VERDICTS = {
    "none": ([make_unfinished("pytorch/eager", "failed", "It broke.")], "No run completed"),
    "one": ([make_run("numpy/reference", speed=0.5)], "numpy/reference classified 93.00 %"),
    "two": (
        [make_run("pytorch/eager"), make_run("tensorflow/fit", speed=3)],
        "tensorflow/fit took 3.00 times as long per epoch as pytorch/eager. Its test accuracy was "
        "the same. Observed once; --repeats 8 for a verdict.",
    ),
    "three": (
        [make_run("a/a"), make_run("b/b", speed=3), make_run("c/c", speed=0.5)],
        "The fastest run of each framework: c/c and a/a. a/a took 2.00 times as long per epoch as "
        "c/c. Test accuracies were all 93.00 %. Observed once; --repeats 8 for a verdict.",
    ),
}


@pytest.mark.parametrize(("runs", "words"), VERDICTS.values(), ids=VERDICTS)
def test_the_verdict_comes_first(runs, words, dataset):
    result = make_result(dataset, *runs)
    assert verdicts.headline(result).startswith(words)
    page = Page(page_module.render([(result, Path("nowhere"))], dataset))
    assert page.text.index(words) < page.text.index("Side by side")


def test_the_first_screen_says_what_was_trained_where_and_whether_it_is_proven(dataset, tmp_path):
    runs = [make_run(name) for name in ("pytorch/eager", "tensorflow/fit")]
    result = make_folder(tmp_path, dataset, *runs, verification=make_verification(True))
    first, _, _ = draw(result, dataset, tmp_path).text.partition("Side by side")
    assert (
        "network 784-128-64-10, 1,437 images, 5 epochs, batches of 64, Adam 0.001; 2 threads, CPU, "
        "n = 1"
    ) in first
    assert "Processor 9000, 2 cores, Linux" in first
    assert "It computes the same thing as the NumPy reference (20 steps)" in first


def test_what_went_wrong_is_told_beside_the_verdict(dataset, tmp_path):
    broken = make_unfinished("tensorflow/fit", "failed", "It broke.")
    broken.error_output = ["The last line."]
    result = make_folder(
        tmp_path, dataset, make_run("a/a"), broken, verification=make_verification(False)
    )
    page = draw(result, dataset, tmp_path)
    above = page.text.partition("Side by side")[0]
    assert "Verification FAILED" in above
    assert "tensorflow/fit (seed 0) failed: It broke." in above
    assert "They do not all compute the same thing" in page.text
    assert "The last line." in page.text


@pytest.mark.parametrize(
    ("count", "heading"), [(1, "It computes"), (2, "Both compute"), (5, "All 5 compute")]
)
def test_the_verification_line(count, heading, dataset):
    verification = make_verification(True)
    result = make_result(
        dataset,
        make_run("pytorch/eager"),
        verification=replace(verification, runs=verification.runs * count),
    )
    page = Page(page_module.render([(result, Path("nowhere"))], None))
    assert f"{heading} the same thing" in page.text


def test_other_batch_sizes_are_shown_in_the_sweep_only(whole, dataset):
    result, folder = whole
    first = page_module.first_size(result)
    assert {run.batch_size for run in first.runs} == {64}
    assert [floor.batch_size for floor in first.floor] == [64]
    shown = charts_module.throughput(result)
    assert charts_module.throughput(first) is None
    assert shown.figure.table.header == [
        *("batch size", "pytorch/eager", "tensorflow/fit", "matrix products alone, NumPy")
    ]
    # The floor is the mean of 1437 / 0.1 and 1437 / 0.3.
    assert shown.figure.table.rows == [
        ["64", "2,874", "1,372", "9,580"],
        ["256", "9,999", "9,999", "9,580"],
    ]
    assert shown.floors == ["matrix products alone, NumPy"]
    assert "9,999" not in draw(first, dataset, folder).text


def test_where_the_time_went(whole):
    first = page_module.first_size(whole[0])
    phases, epochs = charts_module.times(first, group_by_run(first.runs))
    rows = {name: cells for name, *cells in phases.table.rows}
    assert rows["import"] == ["0.500 s", "0.500 s"]
    assert rows["sum"] == ["13.8 s", "13.8 s"]
    assert epochs.table.rows == [
        ["pytorch/eager", "0.500 s", "0.500 s", "0.500 s"],
        ["tensorflow/fit", "1.05 s", "1.00 s", "1.10 s"],
        ["matrix products alone, NumPy", "0.200 s", "0.100 s", "0.300 s"],
    ]
    # Bars share a zero and a scale; the longest stroke ends it.
    bars = re.findall(r'x="([\d.]+)%" y="\d+" width="([\d.]+)%"', epochs.chart)
    assert bars == [("0.00", "45.45"), ("0.00", "95.45"), ("0.00", "18.18")]


def test_curves_are_means_with_the_range_as_band():
    first, second = make_run("pytorch/eager", 0), make_run("pytorch/eager", 1)
    second.epochs = [replace(epoch, test_loss=epoch.test_loss + 1) for epoch in first.epochs]
    cut = make_unfinished("pytorch/eager", "interrupted", "Stopped.", epochs=1, seed=2)
    loss, accuracy = charts_module.curves({"pytorch/eager": [first, second, cut]})
    assert loss.table.header == ["epoch", "pytorch/eager, training", "pytorch/eager, test"]
    assert loss.table.rows == [
        ["1", "1.0000", "1.6000"],
        ["2", "0.5000", "1.0500"],
        ["3", "0.3333", "0.8667"],
    ]
    assert accuracy.table.rows[0] == ["1", "81.00 %", "91.00 %"]
    assert loss.chart.count("<polygon") == 2
    (alone, _) = charts_module.curves({"pytorch/eager": [first]})
    assert "<polygon" not in alone.chart


def test_every_chart_has_its_rows_and_every_row_its_bars(tmp_path):
    small = make_dataset()
    odd = replace(
        small,
        test_images=np.tile(small.test_images, (8, 1))[:360],
        test_labels=np.tile(small.test_labels, 8)[:360],
    )
    runs = [make_run("pytorch/eager"), make_run("tensorflow/fit")]
    result = make_folder(tmp_path, odd, *runs)
    for run in runs:
        run.inference = [InferenceResult(size, 1e-3, 2e-3) for size in (1, 7, 360)]
    groups = group_by_run(runs)
    everything = table.details(result)
    names = [cells[0] for cells in everything.rows]
    charts = charts_module.latency(groups)
    assert [chart.title for chart in charts] == [
        *("One image at a time", "7 images at a time", "360 images at a time")
    ]
    timed = [name for name in names if name.startswith("inference, batch of ")]
    assert [name.split()[3].rstrip(",") for name in timed[::2]] == ["1", "7", "360"]
    assert len(timed) == 2 * len(charts)
    drawn = [*charts_module.curves(groups), *charts_module.times(result, groups), *charts]
    predictions, _ = predictions_module.predictions_of(
        group_by_run(read.with_whole_paths(result, tmp_path).runs), odd
    )
    for figure in [*drawn, *predictions.per_class]:
        assert figure.table.rows, figure.title
        cells = " ".join(" ".join([*row, *figure.table.header]) for row in figure.table.rows)
        assert all(run.run in cells for run in runs), figure.title
    for figure in drawn[:2]:
        last = figure.table.rows[-1]
        assert set(last[1:]) <= {cell for cells in everything.rows for cell in cells[1:]}
    # Each row of numbers is a chart: a bar beneath every one.
    for row, (name, *cells) in enumerate(everything.rows):
        numeric = name not in ("status", "device", "version")
        bars = [everything.shares.get((row, column)) for column in range(1, len(cells) + 1)]
        assert all(bars) if numeric else not any(bars), name
        assert not numeric or max(bars) == 1


def test_disputed_images_come_before_shared_mistakes(dataset, tmp_path):
    runs = [make_run("pytorch/eager"), make_run("tensorflow/fit")]
    result = make_folder(tmp_path, dataset, *runs)
    truth = np.eye(10, dtype=np.float32)[dataset.test_labels]
    base, other = 9 * truth, 9 * truth
    base[[3, 7]] = other[[3, 7]] = 5 * np.roll(truth[[3, 7]], 1, axis=1)
    base[7] *= 2  # more confident than about image 3
    other[20], other[30] = 2 * np.roll(truth[20], 1), 9 * np.roll(truth[30], 1)
    for run, logits in zip(runs, (base, other), strict=True):
        save_file({"logits": logits}, tmp_path / run.predictions)
    first = read.with_whole_paths(result, tmp_path)
    predictions, missing = predictions_module.predictions_of(group_by_run(first.runs), dataset)
    assert missing == []
    assert [card.number for card in predictions.disputed] == [30, 20]
    assert [card.number for card in predictions.wrong] == [7, 3]
    card = predictions.disputed[0]
    assert card.truth == "zero"
    left, right = card.answers
    assert (left.right, right.right) == (True, False)
    assert left.likeliest[0] == ("zero", f"{100 * np.exp(9) / (np.exp(9) + 9):.1f} %")
    assert right.likeliest[0][0] == "one"
    # The picture is the image itself, dark on light.
    content = base64.b64decode(card.source.partition(",")[2])
    pixels = np.asarray(Image.open(io.BytesIO(content)))
    expected = 255 * (1 - (dataset.test_images[30] * 0.25 + 0.5))
    np.testing.assert_allclose(pixels.ravel(), expected.clip(0, 255), atol=0.51)


def test_the_difference_of_confusion_matrices(dataset, tmp_path):
    runs = [make_run("pytorch/eager"), make_run("tensorflow/fit")]
    result = make_folder(tmp_path, dataset, *runs)
    groups = group_by_run(read.with_whole_paths(result, tmp_path).runs)
    predictions, _ = predictions_module.predictions_of(groups, dataset)
    first, second, difference = predictions.matrices
    assert [matrix.difference for matrix in predictions.matrices] == [False, False, True]
    assert [cell for cell, _ in first.cells[0]] == ["5", *"000000000"]
    assert [cell for cell, _ in second.cells[0]] == ["4", "1", *"00000000"]
    assert difference.cells[0][:3] == [("-1", -1.0), ("+1", -1.0), ("0", 0.0)]
    precision, recall = predictions.per_class
    assert recall.table.rows[0] == ["zero", "100.0 %", "80.0 %"]
    assert precision.table.rows[2] == ["two", "100.0 %", "83.3 %"]


def test_repeats_are_compared_at_a_seed_that_all_completed(dataset, tmp_path):
    failed = make_unfinished("tensorflow/fit", "failed", "It broke.", seed=0)
    runs = [make_run("a/a", 0), failed, make_run("a/a", 1), make_run("tensorflow/fit", 1)]
    result = make_folder(tmp_path, dataset, *runs)
    groups = group_by_run(read.with_whole_paths(result, tmp_path).runs)
    predictions, _ = predictions_module.predictions_of(groups, dataset)
    assert predictions.seeds == " of seed 1"


def test_without_images_or_files_the_page_says_so(dataset, tmp_path):
    runs = [make_run("pytorch/eager"), make_run("tensorflow/fit")]
    result = make_folder(tmp_path, dataset, *runs)
    page = draw(result, None, tmp_path)
    assert "The test images were not available" in page.text
    assert "weights" in {each.get("id") for each in page.all("section")}
    (tmp_path / runs[0].predictions).unlink()
    (tmp_path / runs[1].weights).write_bytes(b"broken")
    page = draw(result, dataset, tmp_path)
    assert "The predictions of pytorch/eager are missing" in page.text
    pictures = [each["alt"] for each in page.all("img") if each.get("class") == "weights"]
    assert len(pictures) == 1
    assert "pytorch/eager" in pictures[0]


def test_weights_are_tiles_from_white_to_black(dataset, tmp_path):
    run = make_run("pytorch/eager")
    result = make_folder(tmp_path, dataset, run)
    kernel = np.zeros((784, 20), np.float32)
    kernel[:, 17], kernel[0, 3] = 2, -2
    save_file({"dense_1/kernel": kernel}, tmp_path / run.weights)
    groups = group_by_run(read.with_whole_paths(result, tmp_path).runs)
    (layer,), missing = predictions_module.first_layers(groups)
    assert not missing
    assert (layer.units, layer.limit) == (20, 2)
    content = base64.b64decode(layer.source.partition(",")[2])
    picture = np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))
    assert picture.shape == (3 * 30 - 2, 8 * 30 - 2, 4)
    assert picture[0, 0].tolist() == [130, 130, 130, 255]
    assert picture[0, 90].tolist() == [250, 250, 250, 255]
    assert picture[70, 40].tolist() == [10, 10, 10, 255]
    assert picture[28, 0, 3] == 0, "the ground shows between the tiles"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (2, 2, None), (0.913, 0.978, None), (0, 0, None)],
)
def test_ticks_are_round_and_enclose_the_values(low, high, expected):
    marks = axes.ticks(low, high)
    assert marks[0] <= low
    assert marks[-1] >= high
    assert 2 <= len(marks) <= 8
    if expected:
        np.testing.assert_allclose(marks, expected)


def test_logarithmic_ticks():
    assert axes.logarithmic_ticks(3, 70) == [2, 5, 10, 20, 50, 100]


# Several folders on one page


def two_machines(tmp_path: Path, dataset: Dataset, other: str) -> list[Path]:
    """Folders of two comparisons, the second from a machine with that processor."""
    folders = [tmp_path / "here", tmp_path / "there"]
    for folder, speed in zip(folders, (1, 2), strict=True):
        runs = [make_run("pytorch/eager", speed=speed), make_run("tensorflow/fit", speed=3)]
        result = make_folder(folder, dataset, *runs, verification=make_verification(True))
        if folder.name == "there":
            result.environment = replace(result.environment, processor=other)
            result.config = replace(result.config, epochs=7)
            save_results(result, folder / "results.json")
    return folders


@pytest.mark.parametrize(
    ("other", "labels"),
    [
        ("Other(R) CPU 1 @ 2.10GHz", ("Processor 9000", "Other 1")),
        ("Processor 9000", ("here", "there")),
    ],
)
def test_folders_are_merged_by_machine(other, labels, dataset, tmp_path):
    folders = two_machines(tmp_path, dataset, other)
    parts = [(read.read_folder(folder), folder) for folder in folders]
    page = Page(page_module.render(parts, dataset))
    tables = page.text.partition("Side by side")[2].partition("All figures")[0]
    runs = [f"{label}: {run}" for label in labels for run in ("pytorch/eager", "tensorflow/fit")]
    places = [tables.index(run) for run in runs]
    assert places == sorted(places)
    assert tables.count(table.BOLD) == 1
    assert "merged from 2 comparisons" in page.text
    assert "WARNING: the comparisons differ in epochs: 5; 7." in page.text
    assert page.text.count("python compare.py --epochs 3") == 2
    assert page.text.count("It computes the same thing") == 4
    assert len([each for each in page.all("img") if each.get("class") == "weights"]) == 4


def redraw(*arguments: object, cwd: Path):
    return run_warm("-m", "report", *map(str, arguments), cwd=cwd)


def test_the_command_draws_a_page_again(dataset, tmp_path):
    result = make_folder(tmp_path / "one", dataset, make_run("pytorch/eager"))
    done = redraw("one", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == "Written: one/report.html"
    # The real digits have 360 test images, the predictions here are of 50.
    page = Page((tmp_path / "one" / "report.html").read_text(encoding="utf-8"))
    assert "The predictions of pytorch/eager are missing" in page.text
    assert verdicts.headline(result) in page.text


def test_the_command_merges_and_opens(dataset, tmp_path):
    two_machines(tmp_path, dataset, "Other")
    browser = tmp_path / "browser"
    browser.write_text('#!/bin/sh\necho "$1" > "$0.opened"\n')
    browser.chmod(0o755)
    flags = ("-m", "report", "here", "there", "--open")
    done = run_warm(*flags, cwd=tmp_path, BROWSER=str(browser))
    assert (done.returncode, done.stderr) == (0, "")
    page = tmp_path / "merged-report.html"
    assert page.exists()
    assert (tmp_path / "browser.opened").read_text().strip() == page.resolve().as_uri()


def test_without_the_dataset_the_command_still_draws(dataset, tmp_path):
    result = make_folder(tmp_path / "one", dataset, make_run("pytorch/eager"))
    result = replace(result, dataset=replace(result.dataset, name="mnist"))
    save_results(result, tmp_path / "one" / "results.json")
    done = redraw("one", "--data-dir", "nowhere", "--output", "page.html", cwd=tmp_path)
    assert done.returncode == 0
    assert "without test images" in done.stderr
    assert "The test images were not available" in (tmp_path / "page.html").read_text()
    assert not (tmp_path / "one" / "report.html").exists()


def corrupt(folder: Path, **changes: object) -> None:
    path = folder / "results.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


BAD = {
    "no folder": ([], "FOLDER"),
    "no such folder": (["nowhere"], "nowhere"),
    "empty folder": (["empty"], "empty"),
    "not JSON": (["garbage"], "garbage/results.json"),
    "other dataset": (["good", "mnist"], "digits, mnist"),
    "unknown dataset": (["unknown"], "$.dataset.name"),
    "no settings": (["unset"], "config.batch_size"),
    "no runs": (["idle"], "runs"),
    "the same twice": (["good", "good"], "different folders"),
    "output that can't be": (["good", "--output", "nowhere/page.html"], "nowhere/page.html"),
}


@pytest.fixture(scope="module")
def shelf(dataset, tmp_path_factory) -> Path:
    """Good and bad folders of results."""
    shelf = tmp_path_factory.mktemp("shelf")
    good = shelf / "good"
    result = make_folder(good, dataset, make_run("pytorch/eager"))
    for name in ("mnist", "unknown", "unset", "idle", "garbage"):
        shutil.copytree(good, shelf / name)
    for name in ("mnist", "unknown"):
        other = replace(result, dataset=replace(result.dataset, name=name))
        save_results(other, shelf / name / "results.json")
    corrupt(shelf / "unset", config={})
    corrupt(shelf / "idle", runs=[])
    (shelf / "garbage" / "results.json").write_text("{")
    (shelf / "empty").mkdir()
    return shelf


def test_an_unknown_flag_is_refused(tmp_path):
    done = redraw("somewhere", "--colour", cwd=tmp_path)
    assert done.returncode == 2
    assert "--colour" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("arguments", "names"), BAD.values(), ids=BAD)
def test_bad_input_gets_one_sentence(arguments, names, shelf, monkeypatch, capsys):
    monkeypatch.chdir(shelf)
    monkeypatch.setattr("sys.argv", ["report.py", *arguments])
    assert report_main.main() == 2
    told = capsys.readouterr().err.strip()
    assert names in told
    assert len(told.splitlines()) == 1, told
    assert told.endswith(".")
    assert not list(shelf.rglob("*report.html"))
