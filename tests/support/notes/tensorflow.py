"""What the notes say of TensorFlow and Keras, file by file in reading order; more in
`tensorflow_techniques`, and of Keras's own loop in `tensorflow_fit`.
"""

import itertools
import time
from pathlib import Path
from unittest.mock import patch

import keras
import numpy as np
import tensorflow as tf
from keras import layers, losses, optimizers

from tensorflow_impl.data import make_batches
from tensorflow_impl.model import build_model, get_weights, set_weights
from tensorflow_impl.train import train_step
from tests.support.notes import tensorflow_fit, tensorflow_techniques
from tests.support.notes.registry import Checks, raises

CHECKS = Checks()
of = CHECKS.of

ROWS, FEATURES, KINDS = 6, 4, 3
images = tf.reshape(tf.linspace(-1.0, 1.0, ROWS * FEATURES), (ROWS, FEATURES))
labels = tf.range(ROWS, dtype=tf.int64) % KINDS
sparse = losses.sparse_categorical_crossentropy


def make_layer() -> layers.Dense:
    """A layer that has its weights."""
    layer = layers.Dense(KINDS)
    layer.build((None, FEATURES))
    return layer


# Imports


@of("minimal.py imports: import keras", "model.py imports: import keras")
def keras_runs_on_tensorflow_here():
    assert keras.backend.backend() == "tensorflow"
    assert keras.version().startswith("3.")
    assert isinstance(make_layer()(images), tf.Tensor)
    for other in ("jax", "torch", "tensorflow"):
        assert Path(keras.__file__).with_name("src").joinpath("backend", other).is_dir()


@of("data.py imports: import tensorflow as tf")
def tensorflow_has_tensors_gradients_and_pipelines():
    assert tf.Tensor
    assert tf.GradientTape
    assert tf.data.Dataset
    assert layers.Dense.__module__.startswith("keras")


# Data


@of("minimal.py data: images = tf.constant", "data.py to_tensors: return tf.constant(images)")
def constant_copies_and_never_changes():
    array = np.zeros(3, "float64")
    tensor = tf.constant(array)
    array[0] = 7
    assert tensor[0] == 0
    assert tensor.dtype == tf.float64

    def write():
        tensor[0] = 1.0

    raises(TypeError, write)
    assert tf.constant([1]).device.endswith("CPU:0")


@of('data.py to_tensors: with tf.device("CPU")')
def within_the_block_it_lies_on_the_cpu():
    with tf.device("CPU"):
        assert tf.constant(1.0).device.endswith("CPU:0")
    assert not hasattr(tf.constant(1.0), "to")


@of("minimal.py data: rows = tf.data.Dataset.range(")
def shuffle_picks_from_a_buffer_again_in_each_epoch():
    rows = tf.data.Dataset.range(100).shuffle(100).batch(64)
    first, second = ([batch.numpy().tolist() for batch in rows] for _ in range(2))
    assert [len(batch) for batch in first] == [64, 36]
    assert sorted(itertools.chain(*first)) == list(range(100))
    assert first != second
    nearly = [int(each) for each in tf.data.Dataset.range(100).shuffle(3)]
    assert all(place - number >= -2 for place, number in enumerate(nearly))


@of("minimal.py data: batches = rows.map(", "data.py make_batches: batches = rows.map(")
def map_traces_once_and_gather_indexes():
    runs = []

    def pick(at):
        runs.append(1)
        return tf.gather(images, at)

    chosen = list(tf.data.Dataset.range(ROWS).batch(2).map(pick))
    assert len(runs) == 1
    assert np.array_equal(chosen[1], images.numpy()[[2, 3]])
    raises(Exception, lambda: images[tf.constant([0, 1])])
    assert len(list(tf.data.Dataset.from_tensor_slices((images, labels)))) == ROWS


@of("data.py make_batches: tf.data.Dataset.from_tensor_slices(order)")
def a_dataset_is_a_recipe():
    runs = []
    numbers = tf.data.Dataset.range(5).map(
        lambda each: tf.py_function(lambda x: runs.append(1) or x, [each], tf.int64)
    )
    assert not runs
    assert [len(each) for each in numbers.batch(2)] == [2, 2, 1]
    assert runs
    assert [len(each) for each in numbers.batch(2, drop_remainder=True)] == [2, 2]


