"""What the mistakes that people make do to a training, by making them.

`python -m benchmarks.mistakes` trains once as it should be and once with each mistake, every time
in a process of its own, and prints what became of it; `--picture PATH` draws the loss curves.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from benchmarks.command import CHILD_VARIABLE, run_benchmark, run_child
from shared import formats
from shared.clock import Clock
from shared.config import CLASSES, TrainConfig
from shared.environment import describe_environment
from shared.errors import UsageError
from shared.registry import RUNS
from shared.threads import prepare_environment

# Curves show means over so many steps.
STEPS_A_POINT = 50
COLUMNS = 3
SOUND = "as it should be"
DROPOUT = 0.5


class Outcome(msgspec.Struct):
    """What became of one training: its losses, and how good it is, or why it ended."""

    losses: list[float] = []
    test_loss: float | None = None
    test_accuracy: float | None = None
    error: str | None = None


class PyTorch:
    """A training in PyTorch, ready to go; each method makes one change to it."""

    def __init__(self, config: TrainConfig) -> None:
        import torch
        from torch.nn import functional

        from pytorch_impl import data, evaluate, loss, run, train
        from shared.sampling import load

        self.torch, self.functional = torch, functional
        self.dataset = load(config, Clock())
        _, self.model, self.optimizer, self.train_set, self.test_set = run.build(
            config, self.dataset
        )
        self.make_batches = data.make_batches
        self.train, self.evaluate = train, evaluate.evaluate
        self.loss = self.compute_loss = loss.compute_loss

    def step(self, *arguments):
        """As `train_step`, with the loss of this training."""
        return self.train.train_step(*arguments, compute_loss=self.loss)

    def _relabel(self, relabel) -> None:
        images, labels = self.train_set
        self.train_set = images, relabel(labels)
        # What does not fit can't be counted either, and the loss is what is asked about.
        self.train.count_correct = lambda *_: self.torch.zeros(())

    def sound(self) -> None:
        """as it should be"""

    def zero_grad_left_out(self) -> None:
        """zero_grad() left out"""
        self.optimizer.zero_grad = lambda: None

    def softmax_before_the_loss(self) -> None:
        """softmax before the loss"""
        self.loss = lambda logits, labels: self.compute_loss(logits.softmax(dim=1), labels)

    def sound_with_dropout(self) -> None:
        """as it should be, with dropout"""
        first, relu, second, _, third = self.model
        dropout = self.torch.nn.Dropout(DROPOUT)
        self.model = self.torch.nn.Sequential(first, relu, dropout, second, relu, dropout, third)

    def eval_left_out(self) -> None:
        """eval() left out, with dropout"""
        self.sound_with_dropout()
        self.model.eval = self.model.train

    def one_hot_labels_as_integers(self) -> None:
        """one-hot labels, integers"""
        self._relabel(self.functional.one_hot)

    def one_hot_labels_as_floats(self) -> None:
        """one-hot labels, floats"""
        self._relabel(lambda labels: self.functional.one_hot(labels).float())

    def labels_as_floats(self) -> None:
        """class numbers as floats"""
        self._relabel(self.torch.Tensor.float)

    def another_device(self) -> None:
        """images on another device than the model"""
        images, labels = self.train_set
        self.train_set = images.to("meta"), labels

    def raw_pixels(self) -> None:
        """pixels from 0 to 255"""
        self.train_set, self.test_set = (
            (255 * (images * self.dataset.deviation + self.dataset.mean), labels)
            for images, labels in (self.train_set, self.test_set)
        )


class TensorFlow:
    """A training in TensorFlow, ready to go; each method makes one change to it."""

    def __init__(self, config: TrainConfig) -> None:
        import keras
        import tensorflow as tf

        from shared.sampling import load
        from tensorflow_impl import data, evaluate, loss, run, train

        self.tf, self.keras = tf, keras
        self.dataset = load(config, Clock())
        _, self.model, self.optimizer, self.train_set, self.test_set = run.build(
            config, self.dataset
        )
        self.make_batches = data.make_batches
        self.train, self.evaluate = train, evaluate.evaluate
        self.loss = self.compute_loss = loss.compute_loss
        self.step = tf.function(
            lambda *arguments: train.train_step(*arguments, compute_loss=self.loss)
        )

    def _lose(self, loss, labels=None) -> None:
        """Train with another loss, and with other labels."""
        self.loss = lambda logits, labels: self.tf.reduce_mean(loss(labels, logits))
        if labels is not None:
            self.train_set = self.train_set[0], labels
            self.train.count_correct = lambda *_: self.tf.constant(0)

    def _with_dropout(self, kind: type) -> None:
        layers = [self.keras.Input(self.model.input_shape[1:])]
        for layer in self.model.layers:
            layers.append(layer)
            if isinstance(layer, self.keras.layers.ReLU):
                layers.append(self.keras.layers.Dropout(DROPOUT))
        self.model = kind(layers)

    def sound(self) -> None:
        """as it should be"""

    def from_logits_left_out(self) -> None:
        """from_logits=True left out"""
        self._lose(self.keras.losses.sparse_categorical_crossentropy)

    def softmax_before_the_loss(self) -> None:
        """softmax before the loss"""
        self.loss = lambda logits, labels: self.compute_loss(self.tf.nn.softmax(logits), labels)

    def softmax_hidden_from_keras(self) -> None:
        """softmax before the loss, unseen by Keras"""
        self.loss = lambda logits, labels: self.compute_loss(
            self.tf.identity(self.tf.nn.softmax(logits)), labels
        )

    def sound_with_dropout(self) -> None:
        """as it should be, with dropout"""
        self._with_dropout(self.keras.Sequential)

    def training_in_evaluation(self) -> None:
        """training=True in evaluation, with dropout"""

        class AlwaysTraining(self.keras.Sequential):
            def call(self, inputs, **_):
                return super().call(inputs, training=True)

        self._with_dropout(AlwaysTraining)

    def one_hot_labels_in_the_sparse_loss(self) -> None:
        """one-hot labels in the sparse loss"""
        loss = partial(self.keras.losses.sparse_categorical_crossentropy, from_logits=True)
        self._lose(loss, self.tf.one_hot(self.train_set[1], CLASSES))

    def class_numbers_in_the_loss_of_one_hot_labels(self) -> None:
        """class numbers in the loss for one-hot labels"""
        loss = partial(self.keras.losses.categorical_crossentropy, from_logits=True)
        self._lose(loss, self.train_set[1])


@dataclass(frozen=True)
class Request:
    """Train once correctly and once with each mistake."""

    config: TrainConfig
    only: str = ""
    """Try only those whose name contains TEXT. Default: all."""
    picture: Path | None = None
    """Draw the loss curves into this PNG file. Default: no drawing."""


def trainings() -> Iterator[tuple[str, type, str]]:
    """Name, class and method of each."""
    for side in (PyTorch, TensorFlow):
        for method, function in vars(side).items():
            if not method.startswith("_"):
                yield f"{side.__name__}: {function.__doc__}", side, method


def train_in(name: str, config: TrainConfig) -> int:
    """Train in one way and print the Outcome as JSON; returns the exit status."""
    import numpy as np

    from shared.batches import epoch_order

    side, method = next((side, method) for known, side, method in trainings() if known == name)
    training = side(config)
    getattr(training, method)()
    outcome = Outcome()
    try:
        for epoch in range(1, config.epochs + 1):
            order = epoch_order(len(training.train_set[0]), config.seed, epoch)
            batches = training.make_batches(*training.train_set, order, config.batch_size)
            losses, _ = training.train.train_epoch(
                training.model, training.optimizer, batches, Clock(), training.step
            )
            points = np.array_split(losses.numpy(), max(1, len(losses) // STEPS_A_POINT))
            outcome.losses += [float(point.mean()) for point in points]
        outcome.test_loss, outcome.test_accuracy = training.evaluate(
            training.model, *training.test_set
        )
    except Exception as error:  # noqa: BLE001 - any error is an outcome of the mistake
        # TensorFlow puts the call around it; what is wrong stands at the end.
        *_, line = filter(None, map(str.strip, str(error).splitlines()))
        outcome.error = line if "Error: " in line else f"{type(error).__name__}: {line}"
    print(msgspec.json.encode(outcome).decode())
    return 0


def make_mistakes(request: Request) -> int:
    """Print a line for each training; returns the exit status."""
    # Keras's trainings are among them, each in a process of its own.
    prepare_environment(request.config.threads, RUNS["tensorflow/graph"].environment)
    if name := os.environ.get(CHILD_VARIABLE):
        return train_in(name, request.config)
    names = [name for name, _, _ in trainings()]
    chosen = [name for name in names if request.only in name]
    if not chosen:
        expected = "; ".join(names)
        raise UsageError(f"--only {request.only}: expected part of one of these names: {expected}.")
    from report.sentences import describe_machine
    from shared.sampling import prepare

    config, _ = prepare(request.config)
    print(describe_machine(describe_environment()))
    print(f"{config.epochs} epochs of {config.dataset}, seed {config.seed}. Columns: training loss")
    print(f"over the first and the last {STEPS_A_POINT} steps, test loss and test accuracy.")
    print(f"{'first':>9} {'last':>9} {'test':>9} {'accuracy':>9}")
    outcomes = {}
    for name in chosen:
        outcome = msgspec.json.decode(run_child("mistakes", name, config), type=Outcome)
        print(describe(outcome), name, flush=True)
        outcomes[name] = outcome
    if request.picture:
        draw({name: each.losses for name, each in outcomes.items() if each.losses}, request.picture)
        print(f"Written: {request.picture}")
    return 0


def describe(outcome: Outcome) -> str:
    """Losses and accuracy in columns, or the error."""
    if outcome.error:
        return f"{outcome.error}\n{'':39}"
    figures = (outcome.losses[0], outcome.losses[-1], outcome.test_loss)
    losses = " ".join(f"{formats.number(figure, 4):>9}" for figure in figures)
    return f"{losses} {formats.percent(outcome.test_accuracy):>9}"


def draw(curves: dict[str, list[float]], path: Path) -> None:
    """Draw each loss curve beside that of the sound training of its framework."""
    import numpy as np
    from matplotlib.figure import Figure

    from report.colors import RIGHT, WRONG
    from report.plotting import save

    mistakes = [name for name in curves if SOUND not in name]
    rows = -(-len(mistakes) // COLUMNS)
    figure = Figure(figsize=(11, 2.6 * rows), layout="constrained")
    grid = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, name in zip(grid.flat, mistakes, strict=False):
        framework, _, title = name.partition(": ")
        sound = f"{framework}: {SOUND}" + (", with dropout" if "dropout" in name else "")
        # Curves that coincide stay visible: the sound one is wider, beneath.
        for each, label, color, width in (
            (sound, SOUND, RIGHT, 5),
            (name, "with the mistake", WRONG, 1.5),
        ):
            if each in curves:
                steps = STEPS_A_POINT * (np.arange(len(curves[each])) + 0.5)
                axes.plot(steps, curves[each], color=color, lw=width, label=label)
        axes.axis("on")
        axes.set_title(f"{framework}\n{title}", fontsize=9)
        axes.set(yscale="log", xlabel="step", ylabel="training loss")
        axes.grid(alpha=0.3)
    grid.flat[0].legend(loc="upper right")
    save(figure, path)


if __name__ == "__main__":
    sys.exit(run_benchmark("mistakes", Request, make_mistakes))
