"""A small share of the faults that `python -m benchmarks.faults` makes, and what it counts as lost.

The trials are made in a process that is used for nothing else, because they are split off from it.
"""

import dataclasses
import os
from pathlib import Path

import pytest

from benchmarks.faults import __main__ as faults
from benchmarks.faults import endings, writes
from benchmarks.faults.campaign import Campaign
from benchmarks.faults.trial import Ended
from shared.results_file import save_results
from tests.support.commands import run_warm
from tests.support.results import make_result, make_run, make_unfinished

FEW = (
    *("SIGINT, one run", "SIGTERM, a comparison", "SIGHUP, one run"),
    *("full file, one run", "outputs gone, one run", "full checkpoint folder, a comparison"),
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes can't be split here")
def test_nothing_is_lost(tmp_path):
    names = [name for name in FEW if writes.can_mount() or not name.startswith("full ch")]
    chosen = [word for name in names for word in ("--only", name)]
    done = run_warm("-m", "benchmarks.faults", *chosen, "--count", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.count(": 1 of 1 held") == len(names)


def ended(**known) -> Ended:
    whole = Ended(0, "numpy/reference  epoch 3/3  train", "", 1.0, 1.0, left_processes=False)
    return dataclasses.replace(whole, **known)


@pytest.fixture
def folder(tmp_path, dataset) -> Path:
    """What a run of three epochs leaves."""
    run = make_run("numpy/reference")
    run.weights = "w.safetensors"
    result = make_result(dataset, run)
    result.config = dataclasses.replace(result.config, epochs=3)
    save_results(result, tmp_path / "results.json")
    pictures = ("curves.png", "time.png", "predictions.png")
    for name in ("report.html", "summary.md", *pictures, run.weights, run.predictions):
        (tmp_path / name).write_text("")
    return tmp_path


LOST = {
    "traceback": (ended(errors="Traceback (most recent call last):\nE"), None, "a traceback: E"),
    "process": (ended(left_processes=True), None, "process"),
    "partial": (ended(), "touch a.png.partial", "a.png.partial"),
    "status": (ended(status=-9), None, "-9"),
    "results": (ended(), "rm results.json", ""),
    "page": (ended(), "rm report.html", ""),
    "weights": (ended(), "rm w.safetensors", ""),
}


@pytest.mark.parametrize(("how", "deed", "words"), LOST.values(), ids=LOST)
@pytest.mark.parametrize("check", [endings.what_was_lost, writes.what_was_lost])
def test_a_loss_is_noticed(check, how, deed, words, folder):
    assert check(ended(), folder) is None
    verb, _, name = (deed or "").partition(" ")
    if verb == "rm":
        (folder / name).unlink()
    elif verb == "touch":
        (folder / name).write_text("")
    assert words in check(how, folder)


@pytest.mark.parametrize("line", ["numpy/reference  epoch 3/3  0.5", "epoch  3/10  0.5"])
def test_an_epoch_that_was_printed_and_not_kept_is_lost(line, folder, dataset):
    cut = make_unfinished("numpy/reference", "interrupted", "Stopped.", epochs=2)
    save_results(make_result(dataset, cut), folder / "results.json")
    words = endings.what_was_lost(ended(status=1, output=line), folder)
    assert words == "numpy/reference: 3 epochs were printed, 2 kept"


def test_losses_are_counted_and_told(monkeypatch, capsys):
    odd = Campaign(
        "odd numbers", 4, lambda number, folder: f"lost {number}" if number % 2 else None
    )
    none = Campaign("none", 4, lambda number, folder: None)
    monkeypatch.setattr(faults, "campaigns", lambda: [odd, none])
    assert faults.measure(faults.Request()) == 1
    printed = capsys.readouterr().out
    rows = [line.split() for line in printed.splitlines()]
    assert ["odd", "numbers", "4", "2", "2"] in rows
    assert ["none", "4", "4", "0"] in rows
    assert "odd numbers, 3: lost 3" in printed
    assert faults.measure(faults.Request(only=("none",))) == 0


def test_every_file_of_campaigns_is_found():
    names = [campaign.name for campaign in faults.campaigns()]
    assert len(set(names)) == len(names)
    assert {"SIGHUP, a comparison", "full disk, one run"} <= set(names)