@of("data.py make_batches: options = tf.data.Options()")
def a_dataset_takes_options_on():
    options = tf.data.Options()
    options.autotune.enabled = False
    numbers = tf.data.Dataset.range(1)
    assert numbers.with_options(options).options().autotune.enabled is False
    assert numbers.options().autotune.enabled is not False


@of("data.py make_batches: options.autotune.enabled")
def the_tuning_is_on_by_default_and_off_here():
    """What its thread costs is measured for DIFF-27."""
    batches = make_batches(images, labels, np.arange(ROWS), 2)
    assert batches.options().autotune.enabled is False
    assert tf.data.Options().autotune.enabled is None


@of("data.py make_batches: return batches.prefetch(")
def prefetch_prepares_the_next_batches():
    made = []
    numbers = tf.data.Dataset.range(9).map(
        lambda each: tf.py_function(lambda x: made.append(1) or x, [each], tf.int64)
    )
    iterator = iter(numbers.prefetch(2))
    next(iterator)
    for _ in range(200):
        if len(made) > 1:
            break
        time.sleep(0.01)
    assert 1 < len(made) <= 4
    assert tf.data.AUTOTUNE == -1


# The model


@of("minimal.py model: layers.Dense(128)")
def weights_wait_for_the_first_call():
    layer = layers.Dense(KINDS)
    assert not layer.weights
    layer(images)
    assert layer.kernel.shape == (FEATURES, KINDS)


@of(
    "minimal.py model: compute_loss = losses.Sparse",
    "loss.py compute_loss: losses = cross_entropy(",
)
def the_loss_takes_the_truth_first_and_probabilities_by_default():
    logits = images[:, :KINDS]
    expected = -tf.gather(tf.nn.log_softmax(logits), labels, batch_dims=1)
    found = sparse(labels, logits, from_logits=True)
    assert found.shape == (ROWS,)
    assert np.allclose(found, expected, atol=1e-6)
    assert not np.allclose(sparse(labels, logits), expected, atol=1e-2)
    probabilities = tf.constant(tf.nn.softmax(logits).numpy())
    assert np.allclose(sparse(labels, probabilities), expected, atol=1e-5)
    one = losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
    assert np.isclose(one, tf.reduce_mean(expected), atol=1e-6)


@of(
    "minimal.py model: optimizer = keras.optimizers.Adam(",
    "optimizer.py make_optimizer: optimizer = adam(",
)
def the_optimizer_is_made_without_weights():
    assert not optimizers.Adam(0.001).built


@of('model.py build_model: layer.kernel, "bias"')
def the_kernel_is_in_by_out():
    assert make_layer().kernel.shape == (FEATURES, KINDS)


@of("model.py build_model: return keras.Sequential(")
def a_sequential_takes_one_list():
    parts = [layers.Dense(2), layers.ReLU()]
    model = keras.Sequential(parts)
    assert np.allclose(model(images), parts[1](parts[0](images)))
    raises(Exception, lambda: keras.Sequential(layers.ReLU(), layers.ReLU(), layers.ReLU(), 1))


@of(
    "model.py build_model: keras.Input((IMAGE_SIZE,))",
    "techniques/layers.py build_network: keras.Input((IMAGE_SIZE,))",
)
def an_input_lets_weights_be_made_at_once():
    with_input = keras.Sequential([keras.Input((FEATURES,)), layers.Dense(KINDS)])
    assert with_input.input_shape == (None, FEATURES)
    assert (len(with_input.weights), len(with_input.layers)) == (2, 1)
    assert not keras.Sequential([layers.Dense(KINDS)]).weights


@of("model.py build_model: layers.Dense(hidden[0])")
def dense_is_linear_without_an_activation():
    layer = make_layer()
    assert np.allclose(layer(images), images @ layer.kernel + layer.bias, atol=1e-6)
    bent = layers.Dense(KINDS, activation="relu")(images)
    assert tf.reduce_min(bent) >= 0


