"""What the notes say of TensorFlow and Keras in the techniques and the files behind them."""

import random
import sys
import tempfile
import warnings
import zipfile
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers, losses, optimizers
from keras.optimizers import schedules

from tensorflow_impl.aligned import AlignedBatchNormalization
from tensorflow_impl.model import build_model
from tensorflow_impl.techniques.precision import scale_gradients
from tests.support.notes.registry import Checks, raises

CHECKS = Checks()
of = CHECKS.of

images = tf.reshape(tf.linspace(-1.0, 1.0, 24), (6, 4))
labels = tf.range(6, dtype=tf.int64) % 3


def weight(start: float = 0.0, dtype: str = "float64") -> keras.Variable:
    """A single number that is learned."""
    return keras.Variable(np.full(1, start), dtype=dtype)


def apply(optimizer: keras.optimizers.Optimizer, *gradients: float, start: float = 0.0) -> float:
    """A weight after steps with these gradients."""
    variable = weight(start)
    for gradient in gradients:
        optimizer.apply([tf.constant([gradient], "float64")], [variable])
    return float(variable.numpy()[0])


# Checkpoints and optimizers


@of("techniques/checkpoint.py get_state: variables = [")
def all_that_an_optimizer_remembers_are_variables():
    optimizer = optimizers.Adam(gradient_accumulation_steps=2)
    optimizer.build([weight()])
    # Step count, learning rate, two means, and the gradient that waits.
    assert len(optimizer.variables) == 5
    dropout = layers.Dropout(0.5)
    before = dropout.seed_generator.state.numpy()
    dropout(images, training=True)
    assert (dropout.seed_generator.state.numpy() != before).any()


@of(
    "techniques/optimizers.py imports:     ADAGRAD_EPSILON",
    "techniques/optimizers.py choose_optimizer: rmsprop = {",
    "techniques/optimizers.py choose_optimizer: adagrad = {",
    "techniques/optimizers.py choose_optimizer: own, aligned, matched = {",
)
def keras_has_values_of_its_own():
    rmsprop, adagrad = optimizers.RMSprop(), optimizers.Adagrad()
    assert (rmsprop.rho, rmsprop.epsilon) == (0.9, 1e-7)
    assert (adagrad.initial_accumulator_value, adagrad.epsilon) == (0.1, 1e-7)


@of("techniques/optimizers.py choose_optimizer: (optimizers.AdamW,")
def adamw_decays_by_default():
    assert optimizers.AdamW().weight_decay == 0.004


@of("techniques/optimizers.py choose_optimizer: (optimizers.SGD,")
def momentum_remembers_updates():
    variable, optimizer = weight(), optimizers.SGD(1.0, momentum=0.9)
    for rate in (1.0, 0.1):
        optimizer.learning_rate = rate
        optimizer.apply([tf.ones(1, "float64")], [variable])
    assert np.isclose(variable.numpy()[0], -2.0)


@of("techniques/optimizers.py choose_optimizer: (optimizers.RMSprop,")
def rmsprop_adds_epsilon_below_the_root():
    moved = -apply(optimizers.RMSprop(1.0, rho=0.0, epsilon=1.0), 1.0)
    assert np.isclose(moved, 1 / 2**0.5, rtol=1e-5)


@of("techniques/optimizers.py choose_optimizer: (optimizers.Adagrad,")
def adagrad_adds_epsilon_below_the_root():
    moved = -apply(optimizers.Adagrad(1.0, initial_accumulator_value=0.0, epsilon=1.0), 1.0)
    assert np.isclose(moved, 1 / 2**0.5, rtol=1e-5)


@of("techniques/optimizers.py choose_optimizer: asked = {")
def only_two_take_momentum():
    for kind in (optimizers.SGD, optimizers.RMSprop):
        assert kind(momentum=0.9).momentum == 0.9
    for kind in (optimizers.Adam, optimizers.AdamW, optimizers.Adagrad):
        raises(Exception, partial(kind, momentum=0.9))
    raises(Exception, lambda: optimizers.RMSprop(nesterov=True))


