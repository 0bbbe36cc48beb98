"""A file of weights is read, or refused with a sentence that says what is wrong with it."""

import copy
import errno
import json
import os
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from safetensors.numpy import save_file

from shared.config import BATCH_NORM_EPSILON, TrainConfig
from shared.errors import UsageError
from shared.initial_weights import initial_weights, weight_shapes
from shared.weights_file import (
    METADATA,
    Training,
    dump_weights,
    float_type,
    has_batch_norm,
    hidden_units,
    load_network,
)
from tests.support.limits import within
from tests.support.sentences import assert_one_sentence


def chain(*sizes, float_type="float32"):
    """Weights of a network of these sizes."""
    weights = {}
    for number, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
        weights[f"dense_{number}/kernel"] = np.full((fan_in, fan_out), 0.5, float_type)
        weights[f"dense_{number}/bias"] = np.full(fan_out, 0.25, float_type)
    return weights


@pytest.mark.parametrize("hidden", [(5,), (128, 64), (3,) * 11])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("norm", [False, True])
def test_weights_of_any_depth_come_back(hidden, dtype, norm, tmp_path):
    weights = initial_weights(hidden, 0, dtype, batch_norm=norm)
    save_file(weights, tmp_path / "weights.safetensors")
    network = load_network(tmp_path / "weights.safetensors")
    loaded = network.weights
    assert list(loaded) == list(weights)
    assert all((loaded[name] == weights[name]).all() for name in weights)
    assert (hidden_units(loaded), has_batch_norm(loaded), float_type(loaded)) == (
        hidden,
        norm,
        dtype,
    )
    assert network.training == Training()


@pytest.mark.parametrize(
    ("name", "alignment", "epsilon"),
    [
        ("tensorflow", "defaults", 1e-3),
        ("tensorflow", "matched", 1e-5),
        ("numpy", "defaults", 1e-5),
    ],
)
def test_a_training_says_what_is_no_weight(name, alignment, epsilon, tmp_path):
    weights = initial_weights((5,), 0, "float64", batch_norm=True)
    options = {"dataset": "fashion-mnist", "pixels": "unit", "alignment": alignment}
    config = TrainConfig(hidden=(5,), batch_norm=True, **options)
    (tmp_path / "file").write_bytes(dump_weights(weights, name, config))
    network = load_network(tmp_path / "file")
    assert network.training == Training("fashion-mnist", "unit", epsilon)
    sums = network.weights["batch_norm_1/moving_variance"] + BATCH_NORM_EPSILON
    np.testing.assert_allclose(sums, 1 + epsilon, rtol=1e-12)


@pytest.mark.parametrize(
    "said",
    [
        *("{", "[]", '{"pixels": "blue"}', '{"batch_norm_epsilon": "small"}'),
        *('{"activation": ["gelu"]}', '{"activation_parameters": {"negative_slope": 0.1}}'),
        '{"activation": "leaky-relu", "activation_parameters": {"slope": 0.1}}',
    ],
)
def test_what_no_training_says_is_refused(said, tmp_path):
    save_file(GOOD, tmp_path / "bad", {METADATA: said})
    with pytest.raises(UsageError, match=r"bad says of its training what can't be \(.*\.$"):
        load_network(tmp_path / "bad")


def test_an_unknown_activation_is_refused_with_the_choices(tmp_path):
    save_file(GOOD, tmp_path / "bad", {METADATA: '{"activation": "swish"}'})
    with pytest.raises(UsageError) as refusal:
        load_network(tmp_path / "bad")
    assert str(refusal.value).startswith(
        f"--weights {tmp_path / 'bad'} says of its training what can't be (activation swish "
        "instead of one of relu, leaky-relu, gelu, tanh): expected "
    )


@pytest.mark.parametrize("said", [None, "{}", '{"dataset": "digits", "pixels": "unit"}'])
def test_a_file_without_an_activation_means_relu(said, tmp_path):
    save_file(GOOD, tmp_path / "old", None if said is None else {METADATA: said})
    training = load_network(tmp_path / "old").training
    assert (training.activation, training.activation_parameters) == ("relu", {})


