"""What TensorFlow and Keras answer."""

import tempfile
import zipfile
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import psutil
import tensorflow as tf
from keras import layers, losses, optimizers
from keras.losses import binary_crossentropy, sparse_categorical_crossentropy
from keras.optimizers import schedules

from shared.config import (
    BATCH_NORM_MOMENTUM,
)
from tensorflow_impl.aligned import (
    AlignedBatchNormalization,
    AlignedGELU,
    AlignedLeakyReLU,
)
from tensorflow_impl.data import make_batches
from tensorflow_impl.device import choose_device
from tensorflow_impl.model import build_model
from tensorflow_impl.techniques.precision import scale_gradients, use_mixed_precision
from tests.support.differences.problem import (
    BATCH,
    CLASS_WEIGHTS,
    FACTORS,
    FEATURES,
    GRADIENTS,
    IMAGES,
    KERNEL,
    KINDS,
    LABELS,
    MANY,
    NORMAL,
    ROWS,
    STEP_SIZE,
    STEPS_BEFORE,
    attempt,
    count_denormal,
    count_runs,
    describe_start,
    seeded_elsewhere,
)
from tests.support.differences.tensorflow_traps import TRAPS

Answers = dict[str, object]

images, labels = tf.constant(IMAGES), tf.constant(LABELS)


def make_model() -> keras.Model:
    """A layer with the weights of the problem, as a model."""
    model = keras.Sequential([keras.Input((FEATURES,)), layers.Dense(KINDS)])
    model.layers[0].kernel.assign(KERNEL)
    return model


def make_weight(start: float = 0.0, dtype: str = "float64") -> keras.Variable:
    """A single weight that is learned."""
    return keras.Variable([start], dtype=dtype)


def one_step(optimizer, gradient: float, start: float = 0.0, dtype: str = "float64") -> float:
    """A weight after one step of the optimizer."""
    weight = make_weight(start, dtype)
    optimizer.apply([tf.constant([gradient], dtype)], [weight])
    return float(weight.numpy()[0])


def about_float_types(answers: Answers) -> None:
    """First, because the first layer that is made settles the policy."""
    # First, because the first layer that is made settles the policy.
    keras.config.set_floatx("float64")
    answers["rate with floatx float64"] = float(optimizers.SGD(0.001).learning_rate)
    weight = keras.Variable([0.0], dtype="float64")
    optimizers.Adam(epsilon=0).apply([tf.ones(1, "float64")], [weight])
    answers["adam float64 step"] = float(weight.numpy()[0])
    keras.config.set_floatx("float32")
    answers["layer at first"] = layers.Dense(1).dtype_policy.name
    keras.config.set_floatx("float64")
    answers["layer after floatx alone"] = layers.Dense(1).dtype_policy.name
    keras.config.set_dtype_policy("float64")
    answers["layer after floatx and policy"] = layers.Dense(1).dtype_policy.name
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


def about_layers(answers: Answers) -> None:
    """Shapes, logits and initial weights."""
    model = make_model()
    answers["weight shape"] = list(model.layers[0].kernel.shape)
    answers["logits"] = model(images).numpy().tolist()

    keras.utils.set_random_seed(0)
    answers["initial weights"] = [
        describe_start(layer.kernel.numpy(), layer.bias.numpy())
        for layer in build_model((128, 64)).layers
        if isinstance(layer, layers.Dense)
    ]


def about_activations(answers: Answers) -> None:
    """What leaky ReLU and GELU make of -1 by default, in float64."""
    number = -tf.ones((1,), "float64")
    kind = {"dtype": "float64"}
    makers = {
        "layers.LeakyReLU": layers.LeakyReLU(**kind),
        "layers.Activation leaky_relu": layers.Activation("leaky_relu", **kind),
        "activations.leaky_relu": keras.activations.leaky_relu,
        "ops.leaky_relu": keras.ops.leaky_relu,
        "tf.nn.leaky_relu": tf.nn.leaky_relu,
        "layers.Activation gelu": layers.Activation("gelu", **kind),
        "activations.gelu": keras.activations.gelu,
        "ops.gelu": keras.ops.gelu,
        "tf.nn.gelu": tf.nn.gelu,
        "slope here": layers.LeakyReLU(0.01, **kind),
        "slope aligned": AlignedLeakyReLU(0.01, **kind),
        "gelu aligned": AlignedGELU(**kind),
    }
    answers["activations of -1"] = {
        name: float(make(number).numpy()[0]) for name, make in makers.items()
    }


