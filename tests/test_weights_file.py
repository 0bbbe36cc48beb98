"""A file of weights is read, or refused with a sentence that says what is wrong with it."""

from itertools import pairwise

import numpy as np
import pytest
from safetensors.numpy import save_file

from shared.config import UsageError
from shared.initial_weights import initial_weights
from shared.weights_file import float_type, hidden_units, load_weights
from tests.commands import run_command
from tests.test_bad_input import assert_one_sentence


def chain(*sizes, float_type="float32"):
    """Weights of a network of these sizes."""
    weights = {}
    for number, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
        weights[f"dense_{number}/kernel"] = np.full((fan_in, fan_out), 0.5, float_type)
        weights[f"dense_{number}/bias"] = np.full(fan_out, 0.25, float_type)
    return weights


@pytest.mark.parametrize("hidden", [(), (5,), (128, 64), (3,) * 11])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_of_any_depth_come_back(hidden, dtype, tmp_path):
    weights = chain(784, *hidden, 10, float_type=dtype)
    save_file(weights, tmp_path / "weights.safetensors")
    loaded = load_weights(tmp_path / "weights.safetensors")
    assert list(loaded) == list(weights)
    assert all((loaded[name] == weights[name]).all() for name in weights)
    assert (hidden_units(loaded), float_type(loaded)) == (hidden, dtype)


GOOD = chain(784, 4, 3, 10)
NOT_FINITE = np.array([0, np.nan, 0], np.float32)
BAD = {
    "no weights": ({}, "holds nothing instead"),
    "predictions": ({"logits": np.zeros((3, 10))}, "holds logits instead"),
    "one missing": (
        {name: GOOD[name] for name in GOOD if name != "dense_2/bias"},
        "dense_2/bias",
    ),
    "one too many": (GOOD | {"mean": np.zeros(3, np.float32)}, "mean"),
    "a gap": ({name.replace("_3", "_4"): array for name, array in GOOD.items()}, "dense_4"),
    "integers": ({name: array.astype(int) for name, array in GOOD.items()}, "I64"),
    "half precision": (chain(784, 4, 3, 10, float_type="float16"), "F16"),
    "mixed types": (GOOD | {"dense_2/bias": np.zeros(3)}, "F32, F64"),
    "other images": (chain(1024, 4, 3, 10), "[1024, 4]"),
    "other classes": (chain(784, 4, 3, 12), "[3, 12]"),
    "layers that do not fit": (GOOD | {"dense_2/kernel": chain(5, 3)["dense_1/kernel"]}, "dense_2"),
    "transposed": (GOOD | {"dense_1/kernel": GOOD["dense_1/kernel"].T.copy()}, "[4, 784]"),
    "a bias of two dimensions": (GOOD | {"dense_1/bias": np.zeros((1, 4), np.float32)}, "[1, 4]"),
    "a number": (GOOD | {"dense_1/kernel": np.float32(1)}, "dense_1"),
    "an empty layer": (chain(784, 0, 3, 10), "[784, 0]"),
    "not finite": (GOOD | {"dense_2/bias": NOT_FINITE}, "dense_2/bias that are not finite"),
}


@pytest.mark.parametrize(("weights", "names"), BAD.values(), ids=BAD)
def test_other_tensors_are_refused(weights, names, tmp_path):
    arrays = {name: np.asarray(array) for name, array in weights.items()}
    save_file(arrays, tmp_path / "bad.safetensors")
    with pytest.raises(UsageError, match=r"^--weights .*bad\.safetensors holds .*\.$") as refusal:
        load_weights(tmp_path / "bad.safetensors")
    assert names in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"hello, I am not safetensors", b"\x08" + b"\0" * 40])
def test_other_files_are_refused(content, tmp_path):
    (tmp_path / "bad").write_bytes(content)
    with pytest.raises(UsageError, match=r"bad is not a safetensors file .*\.$"):
        load_weights(tmp_path / "bad")


def test_a_file_that_was_cut_short_is_refused(tmp_path):
    save_file(GOOD, tmp_path / "whole")
    (tmp_path / "bad").write_bytes((tmp_path / "whole").read_bytes()[:-4])
    with pytest.raises(UsageError, match=r"bad is not a safetensors file"):
        load_weights(tmp_path / "bad")


@pytest.mark.parametrize("name", ["missing", "."])
def test_what_is_no_file_is_refused(name, tmp_path):
    with pytest.raises(UsageError, match=r"cannot be read"):
        load_weights(tmp_path / name)


COMMANDS = {
    "missing file": (["numpy_impl.evaluate", "--weights", "none"], "none"),
    "no weights": (["numpy_impl.evaluate"], "--weights"),
    "split of neither": (["numpy_impl.evaluate", "--weights", "good", "--split", "all"], "all"),
    "other depth": (["numpy_impl.evaluate", "--weights", "deep"], "3 hidden layers"),
    "taken folder": (
        ["numpy_impl.evaluate", "--weights", "good", "--dataset", "digits", "--output-dir", "."],
        "--output-dir .",
    ),
    "no device": (
        ["numpy_impl.predict", "dot.png", "--weights", "good", "--device", "cuda"],
        "--device cuda",
    ),
    "no image": (["numpy_impl.predict", "--weights", "good"], "IMAGE"),
    "no classes": (["numpy_impl.predict", "dot.png", "--weights", "good", "--top", "0"], "--top"),
    "drawing no PNG": (
        ["numpy_impl.predict", "dot.png", "--weights", "good", "--draw", "dot.svg"],
        "--draw dot.svg",
    ),
    "drawing onto an image": (
        ["numpy_impl.predict", "dot.png", "--weights", "good", "--draw", "dot.png"],
        "overwrite",
    ),
    "image that is a folder": (["numpy_impl.predict", ".", "--weights", "good"], "directory"),
}


@pytest.mark.parametrize(("words", "names"), COMMANDS.values(), ids=COMMANDS)
def test_commands_refuse_in_one_sentence(words, names, tmp_path):
    from PIL import Image

    save_file(initial_weights((4, 3), seed=0), tmp_path / "good")
    save_file(chain(784, 4, 4, 4, 10), tmp_path / "deep")
    image = Image.new("L", (9, 9))
    image.putpixel((4, 4), 255)
    image.save(tmp_path / "dot.png")
    before = sorted(tmp_path.iterdir())
    done = run_command("-m", *words, cwd=tmp_path)
    assert_one_sentence(done, names, tmp_path)
    assert sorted(tmp_path.iterdir()) == before
