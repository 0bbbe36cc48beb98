"""Faults to be planted in an implementation, one at a time, to see whether verification finds them.

`python -m tests.support.mutations IMPLEMENTATION FAULT,FAULT FLAGS` sends the traces of the faulty
implementation, as `python -m comparison.tracing` does those of the sound one. The faults that need
the framework are below, in `pytorch_faults` and `tensorflow_faults`; the others are the same in
both.
"""

import contextlib
import functools
import importlib
import math
import sys
from types import ModuleType
from unittest import mock

import numpy as np

from comparison import tracing
from shared import batches, preparation
from shared.registry import implementation_of

# What verification has to say of each fault.
FINDINGS = {
    "none": "computes the same as the NumPy reference",
    "transposed weight": "after step 0: logits is off by .* weights are laid out or applied",
    "softmax before the loss": "after step 0: loss is off by .* loss is computed differently",
    "epsilon in the other form": "after step 1: dense_1/kernel is off by .* epsilon",
    "beta2 0.99": "after step 2: dense_1/kernel is off by .* betas",
    "last partial batch dropped": "this run with the end of the epoch; a batch is missing",
    "last batch unweighted": "train_loss is off by .* mean over the epoch",
    "batches formed before shuffling": "images is off by .* first batch holds other rows",
    "labels shifted by one": "labels is off by .* labels are changed",
    "normalization left out": "images is off by .* images are scaled differently",
    "bias frozen": "after step 1: dense_2/bias is off by .* dense_2/bias is updated differently",
    "float32 inside float64": "logits is off by .* less precision",
}


def shared_faults(package: dict[str, ModuleType]) -> dict[str, list]:
    """The faults that need no framework: for each the patches that plant it."""
    run, train, trace = package["run"], package["train"], package["trace"]

    def transposed(model, weights):
        sound_set_weights(model, weights | {"dense_2/kernel": weights["dense_2/kernel"].T.copy()})

    def unshuffled_batches(size, seed, epoch):
        starts = np.arange(0, size, BATCH_SIZE)
        rows = [np.arange(start, min(start + BATCH_SIZE, size)) for start in starts]
        order = batches.epoch_order(len(rows), seed, epoch)
        return np.concatenate([rows[number] for number in order])

    def shifted(images, labels, device):
        return sound_to_tensors(images, (labels + 1) % 10, device)

    def raw(images, labels, device):
        return sound_to_tensors(images * 0.3081 + 0.1307, labels, device)

    def dropped(images, labels, order, batch_size):
        return sound_make_batches(images, labels, order[: -(len(order) % batch_size)], batch_size)

    def unweighted(means, *_):
        return float(np.mean(means))

    sound_set_weights, sound_to_tensors = run.set_weights, run.to_tensors
    sound_make_batches = run.make_batches
    return {
        "none": [],
        "transposed weight": [mock.patch.object(run, "set_weights", transposed)],
        # Dropping batches alone would not pass unnoticed by the mean over them.
        "last partial batch dropped": [
            mock.patch.object(run, "make_batches", dropped),
            mock.patch.object(train, "epoch_mean", unweighted),
        ],
        "last batch unweighted": [mock.patch.object(train, "epoch_mean", unweighted)],
        "batches formed before shuffling": [
            mock.patch.object(preparation, "epoch_order", unshuffled_batches),
            mock.patch.object(trace, "epoch_order", unshuffled_batches),
        ],
        "labels shifted by one": [mock.patch.object(run, "to_tensors", shifted)],
        "normalization left out": [mock.patch.object(run, "to_tensors", raw)],
    }


# Of the verification in which the faults are planted.
BATCH_SIZE = 16


def with_loss(package: dict[str, ModuleType], loss) -> list:
    """Patches that put another loss wherever the sound one is used in training."""
    modules = package["run"], package["trace"]
    return [mock.patch.object(module, "choose_loss", lambda *_: loss) for module in modules]