def about_optimizers(answers: Answers) -> None:
    """Defaults and single steps."""
    adam, adamw = optimizers.Adam, optimizers.AdamW
    answers["adam epsilon"] = adam().epsilon
    answers["adam step"] = one_step(adam(epsilon=1e-7), 1e-6)
    answers["adam float32 step"] = one_step(adam(epsilon=0), 1, dtype="float32")
    answers["adamw decay"] = adamw().weight_decay
    answers["adamw step"] = one_step(adamw(), 0, start=1.0)
    answers["sgd step"] = one_step(optimizers.SGD(0.001), 1)


def about_losses(answers: Answers) -> None:
    """Values, shapes, gradients, and the order of their arguments."""
    model = make_model()
    with tf.GradientTape(persistent=True) as tape:
        logits = model(images)
        tape.watch(logits)
        values = sparse_categorical_crossentropy(labels, logits, from_logits=True)
        loss = losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
    answers["loss"] = float(loss)
    answers["loss shape"] = list(values.shape)
    answers["loss gradient"] = tape.gradient(values, logits).numpy().tolist()
    answers["swapped loss"] = attempt(
        lambda: float(tf.reduce_sum(sparse_categorical_crossentropy(logits, labels, True)))
    )
    halves, ones = tf.fill((4,), 0.75), tf.ones(4)
    answers["binary loss"] = float(binary_crossentropy(ones, halves))
    answers["swapped binary loss"] = float(binary_crossentropy(halves, ones))


