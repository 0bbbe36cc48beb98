"""The ladder of defaults: each rung changes what it says, and the report tells it."""

import json

import pytest

from comparison import attribution, ladder
from report.intervals import paired_interval
from shared.config import TrainConfig
from shared.datasets import load_dataset
from shared.results import EpochResult
from tests.support.commands import compare


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The last epoch of every rung, on few images of the digits, in float64."""
    config = TrainConfig(dataset="digits", epochs=1, limit=300, float_type="float64")
    folder = tmp_path_factory.mktemp("not-needed")
    dataset = load_dataset("digits", folder, limit=300, float_type="float64")
    rungs = (ladder.BASE, *ladder.LADDER)
    return {rung.name: ladder.train_rung(config, dataset, rung)[-1] for rung in rungs}


def test_every_rung_but_rounding_changes_the_training(trained):
    base = trained[ladder.BASE.name].train_loss
    differences = {name: abs(epoch.train_loss - base) / base for name, epoch in trained.items()}
    assert differences.pop(ladder.BASE.name) == 0
    assert differences.pop("nothing but rounding") < 1e-12
    assert min(differences.values()) > 1e-6
    assert len(set(differences.values())) == len(differences)


def test_the_last_rung_is_all_the_others_together():
    *single, together, _ = ladder.LADDER
    combined = ladder.BASE
    for field in ("weights", "epsilon", "epsilon_hat", "order"):
        changed = [getattr(rung, field) for rung in single]
        (value,) = {value for value in changed if value != getattr(combined, field)}
        assert getattr(together, field) == value


def test_effects_are_paired_differences():
    def epoch(accuracy, loss):
        return EpochResult(1, loss, accuracy, loss, accuracy, 1.0, 1.0)

    results = {ladder.BASE.name: [[epoch(0.9, 0.5)], [epoch(0.8, 0.6)], [epoch(0.7, 0.7)]]}
    for rung in ladder.LADDER:
        results[rung.name] = [[epoch(0.91, 0.4)], [epoch(0.83, 0.5)], [epoch(0.72, 0.6)]]
    effect = attribution.compare_rungs(results)[0]
    assert effect.test_accuracy.mean == pytest.approx(0.02)
    assert effect.train_losses[0].mean == pytest.approx(-0.1)
    assert effect.test_accuracy.low < 0 < effect.test_accuracy.high


def test_stars_are_corrected_for_the_number_of_rungs_and_leave_out_the_control():
    unsure = paired_interval([0.02 + 0.0135 * k for k in (-1, -1, 0, 1, 1)])
    assert 0.05 / 3 < unsure.p < 0.05, "alone it would have a star"
    sure = paired_interval([0.02 + 0.0001 * k for k in (-1, -1, 0, 1, 1)])
    found = [sure, unsure, unsure, unsure, sure]
    effects = [
        attribution.Effect(rung.name, interval, interval, [interval])
        for rung, interval in zip(ladder.LADDER, found, strict=True)
    ]
    starred = [
        [cell.endswith(" *") for cell in cells]
        for _, *cells in attribution.describe_effects(effects)
    ]
    assert starred == [[True] * 3, *[[False] * 3] * 4]
    name, *_ = attribution.describe_effects(effects)[-1]
    assert name == "control: nothing but rounding"


def test_four_seeds_earn_no_star():
    sure = paired_interval([0.02, 0.0201, 0.0199, 0.02])
    effects = [attribution.Effect(rung.name, sure, sure, [sure]) for rung in ladder.LADDER]
    assert "*" not in str(attribution.describe_effects(effects))


def test_the_command_writes_what_it_prints(tmp_path):
    done = compare(
        *("--attribute", "--dataset", "digits", "--epochs", "1", "--limit", "200"),
        *("--repeats", "2", "--output-dir", "out"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "out" / "attribution.json").read_text())
    assert [effect["name"] for effect in written["effects"]] == [
        rung.name for rung in ladder.LADDER
    ]
    assert written["repeats"] == 2
    assert "initial weights" in done.stdout
    assert "initial weights" in (tmp_path / "out" / "attribution.md").read_text()
    assert (tmp_path / "out" / "attribution.png").read_bytes().startswith(b"\x89PNG")