@of("model.py named_tensors: keras.Variable]:")
def a_variable_changes_and_a_tensor_does_not():
    assert isinstance(make_layer().kernel, keras.Variable)
    assert not hasattr(tf.constant(1.0), "assign")


@of("model.py named_tensors: for layer in model.layers")
def a_model_is_not_iterable():
    model = build_model((2, 2))
    raises(TypeError, lambda: iter(model))
    assert [type(each) for each in model.layers][:2] == [layers.Dense, layers.ReLU]


@of("model.py get_weights: variable.numpy()")
def numpy_copies_a_variable_out():
    variable = keras.Variable([1.0])
    array = variable.numpy()
    before = array.copy()
    variable.assign([2.0])
    assert np.array_equal(array, before)


@of(
    "model.py set_weights: variables[name].assign(",
    "techniques/checkpoint.py set_state: variable.assign(",
)
def assign_writes_in_place_from_numpy():
    variable = keras.Variable([1.0])
    read = tf.function(lambda: variable + 0)
    assert read() == 1
    variable.assign(np.array([2.0]))
    assert read() == 2
    model = build_model((2, 2))
    set_weights(model, get_weights(model))


# The loss


@of("loss.py imports: import keras")
def keras_brings_losses():
    assert callable(keras.losses.sparse_categorical_crossentropy)


@of("loss.py compute_loss: cross_entropy = keras.losses")
def the_other_loss_wants_one_hot_rows():
    logits = images[:, :KINDS]
    raises(ValueError, lambda: losses.categorical_crossentropy(labels, logits, from_logits=True))
    found = losses.categorical_crossentropy(tf.one_hot(labels, KINDS), logits, from_logits=True)
    assert np.allclose(found, sparse(labels, logits, from_logits=True))


@of("loss.py compute_loss: return tf.reduce_mean(")
def reductions_are_functions():
    assert tf.reduce_mean(images).shape == ()
    assert not hasattr(images, "mean")
    assert tf.reduce_max(images) == 1
    assert callable(tf.reduce_sum)


@of("minimal.py testing: tf.argmax(logits, axis=1)")
def argmax_is_a_function_and_numpy_gives_an_array():
    found = tf.argmax(images, axis=1).numpy()
    assert isinstance(found == np.arange(ROWS), np.ndarray)
    assert np.array_equal(found, np.argmax(images.numpy(), axis=1))
    assert not hasattr(images, "argmax")


@of("loss.py count_correct: tf.math.count_nonzero(")
def true_booleans_are_counted_as_int64():
    found = tf.argmax(images, axis=1) == tf.constant(3, tf.int64)
    assert found.dtype == tf.bool
    assert tf.math.count_nonzero(found).dtype == tf.int64
    raises(Exception, lambda: tf.reduce_sum(found))


# The optimizer


@of("optimizer.py imports: from keras import optimizers")
def optimizers_are_in_keras():
    assert issubclass(optimizers.Adam, optimizers.Optimizer)


@of("optimizer.py imports: import ADAM_EPSILON", "optimizer.py make_optimizer: matched = {")
def keras_epsilon_is_larger():
    assert optimizers.Adam().epsilon == 1e-7


def first_step(epsilon: float, gradient: float) -> float:
    """How far Keras's Adam moves a weight with a learning rate of 1."""
    variable = keras.Variable(np.zeros(1), dtype="float64")
    optimizers.Adam(1.0, epsilon=epsilon).apply([tf.constant([gradient], "float64")], [variable])
    return -float(variable.numpy()[0])


@of("optimizer.py make_optimizer: adam = AlignedAdam", "optimizer.py imports: from .aligned import")
def epsilon_is_added_before_the_correction():
    assert np.isclose(first_step(1e-6, 1e-6), 1 / (1 + 1 / (1 - 0.999) ** 0.5), rtol=1e-4)


@of("optimizer.py make_optimizer: optimizer.build(")
def build_makes_the_means():
    optimizer, model = optimizers.Adam(), build_model((2, 2))
    before = len(optimizer.variables)
    assert isinstance(model.trainable_variables, list)
    optimizer.build(model.trainable_variables)
    assert len(optimizer.variables) - before == 2 * len(model.trainable_variables)