@of(
    "techniques/optimizers.py choose_optimizer: optimizer = accumulate(",
    "techniques/accumulation.py accumulate: optimizer.gradient_accumulation_steps =",
)
def accumulation_is_an_attribute():
    optimizer = optimizers.SGD(1.0)
    optimizer.gradient_accumulation_steps = 2
    assert apply(optimizer, 3.0) == 0
    optimizer = optimizers.SGD(1.0, gradient_accumulation_steps=2)
    assert apply(optimizer, 3.0, 4.0) == -3.5
    assert int(optimizer.iterations) == 1
    raises(ValueError, lambda: optimizers.SGD(gradient_accumulation_steps=1))


@of("techniques/optimizers.py choose_optimizer: optimizer.build(")
def accumulated_gradients_take_variables():
    counts = []
    for accumulated in (None, 2):
        optimizer = optimizers.SGD(gradient_accumulation_steps=accumulated)
        optimizer.build([weight()])
        counts.append(len(optimizer.variables))
    assert counts[1] > counts[0]


@of(
    "techniques/weight_decay.py decay_weights: optimizer.weight_decay =",
    "techniques/weight_decay.py imports: import numpy as np",
)
def decay_is_decoupled_in_every_optimizer():
    for kind in (optimizers.SGD, optimizers.Adam, optimizers.RMSprop, optimizers.Adagrad):
        assert np.isclose(apply(kind(0.5, weight_decay=0.01), 0.0, start=1.0), 0.995), kind
    rounded = apply(optimizers.SGD(0.5, weight_decay=0.01), 0.0, start=1.0)
    optimizer = optimizers.SGD(0.5)
    optimizer.weight_decay = np.float64(0.01)
    assert apply(optimizer, 0.0, start=1.0) == 0.995 != rounded
    bias, spared = weight(1.0), optimizers.SGD(0.5, weight_decay=0.01)
    spared.exclude_from_weight_decay([bias])
    spared.apply([tf.zeros(1, "float64")], [bias])
    assert bias.numpy()[0] == 1


@of("techniques/clipping.py clip_gradients: optimizer.global_clipnorm = norm")
def clipnorm_looks_at_each_gradient_alone():
    found = {}
    for name in ("global_clipnorm", "clipnorm"):
        both = [weight(), weight()]
        gradients = [tf.constant([number], "float64") for number in (3.0, 4.0)]
        optimizers.SGD(1.0, **{name: 1.0}).apply(gradients, both)
        found[name] = [-float(each.numpy()[0]) for each in both]
    assert np.allclose(found["global_clipnorm"], [0.6, 0.8])
    assert np.allclose(found["clipnorm"], [1, 1])
    late = optimizers.SGD(1.0)
    late.global_clipnorm = 1.0
    assert np.isclose(apply(late, 5.0), -1)


# Activations and layers


@of('techniques/activations.py imports: "leaky-relu": layers.LeakyReLU')
def leaky_relu_lets_three_tenths_through():
    assert np.isclose(layers.LeakyReLU()(-tf.ones(1)), -0.3)


@of('techniques/activations.py imports: "gelu": partial(layers.Activation')
def a_layer_takes_the_functions_name():
    numbers = tf.linspace(-3.0, 3.0, 7)
    exact = numbers * (1 + tf.math.erf(numbers / 2**0.5)) / 2
    assert np.allclose(layers.Activation("gelu")(numbers), exact, atol=1e-6)
    assert not hasattr(layers, "GELU")
    assert not hasattr(layers, "Tanh")


@of(
    "techniques/activations.py choose_activation: exact = ALIGNED if",
    "techniques/activations.py imports: ALIGNED: dict",
)
def constants_are_rounded_to_float32():
    slope = layers.LeakyReLU(0.01, dtype="float64")(-tf.ones(1, "float64"))
    assert slope.numpy()[0] == -float(np.float32(0.01)) != -0.01


@of('techniques/layers.py imports: "gamma": layer.gamma')
def batch_norm_has_gamma_and_beta():
    layer = layers.BatchNormalization()
    layer.build((None, 2))
    assert (layer.gamma.numpy() == 1).all()
    assert (layer.beta.numpy() == 0).all()


@of(
    "techniques/layers.py imports: layer.moving_mean",
    "summary.py summarize: for weights in layer.trainable_weights",
)
def statistics_are_variables_that_are_not_trained():
    model = keras.Sequential([keras.Input((2,)), layers.BatchNormalization()])
    mean = model.layers[0].moving_mean
    assert any(each is mean for each in model.weights)
    assert not any(each is mean for each in model.trainable_variables)
    assert any(each is mean for each in model.layers[0].non_trainable_weights)


