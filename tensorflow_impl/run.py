"""The whole job: data, model, training, predictions."""

from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from shared.batches import batch_sizes
from shared.checkpoints import Checkpoints
from shared.clock import Clock
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.epochs import follow, validate
from shared.errors import UsageError
from shared.initial_weights import initial_weights
from shared.preparation import choose_rows, loss_options, to_pixels
from shared.results import EpochResult
from shared.trained import Trained

from . import compiled
from .data import make_batches, to_tensors
from .device import (
    choose_device,
    describe_device,
    peak_device_memory,
    synchronize,
)
from .evaluate import evaluate, predict
from .fit import compile_model, fit
from .loss import compute_loss
from .model import build_model, get_weights, set_weights
from .optimizer import make_optimizer
from .techniques.activations import choose_activation
from .techniques.checkpoint import get_state, learn_in_pieces, set_state
from .techniques.layers import build_network
from .techniques.loss import make_loss
from .techniques.optimizers import choose_optimizer
from .techniques.pipeline import make_pipeline
from .techniques.precision import scale_gradients, use_mixed_precision
from .techniques.schedule import learning_rate, reduce_on_plateau
from .techniques.workers import join, learn_together, share_step
from .train import Tensors, train, train_epoch, train_step

# Device, model, optimizer, training set and test set.
Built = tuple[
    tf.config.PhysicalDevice,
    keras.Sequential,
    keras.optimizers.Optimizer,
    Tensors,
    Tensors,
]
# Takes images, labels and the rows [k] of them to learn from, in order.
Learner = Callable[[Tensors, np.ndarray], Tensors]
# As `train_step`.
Step = Callable[..., Tensors]


def build(config: TrainConfig, dataset: Dataset) -> Built:
    """Everything that a training needs, ready to go.

    Raises:
        UsageError: the device is not there.
    """
    device = choose_device(config.device, config.float_type)
    join(config.workers, config.worker_timeout, device)
    train_images, train_labels = dataset.train_images, dataset.train_labels
    train_set = to_tensors(train_images, train_labels, device)
    test_set = to_tensors(dataset.test_images, dataset.test_labels, device)
    model = make_model(config, device)
    if config.plain_updates:
        rate, alignment = config.learning_rate, config.alignment
        optimizer = make_optimizer(model, rate, alignment)
    else:
        steps = len(batch_sizes(len(train_labels), config.batch_size))
        optimizer = choose_optimizer(model, config, steps)
    if config.precision == "float16":
        optimizer = scale_gradients(model, optimizer, device)
    return device, model, optimizer, train_set, test_set


def make_model(
    config: TrainConfig, device: tf.config.PhysicalDevice
) -> keras.Sequential:
    """The network with its initial weights."""
    keras.utils.set_random_seed(config.seed)  # DIFF-22
    if config.is_plain:
        first, second = config.hidden
        model = build_model((first, second))
    else:
        function = config.activation, config.activation_parameters
        activation = choose_activation(*function, config.alignment)
        options = config.dropout, config.batch_norm, config.alignment
        model = build_network(config.hidden, activation, *options)
    if config.alignment != "defaults":
        start = config.hidden, config.seed, config.float_type
        norm = config.batch_norm
        set_weights(model, initial_weights(*start, batch_norm=norm))
    if config.precision != "full":
        use_mixed_precision(model, config.precision, device)
    return model


def choose_loss(
    config: TrainConfig, dataset: Dataset, device: tf.config.PhysicalDevice
) -> Callable[..., tf.Tensor]:
    """The loss to minimize: `compute_loss`, or the one the flags ask for."""
    if config.plain_loss:
        return compute_loss
    return make_loss(*loss_options(config, dataset), device)


def choose_pipeline(
    config: TrainConfig, dataset: Dataset, device: tf.config.PhysicalDevice
) -> Callable[..., Iterable[Tensors]]:
    """The function that makes batches: `make_batches`, or one like it."""
    if config.pipeline == "arrays":
        return make_batches
    pixels, labels = to_pixels(dataset), dataset.train_labels
    scale = dataset.mean, dataset.deviation
    return make_pipeline(pixels, labels, *scale, device)


def make_learner(
    config: TrainConfig,
    variant: str,
    dataset: Dataset,
    built: Built,
    clock: Clock,
) -> Learner:
    """The variant's way to learn, with the step that the flags ask for.

    Raises:
        UsageError: the variant can't do that.
    """
    device, model, optimizer, *_ = built
    loss, size = choose_loss(config, dataset, device), config.batch_size
    if variant == "compiled":
        compiled.refuse_uncompiled(config)
        return lambda train_set, rows: compiled.train_epoch(
            model, optimizer, train_set, rows, size, clock, loss
        )
    pipeline = choose_pipeline(config, dataset, device)
    group = join(config.workers, config.worker_timeout, device)
    step: Step = partial(train_step, compute_loss=loss)
    if group:
        step = share_step(group, model, optimizer, loss)
    if variant == "graph":
        # Traced twice: for full batches, and for a smaller last one.
        step = tf.function(step)  # DIFF-12

    def learn(train_set: Tensors, rows: np.ndarray) -> Tensors:
        batches = pipeline(*train_set, rows, size)
        return train_epoch(model, optimizer, batches, clock, step)

    return learn_together(group, learn) if group else learn