# Learning


@of("minimal.py learning: @tf.function")
def the_function_is_traced_when_first_called():
    runs = []
    function = tf.function(lambda x: runs.append(1) or x + 1)
    assert not runs
    assert [float(function(tf.constant(1.0))) for _ in range(3)] == [2, 2, 2]
    assert len(runs) == 1


@of(
    "minimal.py learning: with tf.GradientTape() as tape",
    "train.py train_step: with tf.GradientTape() as tape",
    "trace.py compute_gradients: with tf.GradientTape() as tape",
    "train.py train_step: loss = compute_loss(",
)
def only_what_happens_within_is_recorded():
    variable = tf.Variable(3.0)
    before = variable**2
    with tf.GradientTape() as tape:
        within = variable**2
        older = before * 1
    assert tape.gradient((within, older), variable) == 6
    with tf.GradientTape() as tape:
        older = before * 1
    assert tape.gradient(older, variable) is None
    assert not hasattr(variable, "requires_grad")


@of(
    "minimal.py learning: logits = model(images, training=True)",
    "minimal.py testing: logits = model(tf.constant(",
    "train.py train_step: model(images, training=True)",
    "evaluate.py evaluate: model(batch_images, training=False)",
    "trace.py compute_gradients: model(images, training=True)",
)
def the_mode_is_an_argument_of_the_call():
    model = keras.Sequential([keras.Input((100,)), layers.Dropout(0.5)])
    ones = tf.ones((1, 100))
    assert tf.reduce_any(model(ones, training=True) == 0)
    for evaluated in (model(ones), model(ones, training=False)):
        assert tf.reduce_all(evaluated == 1)
    assert not hasattr(model, "eval")
    dense = build_model((2, 2))
    rows = tf.ones((1, 784))
    assert np.array_equal(dense(rows, training=True), dense(rows))


@of("minimal.py learning: loss = compute_loss(labels")
def swapped_arguments_are_refused():
    raises(Exception, lambda: losses.SparseCategoricalCrossentropy()(images, labels))


@of(
    "minimal.py learning: gradients = tape.gradient(",
    "train.py train_step: tape.gradient(loss",
    "trace.py compute_gradients: tape.gradient(loss",
)
def the_gradients_come_as_a_list_and_the_tape_is_used_up():
    layer = make_layer()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(images))
    gradients = tape.gradient(loss, layer.trainable_variables)
    assert isinstance(gradients, list)
    shapes = [each.shape for each in layer.trainable_variables]
    assert [each.shape for each in gradients] == shapes
    assert not hasattr(layer.kernel, "grad")
    raises(RuntimeError, lambda: tape.gradient(loss, layer.trainable_variables))


@of("minimal.py learning: optimizer.apply(gradients", "train.py train_step: optimizer.apply(")
def apply_changes_in_place_in_the_same_order():
    first, second = keras.Variable([1.0]), keras.Variable([1.0])
    optimizers.SGD(1.0).apply([tf.constant([0.5]), tf.constant([0.0])], [first, second])
    assert (first.numpy()[0], second.numpy()[0]) == (0.5, 1)
    optimizers.SGD(1.0).apply_gradients([(tf.constant([0.5]), first)])
    assert first.numpy()[0] == 0


@of("minimal.py learning: batch_losses = [")
def numpy_makes_a_number():
    assert float(tf.constant(2.5).numpy()) == 2.5
    assert np.isscalar(tf.constant(2.5).numpy())


@of(
    "train.py train_step: return loss, count_correct",
    'trace.py compute_gradients: "images": images.numpy()',
)
def nothing_has_to_be_detached():
    layer = make_layer()
    with tf.GradientTape():
        logits = layer(images)
    assert not hasattr(logits, "detach")
    assert logits.numpy().shape == (ROWS, KINDS)


@of("train.py train_epoch: return tf.stack(losses)")
def stack_makes_one_tensor_of_scalars():
    assert tf.stack([tf.constant(1.0), tf.constant(2.0)]).numpy().tolist() == [1, 2]


