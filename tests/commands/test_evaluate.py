"""Weights of either framework mean the same to the other one, and to NumPy.

On the embedded digits: the usual network, and one with all that a reader has to know.
"""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from commands.evaluate import Evaluation
from numpy_impl.predict import evaluate_trained, restore
from shared.datasets import load_dataset
from shared.weights_file import load_network
from tests.support.commands import run_warm

OTHER = {"pytorch": "tensorflow", "tensorflow": "pytorch"}
# Keras's own epsilon is a hundred times PyTorch's.
NORMALIZED = (
    *("--hidden", "32", "16", "8", "--batch-norm", "--dropout", "0.1"),
    *("--pixels", "unit", "--alignment", "defaults"),
)
NETWORKS = {
    "usual": (),
    "normalized": NORMALIZED,
    "gelu": ("--activation", "gelu"),
    # Of another slope in each framework.
    "leaky": ("--activation", "leaky-relu", "--alignment", "defaults"),
}
each_network = pytest.mark.parametrize("network", NETWORKS)
each_name = pytest.mark.parametrize("name", OTHER)
# Below this the two largest logits may change places by rounding.
TIE = 1e-6

# Trains as the child of a comparison does, which draws no pictures.
TRAIN = """
import sys
from pathlib import Path
from shared.clock import Clock
from shared.flags import parse_flags
from shared.config import TrainConfig
from shared.threads import prepare_environment
from shared.registry import IMPLEMENTATIONS

name = sys.argv.pop(1)
config = parse_flags(TrainConfig, "train")
run = IMPLEMENTATIONS[name][0]
prepare_environment(config.threads, run.environment)
from commands.single_run import train_and_save
from shared.sampling import load
clock = Clock()
dataset = load(config, clock)
result = train_and_save(name, run.variant, config, dataset, clock, Path(), name, lambda epoch: None)
sys.exit(result.status != "completed")
"""


@pytest.fixture(scope="module")
def trained(warm, tmp_path_factory):
    """A function that gives a folder with NAME.safetensors and NAME.predictions.safetensors."""
    folders = {}

    def train(network):
        if network not in folders:
            folders[network] = tmp_path_factory.mktemp(network)
            flags = ("--dataset", "digits", *NETWORKS[network], "--epochs", "1")
            for name in OTHER:
                done = warm(name).run("-c", TRAIN, name, *flags, cwd=folders[network])
                assert done.returncode == 0, done.stderr
        return folders[network]

    return train


@pytest.fixture(scope="module")
def evaluated(warm, trained):
    """A function that has a framework evaluate the weights of the other: output, figures, logits.

    On which images and how they are prepared, it takes from the file.
    """
    answers = {}

    def evaluate(name, network="usual"):
        if (name, network) not in answers:
            folder = trained(network)
            done = warm(name).run(
                *("-m", f"{name}_impl", "evaluate", "--output-dir", name),
                *("--weights", f"{OTHER[name]}.safetensors"),
                cwd=folder,
            )
            assert done.returncode == 0, done.stderr
            written = (folder / name / "evaluation.json").read_bytes()
            figures = msgspec.json.decode(written, type=Evaluation)
            logits = load_file(folder / name / figures.predictions)["logits"]
            answers[name, network] = done, figures, logits
        return answers[name, network]

    return evaluate


def assert_same_predictions(logits, others):
    second, first = np.sort(logits, axis=1)[:, -2:].T
    differ = logits.argmax(axis=1) != others.argmax(axis=1)
    assert not (differ & (first - second >= TIE)).any()
    np.testing.assert_allclose(logits, others, atol=1e-4)


@each_network
@each_name
def test_one_predicts_with_the_weights_of_the_other_as_that_did(name, network, trained, evaluated):
    _, figures, logits = evaluated(name, network)
    theirs = load_file(trained(network) / f"{OTHER[name]}.predictions.safetensors")["logits"]
    assert_same_predictions(theirs, logits)
    assert (figures.dataset, figures.images, len(logits)) == ("digits", 360, 360)