@of(
    "techniques/layers.py imports:     BATCH_NORM_EPSILON,",
    "techniques/layers.py build_network: matched = {",
    'techniques/layers.py build_network: "defaults": layers.BatchNormalization',
    'techniques/layers.py build_network: "matched": partial(layers.BatchNormalization',
)
def momentum_is_what_is_kept():
    layer = layers.BatchNormalization()
    assert (layer.momentum, layer.epsilon) == (0.99, 1e-3)
    layer = layers.BatchNormalization(momentum=0.9)
    layer(tf.constant([[10.0], [30.0]]), training=True)
    assert np.isclose(layer.moving_mean.numpy()[0], 2)


@of(
    "techniques/layers.py imports: import AlignedBatch",
    'techniques/layers.py build_network: "exact": partial(',
)
def the_subclass_keeps_the_unbiased_variance():
    rows = tf.constant([[10.0], [30.0]])
    kept = []
    for kind in (layers.BatchNormalization, AlignedBatchNormalization):
        layer = kind(momentum=0.9)
        layer(rows, training=True)
        kept.append(layer.moving_variance.numpy()[0])
    assert np.allclose(kept, [0.9 + 10, 0.9 + 20])


@of("techniques/layers.py build_network: layers.Dense(units, use_bias=")
def bias_is_use_bias():
    layer = layers.Dense(2, use_bias=False)
    layer.build((None, 2))
    assert layer.bias is None
    raises(Exception, lambda: layers.Dense(2, bias=False))


@of("techniques/layers.py build_network: layers.Dropout(dropout)")
def layers_ask_the_argument_of_the_call():
    layer, ones = layers.Dropout(0.25), tf.ones(10_000)
    dropped = tf.reduce_mean(tf.cast(layer(ones, training=True) == 0, "float32"))
    assert 0.2 < dropped < 0.3
    assert tf.reduce_all(layer(ones) == 1)


@of("techniques/layers.py build_network: return keras.Sequential([*stack")
def a_sequential_takes_a_list():
    assert len(keras.Sequential([layers.ReLU(), layers.ReLU()]).layers) == 2


# Losses


@of("techniques/loss.py make_loss: device: tf.config.PhysicalDevice")
def operations_take_tensors_from_the_cpu():
    with tf.device("CPU"):
        weights = tf.constant([1.0, 2.0])
    assert (weights * 2).numpy().tolist() == [2, 4]


@of("techniques/loss.py make_loss: targets = tf.one_hot(")
def one_hot_makes_floats():
    assert tf.one_hot([1], 3).dtype == tf.float32
    assert tf.one_hot([1], 3, dtype=tf.float64).numpy().tolist() == [[0, 1, 0]]


@of(
    "techniques/loss.py make_loss: keras.losses.categorical_crossentropy(",
    "techniques/loss.py make_loss:                 from_logits=True",
)
def the_loss_for_probabilities():
    logits = images[:, :3]
    targets = tf.one_hot(labels, 3)
    expected = -tf.reduce_sum(targets * tf.nn.log_softmax(logits), 1)
    found = losses.categorical_crossentropy(targets, logits, from_logits=True)
    assert np.allclose(found, expected, atol=1e-6)
    assert not np.allclose(losses.categorical_crossentropy(targets, logits), expected, atol=1e-2)


@of("techniques/loss.py make_loss: cross_entropy = keras.losses.sparse")
def the_loss_for_class_numbers_does_not_smooth():
    smoothing = {"from_logits": True, "label_smoothing": 0.1}
    raises(TypeError, lambda: losses.sparse_categorical_crossentropy(labels, images, **smoothing))


@of("techniques/loss.py make_loss: tf.gather(weights")
def class_weight_weights_the_training_loss():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizers.SGD(0.0), loss)
    weights = tf.constant([1.0, 2.0, 4.0])
    each = losses.sparse_categorical_crossentropy(labels, model(images), from_logits=True)
    expected = tf.reduce_mean(each * tf.gather(weights, labels))
    by_class = dict(enumerate(weights.numpy().tolist()))
    history = model.fit(images, labels, 6, class_weight=by_class, verbose=0).history
    assert np.isclose(history["loss"][0], expected, rtol=1e-5)


