"""Traces of what an implementation computes, sent from a child process to its parent.

`python -m comparison.tracing PACKAGE VARIANT,VARIANT FLAGS` writes the traces of all
variants, in float64 and then in float32, to standard output: each frame a length and a MessagePack
message.
"""

import importlib
import os
import struct
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import IO, Literal

import msgspec

from shared.config import FloatType, TrainConfig
from shared.errors import UsageError
from shared.flags import parse_flags
from shared.threads import NO_CACHE_VARIABLE, prepare_environment

FLOAT_TYPES: tuple[FloatType, ...] = ("float64", "float32")

TEST_IMAGES = 1000

LENGTH = struct.Struct("<Q")


FrameKind = Literal["start", "step", "epoch", "end", "unavailable", "broken", "device"]


@dataclass(frozen=True)
class Frame:
    """One moment of a trace: `start`, `step`, `epoch`, or `end` behind the last one.

    `arrays` is a safetensors file of the named arrays of that moment. A run that can't be had here
    has the moment `unavailable` instead, whose text is the reason, and one that ended by an error
    `broken`; the text of `device`, which comes first, says where the run computes.
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


def main() -> int:
    """Write the traces that the command line asks for; returns the exit status."""
    package, variants, *flags = sys.argv[1:]
    # What frameworks print must not get between the frames.
    stream, sys.stdout = sys.stdout.buffer, sys.stderr
    try:
        config = parse_flags(TrainConfig, "python -m comparison.tracing", flags)
        # Nothing is timed here, so what was compiled before may be used again.
        os.environ.setdefault(NO_CACHE_VARIABLE, "0")
        prepare_environment(config.threads)
        # Only now, because NumPy reads the number of threads when it is imported.
        import numpy as np
        from safetensors.numpy import save

        from shared.sampling import load_configured

        def emit(kind: FrameKind, arrays: dict[str, np.ndarray]) -> None:
            arrays = {name: np.asarray(array) for name, array in arrays.items()}
            write_frame(stream, Frame(kind, save(arrays)))

        twin = importlib.import_module(f"{package}.trace")
        device = importlib.import_module(f"{package}.device")
        for float_type in FLOAT_TYPES:
            typed = replace(config, float_type=float_type)
            dataset = load_configured(typed).with_test_images(TEST_IMAGES)
            for variant in variants.split(","):
                try:
                    chosen = device.choose_device(typed.device, typed.float_type)
                    write_frame(stream, Frame("device", text=device.describe_device(chosen)))
                    twin.trace(typed, variant, dataset, emit)
                except UsageError as error:
                    write_frame(stream, Frame("unavailable", text=str(error)))
                # Whatever it is, the other variants in this process are traced all the same.
                except Exception as error:  # noqa: BLE001
                    traceback.print_exc()
                    summary = traceback.format_exception_only(error)[-1]
                    write_frame(stream, Frame("broken", text=summary.partition("\n")[0]))
                write_frame(stream, Frame("end"))
        stream.flush()
    except UsageError as error:
        print(f"python -m comparison.tracing: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
