"""The ladder of defaults: each rung changes what it says, and the report tells it."""

import json

import pytest

from comparison import attribution
from shared.config import TrainConfig
from shared.datasets import load_dataset
from tests.support.commands import compare


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The last epoch of every rung, on few images of the digits, in float64."""
    config = TrainConfig(dataset="digits", epochs=1, limit=300, float_type="float64")
    folder = tmp_path_factory.mktemp("not-needed")
    dataset = load_dataset("digits", folder, limit=300, float_type="float64")
    rungs = (attribution.BASE, *attribution.LADDER)
    return {rung.name: attribution.train_rung(config, dataset, rung)[-1] for rung in rungs}


def test_every_rung_but_rounding_changes_the_training(trained):
    base = trained[attribution.BASE.name].train_loss
    differences = {name: abs(epoch.train_loss - base) / base for name, epoch in trained.items()}
    assert differences.pop(attribution.BASE.name) == 0
    assert differences.pop("nothing but rounding") < 1e-12
    assert min(differences.values()) > 1e-6
    assert len(set(differences.values())) == len(differences)


def test_the_last_rung_is_all_the_others_together():
    *single, together, _ = attribution.LADDER
    combined = attribution.BASE
    for field in ("weights", "epsilon", "epsilon_hat", "order"):
        changed = [getattr(rung, field) for rung in single]
        (value,) = {value for value in changed if value != getattr(combined, field)}
        assert getattr(together, field) == value


def test_effects_are_paired_differences():
    def epoch(accuracy, loss):
        return attribution.EpochResult(1, loss, accuracy, loss, accuracy, 1.0, 1.0)

    results = {attribution.BASE.name: [[epoch(0.9, 0.5)], [epoch(0.8, 0.6)]]}
    for rung in attribution.LADDER:
        results[rung.name] = [[epoch(0.91, 0.4)], [epoch(0.83, 0.5)]]
    effect = attribution.compare_rungs(results)[0]
    assert effect.test_accuracy.mean == pytest.approx(0.02)
    assert effect.train_losses[0].mean == pytest.approx(-0.1)
    assert effect.test_accuracy.low < 0 < effect.test_accuracy.high


def test_the_command_writes_what_it_prints(tmp_path):
    done = compare(
        *("--attribute", "--dataset", "digits", "--epochs", "1", "--limit", "200"),
        *("--repeats", "2", "--output-dir", "out"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "out" / "attribution.json").read_text())
    assert [effect["name"] for effect in written["effects"]] == [
        rung.name for rung in attribution.LADDER
    ]
    assert written["repeats"] == 2
    assert "initial weights" in done.stdout
    assert "initial weights" in (tmp_path / "out" / "attribution.md").read_text()
    assert (tmp_path / "out" / "attribution.png").read_bytes().startswith(b"\x89PNG")
