"""Traces of what an implementation computes, sent from a child process to its parent.

`python -m comparison.tracing PACKAGE VARIANT,VARIANT FLOAT_TYPE,FLOAT_TYPE FLAGS` writes the traces
of all variants, in one float type after the other, to standard output: each frame a length and a
MessagePack message.
"""

import os
import struct
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import IO, Literal

import msgspec

from commands.twin import MissingFramework, import_twin
from shared import workers
from shared.config import DeviceName, FloatType, TrainConfig
from shared.errors import UsageError
from shared.flags import parse_flags
from shared.registry import implementation_of
from shared.threads import NO_CACHE_VARIABLE, prepare_environment

FLOAT_TYPES: tuple[FloatType, ...] = ("float64", "float32")

TEST_IMAGES = 1000

LENGTH = struct.Struct("<Q")


FrameKind = Literal["start", "step", "epoch", "end", "unavailable", "missing", "broken", "device"]


@dataclass(frozen=True)
class Frame:
    """One moment of a trace: `start`, `step`, `epoch`, or `end` behind the last one.

    `arrays` is a safetensors file of the named arrays of that moment. A run that can't be had here
    has the moment `unavailable` instead, whose text is the reason, or `missing`, whose text is the
    module that is not installed; one that ends by an error has `broken`, whose text is the error.
    The text of `device`, which comes first, says where it computes.
    """

    kind: FrameKind
    arrays: bytes = b""
    text: str = ""


def write_frame(stream: IO[bytes], frame: Frame) -> None:
    """Send one frame."""
    message = msgspec.msgpack.encode(frame)
    stream.write(LENGTH.pack(len(message)))
    stream.write(message)


def read_frames(stream: IO[bytes]) -> Iterator[Frame]:
    """Receive one trace, up to its end.

    Raises:
        EOFError: the sender stopped before the end.
    """
    while True:
        header = stream.read(LENGTH.size)
        if len(header) < LENGTH.size:
            raise EOFError
        message = stream.read(LENGTH.unpack(header)[0])
        try:
            frame = msgspec.msgpack.decode(message, type=Frame)
        except msgspec.DecodeError:
            raise EOFError from None
        if frame.kind == "end":
            return
        yield frame


def send_traces(
    stream: IO[bytes],
    package: str,
    variants: Sequence[str],
    float_types: Sequence[FloatType],
    config: TrainConfig,
) -> None:
    """Write the traces of all variants in one float type after the other.

    Raises:
        UsageError: the dataset can't be had.
    """
    # Only now, because NumPy reads the number of threads when it is imported.
    import numpy as np
    from safetensors.numpy import save

    from shared.sampling import load_configured

    def emit(kind: FrameKind, arrays: dict[str, np.ndarray]) -> None:
        arrays = {name: np.asarray(array) for name, array in arrays.items()}
        write_frame(stream, Frame(kind, save(arrays)))

    computed = None
    for number, float_type in enumerate(float_types):
        typed = replace(config, float_type=float_type)
        dataset = load_configured(typed).with_test_images(TEST_IMAGES)
        for variant in variants:
            try:
                trace = import_twin(implementation_of(package), "trace").trace
                device = import_twin(implementation_of(package), "device")
                name = find_device(device, config.device, float_type)
                described = device.describe_device(device.choose_device(name, float_type))
                if computed not in (None, described):
                    start_anew(stream, float_types, float_types[number:])
                computed = described
                write_frame(stream, Frame("device", text=described))
                trace(replace(typed, device=name), variant, dataset, emit)
            except MissingFramework as error:
                write_frame(stream, Frame("missing", text=error.module))
            except UsageError as error:
                write_frame(stream, Frame("unavailable", text=str(error)))
            # Whatever it is, the other variants in this process are traced all the same.
            except Exception as error:  # noqa: BLE001
                summary = traceback.format_exception_only(error)[-1]
                write_frame(stream, Frame("broken", text=summary.partition("\n")[0]))
            write_frame(stream, Frame("end"))
            # Whatever ends this process next, this trace is whole.
            stream.flush()


def find_device(device: ModuleType, name: DeviceName, float_type: FloatType) -> DeviceName:
    """The device of that name if it has the float type, else, for float64, the CPU.

    Args:
        device: how the framework chooses one.

    Raises:
        UsageError: there is no such device.
    """
    try:
        device.choose_device(name, float_type)
    except UsageError:
        if float_type == "float32":
            raise
        # Apple's GPUs have no float64, but other machines no such device.
        device.choose_device(name, "float32")
        return "cpu"
    return name


def start_anew(
    stream: IO[bytes], float_types: Sequence[FloatType], rest: Sequence[FloatType]
) -> None:
    """Go on with the rest in a fresh program: not every framework can change its device."""
    stream.flush()
    before, after = ",".join(float_types), ",".join(rest)
    arguments = [after if each == before else each for each in sys.orig_argv]
    os.execv(sys.executable, [sys.executable, *arguments[1:]])


def main() -> int:
    """Write the traces that the command line asks for; returns the exit status."""
    package, variants, float_types, *flags = sys.argv[1:]
    # What frameworks print must not get between the frames.
    stream, sys.stdout = sys.stdout.buffer, sys.stderr
    try:
        config = parse_flags(TrainConfig, "python -m comparison.tracing", flags)
        # Nothing is timed here, so what was compiled before may be used again.
        os.environ.setdefault(NO_CACHE_VARIABLE, "0")
        prepare_environment(config.threads_of_worker)
        command = sys.executable, "-m", "comparison.tracing", *sys.argv[1:]
        workers.start(config.workers, command, config.worker_timeout)
        known = [each for each in FLOAT_TYPES if each in float_types.split(",")]
        send_traces(stream, package, variants.split(","), known, config)
    except UsageError as error:
        print(f"python -m comparison.tracing: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
