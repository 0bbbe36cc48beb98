"""Every difference in docs/DIFFERENCES.md is as that page says.

Each framework is asked once, in a process of its own, by tests/support/differences.
"""

import json
import math

import numpy as np
import pytest

from shared.activations import ACTIVATIONS
from shared.batches import batch_sizes
from shared.config import (
    ADAGRAD_EPSILON,
    ADAM_EPSILON,
    BATCH_NORM_EPSILON,
    INITIAL_SCALE,
    RMSPROP_EPSILON,
    RMSPROP_RHO,
    WEIGHT_DECAY,
)
from shared.metrics import epoch_mean
from shared.registry import IMPLEMENTATIONS
from tests.support.commands import ROOT
from tests.support.differences.problem import (
    BATCH,
    CLASS_WEIGHTS,
    DECAY,
    FACTORS,
    FEATURES,
    FEW,
    GRADIENTS,
    IMAGES,
    KERNEL,
    KINDS,
    LABELS,
    MANY,
    NARROW,
    ROWS,
    STEPS_BEFORE,
)


def ask(warm, framework: str) -> dict[str, object]:
    """The answers of one framework, from a process of its own with one thread."""
    done = warm(framework).run("-m", "tests.support.differences", framework, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def torch_says(warm) -> dict[str, object]:
    return ask(warm, "pytorch")


@pytest.fixture(scope="module")
def keras_says(warm) -> dict[str, object]:
    return ask(warm, "tensorflow")


# The pinning tests: what each difference is, and that it is one.


def test_kernels_are_transposed(torch_says, keras_says):
    assert torch_says["weight shape"] == [KINDS, FEATURES]
    assert keras_says["weight shape"] == [FEATURES, KINDS]
    for logits in (torch_says["logits"], keras_says["logits"]):
        np.testing.assert_allclose(logits, IMAGES @ KERNEL, atol=1e-5)


def test_default_initial_weights(torch_says, keras_says):
    sizes = ((784, 128), (128, 64), (64, 10))
    starts = zip(sizes, torch_says["initial weights"], keras_says["initial weights"], strict=True)
    for (fan_in, fan_out), torch_start, keras_start in starts:
        bounds = fan_in**-0.5, math.sqrt(6 / (fan_in + fan_out))
        for start, bound in zip((torch_start, keras_start), bounds, strict=True):
            # The largest of 640 uniform numbers, and their deviation.
            assert 0.95 * bound < start["largest"] <= 1.0001 * bound
            assert start["deviation"] == pytest.approx(bound / math.sqrt(3), rel=0.1)
        assert 0.5 * bounds[0] < torch_start["largest bias"] <= 1.0001 * bounds[0]
        assert keras_start["largest bias"] == 0
        assert 1.99 < bounds[1] / bounds[0] < 2.28


def test_adam_epsilon_by_default(torch_says, keras_says):
    assert torch_says["adam epsilon"] == ADAM_EPSILON == 1e-8
    assert keras_says["adam epsilon"] == 1e-7


def test_adam_epsilon_has_two_places(torch_says, keras_says):
    """One step with gradient 1e-6 and epsilon 1e-7 against both formulas."""
    inside = -0.001 * 1e-6 / (1e-6 + 1e-7)
    outside = -0.001 * 1e-6 / (1e-6 + 1e-7 / math.sqrt(1 - 0.999))
    assert torch_says["adam step"] == pytest.approx(inside, rel=1e-9)
    # Keras's bias correction is not exact: see the next test.
    assert keras_says["adam step"] == pytest.approx(outside, rel=1e-5)
    assert inside / outside > 3


def test_adam_bias_correction_has_two_precisions(torch_says, keras_says):
    """A first step without epsilon moves a weight by exactly the learning rate."""
    for float_type, rounding in (("float32", 5e-7), ("float64", 1e-14)):
        name = f"adam {float_type} step"
        assert torch_says[name] == pytest.approx(-0.001, rel=rounding)
        assert 5e-6 < 1 - keras_says[name] / -0.001 < 1e-5


def test_loss_arguments_are_in_opposite_order(torch_says, keras_says):
    assert torch_says["loss"] == pytest.approx(keras_says["loss"], rel=1e-6)
    for answers in (torch_says, keras_says):
        assert answers["swapped loss"].startswith("raises")
        assert answers["binary loss"] == pytest.approx(-math.log(0.75), rel=1e-6)
    assert torch_says["swapped binary loss"] == pytest.approx(25)
    assert keras_says["swapped binary loss"] == pytest.approx(3.9856, rel=1e-4)


def test_functional_losses_reduce_differently(torch_says, keras_says):
    assert torch_says["loss shape"] == []
    assert keras_says["loss shape"] == [ROWS]
    ratio = np.divide(keras_says["loss gradient"], torch_says["loss gradient"])
    np.testing.assert_allclose(ratio, ROWS, rtol=1e-3)


def test_reported_training_loss_is_a_running_weighted_mean(torch_says, keras_says):
    losses, reported = torch_says["batch losses"], keras_says["reported loss"]
    expected = epoch_mean(np.array(losses), batch_sizes(ROWS, BATCH))
    assert reported == pytest.approx(expected, rel=1e-5)
    assert abs(reported - np.mean(losses)) > 0.1, "the last batch is not weighted"
    at_the_end = torch_says["loss at the end"]
    assert at_the_end == pytest.approx(keras_says["loss at the end"], rel=1e-5)
    assert reported - at_the_end > 0.3, "the weights did not move"


def test_shuffling_by_permutation_and_by_buffer(torch_says, keras_says):
    numbers = list(range(MANY))
    assert torch_says["order by default"] == numbers
    assert sorted(torch_says["order"]) == sorted(keras_says["order"]) == numbers
    # How much earlier a number comes than it is stored.
    assert max(np.subtract(torch_says["order"], numbers)) > MANY / 2
    assert 0 < max(np.subtract(keras_says["order"], numbers)) < 10


def test_train_and_eval_mode(torch_says, keras_says):
    assert 400 < torch_says["dropped on a plain call"] < 600
    assert torch_says["dropped after eval"] == 0
    assert keras_says["dropped on a plain call"] == 0


def test_gradients_accumulate_only_in_torch(torch_says, keras_says):
    np.testing.assert_allclose(torch_says["second gradient over first"], 2)
    np.testing.assert_allclose(keras_says["second gradient over first"], 1)


def test_a_traced_function_runs_once_per_shape(torch_says, keras_says):
    assert torch_says["body runs in four calls"] == 4
    assert keras_says["body runs in four calls"] == 1
    assert keras_says["body runs in four calls, three sizes"] == 3
    assert keras_says["traces of six numbers"] == 6
    programs = torch_says["programs of six numbers: by default, dynamic=False, True"]
    assert programs == [2, 6, 1]


def test_what_a_compiler_takes_in(torch_says, keras_says):
    assert torch_says["optimizer.step ends a program"] is True
    assert torch_says["backward ends a program"] is True
    one, three = torch_says["operations of one step and of three"]
    assert three == 3 * one
    for says in (torch_says, keras_says):
        assert says["programs for one step and for three"] == 1
        assert says["losses of a program with a loop"] == [2.0, 1.0, 0.5]
    assert torch_says["programs of a step: by default, fused"] == [2, 1]


def test_denormal_numbers(torch_says, keras_says):
    assert torch_says["denormal numbers"] == MANY
    assert keras_says["denormal numbers"] == 0
    # Not every processor can; where it can't, PyTorch says so and keeps them.
    kept = 0 if torch_says["denormal numbers can be flushed"] else MANY
    assert torch_says["denormal numbers when flushed"] == kept


def test_tuning_of_the_input_pipeline(torch_says, keras_says):
    assert torch_says["workers and prefetched batches"] == [0, None]
    assert keras_says["more threads by default"] is True
    assert keras_says["tuning here"] is False


def test_jit_compile_auto(keras_says):
    """On the CPU; with a GPU, as far as Keras is told; with a GPU and op determinism."""
    assert keras_says["jit"] == [False, True, False]


def test_tf32_defaults(torch_says, keras_says):
    assert torch_says["matmul precision"] == "highest"
    assert torch_says["tf32 in convolutions"] is True
    assert keras_says["tf32"] is True
    assert keras_says["tf32 here"] is False


def test_a_missing_device_is_an_error_only_in_torch(torch_says, keras_says):
    assert torch_says["missing device"].startswith("raises")
    assert keras_says["missing device"] in ("CPU", "GPU")


def test_float_type_settings(torch_says, keras_says):
    assert torch_says["weights after float64 was set"] == "torch.float64"
    assert keras_says["layer at first"] == "float32"
    assert keras_says["layer after floatx alone"] == "float32"
    assert keras_says["layer after floatx and policy"] == "float64"


def test_float64_images_into_a_float32_model(torch_says, keras_says):
    assert torch_says["float64 images"] == "raises RuntimeError"
    assert keras_says["float64 images"] == "float32"


def test_learning_rate_precision(torch_says, keras_says):
    assert torch_says["sgd step"] == -0.001
    assert keras_says["sgd step"] == -float(np.float32(0.001)) != -0.001
    assert keras_says["rate with floatx float64"] == 0.001


def test_what_one_seed_sets(torch_says, keras_says):
    assert torch_says["seeded elsewhere"] == {"python": False, "numpy": False}
    assert keras_says["seeded elsewhere"] == {"python": True, "numpy": True}
    alone = keras_says["seeded elsewhere by TensorFlow alone"]
    assert alone == {"python": False, "numpy": False}
    seeded = {"Keras": True, "TensorFlow": False}
    assert keras_says["initial weights after equal seeds"] == seeded


def test_recording_by_default(torch_says, keras_says):
    assert torch_says["recorded by default"] is True
    assert torch_says["recorded in inference mode"] is False
    assert keras_says["gradient of what was computed outside"] is None


def test_when_weights_are_created(torch_says, keras_says):
    assert torch_says["layer without its input size"] == "raises TypeError"
    assert keras_says["weights before and after the first call"] == [0, 2]


def test_which_weights_the_optimizer_has(torch_says, keras_says):
    assert torch_says["a weight the optimizer was not given"] == "unchanged"
    assert torch_says["optimizer state before a step"] == 0
    assert keras_says["a weight the optimizer was not given"] == "raises ValueError"
    # The step count and the learning rate; then two running means for each of two weights.
    assert keras_says["optimizer variables before and after build"] == [2, 6]


def test_validation_split_takes_the_tail(keras_says):
    """The mean of 8^2 and 9^2: the last two of ten rows, although `shuffle` is on."""
    assert keras_says["validation loss"] == 72.5


def test_batch_normalization(torch_says, keras_says):
    """What of the start, variance 1, and of ten rows' variance each keeps after one batch."""
    assert torch_says["batch norm: momentum, epsilon"] == [0.1, BATCH_NORM_EPSILON]
    assert keras_says["batch norm: momentum, epsilon"] == [0.99, 1e-3]
    unbiased = 0.9 + 0.1 * IMAGES.var(axis=0, ddof=1)
    np.testing.assert_allclose(torch_says["variance kept"], unbiased, rtol=1e-6)
    np.testing.assert_allclose(keras_says["variance kept here"], unbiased, rtol=1e-6)
    biased = 0.99 + 0.01 * IMAGES.var(axis=0)
    np.testing.assert_allclose(keras_says["variance kept"], biased, rtol=1e-6)


def test_slope_of_leaky_relu(torch_says, keras_says):
    """By each framework's every way to call it."""
    said = torch_says["activations of -1"] | keras_says["activations of -1"]
    slopes = {name: -value for name, value in said.items() if "leaky" in name.lower()}
    assert slopes == pytest.approx(
        {
            "nn.LeakyReLU": 0.01,
            "functional.leaky_relu": 0.01,
            "layers.LeakyReLU": 0.3,
            "layers.Activation leaky_relu": 0.2,
            "activations.leaky_relu": 0.2,
            "ops.leaky_relu": 0.2,
            "tf.nn.leaky_relu": 0.2,
        },
        rel=1e-7,
    )
    # What a weights file says of a network that kept its framework's own.
    (own,) = IMPLEMENTATIONS["tensorflow"][0].activation_defaults["leaky-relu"].values()
    assert own == pytest.approx(slopes["layers.LeakyReLU"], rel=1e-7)
    (reference,) = ACTIVATIONS["leaky-relu"].parameters.values()
    assert reference == slopes["nn.LeakyReLU"]


def test_form_of_gelu(torch_says, keras_says):
    """-1 times Phi(-1), and what the approximation by tanh makes of it."""
    exact = -(1 + math.erf(-math.sqrt(0.5))) / 2
    by_tanh = -(1 + math.tanh(math.sqrt(2 / math.pi) * (-1 - 0.044715))) / 2
    assert abs(exact - by_tanh) > 1e-4
    for name, value in torch_says["activations of -1"].items():
        if "gelu" in name.lower():
            assert value == pytest.approx(exact, rel=1e-15)
    says = keras_says["activations of -1"]
    for name in ("layers.Activation gelu", "activations.gelu", "tf.nn.gelu"):
        assert says[name] == pytest.approx(exact, rel=1e-7)
    assert says["ops.gelu"] == pytest.approx(by_tanh, rel=1e-7)


def test_constants_of_activations_in_float64(torch_says, keras_says):
    """PyTorch has all digits, Keras those of float32, the aligned layers all again."""
    exact = -(1 + math.erf(-math.sqrt(0.5))) / 2
    says = keras_says["activations of -1"]
    rounded = -(1 + math.erf(-float(np.float32(math.sqrt(0.5))))) / 2
    assert says["layers.Activation gelu"] == pytest.approx(rounded, rel=1e-15)
    assert rounded != pytest.approx(exact, rel=1e-9)
    assert says["gelu aligned"] == pytest.approx(exact, rel=1e-15)
    assert says["slope here"] == -float(np.float32(0.01)) != -0.01
    assert says["slope aligned"] == torch_says["activations of -1"]["nn.LeakyReLU"] == -0.01


def test_rmsprop(torch_says, keras_says):
    """One step from a gradient of 1e-4 with rho 0.99 and epsilon 1e-8 against both formulas."""
    assert torch_says["rmsprop: rate, rho, epsilon"] == [0.01, RMSPROP_RHO, RMSPROP_EPSILON]
    assert keras_says["rmsprop: rate, rho, epsilon"] == [float(np.float32(0.001)), 0.9, 1e-7]
    after, before = 1e-4 / (1e-5 + 1e-8), 1e-4 / math.sqrt(1e-10 + 1e-8)
    assert torch_says["rmsprop step"] == pytest.approx(-after, rel=1e-9)
    assert keras_says["rmsprop step"] == pytest.approx(-before, rel=1e-6)
    assert after / before > 10


def test_adagrad(torch_says, keras_says):
    """One step from a gradient of 0.01 by default; one of 1e-4 with epsilon 1e-8, from a sum 0."""
    assert torch_says["adagrad: rate, start, epsilon"] == [0.01, 0, ADAGRAD_EPSILON]
    assert keras_says["adagrad: rate, start, epsilon"] == [float(np.float32(0.001)), 0.1, 1e-7]
    assert torch_says["adagrad step"] == pytest.approx(-1)
    assert keras_says["adagrad step"] == pytest.approx(-0.01 / math.sqrt(0.1001), rel=1e-5)
    assert torch_says["adagrad step from 0"] == pytest.approx(-1e-4 / (1e-4 + 1e-8), rel=1e-9)
    assert keras_says["adagrad step from 0"] == pytest.approx(-math.sqrt(0.5), rel=1e-6)


def test_weight_decay(torch_says, keras_says):
    """A step of size 0.5 with decay 0.01 and no gradient, from a weight of 1."""
    assert torch_says["adamw decay"] == WEIGHT_DECAY == 0.01
    assert keras_says["adamw decay"] == 0.004
    assert 1 - torch_says["adamw step"] == pytest.approx(1e-5, rel=1e-6)
    assert 1 - keras_says["adamw step"] == pytest.approx(4e-6, rel=1e-6)
    # Coupled, the decay is a gradient, whose size Adam divides away.
    assert torch_says["adam with decay"] == pytest.approx(0.5, rel=1e-5)
    assert torch_says["adamw with decay"] == pytest.approx(0.995, rel=1e-15)
    assert keras_says["adam with decay"] == keras_says["adamw with decay"]
    rounded = 1 - 0.5 * float(np.float32(0.01))
    assert keras_says["adam with decay"] == pytest.approx(rounded, rel=1e-15)
    assert keras_says["adam with NumPy's decay"] == pytest.approx(0.995, rel=1e-15)
    assert rounded != pytest.approx(0.995, rel=1e-11)


def test_clipping(torch_says, keras_says):
    """Gradients of 3 and 4, of two weights, clipped to a norm of 1."""
    torch_norm = math.hypot(*torch_says["clipped"])
    assert torch_norm == pytest.approx(5 / (5 + 1e-6), rel=1e-12)
    assert keras_says["clipped by global_clipnorm"] == pytest.approx([0.6, 0.8], rel=1e-12)
    assert keras_says["clipped by clipnorm"] == [1, 1]


def test_gradient_accumulation(torch_says, keras_says):
    """Two batches for an update; a schedule that halves the rate whenever it counts."""
    for answers in (torch_says, keras_says):
        assert answers["accumulated"] == -np.mean(GRADIENTS)
    assert keras_says["updates of four batches"] == 2
    assert torch_says["rate after two updates of two batches"] == 0.5**2
    assert keras_says["rate after two updates of two batches"] == 0.5**4


def test_schedules(torch_says, keras_says):
    """Two steps from gradients of 1 at rates of 1 and 0.1; the rate 0.1; the first of a warm-up."""
    name = "momentum, the rate dropping"
    assert torch_says[name] == pytest.approx([-1, -1 - 0.1 * 1.9])
    assert keras_says[name] == pytest.approx([-1, -1 - (0.9 + 0.1)])
    assert torch_says["scheduled rate"] == 0.1
    assert keras_says["scheduled rate"] == float(np.float32(0.1))
    assert torch_says["rate at the start of a warm-up"] == pytest.approx(1 / 3)
    assert keras_says["rate at the start of a warm-up"] == 0


def test_reducing_on_a_plateau(torch_says, keras_says):
    """Rates after five epochs without any change, with a patience of 2."""
    assert torch_says["rates on a plateau"] == pytest.approx([1, 1, 1, 0.1, 0.1])
    assert keras_says["rates on a plateau"] == pytest.approx([1, 1, 0.1, 0.1, 0.01])
    assert torch_says["plateau: threshold, least drop"] == [1e-4, "rel", 1e-8]
    assert keras_says["plateau: min_delta"] == 1e-4


def test_label_smoothing(torch_says, keras_says):
    assert torch_says["smoothed loss"] == pytest.approx(keras_says["smoothed loss"], rel=1e-6)
    assert torch_says["smoothed loss of integers"] == torch_says["smoothed loss"]
    assert keras_says["smoothed loss of integers"] == "raises TypeError"
    assert keras_says["type of labels in a loss object"] == "float32"


def test_class_weights(torch_says, keras_says):
    """The mean is over the weights in PyTorch and over the rows in Keras."""
    ratio = np.array(CLASS_WEIGHTS)[LABELS].mean()
    weighted = keras_says["weighted loss"]
    assert weighted / torch_says["weighted loss"] == pytest.approx(ratio, rel=1e-5)
    assert keras_says["weighted loss by fit"] == pytest.approx(weighted, rel=1e-6)
    assert ratio > 2
    assert torch_says["weighted loss of one-hot labels"] == pytest.approx(
        keras_says["weighted loss"], rel=1e-5
    )


def test_one_image_at_a_time(torch_says, keras_says):
    """Workers are processes, started anew in each epoch; a map is traced once."""
    assert torch_says["processes of two epochs"] == 2
    assert torch_says["prefetched batches of a worker"] == 2
    assert keras_says["body runs in a map"] == 1


def test_what_a_checkpoint_has_to_hold(torch_says, keras_says):
    assert torch_says["random numbers changed: by a loader, here"] == [True, False]
    assert torch_says["state of an optimizer with a schedule"] == ["param_groups", "state"]
    first, second, third = keras_says["what dropout remembers"]
    assert first[0] == second[0] == third[0]
    assert second[1] - first[1] == third[1] - second[1] == 1
    assert keras_says["variables of an accumulating optimizer"] == 4


def test_dropout_streams(torch_says, keras_says):
    name = "masks: first, again, after another draw"
    (torch_mask, again, shifted), (keras_mask, keras_again, same) = (
        np.array(answers[name]) for answers in (torch_says, keras_says)
    )
    assert (torch_mask == again).all()
    assert (keras_mask == keras_again).all()
    # Two independent masks agree in half of their places, give or take.
    assert 0.4 < np.mean(torch_mask == keras_mask) < 0.6
    assert 0.4 < np.mean(torch_mask == shifted) < 0.6
    assert (keras_mask == same).all()
    assert 400 < keras_says["mask after a draw of Python's"] < 600


def test_mixed_precision(torch_says, keras_says):
    name = "mixed: weights, logits, loss"
    assert torch_says[name] == ["float32", "bfloat16", "float32"]
    assert keras_says[name] == ["float32", "bfloat16", "bfloat16"]
    assert keras_says["optimizer of mixed_float16"] == "LossScaleOptimizer"
    for answers in (torch_says, keras_says):
        assert answers["mixed here: hidden, logits"] == ["bfloat16", "float32"]


def test_scaling_gradients(torch_says, keras_says):
    """Steps 1999 and 2000 without an overflow, and one with: scales, and what the weights saw."""
    name = "loss scale: initial, growth interval"
    assert torch_says[name] == [INITIAL_SCALE, STEPS_BEFORE + 2]
    assert keras_says[name] == [INITIAL_SCALE / 2, STEPS_BEFORE + 2]
    for answers in (torch_says, keras_says):
        scales, gradients = zip(*answers["scale, gradient"], strict=True)
        assert scales == (INITIAL_SCALE, 2 * INITIAL_SCALE, INITIAL_SCALE)
        expected = np.outer(np.where(np.isfinite(FACTORS), FACTORS, 0), IMAGES.sum(axis=0))
        np.testing.assert_allclose(gradients, expected, atol=1e-5)
    # By GradScaler as it is, and as it is used here.
    assert torch_says["hooks in a skipped step"] == [1, 0]
    assert keras_says["steps, updates with scaling"] == [3, 2]


def test_what_is_saved(torch_says, keras_says):
    assert torch_says["saved weights"] == ["bias", "weight"]
    assert torch_says["saved module"] == "raises UnpicklingError"
    assert keras_says["saved files"] == ["config.json", "metadata.json", "model.weights.h5"]
    assert keras_says["saved model"] == "Sequential"
    assert keras_says["saved optimizer's steps"] == 1


# Traps for whoever moves a program from one framework to the other.


def test_compiled_dropout_draws_other_masks(torch_says, keras_says):
    again, compiled = torch_says["masks: again, compiled"]
    assert again == 0
    assert 400 < compiled < 600
    again, traced, compiled = keras_says["masks: again, traced, compiled"]
    assert again == traced == 0
    assert 400 < compiled < 600


def test_types_of_labels(torch_says, keras_says):
    by_type = torch_says["loss by type of labels"]
    taken = {name for name, loss in by_type.items() if isinstance(loss, float)}
    assert taken == {"uint8", "int64"}
    right = pytest.approx(by_type["int64"], rel=1e-6)
    assert list(keras_says["loss by type of labels"].values()) == [right] * len(by_type)
    assert keras_says["loss of labels and nine tenths"] == right


def test_labels_out_of_range(torch_says, keras_says):
    wrong = torch_says["loss of a label out of range"]
    assert wrong["3"] == wrong["-1"] == "raises IndexError"
    assert wrong["-100"] == pytest.approx(torch_says["loss of the first"])
    losses = keras_says["loss of a label out of range"]
    assert losses.keys() == wrong.keys()
    assert set(losses.values()) == {"raises InvalidArgumentError"}


def test_integer_images(torch_says, keras_says):
    assert torch_says["integer images"] == "raises RuntimeError"
    assert keras_says["integer images"] == "float32"


def test_pixels_are_divided_by_255_in_torchvision(torch_says, keras_says):
    assert torch_says["largest pixel"] == 1
    assert keras_says["largest pixel"] == 255


def test_defaults_of_rates_and_batches(torch_says, keras_says):
    assert torch_says["rate of SGD"] == 0.001
    assert keras_says["rate of SGD"] == pytest.approx(0.01)
    assert torch_says["batch size"] == 1
    assert keras_says["batches of 33 rows"] == 2
    assert keras_says["batches of ten rows to validate by"] == 2
    assert keras_says["optimizer of compile"] == "rmsprop"


def test_penalties_on_weights(torch_says, keras_says):
    assert torch_says["penalty: gradient, loss"] == [DECAY, 0]
    assert keras_says["penalty: gradient, loss"] == [2 * DECAY, DECAY]


def test_softmax_before_the_loss(torch_says, keras_says):
    right, twice = torch_says["loss of logits and of softmax"]
    assert right - twice > 0.3
    losses = keras_says["loss of logits and of softmax"]
    assert losses == [pytest.approx(right, rel=1e-6)] * 3


def test_shapes_of_predictions_and_labels(torch_says, keras_says):
    each_with_each = np.subtract.outer(FEW, FEW)
    assert torch_says["squared error of [n, 1]"] == np.square(each_with_each).mean() == 2.5
    assert torch_says["warns of shapes"] is True
    assert torch_says["binary loss of [n, 1]"] == "raises ValueError"
    assert keras_says["squared error of [n, 1]"] == 0
    assert keras_says["binary loss of [n, 1]"] < 1e-6


def test_batch_normalization_of_one_row(torch_says, keras_says):
    assert torch_says["one row in training"] == "raises ValueError"
    assert keras_says["one row in training"] == [[0]]


def test_frozen_batch_normalization(torch_says, keras_says):
    outputs, mean = torch_says["frozen: outputs, mean kept"]
    np.testing.assert_allclose(outputs, [[-1], [1]], rtol=1e-6)
    assert mean == pytest.approx(2)
    assert keras_says["frozen: outputs, mean kept"] == [[[10], [30]], 0]


def test_early_stopping(torch_says, keras_says):
    assert torch_says["early stopping"] == []
    assert keras_says["best weights by default"] is False
    best, left, restored = keras_says["losses: best, left, restored"]
    assert left > best + 0.1
    assert restored == pytest.approx(best, rel=1e-6)


def test_a_cosine_past_its_end(torch_says, keras_says):
    assert torch_says["cosine"] == [1, 0.5, 0, 0.5, 1]
    assert keras_says["cosine"] == [1, 0.5, 0, 0, 0]


def test_layer_normalization(torch_says, keras_says):
    variance = np.var(NARROW)
    for says, epsilon in ((torch_says, 1e-5), (keras_says, 1e-3)):
        assert says["epsilon of layer normalization"] == epsilon
        size = np.sqrt(variance / (variance + epsilon))
        np.testing.assert_allclose(says["narrow rows normalized"], [[-size, size]], rtol=1e-4)


def test_determinism(torch_says, keras_says):
    assert torch_says["deterministic by default"] is False
    assert keras_says["deterministic by default"] is False
    assert keras_says["trained twice alike"] is True
