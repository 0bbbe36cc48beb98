"""The whole job: data, model, training, predictions."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from functools import partial

import torch
import torch._dynamo  # Or the first optimizer imports it, at the expense of the phase `build`.
from torch import nn

from shared.batches import batch_sizes
from shared.checkpoints import Checkpoints
from shared.clock import Clock
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.errors import UsageError
from shared.initial_weights import initial_weights
from shared.preparation import loss_options, make_preparation, to_pixels
from shared.results import EpochResult
from shared.trained import Trained, measure_inference

from . import compiled
from .data import make_batches, to_tensors
from .device import choose_device, describe_device, peak_device_memory, synchronize
from .evaluate import predict
from .loss import compute_loss
from .model import build_model, get_weights, set_weights
from .optimizer import make_optimizer
from .techniques.checkpoint import learn_in_pieces, replay, save_epochs
from .techniques.early_stopping import stop_early
from .techniques.layers import build_network
from .techniques.loss import make_loss
from .techniques.pipeline import make_pipeline
from .techniques.precision import scale_gradients, use_mixed_precision
from .techniques.schedule import learning_rate, reduce_on_plateau
from .techniques.validation import validate
from .train import Tensors, train, train_epoch, train_step


def build(
    config: TrainConfig, dataset: Dataset
) -> tuple[torch.device, nn.Sequential, torch.optim.Optimizer, Tensors, Tensors]:
    """Device, model, optimizer, training set and test set, ready to be trained.

    Raises:
        UsageError: the device is not there.
    """
    # As TensorFlow does. On a CPU numbers too small for a normal float are slow.
    torch.set_flush_denormal(True)  # DIFF-41
    device = choose_device(config.device, config.float_type)
    train_set = to_tensors(dataset.train_images, dataset.train_labels, device)
    test_set = to_tensors(dataset.test_images, dataset.test_labels, device)
    torch.manual_seed(config.seed)  # DIFF-22
    if config.is_plain:
        model = build_model(config.hidden)
    else:
        options = config.dropout, config.batch_norm, config.alignment
        model = build_network(config.hidden, *options)
    model.to(device)  # DIFF-16
    if config.alignment != "defaults":
        start = config.hidden, config.seed, config.float_type
        set_weights(model, initial_weights(*start, batch_norm=config.batch_norm))
    if config.precision != "full":
        use_mixed_precision(model, config.precision, device)
    steps = len(batch_sizes(len(dataset.train_labels), config.batch_size))
    optimizer = make_optimizer(model, config, steps)
    if config.precision == "float16":
        optimizer = scale_gradients(model, optimizer, device)
    return device, model, optimizer, train_set, test_set


def choose_loss(
    config: TrainConfig, dataset: Dataset, device: torch.device
) -> Callable[..., torch.Tensor]:
    """The loss to be minimized: `compute_loss`, or one with what the configuration asks for."""
    if config.plain_loss:
        return compute_loss
    return make_loss(*loss_options(config, dataset), device)


def make_loop(
    config: TrainConfig,
    variant: str,
    dataset: Dataset,
    device: torch.device,
    checkpoints: Checkpoints | None = None,
) -> Callable[..., Iterator[EpochResult]]:
    """`train` as that variant does it, with what the configuration asks for.

    Raises:
        UsageError: the variant can't do that.
    """
    if variant == "compiled" and config.pipeline != "arrays":
        raise UsageError(
            f"--pipeline {config.pipeline}: expected arrays with the variant compiled, whose "
            "program picks the rows of a batch itself."
        )
    if variant == "compiled" and not config.plain_updates:
        raise UsageError(
            "pytorch/compiled: expected --optimizer adam with a constant learning rate, and no "
            "weight decay, clipping, accumulation or float16, because its program contains just "
            "that."
        )
    loss = choose_loss(config, dataset, device)
    step = partial(train_step, compute_loss=loss)
    prepare = make_preparation(config, dataset, partial(to_tensors, device=device))
    pipeline = make_batches
    if config.pipeline == "per-sample":
        pixels, labels = to_pixels(dataset), dataset.train_labels
        pipeline = make_pipeline(pixels, labels, dataset.mean, dataset.deviation, device)
    learn = {
        "eager": partial(train_epoch, step=step, pipeline=pipeline),  # DIFF-12
        "compiled": partial(compiled.train_epoch, compute_loss=loss),
    }[variant]
    if checkpoints:
        learn = learn_in_pieces(learn, checkpoints)
    return partial(train, learn=learn, prepare=prepare)


def learn_in_epochs(
    config: TrainConfig,
    loop: Callable[..., Iterator[EpochResult]],
    dataset: Dataset,
    clock: Clock,
    built: tuple[torch.device, nn.Sequential, torch.optim.Optimizer, Tensors, Tensors],
    checkpoints: Checkpoints | None = None,
) -> Iterator[EpochResult]:
    """Train what was built, with the techniques that look at each epoch's end around it."""
    device, model, optimizer, train_set, test_set = built
    done, best = (len(checkpoints.epochs), checkpoints.best) if checkpoints else (0, {})
    epochs = loop(model, optimizer, train_set, test_set, config, clock, done=done)
    if config.validation:
        held_out = dataset.validation_images, dataset.validation_labels
        epochs = validate(epochs, model, to_tensors(*held_out, device), clock)
    if checkpoints:
        epochs = replay(epochs, model, optimizer, checkpoints)
    if config.schedule == "plateau":
        epochs = reduce_on_plateau(epochs, optimizer, config)
    if config.schedule != "constant" or config.warmup_steps:
        epochs = (replace(epoch, learning_rate=learning_rate(optimizer)) for epoch in epochs)
    if config.patience is not None:
        epochs = stop_early(epochs, model, config, best)
    if checkpoints:
        epochs = save_epochs(epochs, model, optimizer, checkpoints)
    return epochs


def run(
    config: TrainConfig,
    variant: str,
    dataset: Dataset,
    clock: Clock,
    checkpoints: Checkpoints | None = None,
) -> Generator[EpochResult, None, Trained]:
    """Do it step by step: yield each epoch's figures, return what was learned."""
    with clock.phase("build"):
        built = build(config, dataset)
        device, model, *_ = built
        loop = make_loop(config, variant, dataset, device, checkpoints)
        clock.synchronize = partial(synchronize, device)

    yield from learn_in_epochs(config, loop, dataset, clock, built, checkpoints)

    with clock.phase("evaluate"):
        test_logits = predict(model, dataset.test_images)
    return Trained(
        framework_version=str(torch.__version__),
        device=describe_device(device),
        weights=get_weights(model),
        test_logits=test_logits,
        inference=measure_inference(partial(predict, model), dataset.test_images),
        peak_device_memory_bytes=peak_device_memory(device),
    )
