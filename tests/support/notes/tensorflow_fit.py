"""What the notes say of Keras's own loop, and of the parts of Keras that `aligned.py` rewrites."""

import contextlib
import io
import math
import warnings

import keras
import numpy as np
import tensorflow as tf
from keras import layers, losses, ops, optimizers

from tensorflow_impl import aligned
from tests.support.notes.registry import Checks, raises

CHECKS = Checks()
of = CHECKS.of

images = np.linspace(-1, 1, 24).reshape(6, 4).astype("float32")
labels = np.arange(6) % 3


def make_model(**settings: object) -> keras.Sequential:
    """A model of one layer, compiled."""
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(**{"optimizer": optimizers.SGD(0.1), "loss": loss} | settings)
    return model


class Watching(keras.callbacks.Callback):
    """Remembers when it was called, and with what."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple] = []

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.seen.append(("begin", logs))
        assert self.model.optimizer

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.seen.append((batch, logs))


@of(
    "fit.py StepsDone: keras.callbacks.Callback",
    "fit.py StepsDone: def on_train_begin",
    "fit.py fit: callbacks=[",
)
def the_figures_come_with_each_batch():
    watching = Watching()
    make_model(metrics=["accuracy"]).fit(images, labels, 4, callbacks=[watching], verbose=0)
    begin, *batches = watching.seen
    assert begin == ("begin", {})
    assert [batch for batch, _ in batches] == [0, 1]
    assert all(logs.keys() == {"loss", "accuracy"} for _, logs in batches)


@of("fit.py StepsDone: super().__init__()")
def the_parent_comes_first():
    class Without(keras.callbacks.Callback):
        def __init__(self) -> None:
            pass

    raises(AttributeError, lambda: Without().model)


@of("fit.py StepsDone: self.done = int(")
def iterations_counts_updates():
    optimizer = optimizers.SGD(0.1, gradient_accumulation_steps=2)
    make_model(optimizer=optimizer).fit(images, labels, 1, verbose=0)
    assert (int(optimizer._iterations), int(optimizer.iterations)) == (6, 3)


@of("fit.py StepsDone: def on_train_batch_end", "fit.py compile_model: steps_per_execution=")
def callbacks_come_in_between_groups_of_batches():
    watching = Watching()
    model = make_model(steps_per_execution=2)
    model.fit(images, labels, 1, callbacks=[watching], verbose=0)
    assert [batch for batch, _ in watching.seen[1:]] == [1, 3, 5]


@of("fit.py compile_model: model.compile(")
def compile_compiles_nothing_yet():
    model = make_model()
    assert model.train_function is None
    model.fit(images, labels, verbose=0)
    assert model.train_function is not None
    assert not model.jit_compile


@of("fit.py compile_model: optimizer=optimizer")
def an_optimizer_may_be_a_name():
    assert isinstance(make_model(optimizer="adam").optimizer, optimizers.Adam)


@of(
    "fit.py compile_model: def loss(labels",
    "fit.py compile_model: return compute_loss(logits, tf.cast",
)
def labels_come_as_floats_in_graphs():
    seen = []

    def loss(truth, prediction):
        seen.append((truth.dtype, tf.executing_eagerly()))
        return tf.reduce_mean(prediction)

    make_model(loss=loss).fit(images, labels, verbose=0)
    assert seen[0] == (tf.float32, False)
    assert losses.SparseCategoricalCrossentropy().dtype == keras.config.floatx()
    assert tf.cast(tf.ones(1), tf.int64).dtype == tf.int64


@of("fit.py compile_model: cross_entropy = keras.losses")
def the_class_takes_the_mean():
    logits = images[:, :3]
    one = losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
    each = losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    assert np.isclose(one, np.mean(each))


@of('fit.py compile_model: metrics=["accuracy"]')
def the_accuracy_is_chosen_by_shapes():
    found = []
    for truth in (labels[:, None], np.eye(3)[labels]):
        model = make_model(loss="mse", metrics=["accuracy"])
        model.fit(images, truth, verbose=0)
        (metric,) = model.metrics[1].metrics
        found.append(metric._fn.__name__)
    assert found == ["sparse_categorical_accuracy", "categorical_accuracy"]


@of("fit.py fit: history = model.fit(", "fit.py fit: batches_of(epoch),")
def fit_trains_with_a_dataset_or_arrays():
    modes = []

    class Noting(layers.Layer):
        def call(self, inputs, training=None):
            modes.append(training)
            return inputs

    model = keras.Sequential([keras.Input((4,)), Noting(), layers.Dense(3)])
    model.compile(optimizers.SGD(0.1), losses.SparseCategoricalCrossentropy(from_logits=True))
    modes.clear()
    before = model.get_weights()[0]
    pairs = tf.data.Dataset.from_tensor_slices((images, labels)).batch(4)
    history = model.fit(pairs, epochs=2, verbose=0).history
    assert len(history["loss"]) == 2
    assert True in modes
    assert not np.array_equal(before, model.get_weights()[0])
    model.fit(images, labels, batch_size=4, verbose=0)


@of("fit.py fit: initial_epoch=epoch - 1", 'fit.py fit: history["loss"][0]')
def epochs_are_counted_from_the_initial_one():
    history = make_model().fit(images, labels, initial_epoch=2, epochs=3, verbose=0)
    assert history.epoch == [2]
    assert len(history.history["loss"]) == 1


@of("fit.py fit: shuffle=False")
def a_dataset_is_never_shuffled():
    pairs = tf.data.Dataset.from_tensor_slices((images, labels)).batch(4)
    said = {}
    for shuffle in (True, False):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            make_model().fit(pairs, shuffle=shuffle, verbose=0)
        said[shuffle] = any("`shuffle=True` was passed" in str(each.message) for each in found)
    assert said == {True: True, False: False}


@of("fit.py fit: verbose=0,")
def nothing_is_printed():
    printed = []
    for verbose in (0, 1):
        with contextlib.redirect_stdout(io.StringIO()) as output:
            make_model().fit(images, labels, verbose=verbose)
        printed.append(bool(output.getvalue()))
    assert printed == [False, True]


@of("fit.py fit: ).history")
def figures_are_running_means():
    model = make_model(metrics=["accuracy"])
    start = model.evaluate(images, labels, verbose=0)[0]
    history = model.fit(images, labels, 6, epochs=2, verbose=0)
    assert isinstance(history, keras.callbacks.History)
    assert history.history.keys() == {"loss", "accuracy"}
    # One batch an epoch: the figure is from before the update.
    assert np.isclose(history.history["loss"][0], start)
    assert history.history["loss"][1] < start


@of("fit.py fit: model.evaluate(test_batches")
def evaluate_returns_the_loss_and_then_the_metrics():
    model = keras.Sequential([keras.Input((4,)), layers.Dropout(0.9), layers.Dense(3)])
    model.compile(
        "sgd", losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    loss, accuracy = model.evaluate(images, labels, verbose=0)
    logits = model(images, training=False)
    expected = losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
    assert np.isclose(loss, expected, rtol=1e-5)
    assert np.isclose(accuracy, np.mean(np.argmax(logits, 1) == labels))


# Aligned


@of("aligned.py imports: from keras import layers, ops")
def ops_are_keras_own():
    assert ops.sqrt(tf.constant(4.0)) == 2
    assert ops.cast(tf.constant(1.0), "int32").dtype == tf.int32
    assert ops.sqrt.__module__.startswith("keras")


def variable(number: float = 0.0) -> keras.Variable:
    """A weight of one number."""
    return keras.Variable(np.full(1, number), dtype="float64")


def updated(kind: type) -> list[int]:
    """How many weights Keras calls `update_step` for: by `apply` of two, and by `fit` of two."""
    seen: list[set[int]] = [set(), set()]

    class Noting(kind):
        place = 0

        def update_step(self, gradient, variable, learning_rate):
            seen[self.place].add(id(variable))
            super().update_step(gradient, variable, learning_rate)

    Noting().apply([tf.ones(1, "float64")] * 2, [variable(), variable()])
    by_fit = Noting()
    by_fit.place = 1
    make_model(optimizer=by_fit).fit(images, labels, 6, verbose=0)
    return [len(each) for each in seen]


@of(
    "aligned.py AlignedAdam: class AlignedAdam(keras.optimizers.Adam)",
    "aligned.py AlignedAdam: def update_step(",
    "aligned.py AlignedRMSprop: class AlignedRMSprop(keras.optimizers.RMSprop)",
    "aligned.py AlignedRMSprop: def update_step(",
    "aligned.py AlignedAdagrad: class AlignedAdagrad(keras.optimizers.Adagrad)",
    "aligned.py AlignedSGD: class AlignedSGD(keras.optimizers.SGD)",
)
def keras_calls_update_step_for_every_weight():
    kinds = aligned.AlignedAdam, aligned.AlignedRMSprop, aligned.AlignedAdagrad, aligned.AlignedSGD
    assert [updated(kind) for kind in kinds] == [[2, 2]] * 4


@of(
    "aligned.py AlignedAdam: learning_rate: keras.Variable",
    "aligned.py AlignedRMSprop: learning_rate: keras.Variable",
    "aligned.py AlignedAdagrad: learning_rate: keras.Variable",
    "aligned.py AlignedSGD: learning_rate: keras.Variable",
)
def the_rate_can_change_within_a_graph():
    optimizer, weight = optimizers.SGD(1.0), variable()
    assert isinstance(optimizer._learning_rate, keras.Variable)
    optimizer.build([weight])
    step = tf.function(lambda: optimizer.apply([tf.ones(1, "float64")], [weight]))
    step()
    optimizer.learning_rate = 0.5
    step()
    assert weight.numpy()[0] == -1.5


@of(
    "aligned.py AlignedAdam: index = self._get_variable_index",
    "aligned.py AlignedAdam: m, v = self._momentums[index]",
    "aligned.py AlignedSGD: buffer = self.momentums[",
    "aligned.py AlignedRMSprop: index = self._get_variable_index",
    "aligned.py AlignedRMSprop: v = self._velocities[index]",
    "aligned.py AlignedRMSprop: buffer = self._momentums[index]",
)
def means_are_found_by_the_weights_index():
    adam, weights = optimizers.Adam(), [variable(), variable()]
    adam.apply([tf.constant([1.0], "float64"), tf.constant([2.0], "float64")], weights)
    index = adam._get_variable_index(weights[1])
    assert index == 1
    assert np.isclose(adam._momentums[index].numpy()[0], 0.2)
    assert np.isclose(adam._velocities[index].numpy()[0], 0.004)
    sgd = optimizers.SGD(1.0, momentum=0.9)
    sgd.apply([tf.ones(1, "float64")], [weights[0]])
    assert len(sgd.momentums) == 1
    assert not hasattr(sgd, "_momentums")
    rmsprop = optimizers.RMSprop(1.0, rho=0.9, momentum=0.9)
    rmsprop.apply([tf.constant([2.0], "float64")], [weights[0]])
    index = rmsprop._get_variable_index(weights[0])
    assert np.isclose(rmsprop._velocities[index].numpy()[0], 0.4)
    assert np.isclose(rmsprop._momentums[index].numpy()[0], 2 / math.sqrt(0.4))
    assert not hasattr(adam, "momentums")
    assert not hasattr(rmsprop, "momentums")


@of("aligned.py AlignedAdam: step = ops.cast(self.iterations + 1")
def iterations_counts_steps():
    optimizer, weight = optimizers.Adam(), variable()
    for _ in range(2):
        optimizer.apply([tf.ones(1, "float64")], [weight])
    assert int(optimizer.iterations) == 2
    assert ops.cast(optimizer.iterations, "float64").dtype == tf.float64


@of(
    "aligned.py AlignedAdam: self.assign_add(m",
    "aligned.py AlignedAdam: self.assign_add(v",
    "aligned.py AlignedAdam: self.assign_sub(variable",
)
def assign_add_and_sub_are_in_place():
    optimizer, weight = optimizers.Adam(), variable(2.0)
    optimizer.assign_add(weight, np.full(1, 3.0))
    assert weight.numpy()[0] == 5
    optimizer.assign_sub(weight, np.full(1, 1.0))
    assert weight.numpy()[0] == 4


@of("aligned.py AlignedRMSprop: self.assign(v")
def multiplying_in_place_binds_a_new_tensor():
    optimizer, weight = optimizers.RMSprop(), variable(2.0)
    v = weight
    v *= 0.5
    assert weight.numpy()[0] == 2
    assert not isinstance(v, keras.Variable)
    optimizer.assign(weight, np.full(1, 1.0))
    assert weight.numpy()[0] == 1


@of(
    "aligned.py AlignedRMSprop: update = gradient /",
    "aligned.py AlignedAdagrad: update = gradient /",
)
def keras_adds_epsilon_before_the_root():
    settings = {
        optimizers.RMSprop: {"rho": 0.0},
        optimizers.Adagrad: {"initial_accumulator_value": 0.0},
    }
    for own, (kind, given) in zip(
        (aligned.AlignedRMSprop, aligned.AlignedAdagrad), settings.items(), strict=True
    ):
        moved = []
        for each in (kind, own):
            weight = variable()
            each(1.0, epsilon=1.0, **given).apply([tf.ones(1, "float64")], [weight])
            moved.append(-weight.numpy()[0])
        assert np.allclose(moved, [1 / math.sqrt(2), 0.5], rtol=1e-5)


@of(
    "aligned.py AlignedRMSprop: rate = ops.cast(",
    "aligned.py AlignedAdagrad: rate = ops.cast(",
)
def the_rate_has_floatx_and_not_the_weights_type():
    assert optimizers.SGD(0.1)._learning_rate.dtype == "float32"
    raises(Exception, lambda: tf.ones(1, "float32") * tf.ones(1, "float64"))


@of("aligned.py AlignedAdagrad: self.assign_add(accumulator")
def square_is_square():
    assert ops.square(tf.constant(3.0)) == 9


@of("aligned.py AlignedSGD: self.assign(buffer")
def keras_momentum_is_scaled_by_the_rate():
    optimizer, weight = optimizers.SGD(0.5, momentum=0.9), variable()
    optimizer.apply([tf.ones(1, "float64")], [weight])
    assert optimizer.momentums[0].numpy()[0] == -0.5


@of(
    "aligned.py AlignedAdam: correction_1 = 1 -", "aligned.py AlignedAdam: correction_2 = ops.sqrt("
)
def the_first_means_are_too_small():
    optimizer, weight = optimizers.Adam(), variable()
    optimizer.apply([tf.ones(1, "float64")], [weight])
    mean, square = optimizer._momentums[0].numpy()[0], optimizer._velocities[0].numpy()[0]
    assert np.isclose(mean / (1 - optimizer.beta_1), 1)
    assert np.isclose(square / (1 - optimizer.beta_2), 1)


@of("aligned.py AlignedSGD: if self.nesterov else buffer")
def nesterov_looks_ahead():
    moved = []
    for nesterov in (False, True):
        weight = variable()
        aligned.AlignedSGD(1.0, momentum=0.9, nesterov=nesterov).apply(
            [tf.ones(1, "float64")], [weight]
        )
        moved.append(-weight.numpy()[0])
    assert np.allclose(moved, [1, 1.9])


@of("aligned.py AlignedLeakyReLU: class AlignedLeakyReLU(layers")
def the_subclass_keeps_the_slope():
    assert aligned.AlignedLeakyReLU(0.01).negative_slope == 0.01
    found = aligned.AlignedLeakyReLU(0.01, dtype="float64")(tf.constant([-1.0], "float64"))
    assert found.numpy()[0] == -0.01


@of("aligned.py AlignedLeakyReLU: ops.where(inputs > 0")
def where_picks_number_by_number_and_so_does_its_gradient():
    x = tf.constant([-1.0, 1.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = ops.where(x > 0, x, 0.5 * x)
    assert y.numpy().tolist() == [-0.5, 1]
    assert tape.gradient(y, x).numpy().tolist() == [0.5, 1]


@of("aligned.py AlignedGELU: class AlignedGELU(layers.Layer)")
def every_layer_is_a_layer():
    assert issubclass(layers.Dense, layers.Layer)
    assert issubclass(keras.Model, layers.Layer)


@of("aligned.py AlignedGELU: ops.erf(")
def tensorflows_gelu_uses_erfc():
    graph = tf.function(keras.activations.gelu).get_concrete_function(tf.TensorSpec([1]))
    kinds = {each.type for each in graph.graph.get_operations()}
    nested = {
        node.op
        for function in graph.graph.as_graph_def().library.function
        for node in function.node_def
    }
    assert "Erfc" in kinds | nested
    x = tf.constant([-8.0])
    assert aligned.AlignedGELU()(x).numpy()[0] == 0 != keras.activations.gelu(x).numpy()[0]


@of(
    "aligned.py AlignedBatchNormalization: class AlignedBatchNormalization(layers",
    "aligned.py AlignedBatchNormalization: def call(",
    "aligned.py AlignedBatchNormalization: outputs = super().call(",
    "aligned.py AlignedBatchNormalization: self.moving_variance.assign(",
)
def training_updates_the_statistics():
    rows = tf.constant([[10.0], [30.0]])
    layer = aligned.AlignedBatchNormalization(momentum=0.9)
    names = [each.name for each in keras.layers.BatchNormalization().weights]
    assert np.allclose(layer(rows, training=True), [[-1], [1]], atol=1e-3)
    assert np.isclose(layer.moving_mean.numpy()[0], 2)
    assert np.isclose(layer.moving_variance.numpy()[0], 0.9 + 0.1 * 200)
    layer(rows)
    assert np.isclose(layer.moving_mean.numpy()[0], 2)
    assert not names
    assert [each.name for each in layer.weights][:2] == ["gamma", "beta"]


@of("aligned.py AlignedBatchNormalization: rows = ops.cast(")
def the_number_of_rows_is_known_when_the_graph_runs():
    found = []

    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def count(x):
        found.append(x.shape[0])
        return ops.shape(x)[0]

    assert count(tf.ones((5, 2))) == 5
    assert found == [None]
