"""What is printed while runs train and at the end."""

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from report import against, table, terminal
from shared.config import TrainConfig
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


def test_line_of_an_epoch(dataset):
    epochs = make_run("numpy/reference", epochs=2).epochs
    line = terminal.epoch_line("numpy/reference", epochs, TrainConfig(epochs=6), dataset)
    assert line == (
        "numpy/reference  epoch 2/6  train loss 0.5000 accuracy 82.00 %"
        "  test loss 0.5500 accuracy 92.00 %  1,437 images/s  0:06 left"
    )


def test_everything_is_printed_on_request(dataset):
    result = make_result(dataset, make_run("pytorch/eager"), make_run("tensorflow/fit"))
    printed = io.StringIO()
    terminal.print_report(result, Console(file=printed, width=80), everything=True)
    lines = [line.split() for line in printed.getvalue().splitlines()]
    for row in table.details(result).rows:
        assert " ".join(row).split() in lines, row


NAMES = ("pytorch/compiled", "tensorflow/graph", "tensorflow/compiled", "numpy/reference")


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("repeats", [1, 2, 3, 8])
def test_no_table_is_cut(width, repeats, dataset):
    runs = [
        make_run(name, seed, speed=(1 + place) * (1 + 0.01 * (seed % 3)))
        for seed in range(repeats)
        for place, name in enumerate(NAMES)
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
