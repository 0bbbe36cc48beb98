"""The oracle computes what the formulas say: against finite differences, and against hand."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from numpy_impl.data import make_batches
from numpy_impl.device import choose_device
from numpy_impl.evaluate import evaluate, predict
from numpy_impl.loss import compute_loss, count_correct, loss_gradient
from numpy_impl.model import Dense, ReLU, Sequential, build_model, get_weights, set_weights
from numpy_impl.optimizer import Adam, make_optimizer
from numpy_impl.train import train, train_epoch, train_step
from shared.batches import batch_sizes, epoch_order
from shared.clock import Clock
from shared.config import CLASSES, IMAGE_SIZE
from shared.errors import UsageError
from shared.initial_weights import initial_weights
from tests.support.gradients import largest_error

ROOT = Path(__file__).resolve().parents[2]
HIDDEN = (32, 16)
FLOAT_TYPES = ("float32", "float64")


def make_model(float_type: str = "float64") -> Sequential:
    """A small network whose biases are not zero, so that a mistake in them shows."""
    weights = initial_weights(HIDDEN, 1, float_type)
    random = np.random.default_rng(2)
    for name in weights:
        if name.endswith("bias"):
            weights[name] += random.normal(0, 0.3, weights[name].shape).astype(float_type)
    model = build_model(HIDDEN)
    set_weights(model, weights)
    return model


def make_data(size: int, float_type: str = "float64") -> tuple[np.ndarray, np.ndarray]:
    """Images around one random centre per class, far enough apart to be told apart."""
    random = np.random.default_rng(3)
    centres = random.normal(size=(CLASSES, IMAGE_SIZE))
    labels = random.integers(CLASSES, size=size)
    images = centres[labels] + 0.3 * random.normal(size=(size, IMAGE_SIZE))
    return images.astype(float_type), labels


@pytest.mark.parametrize("parameter", range(6), ids=initial_weights(HIDDEN, 0))
def test_gradients_of_weights_against_finite_differences(parameter):
    model = make_model()
    images, labels = make_data(7)
    logits = model(images)
    # Across a kink of ReLU a finite difference would not be the derivative.
    relu_inputs = [layer.inputs for layer in model.layers if isinstance(layer, ReLU)]
    assert min(np.abs(inputs).min() for inputs in relu_inputs) > 1e-4
    gradient = model.backward(loss_gradient(logits, labels))[parameter]
    array = model.parameters()[parameter]
    error = largest_error(lambda: compute_loss(model(images), labels), array, gradient, 40)
    assert error < 1e-7


def test_loss_gradient_against_finite_differences():
    logits = np.random.default_rng(0).normal(0, 3, (5, CLASSES))
    labels = np.array([0, 9, 4, 4, 1])
    gradient = loss_gradient(logits, labels)
    error = largest_error(lambda: compute_loss(logits, labels), logits, gradient, 50)
    assert error < 1e-7
    np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-16)


def test_loss_of_a_known_distribution():
    probabilities = np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
    labels = np.array([1, 2])
    # Logits are known up to a constant per row.
    logits = np.log(probabilities) + np.array([[7.0], [-3.0]])
    expected = -(math.log(0.25) + math.log(0.8)) / 2
    assert compute_loss(logits, labels) == pytest.approx(expected, rel=1e-14)
    assert [count_correct(logits, np.array(each)) for each in ([0, 2], [0, 1], [1, 1])] == [2, 1, 0]


@pytest.mark.parametrize("float_type", FLOAT_TYPES)
def test_loss_is_stable_for_large_logits(float_type):
    logits = np.full((2, CLASSES), -1000, float_type)
    logits[:, 3] = 1000
    right_and_wrong = np.array([3, 5])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        # The right label costs nothing, the wrong one the distance of 2000; the mean is taken.
        assert compute_loss(logits, right_and_wrong) == 1000
        gradient = loss_gradient(logits, right_and_wrong)
    expected = np.zeros((2, CLASSES))
    expected[1, 3], expected[1, 5] = 0.5, -0.5
    np.testing.assert_array_equal(gradient, expected)


def test_relu_beyond_the_finite():
    inputs = np.array([[-2.0, 0.0, 3.0, -np.inf, np.inf, np.nan]])
    np.testing.assert_array_equal(ReLU().forward(inputs), [[0, 0, 3, 0, np.inf, np.nan]])


def test_relu_passes_gradients_only_above_zero():
    model = Sequential(Dense(1, 3), ReLU())
    set_weights(
        model, {"dense_1/kernel": np.array([[-2.0, 0.0, 3.0]]), "dense_1/bias": np.zeros(3)}
    )
    model(np.array([[1.0]]))
    for gradient in model.backward(np.array([[5.0, 6.0, 7.0]])):
        np.testing.assert_array_equal(gradient.ravel(), [0, 0, 7])


# Three steps of a scalar from gradients 2, 5, 0 with beta_1 = 1/2, beta_2 = 3/4, epsilon = 1. Then
# m = 1, 3, 3/2 and v = 1, 7, 21/4; 1 - beta_1^t = 1/2, 3/4, 7/8 and 1 - beta_2^t = 1/4, 7/16,
# 37/64.
GRADIENTS = (2, 5, 0)
BY_HAND = {
    # m_hat = 2, 4, 12/7 and v_hat = 4, 16, 336/37.
    False: (2 / (2 + 1), 4 / (4 + 1), 12 / 7 / (math.sqrt(336 / 37) + 1)),
    # alpha_t / learning_rate = 1, sqrt(7)/3, sqrt(37)/7.
    True: (
        1 / (1 + 1),
        math.sqrt(7) / 3 * 3 / (math.sqrt(7) + 1),
        math.sqrt(37) / 7 * 1.5 / (math.sqrt(21 / 4) + 1),
    ),
}


@pytest.mark.parametrize("epsilon_hat", [False, True])
def test_adam_against_steps_by_hand(epsilon_hat):
    weight = np.array([1.0])
    adam = Adam([weight], 0.1, beta_1=0.5, beta_2=0.75, epsilon=1, epsilon_hat=epsilon_hat)
    expected = 1.0
    for gradient, update in zip(GRADIENTS, BY_HAND[epsilon_hat], strict=True):
        adam.step([np.array([float(gradient)])])
        expected -= 0.1 * update
        assert weight[0] == pytest.approx(expected, rel=1e-14)


def test_adam_defaults():
    gradient = np.array([1e-8])
    weight, weight_hat = np.zeros(1), np.zeros(1)
    Adam([weight], 0.001).step([gradient])
    Adam([weight_hat], 0.001, epsilon_hat=True).step([gradient])
    # The first step is learning_rate * g / (|g| + epsilon), and epsilon weighs more in the other.
    assert weight[0] == pytest.approx(-0.001 / 2, rel=1e-12)
    assert weight_hat[0] == pytest.approx(-0.001 / (1 + 1 / math.sqrt(0.001)), rel=1e-12)


@pytest.mark.parametrize("same", [True, False])
def test_epsilon_hat_that_makes_both_forms_equal(same):
    random = np.random.default_rng(5)
    # Large, so that its place shows.
    epsilon = 0.1
    weight, weight_hat = np.zeros((3, 2)), np.zeros((3, 2))
    adam = Adam([weight], 0.01, epsilon=epsilon)
    adam_hat = Adam([weight_hat], 0.01, epsilon=epsilon, epsilon_hat=True)
    for t in range(1, 21):
        if same:
            adam_hat.epsilon = epsilon * math.sqrt(1 - 0.999**t)
        gradient = random.normal(size=(3, 2))
        adam.step([gradient])
        adam_hat.step([gradient])
    assert np.allclose(weight, weight_hat, rtol=1e-13, atol=0) == same


@pytest.mark.parametrize("float_type", FLOAT_TYPES)
def test_a_step_stays_in_its_float_type(float_type):
    model = make_model(float_type)
    images, labels = make_data(6, float_type)
    optimizer = make_optimizer(model, 0.01, "exact")
    before = get_weights(model)
    loss, _ = train_step(model, optimizer, images, labels)
    logits = model(images)
    gradient = loss_gradient(logits, labels)
    arrays = [loss, logits, gradient, *model.backward(gradient), *optimizer.m, *optimizer.v]
    after = get_weights(model)
    assert {array.dtype for array in (*arrays, *after.values())} == {np.dtype(float_type)}
    assert all((after[name] != before[name]).any() for name in before)


def test_a_step_returns_what_was_before_the_update():
    model = make_model()
    images, labels = make_data(16)
    logits = predict(model, images)
    optimizer = make_optimizer(model, 0.01, "exact")
    loss, correct = train_step(model, optimizer, images, labels)
    assert loss == compute_loss(logits, labels)
    assert correct == count_correct(logits, labels)
    assert compute_loss(predict(model, images), labels) < loss


@pytest.mark.parametrize("float_type", FLOAT_TYPES)
def test_weights_round_trip_as_copies(float_type):
    weights = initial_weights(HIDDEN, 7, float_type)
    model = build_model(HIDDEN)
    set_weights(model, weights)
    got = get_weights(model)
    assert list(got) == list(weights)
    for name, expected in initial_weights(HIDDEN, 7, float_type).items():
        assert got[name].dtype == expected.dtype
        np.testing.assert_array_equal(got[name], expected)
        # Neither what was given nor what was got is the model's own.
        weights[name] += 1
        got[name] += 1
        np.testing.assert_array_equal(get_weights(model)[name], expected)


def test_batches_follow_the_order_to_the_last_row():
    images, labels = np.arange(10.0).reshape(5, 2), np.arange(5)
    batches = list(make_batches(images, labels, np.array([4, 0, 3, 1, 2]), batch_size=2))
    assert [batch.tolist() for _, batch in batches] == [[4, 0], [3, 1], [2]]
    for rows, (batch_images, _) in zip(([4, 0], [3, 1], [2]), batches, strict=True):
        np.testing.assert_array_equal(batch_images, images[rows])


def test_the_last_partial_batch_counts_by_its_size():
    model = make_model()
    data = make_data(9)
    # So slow that the loss of the whole set is the same before and after the epoch.
    optimizer = make_optimizer(model, 1e-13, "exact")
    losses = []

    def step(*arguments):
        losses.append(train_step(*arguments)[0])
        return losses[-1], count_correct(predict(model, arguments[2]), arguments[3])

    clock = Clock()

    def learn(epoch):
        batches = make_batches(*data, epoch_order(9, 0, epoch), batch_size=8)
        return train_epoch(model, optimizer, batches, clock, step)

    (epoch,) = train(model, learn, batch_sizes(9, 8), data, [1], clock)
    logits = predict(model, data[0])
    expected = float(compute_loss(logits, data[1]))
    assert len(losses) == 2
    assert abs(np.mean(losses) - expected) > 1e-3
    assert epoch.train_loss == pytest.approx(expected, rel=1e-9)
    assert epoch.train_accuracy == count_correct(logits, data[1]) / 9
    assert (epoch.test_loss, epoch.test_accuracy) == evaluate(model, *data)
    assert evaluate(model, *data, batch_size=8) == pytest.approx(evaluate(model, *data))


@pytest.mark.parametrize("float_type", FLOAT_TYPES)
def test_training_learns_what_can_be_learned(float_type):
    model = make_model(float_type)
    images, labels = make_data(700, float_type)
    optimizer = make_optimizer(model, 0.003, "exact")
    loss_before, accuracy_before = evaluate(model, images[500:], labels[500:])
    train_set, test_set = (images[:500], labels[:500]), (images[500:], labels[500:])
    clock = Clock()

    def learn(epoch):
        batches = make_batches(*train_set, epoch_order(500, 0, epoch), batch_size=16)
        return train_epoch(model, optimizer, batches, clock)

    sizes = batch_sizes(500, 16)
    epochs = list(train(model, learn, sizes, test_set, range(1, 5), clock))
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3, 4]
    assert all(b.train_loss < a.train_loss for a, b in pairwise(epochs))
    assert epochs[-1].test_loss < loss_before / 4
    assert accuracy_before < 0.3
    assert epochs[-1].test_accuracy > 0.9


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_only_the_cpu(name):
    assert choose_device("auto", "float32") == choose_device("cpu", "float64") == "cpu"
    with pytest.raises(UsageError, match=rf"^--device {name}: NumPy .*expected .*cpu\.$"):
        choose_device(name, "float32")