@of("techniques/loss.py make_loss: return tf.reduce_mean(losses)")
def reduce_mean_divides_by_the_rows():
    assert tf.reduce_mean(tf.constant([1.0, 5.0])) == 3


# Schedules


@of(
    "techniques/schedule.py Counted: class Counted(schedules.LearningRateSchedule)",
    "techniques/schedule.py Counted: def __call__(",
    "techniques/schedule.py follow_schedule: optimizer.learning_rate = Counted(",
)
def a_schedule_is_called_in_every_step():
    class Halving(schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.5 ** tf.cast(step, tf.float32)

    optimizer = optimizers.SGD(1.0)
    optimizer.learning_rate = Halving()
    variable = weight()
    optimizer.build([variable])
    step = tf.function(lambda: optimizer.apply([tf.ones(1, "float64")], [variable]))
    moved = []
    for _ in range(3):
        step()
        moved.append(-float(variable.numpy()[0]))
    assert moved == [1, 1.5, 1.75]
    raises(NotImplementedError, Halving().get_config)


@of("techniques/schedule.py Counted: update = step //")
def operators_work_on_tensors():
    assert tf.constant(7) // 2 == 3


@of("techniques/schedule.py Counted: rate = tf.constant(")
def constant_makes_float32_unless_told():
    assert keras.config.floatx() == "float32"
    assert tf.constant(0.1).dtype == tf.float32
    assert tf.constant(0.1, "float64").dtype == tf.float64


@of(
    "techniques/schedule.py Counted: rate *= tf.minimum(",
    "aligned.py AlignedAdam: step_size = ops.cast(",
)
def types_are_never_mixed():
    raises(Exception, lambda: tf.ones(1) * tf.ones(1, "float64"))
    assert tf.cast(tf.ones(1), "float64").dtype == tf.float64


@of("techniques/schedule.py follow_schedule: schedules.ExponentialDecay(")
def staircase_makes_steps():
    smooth = schedules.ExponentialDecay(1.0, 2, 0.25)
    assert np.allclose([smooth(step) for step in range(3)], [1, 0.5, 0.25])
    steps = schedules.ExponentialDecay(1.0, 2, 0.25, staircase=True)
    assert np.allclose([steps(step) for step in range(3)], [1, 1, 0.25])


@of("techniques/schedule.py follow_schedule: schedules.CosineDecay(")
def cosine_falls_and_can_warm_up():
    cosine = schedules.CosineDecay(1.0, 2)
    assert np.allclose([cosine(step) for step in range(3)], [1, 0.5, 0], atol=1e-6)
    assert schedules.CosineDecay(0.0, 2, warmup_target=1.0, warmup_steps=4)(2) == 0.5


@of("techniques/schedule.py learning_rate: float(optimizer.learning_rate)")
def the_rate_is_the_schedules_value_or_the_variables():
    assert np.isclose(float(optimizers.SGD(0.5).learning_rate), 0.5)
    optimizer = optimizers.SGD(schedules.ExponentialDecay(1.0, 1, 0.5))
    apply(optimizer, 0.0, 0.0)
    assert float(optimizer.learning_rate) == 0.25


def plateau(name: str, **settings: object) -> list[float]:
    """Rates after epochs without a change."""
    callback = keras.callbacks.ReduceLROnPlateau(name, **settings)
    holder = keras.Model()
    holder.optimizer = optimizers.SGD(1.0)
    callback.set_model(holder)
    callback.on_train_begin()
    rates = []
    for epoch in range(3):
        callback.on_epoch_end(epoch, {name: 5.0})
        rates.append(round(float(holder.optimizer.learning_rate), 6))
    return rates


@of(
    "techniques/schedule.py reduce_on_plateau: keras.callbacks.ReduceLROnPlateau(",
    "techniques/schedule.py reduce_on_plateau: patience=config.schedule_epochs,",
    "techniques/schedule.py reduce_on_plateau: holder = keras.Model()",
    "techniques/schedule.py reduce_on_plateau: scheduler.on_epoch_end(",
)
def the_rate_drops_after_as_many_as_patience():
    assert plateau("validation_loss", mode="min", patience=1) == [1, 0.1, 0.01]
    assert plateau("validation_loss", mode="min", patience=2) == [1, 1, 0.1]


@of('techniques/schedule.py reduce_on_plateau: mode="min"')
def keras_guesses_the_mode_of_some_names():
    assert plateau("val_loss", patience=2) == [1, 1, 0.1]
    raises(ValueError, lambda: plateau("validation_loss", patience=2), "automatically")


@of("techniques/schedule.py reduce_on_plateau: scheduler.on_train_begin()")
def the_counts_are_reset_at_the_beginning():
    callback = keras.callbacks.ReduceLROnPlateau("loss")
    callback.wait = callback.cooldown_counter = 5
    callback.on_train_begin()
    assert (callback.wait, callback.cooldown_counter) == (0, 0)


@of("techniques/schedule.py imports: from keras.optimizers import schedules")
def a_schedule_is_a_function_of_the_step():
    assert schedules.ExponentialDecay(1.0, 1, 0.5)(3) == 0.125


@of("techniques/activations.py choose_activation: parameters: of the function;")
def without_parameters_each_takes_its_default():
    assert np.isclose(layers.LeakyReLU().negative_slope, 0.3)


# Precision


@of(
    "techniques/precision.py use_mixed_precision: for layer in model.layers[:-1]",
    'techniques/precision.py use_mixed_precision: keras.DTypePolicy(f"mixed_{precision}")',
)
def a_policy_has_two_types():
    policy = keras.DTypePolicy("mixed_bfloat16")
    assert (policy.compute_dtype, policy.variable_dtype) == ("bfloat16", "float32")
    layer = layers.Dense(2)
    assert layer(tf.ones((1, 2), "bfloat16")).dtype == tf.float32
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        hidden, last = layers.Dense(2), layers.Dense(2, dtype="float32")
        assert hidden(tf.ones((1, 2))).dtype == tf.bfloat16
        assert hidden.kernel.dtype == "float32"
        assert last(hidden(tf.ones((1, 2)))).dtype == tf.float32
    finally:
        keras.config.set_dtype_policy("float32")


@of("techniques/precision.py Scaling: class Scaling(keras.optimizers.LossScaleOptimizer)")
def compile_wraps_if_the_models_policy_is_mixed():
    wrapped = []
    for whole in (True, False):
        model = keras.Sequential([keras.Input((2,)), layers.Dense(2, dtype="mixed_float16")])
        if whole:
            model.dtype_policy = keras.DTypePolicy("mixed_float16")
        model.compile(optimizers.SGD(), "mse")
        wrapped.append(type(model.optimizer).__name__)
    assert wrapped == ["LossScaleOptimizer", "SGD"]


@of("techniques/precision.py Scaling: def scale_loss(")
def without_scale_loss_gradients_are_only_divided():
    optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(1.0), initial_scale=8.0)
    variable = weight()
    optimizer.build([variable])
    assert float(optimizer.scale_loss(tf.constant(1.0))) == 8
    optimizer.apply([tf.constant([16.0], "float64")], [variable])
    assert variable.numpy()[0] == -2


