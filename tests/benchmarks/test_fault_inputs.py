"""Damaged files are drawn or refused, and the campaigns that say so can notice what is not."""

import random
from functools import partial

import pytest

from benchmarks.faults import inputs
from shared.errors import UsageError

TRIES = 12


@pytest.mark.parametrize("campaign", inputs.CAMPAIGNS, ids=lambda each: each.name)
def test_damaged_files_are_drawn_or_refused(campaign, tmp_path):
    for number in range(TRIES):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert campaign.try_one(number, folder) is None, number


@pytest.mark.parametrize("campaign", inputs.CAMPAIGNS, ids=lambda each: each.name)
def test_the_files_are_damaged_alike_each_time(campaign, tmp_path):
    written = []
    for name in ("once", "again"):
        (tmp_path / name).mkdir()
        campaign.try_one(5, tmp_path / name)
        written.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert written[0] == written[1]


def test_undamaged_files_are_read(tmp_path):
    files, content = inputs.good_folder()
    for name, each in {**files, "results.json": content}.items():
        (tmp_path / name).write_bytes(each)
    inputs.draw_everything(tmp_path)
    assert inputs.load_network(tmp_path / next(iter(files))).weights.keys()


def fail(error):
    raise error


LOST = {
    "another error": (partial(fail, KeyError("x")), "KeyError"),
    "two lines": (partial(fail, UsageError("Wrong")), "one sentence"),
    "too long": (lambda: None, "0.0 s and"),
}


@pytest.mark.parametrize(("work", "words"), LOST.values(), ids=LOST)
def test_a_loss_is_noticed(work, words, monkeypatch):
    if work is LOST["too long"][0]:
        monkeypatch.setattr(inputs, "SECONDS", -1)
    assert words in inputs.held(work)
    assert inputs.held(partial(fail, UsageError("Refused."))) in (None, inputs.held(lambda: None))


def test_most_changes_are_changes():
    _, content = inputs.good_folder()
    changed = [inputs.mutated_json(content, random.Random(number)) for number in range(20)]
    assert len({*changed, content}) > 15