def about_fit(answers: Answers) -> None:
    """What Keras compiles, and which loss it reports."""
    model = make_model()
    answers["jit"] = []
    physical = tf.config.list_physical_devices()
    gpu = mock.Mock(device_type="GPU")
    determinism = "tensorflow.python.framework.config.is_op_determinism_enabled"
    for devices, deterministic in ((physical, False), ([*physical, gpu], False), ([gpu], True)):
        with (
            mock.patch.object(tf.config, "list_physical_devices", return_value=devices),
            mock.patch(determinism, return_value=deterministic),
        ):
            model.compile(loss="mse")
            answers["jit"].append(model.jit_compile)

    model.compile(
        optimizers.SGD(STEP_SIZE),
        losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    history = model.fit(images, labels, BATCH, shuffle=False, verbose=0).history
    answers["reported loss"] = history["loss"][0]
    answers["loss at the end"] = model.evaluate(images, labels, verbose=0)


def about_data(answers: Answers) -> None:
    """Order of shuffled rows, and which are held out."""
    tf.random.set_seed(0)
    numbers = tf.data.Dataset.range(MANY)
    answers["order"] = [int(number) for number in numbers.shuffle(10)]

    # With the weight kept at 1, the loss says which rows it was measured on.
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile(optimizers.SGD(0.0), "mse")
    rows = np.arange(ROWS, dtype="float32")[:, None]
    history = model.fit(rows, 0 * rows, validation_split=0.2, shuffle=True, verbose=0).history
    answers["validation loss"] = history["val_loss"][0]


def about_dropout(answers: Answers) -> None:
    """In which mode it drops, and what its masks depend on."""
    dropout = layers.Dropout(0.5)
    answers["dropped on a plain call"] = int(tf.reduce_sum(1 - tf.sign(dropout(tf.ones(MANY)))))
    masks = []
    for draws in (0, 0, 1):
        keras.utils.set_random_seed(0)
        dropout = layers.Dropout(0.5)
        tf.random.uniform([draws])
        masks.append(tf.sign(dropout(tf.ones(MANY), training=True)).numpy().tolist())
    answers["masks: first, again, after another draw"] = masks
    counts = []
    for _ in range(3):
        counts.append(dropout.seed_generator.state.numpy().tolist())
        dropout(tf.ones(MANY), training=True)
    answers["what dropout remembers"] = counts
    accumulating = optimizers.SGD(gradient_accumulation_steps=2)
    accumulating.build([keras.Variable(np.zeros(shape)) for shape in (3, 4)])
    answers["variables of an accumulating optimizer"] = len(accumulating.variables)


def about_gradients(answers: Answers) -> None:
    """What is added up, and what is recorded."""
    model = make_model()
    gradients = []
    for _ in range(2):
        with tf.GradientTape() as tape:
            values = sparse_categorical_crossentropy(labels, model(images), from_logits=True)
        gradients.append(tape.gradient(values, model.layers[0].kernel))
    answers["second gradient over first"] = (gradients[1] / gradients[0]).numpy().ravel().tolist()
    outside = model(images)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(outside)
    answers["gradient of what was computed outside"] = tape.gradient(loss, model.weights[0])


def about_traced_functions(answers: Answers) -> None:
    """How often a body runs."""
    answers["body runs in four calls"] = count_runs(tf.function, lambda function: function())
    sizes = iter((4, 4, 2, 3))
    answers["body runs in four calls, three sizes"] = count_runs(
        tf.function, lambda function: function(tf.ones(next(sizes)))
    )


def about_compiled_loops(answers: Answers) -> None:
    """A loop within one program."""
    number = keras.Variable(2.0)
    optimizer = optimizers.SGD(STEP_SIZE)
    optimizer.build([number])

    def learn(steps: tf.Tensor) -> tf.Tensor:
        values, step = tf.zeros(3), 0
        while step < steps:
            with tf.GradientTape() as tape:
                loss = number**2 / 2
            optimizer.apply([tape.gradient(loss, number.value)], [number])
            values = tf.tensor_scatter_nd_update(values, [[step]], [tf.sqrt(2 * loss)])
            step += 1
        return values

    program = tf.function(learn, jit_compile=True)
    answers["losses of a program with a loop"] = program(tf.constant(3)).numpy().tolist()
    program(tf.constant(1))
    answers["programs for one step and for three"] = program.experimental_get_tracing_count()

    answers["denormal numbers"] = count_denormal(tf.fill((MANY,), NORMAL) * STEP_SIZE)


def about_threads(answers: Answers) -> None:
    """Those of the input pipeline."""

    def threads_while_iterating(batches: tf.data.Dataset) -> int:
        iterator = iter(batches)
        next(iterator)
        return psutil.Process().num_threads()

    batches = make_batches(tf.constant(IMAGES), tf.constant(LABELS), np.arange(ROWS), BATCH)
    answers["tuning here"] = batches.options().autotune.enabled
    numbers = tf.data.Dataset.range(1)
    # The first iteration of all starts threads that stay.
    _, untuned, tuned = [
        threads_while_iterating(each)
        for each in (numbers, numbers.with_options(batches.options()), numbers)
    ]
    answers["more threads by default"] = tuned > untuned


def about_devices(answers: Answers) -> None:
    """Precision, and a device that is not there."""
    answers["tf32"] = tf.config.experimental.tensor_float_32_execution_enabled()
    choose_device("cpu", "float32")
    answers["tf32 here"] = tf.config.experimental.tensor_float_32_execution_enabled()

    def on_a_missing_device():
        with tf.device("GPU:99"):
            return tf.ones(2).device.rpartition(":")[0][-3:]

    answers["missing device"] = attempt(on_a_missing_device)


def about_mixed_precision(answers: Answers) -> None:
    """Types of layers and losses under a policy."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    mixed = make_model()
    logits = mixed(images)
    loss = tf.reduce_mean(sparse_categorical_crossentropy(labels, logits, from_logits=True))
    answers["mixed: weights, logits, loss"] = [
        tf.as_dtype(each.dtype).name for each in (mixed.layers[0].kernel, logits, loss)
    ]
    keras.config.set_dtype_policy("mixed_float16")
    mixed = make_model()
    mixed.compile(optimizers.SGD(), "mse")
    answers["optimizer of mixed_float16"] = type(mixed.optimizer).__name__
    keras.config.set_dtype_policy("float32")


def about_files(answers: Answers) -> None:
    """What is saved and what is loaded."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        model = make_model()
        model.compile(optimizers.Adam(), "mse")
        model.fit(images, tf.one_hot(labels, KINDS), verbose=0)
        model.save(path)
        answers["saved files"] = sorted(zipfile.ZipFile(path).namelist())
        loaded = keras.models.load_model(path)
        answers["saved model"] = type(loaded).__name__
        answers["saved optimizer's steps"] = int(loaded.optimizer.iterations)


def about_settings(answers: Answers) -> None:
    """Types, seeds, and weights that come late."""
    answers["float64 images"] = make_model()(tf.cast(images, tf.float64)).dtype.name
    answers["seeded elsewhere"] = seeded_elsewhere(keras.utils.set_random_seed)
    answers["seeded elsewhere by TensorFlow alone"] = seeded_elsewhere(tf.random.set_seed)

    optimizer = optimizers.Adam()
    answers["optimizer variables before and after build"] = [len(optimizer.variables)]
    optimizer.build(make_model().trainable_variables)
    answers["optimizer variables before and after build"].append(len(optimizer.variables))
    late = make_model().trainable_variables
    answers["a weight the optimizer was not given"] = attempt(
        lambda: optimizer.apply([tf.ones_like(each) for each in late], late)
    )

    late = keras.Sequential([layers.Dense(KINDS)])
    answers["weights before and after the first call"] = [len(late.weights)]
    late(images)
    answers["weights before and after the first call"].append(len(late.weights))


def about_batch_normalization(answers: Answers) -> None:
    """Its defaults, and what it keeps."""
    layer = layers.BatchNormalization()
    layer(images, training=True)
    answers["batch norm: momentum, epsilon"] = [layer.momentum, layer.epsilon]
    answers["variance kept"] = layer.moving_variance.numpy().tolist()
    layer = AlignedBatchNormalization(momentum=BATCH_NORM_MOMENTUM)
    layer(images, training=True)
    answers["variance kept here"] = layer.moving_variance.numpy().tolist()


def about_other_optimizers(answers: Answers) -> None:
    """RMSprop, Adagrad and decay."""
    rmsprop, adagrad = optimizers.RMSprop(), optimizers.Adagrad()
    defaults = [float(rmsprop.learning_rate), rmsprop.rho, rmsprop.epsilon]
    answers["rmsprop: rate, rho, epsilon"] = defaults
    answers["rmsprop step"] = one_step(optimizers.RMSprop(1.0, rho=0.99, epsilon=1e-8), 1e-4)
    start = adagrad.initial_accumulator_value
    defaults = [float(adagrad.learning_rate), start, adagrad.epsilon]
    answers["adagrad: rate, start, epsilon"] = defaults
    answers["adagrad step"] = one_step(optimizers.Adagrad(1.0), 0.01)
    from_zero = optimizers.Adagrad(1.0, initial_accumulator_value=0.0, epsilon=1e-8)
    answers["adagrad step from 0"] = one_step(from_zero, 1e-4)

    answers["adam with decay"] = one_step(optimizers.Adam(0.5, weight_decay=0.01), 0, 1.0)
    answers["adamw with decay"] = one_step(optimizers.AdamW(0.5, weight_decay=0.01), 0, 1.0)
    optimizer = optimizers.Adam(0.5)
    optimizer.weight_decay = np.float64(0.01)
    answers["adam with NumPy's decay"] = one_step(optimizer, 0, 1.0)


def about_clipping(answers: Answers) -> None:
    """By the norm of all gradients, and of each."""
    for name in ("global_clipnorm", "clipnorm"):
        weights = [make_weight(), make_weight()]
        gradients = [tf.constant([gradient], "float64") for gradient in GRADIENTS]
        optimizers.SGD(1.0, **{name: 1.0}).apply(gradients, weights)
        answers[f"clipped by {name}"] = [-float(weight.numpy()[0]) for weight in weights]


def about_accumulation(answers: Answers) -> None:
    """Two batches for an update."""
    weight, halving = make_weight(), schedules.ExponentialDecay(1.0, 1, 0.5)
    optimizer = optimizers.SGD(1.0, gradient_accumulation_steps=2)
    for gradient in GRADIENTS:
        optimizer.apply([tf.constant([gradient], "float64")], [weight])
    answers["accumulated"] = float(weight.numpy()[0])
    optimizer = optimizers.SGD(halving, gradient_accumulation_steps=2)
    for _ in range(4):
        optimizer.apply([tf.zeros(1, "float64")], [weight])
    answers["updates of four batches"] = int(optimizer.iterations)
    answers["rate after two updates of two batches"] = float(optimizer.learning_rate)


def about_schedules(answers: Answers) -> None:
    """The rate from step to step."""
    weight, optimizer = make_weight(), optimizers.SGD(1.0, momentum=0.9)
    answers["momentum, the rate dropping"] = []
    for rate in (1.0, 0.1):
        optimizer.learning_rate = rate
        optimizer.apply([tf.ones(1, "float64")], [weight])
        answers["momentum, the rate dropping"].append(float(weight.numpy()[0]))
    keras.config.set_floatx("float64")
    answers["scheduled rate"] = float(schedules.ExponentialDecay(0.1, 1, 0.1)(0))
    keras.config.set_floatx("float32")
    warmup = schedules.CosineDecay(0.0, 10, warmup_target=1.0, warmup_steps=4)
    answers["rate at the start of a warm-up"] = float(warmup(0))


def about_plateaus(answers: Answers) -> None:
    """When the rate drops."""
    callback = keras.callbacks.ReduceLROnPlateau("loss", patience=2)
    answers["plateau: min_delta"] = callback.min_delta
    model = keras.Sequential([keras.Input((FEATURES,)), layers.Dense(KINDS)])
    model.compile(optimizers.SGD(1.0))
    callback.set_model(model)
    callback.on_train_begin()
    answers["rates on a plateau"] = []
    for epoch in range(5):
        callback.on_epoch_end(epoch, {"loss": 1.0})
        answers["rates on a plateau"].append(float(model.optimizer.learning_rate))


def about_other_losses(answers: Answers) -> None:
    """Smoothed and weighted."""
    logits, one_hot = images @ KERNEL, tf.one_hot(labels, KINDS)
    smoothing = {"from_logits": True, "label_smoothing": 0.1}
    answers["smoothed loss"] = float(losses.CategoricalCrossentropy(**smoothing)(one_hot, logits))
    answers["smoothed loss of integers"] = attempt(
        lambda: losses.SparseCategoricalCrossentropy(**smoothing)
    )

    class Types(losses.Loss):
        def call(self, labels, logits):
            answers["type of labels in a loss object"] = labels.dtype.name
            return logits

    Types()(labels, logits)
    cross_entropy = losses.SparseCategoricalCrossentropy(from_logits=True)
    weights = tf.gather(tf.constant(CLASS_WEIGHTS), labels)
    answers["weighted loss"] = float(cross_entropy(labels, logits, sample_weight=weights))
    model = make_model()
    model.compile(optimizers.SGD(0.0), cross_entropy)
    by_class = dict(enumerate(CLASS_WEIGHTS))
    history = model.fit(images, labels, ROWS, class_weight=by_class, verbose=0).history
    answers["weighted loss by fit"] = history["loss"][0]


def about_mixed_layers(answers: Answers) -> None:
    """Types of the layers."""
    hidden = layers.Dense(KINDS, "relu")
    model = keras.Sequential([keras.Input((FEATURES,)), hidden, layers.Dense(KINDS)])
    use_mixed_precision(model, "bfloat16", None)
    answers["mixed here: hidden, logits"] = [
        each.dtype.name for each in (hidden(images), model(images))
    ]


def about_scaling(answers: Answers) -> None:
    """Of gradients, step by step."""
    scaler = optimizers.LossScaleOptimizer(optimizers.SGD(1.0))
    answers["loss scale: initial, growth interval"] = [
        scaler.initial_scale,
        scaler.dynamic_growth_steps,
    ]
    model = keras.Sequential([keras.Input((FEATURES,)), layers.Dense(KINDS)])
    kernel = model.layers[0].kernel
    optimizer = scale_gradients(model, optimizers.SGD(1.0), None)
    optimizer.step_counter.assign(STEPS_BEFORE)
    answers["scale, gradient"] = []
    for factor in FACTORS:
        before = kernel.numpy()
        with tf.GradientTape() as tape:
            loss = factor * tf.reduce_sum(model(images))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        gradient = (before - kernel.numpy())[:, 0].tolist()
        answers["scale, gradient"].append([float(optimizer.dynamic_scale), gradient])
    answers["steps, updates with scaling"] = [
        int(each) for each in (optimizer._iterations, optimizer.iterations)
    ]


def about_maps(answers: Answers) -> None:
    """How often the body of a map runs."""
    numbers = tf.data.Dataset.range(ROWS)
    answers["body runs in a map"] = count_runs(
        lambda body: numbers.map(lambda number: body() or number, num_parallel_calls=2), list
    )


PARTS = (
    about_float_types,
    about_layers,
    about_activations,
    about_optimizers,
    about_losses,
    about_fit,
    about_data,
    about_dropout,
    about_gradients,
    about_traced_functions,
    about_compiled_loops,
    about_threads,
    about_devices,
    about_mixed_precision,
    about_files,
    about_settings,
    about_batch_normalization,
    about_other_optimizers,
    about_clipping,
    about_accumulation,
    about_schedules,
    about_plateaus,
    about_other_losses,
    about_mixed_layers,
    about_scaling,
    about_maps,
)


def answers() -> Answers:
    """All answers, by their names in the tests."""
    found: Answers = {}
    for part in (*PARTS, *TRAPS):
        part(found)
    return found
