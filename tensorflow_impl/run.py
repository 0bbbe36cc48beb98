"""The whole job: data, model, training, predictions."""

from collections.abc import Generator
from functools import partial

import keras
import tensorflow as tf

from shared.clock import Clock
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.initial_weights import initial_weights
from shared.results import EpochResult
from shared.single_run import Trained, measure_inference

from . import compiled
from .data import to_tensors
from .device import choose_device, describe_device, peak_device_memory, synchronize
from .evaluate import predict
from .fit import fit
from .model import build_model, get_weights, set_weights
from .train import Tensors, make_optimizer, train, train_epoch, train_step

LOOPS = {
    "eager": train,
    # Traced twice: for full batches, and for the last one where it is smaller.
    "graph": partial(train, learn=partial(train_epoch, step=tf.function(train_step))),  # DIFF-12
    "compiled": partial(train, learn=compiled.train_epoch),
    "fit": fit,
}


def build(
    config: TrainConfig, dataset: Dataset
) -> tuple[
    tf.config.PhysicalDevice, keras.Sequential, keras.optimizers.Optimizer, Tensors, Tensors
]:
    """Device, model, optimizer, training set and test set, ready to be trained.

    Raises:
        UsageError: the device is not there.
    """
    device = choose_device(config.device, config.float_type)
    train_set = to_tensors(dataset.train_images, dataset.train_labels, device)
    test_set = to_tensors(dataset.test_images, dataset.test_labels, device)
    keras.utils.set_random_seed(config.seed)  # DIFF-22
    model = build_model(config.hidden)  # DIFF-16
    if config.alignment != "defaults":
        set_weights(model, initial_weights(config.hidden, config.seed, config.float_type))
    optimizer = make_optimizer(model, config.learning_rate, config.alignment)
    return device, model, optimizer, train_set, test_set


def run(
    config: TrainConfig, variant: str, dataset: Dataset, clock: Clock
) -> Generator[EpochResult, None, Trained]:
    """Do it step by step: yield each epoch's figures, return what was learned."""
    with clock.phase("build"):
        device, model, optimizer, train_set, test_set = build(config, dataset)
        clock.synchronize = partial(synchronize, device)

    yield from LOOPS[variant](model, optimizer, train_set, test_set, config, clock)

    with clock.phase("evaluate"):
        test_logits = predict(model, dataset.test_images)
    return Trained(
        framework_version=f"{tf.__version__} (Keras {keras.__version__})",
        device=describe_device(device),
        weights=get_weights(model),
        test_logits=test_logits,
        inference=measure_inference(partial(predict, model), dataset.test_images),
        peak_device_memory_bytes=peak_device_memory(device),
    )
