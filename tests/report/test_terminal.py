"""What is printed while runs train and at the end."""

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from report import against, table, terminal
from shared.config import TrainConfig
from shared.streams import fold
from tests.support.results import make_result, make_run, make_unfinished


def test_printed_report(dataset):
    broken = make_unfinished("tensorflow/fit", "failed", "It [red]broke[/red].")
    broken.error_output = ["ValueError: [bold]"]
    result = make_result(dataset, make_run("pytorch/eager"), broken)
    printed = io.StringIO()
    terminal.print_report(result, Console(file=printed, width=200))
    lines = printed.getvalue().splitlines()
    for row in table.headline(result).rows:
        assert any(line.split() == " ".join(row).split() for line in lines), row
    assert not any("wall time" in line for line in lines)
    # Square brackets would be taken for colours.
    assert "tensorflow/fit (seed 0) failed: It [red]broke[/red]." in lines
    assert "  tensorflow/fit: ValueError: [bold]" in lines


def test_lines_of_epochs_stay_in_their_columns(dataset):
    epochs = make_run("numpy/reference", epochs=12).epochs
    config = TrainConfig(epochs=12)
    assert terminal.epoch_headings(epochs, config, dataset) == (
        "                  train             test\n"
        "               loss accuracy    loss accuracy  images/s    left"
    )
    lines = [terminal.epoch_line(epochs[:k], config, dataset) for k in (2, 12)]
    assert lines[0] == "epoch  2/12  0.5000  82.00 %  0.5500  92.00 %     1,437    15 s"
    assert len(lines[0]) == len(lines[1])


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("scheduled", [False, True])
def test_lines_of_epochs_fit_80_columns(validated, scheduled, dataset):
    (epoch,) = make_run("numpy/reference", epochs=1).epochs
    epoch = replace(
        epoch,
        train_seconds=80.0,
        test_accuracy=1.0,
        validation_loss=0.25 if validated else None,
        validation_accuracy=1.0 if validated else None,
        learning_rate=0.000123 if scheduled else None,
    )
    known = [epoch], TrainConfig(epochs=30), dataset
    line = terminal.epoch_line(*known)
    for each in (line, *terminal.epoch_headings(*known).split("\n")):
        assert len(each) <= (80 if validated else 73)
    assert ("0.000123" in line) == scheduled
    assert ("0.2500" in line) == validated


@pytest.mark.parametrize("width", [60, 80, 100])
def test_in_a_narrow_terminal_columns_give_way(width, dataset):
    (epoch,) = make_run("numpy/reference", epochs=1).epochs
    epoch = replace(epoch, validation_loss=0.25, validation_accuracy=0.9, learning_rate=0.000123)
    known = [epoch], TrainConfig(epochs=30), dataset, width
    line, *headings = terminal.epoch_line(*known), *terminal.epoch_headings(*known).split("\n")
    assert max(map(len, (line, *headings))) <= width
    assert ("0.000123" in line) == (width >= 80)
    assert ("train" in headings[0]) == (width >= 80)
    assert "validation" in headings[0] and "test" in headings[0]


class Screen(io.StringIO):
    """What is written to it, as a terminal of 30 columns would get it."""

    def isatty(self):
        return True


SENTENCE = "WARNING: /a/very/long/path/that/no/line/holds.json is odd, so that it is broken-off."


def said(stream, *lines, **options):
    known = {"width": 30, "color_system": "standard", "force_terminal": True, **options}
    terminal.say(Console(file=stream, **known), *lines, strong=["It is so."])
    return stream.getvalue()


def test_no_number_is_parted_from_its_unit():
    text = "It took 12.3 s and 45 MiB at 99 % of 1,234 images/s, 5 in all."
    for width in range(12, 40):
        folded = fold(text, width)
        assert folded.replace("\n", " ") == text
        assert all(unit in folded for unit in ("12.3 s", "45 MiB", "99 %", "1,234 images/s"))