@of("techniques/precision.py Scaling: super().apply(grads")
def a_step_that_overflows_is_skipped_and_halves():
    optimizer = optimizers.LossScaleOptimizer(
        optimizers.SGD(1.0), initial_scale=8.0, dynamic_growth_steps=1
    )
    variable = weight()
    optimizer.build([variable])
    step = tf.function(lambda x: optimizer.apply([x], [variable]))
    step(tf.constant([np.inf], "float64"))
    assert (variable.numpy()[0], float(optimizer.dynamic_scale)) == (0, 4)
    step(tf.constant([4.0], "float64"))
    assert (variable.numpy()[0], float(optimizer.dynamic_scale)) == (-1, 8)


@of("techniques/precision.py Scaling: self._iterations.assign_add(1)")
def keras_leaves_its_own_count_at_zero():
    optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(1.0))
    optimizer.build([variable := weight()])
    optimizer.apply([tf.ones(1, "float64")], [variable])
    assert int(optimizer._iterations) == 0
    assert int(optimizer.iterations) == int(optimizer.inner_optimizer.iterations) == 1


@of(
    "techniques/precision.py scale_gradients: scaling.build(",
    "techniques/precision.py scale_gradients: model.layers[-1].activation = scale",
)
def an_activation_is_called_with_what_the_layer_computed():
    model, seen = build_model((2, 2)), []
    inner = optimizers.SGD()
    inner.build(model.trainable_variables)
    before = len(inner.variables)
    scaling = scale_gradients(model, inner, None)
    assert len(inner.variables) == before
    assert scaling.built
    model.layers[-1].activation = lambda logits: seen.append(logits.shape) or logits
    model(tf.ones((1, 784)))
    assert (1, 10) in [tuple(each) for each in seen]
    assert not any(hasattr(layers.Layer, name) for name in ("register_forward_hook", "hooks"))


