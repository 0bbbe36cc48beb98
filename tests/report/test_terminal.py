"""What is printed while runs train and at the end."""

import io

from rich.console import Console

from report import table, terminal
from shared.config import TrainConfig
from tests.support.results import make_result, make_run, make_unfinished


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


def test_line_of_an_epoch(dataset):
    epochs = make_run("numpy/reference", epochs=2).epochs
    line = terminal.epoch_line("numpy/reference", epochs, TrainConfig(epochs=6), dataset)
    assert line == (
        "numpy/reference  epoch 2/6  train loss 0.5000 accuracy 82.00 %"
        "  test loss 0.5500 accuracy 92.00 %  1,437 images/s  0:06 left"
    )