def test_sentences_are_broken_between_words_in_a_terminal_and_never_in_a_log():
    assert said(Screen(), SENTENCE, no_color=True, color_system=None).splitlines() == [
        "WARNING:",
        "/a/very/long/path/that/no/line/holds.json",
        "is odd, so that it is",
        "broken-off.",
    ]
    indented = "  pytorch/eager differs by less than that"
    assert said(Screen(), indented) == "  pytorch/eager differs by\n  less than that\n"
    assert (
        said(io.StringIO(), SENTENCE, force_terminal=False, color_system="auto") == f"{SENTENCE}\n"
    )


def test_what_matters_stands_out_in_colour_where_there_are_colours():
    lines = (
        *("WARNING: it is slow.", "NOTICE: it is.", "Verification FAILED: no."),
        *("a/b (seed 0) failed: no.", "It is so."),
    )
    shown = said(Screen(), *lines).splitlines()
    assert [line.partition("m")[0] for line in shown] == [
        *("\x1b[1;33", "NOTICE: it is.", "Verification \x1b[1;31", "\x1b[1;31", "\x1b[1"),
    ]
    for stream, options in (
        (Screen(), {"color_system": None}),
        (io.StringIO(), {"force_terminal": False, "color_system": "auto"}),
    ):
        assert said(stream, *lines, **options) == "\n".join(lines) + "\n"
    assert "\x1b[1;3" not in said(Screen(), *lines, no_color=True)


NAMES = {
    "aten::native_batch_norm_backward": ["aten::native_batch_", "norm_backward"],
    "gradient_tape/dense_1/MatMul/MatMul_1": ["gradient_tape/dense_", "1/MatMul/MatMul_1"],
    "tensorflow-int8.tflite": ["tensorflow-int8.", "tflite"],
    "x" * 45: ["x" * 20, "x" * 20, "x" * 5],
    "mm": ["mm"],
}


@pytest.mark.parametrize(("name", "lines"), NAMES.items())
def test_names_are_broken_where_their_parts_meet(name, lines):
    assert terminal.broken_name(name, 20).split("\n") == lines


def test_everything_is_printed_on_request(dataset):
    result = make_result(dataset, make_run("pytorch/eager"), make_run("tensorflow/fit"))
    printed = io.StringIO()
    terminal.print_report(result, Console(file=printed, width=80), everything=True)
    lines = [line.split() for line in printed.getvalue().splitlines()]
    for row in table.details(result).rows:
        assert " ".join(row).split() in lines, row


RUNS = ("pytorch/compiled", "tensorflow/graph", "tensorflow/compiled", "numpy/reference")


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("repeats", [1, 2, 3, 8])
def test_no_table_is_cut(width, repeats, dataset):
    runs = [
        make_run(name, seed, speed=(1 + place) * (1 + 0.01 * (seed % 3)))
        for seed in range(repeats)
        for place, name in enumerate(RUNS)
    ]
    for each in runs:
        each.test_accuracy += 0.001 * ((each.seed + len(each.run)) % 4)
    printed = io.StringIO()
    console = Console(file=printed, width=width)
    shown = against.tables(make_result(dataset, *runs), everything=True)
    for each in shown:
        if each.header != ["batch size"]:
            terminal.print_table(replace(each, note="", caption=""), console)
    text = printed.getvalue()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    # Neither names nor cells are broken.
    lines = [line.split() for line in text.splitlines()]
    for each in shown:
        for row in each.rows:
            for cell in row:
                words = cell.split()
                assert any(
                    words == line[k : k + len(words)] for line in lines for k in range(len(line))
                ), cell


def test_best_values_are_bold(dataset):
    result = make_result(dataset, make_run("pytorch/eager", speed=2), make_run("tensorflow/fit"))
    printed = io.StringIO()
    console = Console(file=printed, width=100, force_terminal=True, color_system="standard")
    terminal.print_table(table.headline(result), console)
    assert re.search(r"\x1b\[1m\s*1\.000\x1b\[0m", printed.getvalue())
    assert not re.search(r"\x1b\[1m\s*2\.000\x1b\[0m", printed.getvalue())