@of("techniques/precision.py scale_gradients: @tf.custom_gradient")
def a_gradient_can_be_anything():
    double = tf.custom_gradient(lambda x: (x, lambda gradient: gradient * 7))
    x = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = double(x)
    assert tape.gradient(y, x) == 7


# Pipeline


@of(
    "techniques/pipeline.py make_pipeline: image = tf.cast(",
    'techniques/pipeline.py make_pipeline: with tf.device("CPU")',
)
def cast_changes_the_type_and_a_scalar_picks_a_row():
    pixels = tf.constant(np.full((2, 3), 51, "uint8"))
    image = tf.cast(pixels[tf.constant(1)], tf.float32)
    assert (image.dtype, image.shape) == (tf.float32, (3,))


@of("techniques/pipeline.py make_pipeline: device: tf.config.PhysicalDevice")
def models_take_batches_from_the_cpu():
    with tf.device("CPU"):
        batch = tf.ones((1, 784))
    assert build_model((2, 2))(batch).shape == (1, 10)


@of("techniques/pipeline.py make_pipeline: rows = tf.data.Dataset.from_tensor_slices(")
def slices_are_a_stream():
    assert [int(each) for each in tf.data.Dataset.from_tensor_slices([3, 1])] == [3, 1]


@of(
    "techniques/pipeline.py make_pipeline: tuned = tf.data.AUTOTUNE",
    "techniques/pipeline.py make_pipeline: singles = rows.map(prepare",
    "techniques/pipeline.py make_pipeline: singles.batch(batch_size).prefetch(",
)
def a_map_is_traced_once_and_runs_in_threads():
    runs = []

    def prepare(row):
        runs.append(1)
        return row * 10

    rows = tf.data.Dataset.range(5).map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
    found = [batch.numpy().tolist() for batch in rows.batch(2).prefetch(tf.data.AUTOTUNE)]
    assert found == [[0, 10], [20, 30], [40]]
    assert len(runs) == 1


# The rest


@of("run.py make_model: keras.utils.set_random_seed(")
def one_seed_sets_three_generators():
    drawn = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        drawn.append((random.random(), np.random.random(), float(tf.random.uniform(()))))
    assert drawn[0] == drawn[1]


@of("run.py make_learner: step = tf.function(step)")
def a_new_shape_or_type_is_a_new_trace():
    function = tf.function(lambda x: x + x)
    for each in (tf.ones(2), tf.ones(2), tf.ones(3), tf.ones(2, "int64")):
        function(each)
    assert function.experimental_get_tracing_count() == 3


@of("run.py look_at_epochs: epochs = validate(")
def validation_split_takes_the_tail():
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile(optimizers.SGD(0.0), "mse")
    rows = np.arange(10, dtype="float32")[:, None]
    history = model.fit(rows, 0 * rows, validation_split=0.1, verbose=0).history
    assert history["val_loss"][0] == 81


@of("run.py look_at_epochs: return follow(")
def early_stopping_restores_if_asked():
    callback = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    assert (callback.patience, callback.restore_best_weights) == (2, True)


@of("run.py run: framework_version=")
def there_are_two_versions():
    assert tf.__version__.startswith("2.")
    assert keras.__version__.startswith("3.")


@of("device.py imports: import keras", "device.py choose_device: keras.config.set_floatx(")
def floatx_is_a_string_and_the_rates_type():
    try:
        keras.config.set_floatx("float64")
        assert keras.config.floatx() == "float64"
        assert optimizers.SGD(0.1).learning_rate.dtype == "float64"
    finally:
        keras.config.set_floatx("float32")
    assert optimizers.SGD(0.1).learning_rate.dtype == "float32"


