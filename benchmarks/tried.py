"""What makes training on small batches fast, and what does not: every way that was tried.

`python -m benchmarks.tried` trains a few epochs in each way, every one in a process of its own, and
prints the median of the epochs after the first, and what that one took beyond them, compiling above
all. docs/PERFORMANCE.md explains the ways. `--only WORDS` does those whose name holds these words;
`--repeats N` does each N times, interleaved, and prints the range.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from benchmarks.command import CHILD_VARIABLE, run_benchmark, run_child
from shared import formats
from shared.clock import Clock
from shared.config import TrainConfig
from shared.environment import describe_environment
from shared.errors import UsageError
from shared.registry import RUNS
from shared.threads import prepare_environment

if TYPE_CHECKING:
    import numpy as np

# Of the ways that differ from `build` in this.
KEPT = "denormal numbers kept"

# Learns from all images once, in the given order [n].
Epoch = Callable[["np.ndarray"], object]


class PyTorch:
    """The ways in PyTorch: each method prepares one and returns how an epoch is done."""

    def __init__(self, config: TrainConfig) -> None:
        import torch

        from pytorch_impl import compiled, data, loss, run, train
        from shared.sampling import load

        self.torch, self.compiled, self.train = torch, compiled, train
        self.whole_step = partial(compiled.whole_step, compute_loss=loss.compute_loss)
        _, self.model, self.optimizer, self.train_set, _ = run.build(config, load(config, Clock()))
        self.adam = partial(torch.optim.Adam, self.model.parameters(), lr=config.learning_rate)
        self.batch_size, self.clock = config.batch_size, Clock()
        self.batches = lambda order: data.make_batches(*self.train_set, order, self.batch_size)

    def _plain(self, optimizer: object, step: Callable | None = None) -> Epoch:
        return lambda order: self.train.train_epoch(
            self.model, optimizer, self.batches(order), self.clock, step or self.train.train_step
        )

    def _whole(self, take: Callable) -> Epoch:
        """The epoch of pytorch/compiled, whose batches of the usual size `take` learns from."""
        programs = take, partial(self.compiled.repeat_step, self.whole_step)
        self.compiled.compile_steps = lambda _: programs
        return lambda order: self.compiled.train_epoch(
            self.model, self.optimizer, self.train_set, order, self.batch_size, self.clock
        )

    def _compile(self, function: Callable, **options: object) -> Callable:
        return self.torch.compile(function, fullgraph=True, dynamic=False, **options)

    def _epoch(self, **options: object) -> Epoch:
        steps = partial(self.compiled.train_steps, self.whole_step)
        return self._whole(self._compile(steps, options=options))

    def adam_one_by_one(self) -> Epoch:
        """eager, Adam one tensor at a time (the default)"""
        return self._plain(self.adam(foreach=False))

    def adam_foreach(self) -> Epoch:
        """eager, Adam with lists of tensors (foreach)"""
        return self._plain(self.adam(foreach=True))

    def fused_with_denormals(self) -> Epoch:
        """eager, Adam fused, denormal numbers kept"""
        return self.adam_fused()

    def adam_fused(self) -> Epoch:
        """eager, Adam fused: pytorch/eager"""
        return self._plain(self.adam(fused=True))

    def indexing(self) -> Epoch:
        """eager, Adam fused, indexing instead of DataLoader"""
        images, labels = self.train_set

        def learn(order: "np.ndarray") -> None:
            for rows in self.torch.from_numpy(order).split(self.batch_size):
                self.train.train_step(self.model, self.optimizer, images[rows], labels[rows])

        return learn

    def compile_model(self) -> Epoch:
        """torch.compile(model), Adam fused"""
        self.model.compile(dynamic=False)
        return self._plain(self.adam(fused=True))

    def compile_train_step(self) -> Epoch:
        """torch.compile(train_step), which falls into pieces, Adam fused"""
        return self._plain(self.optimizer, self.torch.compile(self.train.train_step, dynamic=False))

    def one_step(self) -> Epoch:
        """a step in one program"""
        return self._whole(partial(self.compiled.repeat_step, self._compile(self.whole_step)))

    def one_step_in_cpp(self) -> Epoch:
        """a step in one program, called from C++ (cpp_wrapper)"""
        program = self._compile(self.whole_step, options={"cpp_wrapper": True})
        return self._whole(partial(self.compiled.repeat_step, program))

    def eight_steps(self) -> Epoch:
        """eight steps in one program, unrolled"""

        def unrolled(
            model: object,
            optimizer: object,
            images: object,
            labels: object,
            batches: object,
            corrections: object,
        ) -> object:
            given = zip(batches, corrections, strict=True)
            done = [self.whole_step(model, optimizer, images, labels, *each) for each in given]
            return [self.torch.stack(each) for each in zip(*done, strict=True)]

        program = self._compile(unrolled)

        def take(*arguments: object) -> object:
            *given, batches, corrections, first, last = arguments
            groups = zip(
                batches[first:last].split(8), corrections[first:last].split(8), strict=True
            )
            done = [program(*given, *group) for group in groups]
            return [self.torch.cat(each) for each in zip(*done, strict=True)]

        return self._whole(take)

    def epoch_in_python(self) -> Epoch:
        """an epoch in one program, its operations called from Python"""
        return self._epoch()

    def epoch_in_cpp(self) -> Epoch:
        """an epoch in one program, called from C++"""
        return self._epoch(cpp_wrapper=True)

    def epoch_with_small_kernels_alone(self) -> Epoch:
        """an epoch in one program, called from C++, small operations on one thread"""
        return self._epoch(**self.compiled.ON_CPU | {"post_grad_custom_post_pass": None})

    def epoch(self) -> Epoch:
        """an epoch in one program, all that, and biases apart: pytorch/compiled"""
        return self._epoch(**self.compiled.ON_CPU)

    def epoch_with_denormals(self) -> Epoch:
        """pytorch/compiled, denormal numbers kept"""
        return self._epoch(**self.compiled.ON_CPU)

    def epoch_tuned(self) -> Epoch:
        """pytorch/compiled, max-autotune"""
        return self._epoch(**self.compiled.ON_CPU, max_autotune=True)


class TensorFlow:
    """The ways in TensorFlow: each method prepares one and returns how an epoch is done."""

    def __init__(self, config: TrainConfig) -> None:
        import keras
        import tensorflow as tf

        from shared.sampling import load
        from tensorflow_impl import compiled, data, run, train

        self.tf, self.keras, self.compiled, self.train = tf, keras, compiled, train
        _, self.model, self.optimizer, self.train_set, _ = run.build(config, load(config, Clock()))
        self.batch_size, self.clock = config.batch_size, Clock()
        self.batches = lambda order: data.make_batches(*self.train_set, order, self.batch_size)

    def _stepwise(self, **options: object) -> Epoch:
        step = self.tf.function(self.train.train_step, **options)
        return lambda order: self.train.train_epoch(
            self.model, self.optimizer, self.batches(order), self.clock, step
        )

    def _whole(self, **options: object) -> Epoch:
        steps = partial(self.compiled.train_steps, self.train.train_step)
        programs = self.tf.function(steps, **options), self.tf.function(steps)
        self.compiled.compile_steps = lambda _: programs
        return lambda order: self.compiled.train_epoch(
            self.model, self.optimizer, self.train_set, order, self.batch_size, self.clock
        )

    def _fit(self, steps: int, **options: object) -> Epoch:
        loss = self.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(
            self.optimizer, loss, metrics=["accuracy"], steps_per_execution=steps, **options
        )
        return lambda order: self.model.fit(self.batches(order), shuffle=False, verbose=0)

    def step_traced(self) -> Epoch:
        """a step traced: tensorflow/graph"""
        return self._stepwise()

    def step_in_xla(self) -> Epoch:
        """a step in XLA"""
        return self._stepwise(jit_compile=True)

    def epoch_traced(self) -> Epoch:
        """an epoch traced"""
        return self._whole()

    def epoch_in_xla(self) -> Epoch:
        """an epoch in XLA: tensorflow/compiled"""
        return self._whole(jit_compile=True)

    def fit_32_tuned(self) -> Epoch:
        """fit, 32 steps a call, tf.data tuned (the default)"""
        tuning = self.tf.data.Options()
        tuning.autotune.enabled = True
        batches = self.batches
        self.batches = lambda order: batches(order).with_options(tuning)
        return self._fit(32)

    def fit_1(self) -> Epoch:
        """fit, 1 step a call"""
        return self._fit(1)

    def fit_32(self) -> Epoch:
        """fit, 32 steps a call: tensorflow/fit"""
        return self._fit(32)

    def fit_128(self) -> Epoch:
        """fit, 128 steps a call"""
        return self._fit(128)

    def fit_32_in_xla(self) -> Epoch:
        """fit, 32 steps a call, XLA"""
        return self._fit(32, jit_compile=True)


@dataclass(frozen=True)
class Request:
    """Time every way of training that was tried."""

    config: TrainConfig
    only: str = ""
    """Try only those whose name contains TEXT. Default: all."""
    repeats: int = 1
    """Interleaved repeats of each way."""


def ways() -> Iterator[tuple[str, type, str]]:
    """Name, class and method of each."""
    for side in (PyTorch, TensorFlow):
        for method, function in vars(side).items():
            if not method.startswith("_"):
                yield f"{side.__name__}: {function.__doc__}", side, method


def train_in(name: str, config: TrainConfig) -> int:
    """Train in one way and print the seconds of each epoch as JSON; returns the exit status."""
    from shared.batches import epoch_order

    side, method = next((side, method) for known, side, method in ways() if known == name)
    if KEPT in name:
        import torch

        # Too late once threads were started: each has a switch of its own.
        torch.set_flush_denormal = lambda mode: mode
    prepared = side(config)
    learn = getattr(prepared, method)()
    seconds = []
    for epoch in range(1, config.epochs + 1):
        order = epoch_order(len(prepared.train_set[0]), config.seed, epoch)
        started = time.perf_counter()
        learn(order)
        seconds.append(time.perf_counter() - started)
    print(msgspec.json.encode(seconds).decode())
    return 0


def describe(name: str, repeats: Sequence[Sequence[float]]) -> str:
    """A line of the table: medians over the repeats, and the range of the epochs' medians.

    Args:
        repeats: seconds of each epoch, for each repeat.
    """
    epochs = [statistics.median(seconds[1:] or seconds) for seconds in repeats]
    beyond = [seconds[0] - epoch for seconds, epoch in zip(repeats, epochs, strict=True)]
    epoch, fastest, slowest = (
        formats.decimal(of(epochs), 3) for of in (statistics.median, min, max)
    )
    spread, start = f"{fastest} to {slowest}", formats.decimal(statistics.median(beyond), 1)
    return f"{epoch:>12}  {spread:>16}  {start:>16}  {name}"


def try_all(request: Request) -> int:
    """Print a line for each way; returns the exit status.

    Raises:
        UsageError: no way is called so, or the number of repeats is not as expected.
    """
    # Keras's ways are among them, each in a process of its own.
    prepare_environment(request.config.threads, RUNS["tensorflow/fit"].environment)
    if name := os.environ.get(CHILD_VARIABLE):
        return train_in(name, request.config)
    names = [name for name, _, _ in ways()]
    chosen = [name for name in names if request.only in name]
    if not chosen:
        expected = "; ".join(names)
        raise UsageError(f"--only {request.only}: expected part of one of these names: {expected}.")
    if request.repeats < 1:
        raise UsageError(f"--repeats {request.repeats}: expected 1 or more.")
    from report.sentences import describe_machine
    from shared.sampling import prepare

    print(describe_machine(describe_environment()))
    config, _ = prepare(request.config)
    done: dict[str, list[list[float]]] = {name: [] for name in chosen}
    failed: dict[str, str] = {}
    for repeat in range(request.repeats):
        for name in chosen if repeat % 2 == 0 else reversed(chosen):
            print(f"repeat {repeat + 1} of {request.repeats}: {name}", file=sys.stderr)
            try:
                line = run_child("tried", name, config)
                done[name].append(msgspec.json.decode(line, type=list[float]))
            except ChildProcessError as error:
                failed[name] = str(error)
    print(
        f"{formats.several(config.epochs, 'epoch')} of {config.dataset}, "
        f"{formats.several(config.threads, 'thread')}, n = {request.repeats}. Seconds:"
    )
    print(f"{'median epoch':>12}  {'range':>16}  {'first, beyond it':>16}")
    for name in chosen:
        print(describe(name, done[name]) if name not in failed else failed[name])
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(run_benchmark("tried", Request, try_all))
