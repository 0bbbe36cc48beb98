"""`python -m tensorflow_impl profile`: where a training step's time goes."""

import tempfile
from pathlib import Path

import tensorflow as tf
from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

from shared.clock import Clock
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.trace_events import own_times, write_chrome_trace
from shared.trained import Operator, Span

from .run import build, learn_in_epochs

# Extracts the operator from a recorded name. The machinery around it counts as
# part of the operator.
OPERATORS = {
    # A traced function: its call waits for the threads that compute its
    # operations.
    r"EagerLocalExecute: __inference_(.+)_\d+": r"call of \1",
    r"EagerLocalExecute: (.+)": r"\1",
    r"(TFE_|Eager|KernelAndDevice|Executor|Threadpool|ThunkExecutor).*": "",
    r"(FunctionRun|end: ).*": "",
    # An operation within a function: its place there and its kind.
    r"[^:]+:(\w+)": r"\1",
    # An operation compiled by XLA: its name and a number.
    r"(\w+)\.\d+": r"\1",
}


def read_spans(folder: Path) -> list[Span]:
    """The profiler's records, thread by thread."""
    (recorded,) = folder.rglob("*.xplane.pb")
    return [
        Span(
            plane.event_metadata[event.metadata_id].name,
            f"{plane.name} {line.name or line.id}",
            line.timestamp_ns / 1e9 + event.offset_ps / 1e12,
            event.duration_ps / 1e12,
        )
        for plane in XSpace.FromString(recorded.read_bytes()).planes
        for line in plane.lines
        for event in line.events
    ]


def profile_epoch(
    config: TrainConfig, variant: str, dataset: Dataset, path: Path
) -> list[Operator]:
    """Train for three epochs; write a Chrome trace of the last to `path`."""
    built = build(config, dataset)
    epochs = learn_in_epochs(config, variant, dataset, built, Clock())
    next(epochs), next(epochs)
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            next(epochs)
        spans = read_spans(Path(folder))
    write_chrome_trace(spans, path)
    return own_times(spans, OPERATORS)