@of("device.py choose_device: keras.config.set_dtype_policy(")
def the_policy_is_a_second_setting():
    layers.Dense(1)
    try:
        keras.config.set_floatx("float64")
        assert layers.Dense(1).dtype == "float32"
        keras.config.set_dtype_policy("float64")
        assert layers.Dense(1).dtype == "float64"
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


@of("device.py choose_device: enable_tensor_float_32_execution(False)")
def tf32_is_allowed_by_default():
    assert tf.config.experimental.tensor_float_32_execution_enabled()


@of(
    "device.py imports: import tensorflow as tf",
    'device.py choose_device: gpus = tf.config.list_physical_devices("GPU")',
    'device.py choose_device: return tf.config.list_physical_devices("CPU")[0]',
    'device.py describe_device: device.device_type == "CPU"',
)
def devices_are_listed_by_kind():
    (cpu,) = tf.config.list_physical_devices("CPU")
    assert cpu.device_type == "CPU"
    assert isinstance(tf.config.list_physical_devices("GPU"), list)
    assert isinstance(cpu, tf.config.PhysicalDevice)


@of(
    "device.py choose_device: built_with_cuda = ",
    "device.py describe_device: tf.test.is_built_with_cuda()",
)
def the_build_can_be_asked_for_amd_apart():
    assert isinstance(tf.test.is_built_with_cuda(), bool)
    assert isinstance(tf.test.is_built_with_rocm(), bool)


@of('device.py choose_device: "cuda": bool(gpus)')
def there_is_no_is_available():
    assert not hasattr(tf.config, "is_available")
    assert not hasattr(tf, "cuda")


@of('device.py choose_device: tf.config.set_visible_devices([], "GPU")')
def devices_are_hidden_before_the_first_tensor():
    tf.constant(1.0)
    raises(RuntimeError, lambda: tf.config.set_visible_devices([], "CPU"), "initialized")


@of("device.py synchronize: tf.test.experimental.sync_devices()")
def all_devices_can_be_waited_for():
    assert tf.test.experimental.sync_devices() is None


@of("export.py imports: IMAGES = [tf.TensorSpec")
def none_stands_for_any_size():
    spec = tf.TensorSpec([None, 3], name="images")
    function = tf.function(lambda x: x, input_signature=[spec])
    for rows in (1, 5):
        function(tf.ones((rows, 3)))
    assert function.experimental_get_tracing_count() == 1
    assert "images" in str(function.get_concrete_function().structured_input_signature)


def write_litert(model: keras.Model, folder: str, **settings: object) -> Path:
    """A LiteRT file of a model with four inputs."""
    path = Path(folder, "model.tflite")
    spec = [tf.TensorSpec([None, 4], name="images")]
    model.export(path, format="litert", input_signature=spec, verbose=False, **settings)
    return path