@pytest.mark.parametrize(
    ("name", "activation", "alignment", "parameters"),
    [
        ("tensorflow", "leaky-relu", "defaults", {"negative_slope": 0.3}),
        ("tensorflow", "leaky-relu", "matched", {"negative_slope": 0.01}),
        ("pytorch", "leaky-relu", "defaults", {"negative_slope": 0.01}),
        ("numpy", "leaky-relu", "defaults", {"negative_slope": 0.01}),
        ("tensorflow", "gelu", "defaults", {}),
    ],
)
def test_an_activation_comes_back_with_its_parameters(
    name, activation, alignment, parameters, tmp_path
):
    config = TrainConfig(hidden=(4, 3), activation=activation, alignment=alignment)
    (tmp_path / "file").write_bytes(dump_weights(GOOD, name, config))
    training = load_network(tmp_path / "file").training
    assert (training.activation, training.activation_parameters) == (activation, parameters)


def test_a_file_without_parameters_has_the_references(tmp_path):
    save_file(GOOD, tmp_path / "file", {METADATA: '{"activation": "leaky-relu"}'})
    training = load_network(tmp_path / "file").training
    assert training.activation_parameters == {"negative_slope": 0.01}


GOOD = chain(784, 4, 3, 10)
NORMALIZED = initial_weights((4, 3), 0, batch_norm=True)
NOT_FINITE = np.array([0, np.nan, 0], np.float32)
BAD = {
    "no hidden layer": (chain(784, 10), "dense_2/kernel"),
    "half normalized": (GOOD | {"batch_norm_1/gamma": NORMALIZED["batch_norm_1/gamma"]}, "beta"),
    "a bias before normalization": (
        NORMALIZED | {"dense_1/bias": np.zeros(4, np.float32)},
        "holds dense_1/bias instead of nothing",
    ),
    "a negative variance": (
        NORMALIZED | {"batch_norm_2/moving_variance": np.float32([1, -1, 1])},
        "batch_norm_2/moving_variance that are negative",
    ),
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
        load_network(tmp_path / "bad.safetensors")
    assert names in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"hello, I am not safetensors", b"\x08" + b"\0" * 40])
def test_other_files_are_refused(content, tmp_path):
    (tmp_path / "bad").write_bytes(content)
    with pytest.raises(UsageError, match=r"bad is not a safetensors file .*\.$"):
        load_network(tmp_path / "bad")


def test_a_file_that_was_cut_short_is_refused(tmp_path):
    save_file(GOOD, tmp_path / "whole")
    (tmp_path / "bad").write_bytes((tmp_path / "whole").read_bytes()[:-4])
    with pytest.raises(UsageError, match=r"bad is not a safetensors file"):
        load_network(tmp_path / "bad")


@pytest.mark.parametrize("name", ["missing", "."])
def test_what_is_no_file_is_refused(name, tmp_path):
    with pytest.raises(UsageError, match=r"cannot be read"):
        load_network(tmp_path / name)


COMMANDS = {
    "missing file": (["numpy_impl", "evaluate", "--weights", "none"], "none"),
    "no weights": (["numpy_impl", "evaluate"], "--weights"),
    "split of neither": (["numpy_impl", "evaluate", "--weights", "good", "--split", "all"], "all"),
    "dataset of neither": (["numpy_impl", "evaluate", "--weights", "good", "--dataset", "x"], "x"),
    "taken folder": (
        ["numpy_impl", "evaluate", "--weights", "good", "--dataset", "digits", "--output-dir", "."],
        "--output-dir .",
    ),
    "no device": (
        ["numpy_impl", "predict", "dot.png", "--weights", "good", "--device", "cuda"],
        "--device cuda",
    ),
    "no image": (["numpy_impl", "predict", "--weights", "good"], "IMAGE"),
    "no classes": (
        ["numpy_impl", "predict", "dot.png", "--weights", "good", "--top", "0"],
        "--top",
    ),
    "drawing no PNG": (
        ["numpy_impl", "predict", "dot.png", "--weights", "good", "--draw", "dot.svg"],
        "--draw dot.svg",
    ),
    "drawing onto an image": (
        ["numpy_impl", "predict", "dot.png", "--weights", "good", "--draw", "dot.png"],
        "overwrite",
    ),
    "image that is a folder": (["numpy_impl", "predict", ".", "--weights", "good"], "directory"),
}