def pytorch_faults(package: dict[str, ModuleType]) -> dict[str, list]:
    """The faults that need torch."""
    import torch

    run = package["run"]
    sound_loss, sound_build_model = run.compute_loss, run.build_model

    def other_epsilon(model, learning_rate, alignment):
        optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
        steps = iter(range(1, 10**6))

        def outside_of_the_correction(optimizer, *_):
            optimizer.param_groups[0]["eps"] = 1e-8 / math.sqrt(1 - 0.999 ** next(steps))

        optimizer.register_step_pre_hook(outside_of_the_correction)
        return optimizer

    def other_beta(model, learning_rate, alignment):
        return torch.optim.Adam(model.parameters(), lr=learning_rate, betas=(0.9, 0.99))

    def frozen(model, learning_rate, alignment):
        learning = [weight for weight in model.parameters() if weight is not model[2].bias]
        return torch.optim.Adam(learning, lr=learning_rate)

    def rounding(hidden):
        model = sound_build_model(hidden)
        model[0].register_forward_hook(
            lambda layer, inputs, outputs: outputs.float().to(outputs.dtype)
        )
        return model

    return {
        "softmax before the loss": with_loss(
            package, lambda logits, labels: sound_loss(torch.softmax(logits, dim=1), labels)
        ),
        "epsilon in the other form": [mock.patch.object(run, "make_optimizer", other_epsilon)],
        "beta2 0.99": [mock.patch.object(run, "make_optimizer", other_beta)],
        "bias frozen": [mock.patch.object(run, "make_optimizer", frozen)],
        "float32 inside float64": [mock.patch.object(run, "build_model", rounding)],
    }


def tensorflow_faults(package: dict[str, ModuleType]) -> dict[str, list]:
    """The faults that need TensorFlow."""
    import keras
    import tensorflow as tf

    run = package["run"]
    sound_loss = run.compute_loss
    aligned = importlib.import_module("tensorflow_impl.aligned").AlignedAdam

    class FrozenBias(aligned):
        def update_step(self, gradient, variable, learning_rate):
            # Kernel, bias, kernel, bias: the second layer's.
            if self._get_variable_index(variable) != 3:
                super().update_step(gradient, variable, learning_rate)

    def made(adam, model, learning_rate, **known):
        optimizer = adam(learning_rate, epsilon=1e-8, **known)
        optimizer.build(model.trainable_variables)
        return optimizer

    def with_optimizer(adam, **known):
        def make_optimizer(model, learning_rate, alignment):
            return made(adam, model, learning_rate, **known)

        return [mock.patch.object(run, "make_optimizer", make_optimizer)]

    def rounding(self, inputs, training=None):
        outputs = sound_call(self, inputs, training)
        return tf.cast(tf.cast(outputs, tf.float32), outputs.dtype)

    sound_call = keras.layers.Dense.call
    return {
        "softmax before the loss": with_loss(
            package, lambda logits, labels: sound_loss(tf.nn.softmax(logits), labels)
        ),
        "epsilon in the other form": with_optimizer(keras.optimizers.Adam),
        "beta2 0.99": with_optimizer(aligned, beta_2=0.99),
        "bias frozen": with_optimizer(FrozenBias),
        "float32 inside float64": [mock.patch.object(keras.layers.Dense, "call", rounding)],
    }


def main() -> int:
    """Send the traces of the implementation with each fault in turn."""
    implementation = implementation_of(sys.argv[1])
    variant = {"pytorch": "eager", "tensorflow": "graph"}[implementation]
    package = {
        name: importlib.import_module(f"{sys.argv[1]}.{name}") for name in ("run", "train", "trace")
    }
    specific = {"pytorch": pytorch_faults, "tensorflow": tensorflow_faults}[implementation]
    faults = shared_faults(package) | specific(package)
    sound_trace = package["trace"].trace

    @functools.wraps(sound_trace)
    def faulty_trace(config, fault, dataset, emit):
        with contextlib.ExitStack() as planted:
            for patch in faults[fault]:
                planted.enter_context(patch)
            sound_trace(config, variant, dataset, emit)

    package["trace"].trace = faulty_trace
    return tracing.main()


if __name__ == "__main__":
    sys.exit(main())