@of("train.py train: epoch_mean(losses.numpy()")
def cpu_is_deprecated_and_missing_within_a_graph():
    tensor = tf.constant(1.0)
    assert tensor.numpy() == 1
    assert type(tensor).cpu._tf_decorator.decorator_name == "deprecated"
    found = []
    tf.function(lambda x: found.append(hasattr(x, "cpu")) or x)(tensor)
    assert found == [False]


@of("train.py train: tf.reduce_sum(correct)")
def int_fetches_a_number():
    assert int(tf.reduce_sum(tf.constant([1, 2]))) == 3


@of("evaluate.py predict: logits = model(images, training=False)")
def a_model_takes_arrays():
    found = make_layer()(images.numpy())
    assert isinstance(found.numpy(), np.ndarray)


# Compiled


@of("compiled.py train_steps: losses = tf.zeros(", "compiled.py train_steps: correct = tf.zeros(")
def a_list_cannot_grow_in_a_loop_of_a_graph():
    @tf.function
    def collect(last):
        found, place = [], tf.constant(0)
        while place < last:
            found.append(place)
            place += 1
        return tf.stack(found)

    raises(Exception, lambda: collect(tf.constant(2)))
    assert tf.zeros(2, tf.int64).dtype == tf.int64


@of("compiled.py train_steps: while place < last", "compiled.py train_steps: place += 1")
def a_while_over_tensors_is_a_loop_in_the_graph():
    runs = []

    @tf.function
    def count(last):
        place = tf.constant(0)
        while place < last:
            runs.append(1)
            place += 1
        return place

    assert count(tf.constant(5)) == 5
    assert len(runs) <= 2
    plain = place = tf.constant(0)
    place += 1
    assert plain == 0


@of("compiled.py train_steps:     first: tf.Tensor")
def tensors_share_one_program():
    function = tf.function(lambda x: x + 1)
    for number in range(4):
        function(tf.constant(number))
    assert function.experimental_get_tracing_count() == 1


@of(
    "compiled.py train_steps: rows = batches[place]",
    "compiled.py train_steps: chosen = tf.gather(images",
)
def one_row_by_a_scalar_several_by_gather():
    assert images[tf.constant(1)].shape == (FEATURES,)
    raises(Exception, lambda: images[tf.constant([1, 2])])
    assert tf.gather(images, [1, 2]).shape == (2, FEATURES)


@of("compiled.py train_steps: step(model, optimizer, *chosen)")
def gradients_and_update_are_drawn_into_the_graph():
    variable = keras.Variable([1.0])
    optimizer = optimizers.SGD(1.0)
    optimizer.build([variable])

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(variable**2)
        optimizer.apply(tape.gradient(loss, [variable.value]), [variable])

    step()
    assert variable.numpy()[0] == -1
    assert any(
        "Assign" in each.type for each in step.get_concrete_function().graph.get_operations()
    )


@of(
    "compiled.py train_steps: losses = tf.tensor_scatter_nd_update(",
    "compiled.py train_steps: correct = tf.tensor_scatter_nd_update(",
)
def an_update_returns_a_changed_tensor():
    zeros = tf.zeros(3)
    assert tf.tensor_scatter_nd_update(zeros, [[1]], [5.0]).numpy().tolist() == [0, 5, 0]
    assert not tf.reduce_any(zeros != 0)


@of("compiled.py compile_steps: tf.function(tf.identity")
def identity_returns_its_input():
    assert tf.function(tf.identity, jit_compile=True)(3) == 3


@of("compiled.py compile_steps: except tf.errors.OpError")
def operations_raise_one_class_of_errors():
    try:
        tf.ones((2, 3)) @ tf.ones((2, 3))
    except tf.errors.OpError as error:
        assert isinstance(error.message, str)
        return
    raise AssertionError("no error")


@of("compiled.py compile_steps: return tf.function(steps, jit_compile=True)")
def xla_compiles_a_graph_at_its_first_call():
    runs = []
    program = tf.function(lambda x: runs.append(1) or tf.sin(x), jit_compile=True)
    assert not runs
    assert np.isclose(program(tf.constant(1.0)), np.sin(1))
    assert "HloModule" in program.experimental_get_compiler_ir(tf.constant(1.0))(stage="hlo")