@pytest.mark.parametrize(("words", "names"), COMMANDS.values(), ids=COMMANDS)
def test_commands_refuse_in_one_sentence(words, names, warm, tmp_path):
    from PIL import Image

    save_file(initial_weights((4, 3), seed=0), tmp_path / "good")
    image = Image.new("L", (9, 9))
    image.putpixel((4, 4), 255)
    image.save(tmp_path / "dot.png")
    before = sorted(tmp_path.iterdir())
    done = warm("numpy").run("-m", *words, cwd=tmp_path)
    assert_one_sentence(done, names, tmp_path)
    assert sorted(tmp_path.iterdir()) == before


def with_header(tensors, metadata=None, data=b""):
    """A safetensors file whose header says this, whatever data follow."""
    said = {"__metadata__": metadata} if metadata else {}
    header = json.dumps(said | tensors).encode()
    return len(header).to_bytes(8, "little") + header + data


def empty(*shape):
    """What a header says of a tensor of no bytes."""
    return {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}


HUGE = 10**9
HEADERS = {
    "a layer of a billion units of nothing": {"dense_1/kernel": empty(0, HUGE)},
    "two such layers": {"dense_1/kernel": empty(0, HUGE), "dense_2/kernel": empty(0, HUGE)},
    "all of such a network": {
        "dense_1/kernel": empty(0, HUGE),
        "dense_1/bias": empty(0),
        "dense_2/kernel": empty(HUGE, 0),
        "dense_2/bias": empty(0),
    },
    "normalized": {"dense_1/kernel": empty(0, HUGE), "batch_norm_1/gamma": empty(0)},
    "more units than a size may count": {"dense_1/kernel": empty(0, 2**62)},
    "no units": {"dense_1/kernel": empty(784, 0), "dense_1/bias": empty(0)},
}


@pytest.mark.parametrize("tensors", HEADERS.values(), ids=HEADERS)
def test_sizes_in_a_file_are_compared_and_never_allocated(tensors, tmp_path):
    (tmp_path / "bad").write_bytes(with_header(tensors))
    tracemalloc.start()
    try:
        with within(20), pytest.raises(UsageError, match=r"^--weights .*bad holds .*\.$"):
            load_network(tmp_path / "bad")
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("seed", range(5))
def test_headers_with_any_numbers_are_refused(seed, tmp_path):
    random = np.random.default_rng(seed)
    save_file(GOOD, tmp_path / "good")
    content = (tmp_path / "good").read_bytes()
    size = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:size])
    odd = [0, 1, -1, 0.5, 10**9, 2**31, 2**63, 2**64, 10**30, None, "784", [], True]
    for _ in range(200):
        changed = copy.deepcopy(header)
        tensor = changed[random.choice(list(GOOD))]
        numbers = tensor[random.choice(["shape", "data_offsets"])]
        value = odd[random.integers(len(odd))]
        place = random.integers(len(numbers))
        if value == numbers[place]:
            continue
        numbers[place] = value
        (tmp_path / "bad").write_bytes(with_header(changed, data=content[size:]))
        with within(20), pytest.raises(UsageError, match=r"^--weights .*bad .*\.$"):
            load_network(tmp_path / "bad")