def interpret(**settings: object) -> tf.lite.Interpreter:
    """An interpreter, which says that it is deprecated."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        interpreter = tf.lite.Interpreter(**settings)
    messages = [str(each.message) for each in said]
    assert any("deprecated" in each and "ai_edge_litert" in each for each in messages)
    return interpreter


@of(
    "export.py predict_converted: return converted(images=images)",
    "export.py convert: interpreter = tf.lite.Interpreter(",
    "export.py convert: interpreter.get_signature_runner()",
    "export.py export_program: return convert(",
    "export.py export_int8: optimizations=[tf.lite.Optimize.DEFAULT]",
)
def litert_takes_and_gives_arrays_by_name():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(256), layers.Dense(256)])
    with tempfile.TemporaryDirectory() as folder:
        path = write_litert(model, folder)
        whole = path.stat().st_size
        assert len(interpret(model_path=str(path)).get_signature_list()) == 1
        found = interpret(model_path=str(path)).get_signature_runner()(images=images.numpy())
        assert np.allclose(found["output_0"], model(images), atol=1e-5)
        write_litert(model, folder, optimizations=[tf.lite.Optimize.DEFAULT])
        assert path.stat().st_size < 0.4 * whole
        small = interpret(model_path=str(path)).get_signature_runner()(images=images.numpy())
        assert small["output_0"].dtype == np.float32


@of("export.py convert: model.export(")
def from_concrete_functions_loses_weights():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    function = tf.function(model).get_concrete_function(tf.TensorSpec((6, 4), "float32"))
    kept = []
    for more in ((), (model,)):
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], *more)
        interpreter = interpret(model_content=converter.convert())
        interpreter.allocate_tensors()
        place = interpreter.get_input_details()[0]["index"]
        interpreter.set_tensor(place, images.numpy())
        interpreter.invoke()
        out = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        kept.append(np.allclose(out, model(images), atol=1e-5))
    assert kept == [True, False]


@of(
    "export.py export_native: model.save(path)",
    "export.py export_native: keras.models.load_model(path)",
)
def a_keras_file_holds_layers_and_weights():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        model.save(path)
        assert {"config.json", "model.weights.h5"} <= set(zipfile.ZipFile(path).namelist())
        assert np.array_equal(keras.models.load_model(path)(images), model(images))


@of("export.py without_erfc: is keras.activations.gelu")
def a_layer_keeps_its_function():
    assert layers.Activation("gelu").activation is keras.activations.gelu


@of(
    "export.py without_erfc: keras.models.clone_model(",
    "export.py without_erfc: layer.from_config(",
)
def a_clone_is_made_of_configurations():
    model, asked = build_model((2, 2)), []

    def clone(layer):
        asked.append(layer)
        return layer.from_config(layer.get_config())

    cloned = keras.models.clone_model(model, clone_function=clone)
    assert {type(each) for each in asked} >= {layers.Dense, layers.ReLU}
    ones = tf.ones((1, 784))
    assert not np.allclose(cloned(ones), model(ones))
    cloned.set_weights(model.get_weights())
    assert np.allclose(cloned(ones), model(ones))


@of(
    "export.py export_onnx: without_erfc(model).export(",
    "export.py export_onnx: name_ends(path)",
    'export.py export_onnx: warnings.simplefilter("ignore", FutureWarning)',
)
def onnx_is_written_by_tf2onnx_under_its_own_names():
    import onnx

    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    spec = [tf.TensorSpec([None, 4], name="images")]
    with (
        tempfile.TemporaryDirectory() as folder,
        warnings.catch_warnings(record=True) as said,
    ):
        warnings.simplefilter("always")
        path = Path(folder, "model.onnx")
        model.export(path, format="onnx", input_signature=spec, verbose=False)
        graph = onnx.load(path).graph
    assert "tf2onnx" in sys.modules
    assert graph.input[0].name == "images"
    assert graph.output[0].name != "logits"
    assert any(each.category is FutureWarning for each in said)
    raises(ValueError, lambda: model.export("x", format="no such format"), "onnx", "litert")


@of("summary.py summarize: layer.output.shape[1:]")
def shapes_are_worked_out_when_the_model_is_built():
    assert build_model((5, 2)).layers[0].output.shape == (None, 5)


@of(
    "summary.py serialize_graph: tf.function(model).get_concrete_function",
    "summary.py serialize_graph: tf.TensorSpec",
)
def a_concrete_function_has_a_graph():
    spec = tf.TensorSpec((None, 784))
    traced = tf.function(build_model((2, 2))).get_concrete_function(spec)
    assert any(node.op == "MatMul" for node in traced.graph.as_graph_def().node)
    seen: list[tf.Tensor] = []
    function = tf.function(lambda x: seen.append(x) or x)
    assert seen == []
    function.get_concrete_function(spec)
    assert len(seen) == 1
    raises(NotImplementedError, lambda: np.asarray(seen[0]))


@of(
    "profile.py profile_epoch: tf.profiler.experimental.Profile(folder)",
    "profile.py read_spans: (recorded,) = folder.rglob(",
    "profile.py read_spans: plane.event_metadata[",
    "profile.py imports: xplane_pb2 import XSpace",
)
def the_profiler_writes_a_file_when_it_ends():
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            tf.ones((2, 2)) @ tf.ones((2, 2))
            assert not list(Path(folder).rglob("*.xplane.pb"))
        (recorded,) = Path(folder).rglob("*.xplane.pb")
        space = XSpace.FromString(recorded.read_bytes())
    named = [
        plane.event_metadata[event.metadata_id].name
        for plane in space.planes
        for line in plane.lines
        for event in line.events
    ]
    assert any("MatMul" in name for name in named)


@of("trace.py compute_gradients: gradient.numpy()  # DIFF-1")
def gradients_are_in_by_out_too():
    layer = layers.Dense(3)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(images))
    assert tape.gradient(loss, layer.kernel).shape == (4, 3)