@of("compiled.py train_epoch: span = tf.constant(first)")
def each_new_number_causes_a_trace():
    function = tf.function(lambda x: x)
    for number in range(4):
        function(number)
    assert function.experimental_get_tracing_count() == 4


@of("compiled.py train_epoch: batches = tf.constant(rows)")
def constant_takes_a_whole_array():
    assert tf.constant(np.ones((2, 3))).shape == (2, 3)


@of("compiled.py train_epoch: model, optimizer, *train_set, batches")
def models_may_be_arguments_of_a_function():
    function = tf.function(lambda model, optimizer, x: model(x))
    model, optimizer = build_model((2, 2)), optimizers.SGD()
    for _ in range(3):
        function(model, optimizer, tf.ones((1, 784)))
    assert function.experimental_get_tracing_count() == 1


@of("compiled.py train_epoch: return tf.concat(")
def concat_wants_its_axis():
    assert tf.concat([tf.ones(2), tf.zeros(1)], 0).numpy().tolist() == [1, 1, 0]
    raises(TypeError, lambda: tf.concat([tf.ones(2)]))


# Predicting, and where it computes


@of(
    "predict.py predict_trained: tf.nn.softmax(logits, axis=1)",
    "predict.py imports: import tensorflow as tf",
)
def softmax_takes_the_last_axis_by_default():
    assert np.array_equal(tf.nn.softmax(images), tf.nn.softmax(images, axis=1))


@of("predict.py restore: model = build_network(", "run.py make_model: model = build_network(")
def variables_lie_where_tensorflow_puts_them():
    assert make_layer().kernel.value.device.endswith("CPU:0")
    assert not hasattr(build_model((2, 2)), "to")


@of("train.py train_epoch: clock.steps(batches)", "trace.py trace: next(iter(batches))")
def a_dataset_is_iterated_like_a_loader():
    first = next(iter(make_batches(images, labels, np.arange(ROWS), 2)))
    assert np.array_equal(first[0], images[:2])


@of(
    "evaluate.py evaluate: mean = float(compute_loss",
    "evaluate.py evaluate: correct += int(count_correct",
)
def float_and_int_fetch():
    assert float(tf.constant(2.5)) == 2.5
    assert int(tf.constant(3)) == 3


@of("compiled.py imports: from .train import Tensors, train_step")
def a_step_is_compiled_with_its_optimizer():
    model, optimizer = build_model((2, 2)), optimizers.Adam()
    optimizer.build(model.trainable_variables)
    program = tf.function(train_step, jit_compile=True)
    loss, _ = program(model, optimizer, tf.ones((2, 784)), tf.constant([1, 2], tf.int64))
    assert loss > 0
    assert int(optimizer.iterations) == 1


@of("loss.py imports: import tensorflow as tf")
def tensorflow_has_the_operations():
    assert callable(tf.reduce_mean)
    assert callable(tf.argmax)


CHECKS |= tensorflow_techniques.CHECKS
CHECKS |= tensorflow_fit.CHECKS


def replacing(owner: object, name: str, other: object):
    """While the framework does something else."""
    return lambda: patch.object(owner, name, other)


def never_evaluates(model, inputs, training=None):
    """A model's call that takes no notice of the mode."""
    return MODEL_CALL(model, inputs, training=True)


MODEL_CALL = keras.Sequential.__call__
WRONG = {
    "train.py train_epoch: return tf.stack(losses)": replacing(tf, "stack", lambda each: each[0]),
    "train.py train_step: optimizer.apply(": replacing(optimizers.SGD, "apply", lambda *_: None),
    "evaluate.py evaluate: model(batch_images, training=False)": replacing(
        keras.Sequential, "__call__", never_evaluates
    ),
    "loss.py compute_loss: return tf.reduce_mean(": replacing(tf, "reduce_mean", tf.identity),
    "compiled.py train_epoch: span = tf.constant(first)": replacing(
        tf, "function", lambda f: tf.Module()
    ),
    "minimal.py data: batches = rows.map(": replacing(tf, "gather", lambda each, at: each[:2]),
}