def train_rows(
    config: TrainConfig,
    dataset: Dataset,
    built: Built,
    learn: Learner,
    clock: Clock,
    checkpoints: Checkpoints | None = None,
) -> Iterator[EpochResult]:
    """Train, from the first epoch that no checkpoint holds yet."""
    device, model, optimizer, train_set, test_set = built
    tensors = partial(to_tensors, device=device)
    rows_of = choose_rows(config, dataset, train_set, tensors)
    sizes = batch_sizes(len(dataset.train_labels), config.batch_size)
    done = 0
    if checkpoints:
        learn = learn_in_pieces(learn, model, optimizer, checkpoints)
        done = len(checkpoints.epochs)

    def learn_epoch(epoch: int) -> Tensors:
        return learn(*rows_of(epoch))

    epochs = range(done + 1, config.epochs + 1)
    return train(model, learn_epoch, sizes, test_set, epochs, clock)


def fit_rows(
    config: TrainConfig,
    dataset: Dataset,
    built: Built,
    clock: Clock,
    checkpoints: Checkpoints | None = None,
) -> Iterator[EpochResult]:
    """Let Keras train with the rows of each epoch.

    Raises:
        UsageError: `fit` can't do that.
    """
    if config.checkpoint_steps:
        raise UsageError(
            f"--checkpoint-steps {config.checkpoint_steps}: Keras's fit can "
            "be left only between epochs; leave the flag out, or choose "
            "another variant, such as graph."
        )
    device, model, optimizer, train_set, test_set = built
    tensors = partial(to_tensors, device=device)
    rows_of = choose_rows(config, dataset, train_set, tensors)
    pipeline = choose_pipeline(config, dataset, device)
    own = None if config.plain_loss else choose_loss(config, dataset, device)
    compile_model(model, optimizer, own)

    def batches_of(epoch: int) -> Iterable[Tensors]:
        (images, labels), order = rows_of(epoch)
        return pipeline(images, labels, order, config.batch_size)

    done = len(checkpoints.epochs) if checkpoints else 0
    epochs = range(done + 1, config.epochs + 1)
    return fit(model, batches_of, test_set, epochs, clock, own is None)


def look_at_epochs(
    config: TrainConfig,
    dataset: Dataset,
    built: Built,
    epochs: Iterator[EpochResult],
    clock: Clock,
    checkpoints: Checkpoints | None = None,
) -> Iterator[EpochResult]:
    """Add what happens between epochs: validation, early stopping, ..."""
    device, model, optimizer, *_ = built
    images, labels = dataset.validation_images, dataset.validation_labels
    if images is not None and labels is not None:
        held_out = to_tensors(images, labels, device)
        measure = partial(evaluate, model, *held_out)
        epochs = validate(epochs, measure, clock)
    weights = partial(get_weights, model), partial(set_weights, model)
    both = model, optimizer
    state = partial(get_state, *both), partial(set_state, *both)
    reduce = partial(reduce_on_plateau, optimizer=optimizer, config=config)
    rate = partial(learning_rate, optimizer), reduce
    return follow(epochs, config, checkpoints, weights, state, rate)


def learn_in_epochs(
    config: TrainConfig,
    variant: str,
    dataset: Dataset,
    built: Built,
    clock: Clock,
    checkpoints: Checkpoints | None = None,
) -> Iterator[EpochResult]:
    """Train, as the variant does, with all techniques.

    Raises:
        UsageError: the variant can't do that.
    """
    if variant == "fit":
        epochs = fit_rows(config, dataset, built, clock, checkpoints)
    else:
        learn = make_learner(config, variant, dataset, built, clock)
        epochs = train_rows(config, dataset, built, learn, clock, checkpoints)
    return look_at_epochs(config, dataset, built, epochs, clock, checkpoints)


def run(
    config: TrainConfig,
    variant: str,
    dataset: Dataset,
    clock: Clock,
    checkpoints: Checkpoints | None = None,
) -> Generator[EpochResult, None, Trained]:
    """Do the whole job: yield each epoch's figures, return the result."""
    with clock.phase("build"):
        built = build(config, dataset)
        epochs = learn_in_epochs(
            config, variant, dataset, built, clock, checkpoints
        )
        device, model, *_ = built
        clock.synchronize = partial(synchronize, device)

    yield from epochs

    return Trained(
        framework_version=f"{tf.__version__} (Keras {keras.__version__})",
        device=describe_device(device),
        weights=get_weights(model),
        predict=partial(predict, model),
        peak_device_memory_bytes=peak_device_memory(device),
    )