def test_a_network_of_very_many_layers_is_refused_shortly(tmp_path):
    layers = {f"dense_{number}/kernel": empty(0, 9) for number in range(20_000)}
    (tmp_path / "bad").write_bytes(with_header(layers))
    with within(20), pytest.raises(UsageError, match=r"bad .*\.$") as refusal:
        load_network(tmp_path / "bad")
    assert len(str(refusal.value)) < 600


@pytest.mark.parametrize("length", [0, 7, 10**7, 2**63, 2**64 - 1])
def test_a_header_of_another_length_is_refused(length, tmp_path):
    (tmp_path / "bad").write_bytes(length.to_bytes(8, "little") + b"{}" + b" " * 100)
    with pytest.raises(UsageError, match=r"bad is not a safetensors file .*\.$"):
        load_network(tmp_path / "bad")


def test_metadata_nested_without_end_are_refused(tmp_path):
    for said in ('{"a":' * 100_000, '{"pixels":' + "[" * 100_000):
        save_file(GOOD, tmp_path / "bad", {METADATA: said})
        with pytest.raises(UsageError, match=r"bad says of its training .*too deeply.*\.$"):
            load_network(tmp_path / "bad")


@pytest.mark.parametrize("epsilon", ["-5", "0", "-1e-5", "1e999", "1e300", "null", '"1"', "true"])
def test_an_epsilon_that_nothing_is_normalized_with_is_refused(epsilon, tmp_path):
    said = f'{{"batch_norm_epsilon": {epsilon}}}'
    save_file(NORMALIZED, tmp_path / "bad", {METADATA: said})
    with pytest.raises(UsageError, match=r"bad says of its training what can't be .*\.$"):
        load_network(tmp_path / "bad")


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_weights_that_are_no_regular_file_are_refused_at_once(kind, tmp_path):
    path = tmp_path / "bad"
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    expected = r"bad cannot be read \(it is no regular file\).*\.$"
    with within(10), pytest.raises(UsageError, match=expected):
        load_network(path)


def test_weights_that_may_not_be_read_are_not_called_missing(tmp_path, monkeypatch):
    save_file(GOOD, tmp_path / "bad")

    # By patching, as the superuser may read everything.
    def deny(path, *_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "open", deny)
    with pytest.raises(UsageError, match=r"bad cannot be read \(Permission denied\)"):
        load_network(tmp_path / "bad")


def test_weights_larger_than_any_network_are_not_read(tmp_path):
    with (tmp_path / "bad").open("wb") as file:
        file.truncate(30 * 10**9)
    with pytest.raises(UsageError, match=r"bad cannot be read \(it has 30,000,000,000 bytes "):
        load_network(tmp_path / "bad")


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("hidden", [(5,), (128, 64), (3,) * 11])
def test_the_shapes_are_those_of_the_initial_weights(hidden, norm):
    weights = initial_weights(hidden, 0, batch_norm=norm)
    shapes = weight_shapes(hidden, norm)
    assert shapes == {name: array.shape for name, array in weights.items()}
    assert list(shapes) == list(weights)


OVERFLOWING = {
    "evaluate": ["evaluate", "--dataset", "digits"],
    "predict": ["predict", "dot.png", "--dataset", "digits"],
}


@pytest.mark.parametrize("words", OVERFLOWING.values(), ids=OVERFLOWING)
def test_a_network_without_finite_logits_is_refused(words, warm, tmp_path):
    from PIL import Image

    weights = {name: np.full_like(array, 3e38) for name, array in GOOD.items()}
    weights["dense_1/kernel"] = GOOD["dense_1/kernel"]
    save_file(weights, tmp_path / "huge")
    image = Image.new("L", (9, 9))
    image.putpixel((4, 4), 255)
    image.save(tmp_path / "dot.png")
    command, *flags = words
    done = warm("numpy").run("-m", "numpy_impl", command, *flags, "--weights", "huge", cwd=tmp_path)
    assert_one_sentence(done, "--weights huge", tmp_path)
    assert "not finite" in done.stderr