@each_network
@each_name
def test_numpy_predicts_with_the_weights_of_either_as_that_did(name, network, trained, evaluated):
    _, figures, _ = evaluated(OTHER[name], network)
    read = load_network(trained(network) / f"{name}.safetensors")
    dataset = load_dataset("digits", Path(), pixels=read.training.pixels)
    labels = dataset.test_labels
    mine = evaluate_trained(read, dataset.test_images, labels, "cpu")
    theirs = load_file(trained(network) / f"{name}.predictions.safetensors")["logits"]
    assert_same_predictions(theirs, mine.logits)
    assert figures.loss == pytest.approx(mine.loss, rel=1e-5)
    assert figures.accuracy == pytest.approx(mine.accuracy, abs=1.5 / len(labels))


@each_name
def test_evaluation_names_the_activation(name, evaluated):
    slopes = {"pytorch": 0.01, "tensorflow": 0.3}
    for network, said in (
        ("usual", "network 784-128-64-10, computed"),
        ("normalized", "10 with batch normalization, computed"),
        ("gelu", "10 with GELU, computed"),
        ("leaky", f"10 with leaky ReLU (negative slope {slopes[OTHER[name]]}), computed"),
    ):
        assert said in " ".join(evaluated(name, network)[0].stdout.split())


@each_name
def test_a_network_restored_as_relu_would_predict_otherwise(name, trained):
    path = trained("gelu") / f"{name}.safetensors"
    read = load_network(path)
    images = load_dataset("digits", Path()).test_images
    wrong = replace(read, training=replace(read.training, activation="relu"))
    mine, other = (restore(each, "cpu")[1](images) for each in (read, wrong))
    assert np.abs(mine - other).max() > 0.05


@each_name
def test_evaluation_says_what_it_measured_and_adds_up(name, evaluated):
    done, figures, logits = evaluated(name)
    assert done.stderr == ""
    assert f"{figures.framework_version} on {figures.device} in float32" in done.stdout
    assert f"accuracy {100 * figures.accuracy:.2f} %" in done.stdout
    counts = np.array(figures.confusion)
    assert counts.sum() == figures.images == len(logits)
    assert np.trace(counts) == round(figures.accuracy * figures.images)
    assert [row.support for row in figures.classes] == counts.sum(axis=1).tolist()


@each_name
def test_prediction_says_what_is_on_a_picture(name, warm, trained, evaluated, tmp_path):
    dataset = load_dataset("digits", Path())
    pixels = dataset.test_images[0].reshape(28, 28) * dataset.deviation + dataset.mean
    path = tmp_path / "picture[1].png"
    Image.fromarray(np.rint(255 * pixels).astype(np.uint8)).resize((280, 280), 0).save(path)
    weights = trained("usual") / f"{OTHER[name]}.safetensors"
    done = warm(name).run(
        *("-m", f"{name}_impl", "predict", path.name, "--top", "2"),
        *("--weights", str(weights), "--draw", "drawn.png"),
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    answer = next(line for line in done.stdout.splitlines() if path.name in line)
    _, _, logits = evaluated(name)
    assert answer.split()[1] == dataset.class_names[logits[0].argmax()]
    assert Image.open(tmp_path / "drawn.png").size[0] == 1080


@pytest.mark.parametrize("lost", ["evaluation.json", "confusion.png"])
def test_a_file_that_cannot_be_written_costs_no_figures(lost, trained, tmp_path):
    """Whatever is lost, the figures are printed, and no folder stays that holds nothing."""
    script = f"""
import sys
from commands import evaluate
from commands.entry import main
def fail(*_): raise OSError(28, "No space left on device", {lost!r})
evaluate.{"plot_confusion" if lost.endswith("png") else "write_atomically"} = fail
sys.exit(main("numpy_impl"))
"""
    weights = trained("usual") / "pytorch.safetensors"
    flags = ["--weights", str(weights), "--dataset", "digits", "--output-dir", "out"]
    done = run_warm("-c", script, "evaluate", *flags, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("No space left on device")) == (1, 1), done.stderr
    assert "accuracy" in done.stdout
    assert (tmp_path / "out" / "evaluation.json").exists() == (lost == "confusion.png")
    assert (tmp_path / "out").exists() == (lost == "confusion.png")
