"""Weights of either framework mean the same to the other one, and to NumPy.

On all of MNIST where DATA_DIR names a folder with the real data, else on the embedded digits.
"""

import msgspec
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from numpy_impl.evaluate import evaluate_trained
from shared.command_line import CHILD_VARIABLE
from shared.datasets import load_dataset
from shared.evaluating import Evaluation
from shared.weights_file import load_weights
from tests.commands import real_data_dir, run_command

DATA = real_data_dir()
DATASET = "mnist" if DATA else "digits"
DATA_FLAGS = ("--dataset", DATASET, "--offline", *(("--data-dir", str(DATA)) if DATA else ()))
OTHER = {"pytorch": "tensorflow", "tensorflow": "pytorch"}
# Below this the two largest logits may change places by rounding.
TIE = 1e-6


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A folder with NAME.safetensors and NAME.predictions.safetensors of both frameworks."""
    folder = tmp_path_factory.mktemp("trained")
    flags = (*DATA_FLAGS, "--epochs", "1", "--limit", "1000", "--output-dir", str(folder))
    for name in OTHER:
        # As the child of a comparison, which draws no pictures.
        done = run_command("-m", f"{name}_impl", *flags, cwd=folder, **{CHILD_VARIABLE: name})
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def evaluated(trained):
    """A function that has a framework evaluate the weights of the other: output, figures, logits.

    Each starts its framework once, however often it is asked for.
    """
    answers = {}

    def evaluate(name):
        if name not in answers:
            done = run_command(
                *("-m", f"{name}_impl.evaluate", *DATA_FLAGS, "--output-dir", name),
                *("--weights", f"{OTHER[name]}.safetensors"),
                cwd=trained,
            )
            assert done.returncode == 0, done.stderr
            figures = msgspec.json.decode(
                (trained / name / "evaluation.json").read_bytes(), type=Evaluation
            )
            answers[name] = done, figures, load_file(trained / name / figures.predictions)["logits"]
        return answers[name]

    return evaluate


def assert_same_predictions(logits, others):
    second, first = np.sort(logits, axis=1)[:, -2:].T
    differ = logits.argmax(axis=1) != others.argmax(axis=1)
    assert not (differ & (first - second >= TIE)).any()
    np.testing.assert_allclose(logits, others, atol=1e-4)


@pytest.mark.parametrize("name", OTHER)
def test_one_predicts_with_the_weights_of_the_other_as_that_did(name, trained, evaluated):
    _, figures, logits = evaluated(name)
    assert_same_predictions(
        load_file(trained / f"{OTHER[name]}.predictions.safetensors")["logits"], logits
    )
    assert len(logits) == figures.images == {"mnist": 10_000, "digits": 360}[DATASET]


@pytest.mark.parametrize("name", OTHER)
def test_numpy_predicts_with_the_weights_of_either_as_that_did(name, trained, evaluated):
    dataset = load_dataset(DATASET, DATA)
    images, labels = dataset.test_images, dataset.test_labels
    weights = load_weights(trained / f"{name}.safetensors")
    mine = evaluate_trained(weights, images, labels, "cpu")
    theirs = load_file(trained / f"{name}.predictions.safetensors")["logits"]
    assert_same_predictions(theirs, mine.logits)
    _, figures, _ = evaluated(OTHER[name])
    assert figures.loss == pytest.approx(mine.loss, rel=1e-5)
    assert figures.accuracy == pytest.approx(mine.accuracy, abs=1.5 / len(labels))


@pytest.mark.skipif(DATA is None, reason="DATA_DIR names no folder with the real datasets")
def test_that_was_all_of_mnist(evaluated):
    for name in OTHER:
        _, figures, _ = evaluated(name)
        assert (figures.dataset, figures.split, figures.images) == ("mnist", "test", 10_000)


@pytest.mark.parametrize("name", OTHER)
def test_evaluation_says_what_it_measured_and_adds_up(name, evaluated):
    done, figures, logits = evaluated(name)
    assert done.stderr == ""
    assert f"{figures.framework_version} on {figures.device} in float32" in done.stdout
    assert f"accuracy {100 * figures.accuracy:.2f} %" in done.stdout
    counts = np.array(figures.confusion)
    assert counts.sum() == figures.images == len(logits)
    assert np.trace(counts) == round(figures.accuracy * figures.images)
    assert [row.support for row in figures.classes] == counts.sum(axis=1).tolist()


@pytest.mark.parametrize("name", OTHER)
def test_prediction_says_what_is_on_a_picture(name, trained, evaluated, tmp_path):
    dataset = load_dataset(DATASET, DATA)
    pixels = dataset.test_images[0].reshape(28, 28) * dataset.deviation + dataset.mean
    path = tmp_path / "picture[1].png"
    Image.fromarray(np.rint(255 * pixels).astype(np.uint8)).resize((280, 280), 0).save(path)
    done = run_command(
        *("-m", f"{name}_impl.predict", path.name, "--dataset", DATASET, "--top", "2"),
        *("--weights", str(trained / f"{OTHER[name]}.safetensors"), "--draw", "drawn.png"),
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    answer = next(line for line in done.stdout.splitlines() if path.name in line)
    _, _, logits = evaluated(name)
    assert answer.split()[1] == dataset.class_names[logits[0].argmax()]
    assert Image.open(tmp_path / "drawn.png").size[0] == 1080
