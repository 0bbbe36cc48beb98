"""Activation functions by hand: their values, their derivatives, and what a layer is made of."""

import math

import numpy as np
import pytest

from numpy_impl.model import Dense, ReLU, Sequential
from numpy_impl.techniques.activations import ACTIVATIONS, choose_activation
from numpy_impl.techniques.layers import build_network
from numpy_impl.trace import nearest_kink
from shared import activations
from shared.config import TrainConfig
from shared.rules import choices_of
from tests.support.gradients import largest_error

NAMES = tuple(activations.ACTIVATIONS)


def phi(x: float) -> float:
    """The normal distribution's probability below x."""
    return (1 + math.erf(x / math.sqrt(2))) / 2


FORMULAS = {
    "relu": lambda x: max(x, 0.0),
    "leaky-relu": lambda x: x if x > 0 else 0.01 * x,
    "gelu": lambda x: x * phi(x),
    "tanh": lambda x: 1 - 2 / (math.exp(2 * x) + 1),
}
DERIVATIVES = {
    "relu": lambda x: float(x > 0),
    "leaky-relu": lambda x: 1.0 if x > 0 else 0.01,
    "gelu": lambda x: phi(x) + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    "tanh": lambda x: 1 / math.cosh(x) ** 2,
}
INPUTS = np.array([-6.0, -2.5, -0.7517915, -1e-3, 0.0, 1e-3, 0.3, 1.0, 6.0])


def make_layer(name: str):
    """The layer as a training under `matched` has it."""
    return choose_activation(name, activations.ACTIVATIONS[name].parameters, "matched")()


def test_each_record_has_its_layer_and_is_a_choice():
    assert tuple(ACTIVATIONS) == choices_of(TrainConfig)["activation"] == NAMES
    assert tuple(FORMULAS) == NAMES
    # The plain network's, as the core files write it.
    assert NAMES[0] == TrainConfig.activation
    assert type(make_layer(NAMES[0])) is ReLU


@pytest.mark.parametrize("name", NAMES)
def test_values_and_derivatives_against_the_formulas(name):
    layer = make_layer(name)
    expected = [FORMULAS[name](x) for x in INPUTS]
    np.testing.assert_allclose(layer.forward(INPUTS), expected, rtol=1e-13, atol=2e-16)
    slopes = layer.input_gradient(np.full_like(INPUTS, 3.0))
    expected = [3 * DERIVATIVES[name](x) for x in INPUTS]
    np.testing.assert_allclose(slopes, expected, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_against_finite_differences(name):
    random = np.random.default_rng(1)
    inputs, direction = random.normal(0, 2, (7, 5)), random.normal(size=(7, 5))
    assert np.abs(inputs).min() > 1e-4
    layer = make_layer(name)

    def loss() -> float:
        return float((layer.forward(inputs) * direction).sum())

    loss()
    assert largest_error(loss, inputs, layer.input_gradient(direction), 35) < 1e-7


@pytest.mark.parametrize("float_type", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_numbers_keep_their_float_type(name, float_type):
    layer = make_layer(name)
    inputs = INPUTS.astype(float_type)
    assert layer.forward(inputs).dtype == float_type
    assert layer.input_gradient(inputs).dtype == float_type


@pytest.mark.parametrize("name", NAMES)
def test_far_from_zero_nothing_overflows(name):
    layer = make_layer(name)
    inputs = np.array([-1e4, 1e4])
    with np.errstate(over="raise", invalid="raise"):
        outputs = layer.forward(inputs)
        slopes = layer.input_gradient(np.ones(2))
    below, above = {"relu": (0, 1e4), "leaky-relu": (-100, 1e4), "gelu": (0, 1e4)}.get(
        name, (-1, 1)
    )
    np.testing.assert_allclose(outputs, [below, above])
    flat = {"leaky-relu": [0.01, 1], "tanh": [0, 0]}.get(name, [0, 1])
    np.testing.assert_allclose(slopes, flat)


def test_parameters_are_what_is_told_or_the_references():
    assert choose_activation("leaky-relu", {"negative_slope": 0.3}, "matched")().negative_slope == (
        0.3
    )
    assert choose_activation("leaky-relu", {}, "defaults")().negative_slope == 0.01


@pytest.mark.parametrize(
    ("name", "nearest"), [("relu", 0.25), ("leaky-relu", 0.25), ("gelu", np.inf), ("tanh", np.inf)]
)
def test_only_functions_with_a_kink_have_a_nearest_one(name, nearest):
    dense = Dense(1, 2)
    dense.kernel += [[0.25, -2.0]]
    model = Sequential(dense, make_layer(name))
    model(np.ones((1, 1)))
    assert nearest_kink(model)["nearest kink"] == nearest


@pytest.mark.parametrize("name", NAMES)
def test_every_hidden_layer_ends_with_it(name):
    make = choose_activation(name, {}, "matched")
    layers = build_network((4, 3, 2), make, 0.0, batch_norm=False, alignment="matched").layers
    assert [isinstance(layer, type(make())) for layer in layers] == [False, True] * 3 + [False]


def test_a_sentence_names_function_and_parameters():
    describe = activations.describe_activation
    assert describe("gelu", {}) == "GELU"
    assert describe("leaky-relu", {"negative_slope": 0.3}) == "leaky ReLU (negative slope 0.3)"
