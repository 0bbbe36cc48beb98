"""Files from outside that are damaged, or made to do damage: results, weights, pictures.

Each is drawn or refused: with the project's own error, in one sentence, soon, and in little memory.
They are tried in a process that has read everything it needs, so that ten thousand take minutes.
"""

import contextlib
import io
import random
import struct
import time
import warnings
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from PIL import Image, ImageDraw
from safetensors.numpy import save

from benchmarks.faults.campaign import Campaign
from commands.pictures import prepare, read_picture
from report.markdown import markdown
from report.page.page import render
from report.read import read_folder
from shared.clock import PHASES
from shared.config import TrainConfig
from shared.datasets import load_dataset
from shared.download import MissingFiles
from shared.environment import describe_environment
from shared.errors import UsageError
from shared.initial_weights import initial_weights
from shared.pairs import Comparison, MeanInterval, Pair, RatioInterval
from shared.results import (
    ComparisonResult,
    DatasetFacts,
    EpochResult,
    Floor,
    InferenceResult,
    Plan,
    Probe,
    RunResult,
)
from shared.results_file import encode_json
from shared.weights_file import dump_weights, load_network

SECONDS, BYTES = 10.0, 500_000_000

HIDDEN = (4, 3)

# What a value is exchanged for. Those in bytes are no JSON that a library would write.
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 9, 10**6, 2**31, 2**53, 2**63, -(2**63), 10**30),
    *(0.0, -0.0, 0.5, -1.5, 5e-324, 1e-300, 1e300, 1.7e308, -1.7e308),
    *("", "x", "\x1b[31m\x07", "\u202eabc", "\0", "é" * 300, "y" * 100_000, "../../etc/passwd"),
    *("NaN", "2026-13-45", "numpy/reference", "completed", "mnist", "</script>", "{{ 7 * 7 }}"),
    *([], [None], [[]], {}, {"x": {}}, [0] * 1000),
)
ODD_BYTES = (b"NaN", b"Infinity", b"1e999", b"-1e999", b'"\\ud800"', b'"\xff"', b"[" * 100_000)
PLACEHOLDER = "a place for bytes that are no JSON"


def mutate(content: Any, draw: random.Random) -> Any:
    """Change one place of decoded JSON, if there is any."""
    found = list(places(content))
    if not found:
        return content
    *above, last = draw.choice(found)
    parent = content
    for key in above:
        parent = parent[key]
    match draw.randrange(8):
        case 0 if isinstance(parent, dict):
            del parent[last]
        case 0 | 1 if isinstance(parent, list):
            parent[last : last + 1] = draw.choice(([], [parent[last]] * draw.choice((2, 3, 50))))
        case 2:
            parent[last] = draw.choice(([parent[last]], {"x": parent[last]}))
        case 3:
            # Of the right type more often than not: what stands elsewhere.
            other = content
            for key in draw.choice(found):
                other = other[key]
            # By value, or it might end up within itself.
            parent[last] = msgspec.json.decode(msgspec.json.encode(other))
        case 4:
            parent[last] = PLACEHOLDER
        case 5 if isinstance(parent[last], int | float):
            parent[last] *= draw.choice((-1, 0, 2, 1000, 1e-12, 1e12, 1e200))
        case _:
            # A copy, or the next changes would be made to what all are drawn from.
            parent[last] = deepcopy(draw.choice(ODD))
    return content


def places(content: Any) -> Iterator[tuple[Any, ...]]:
    """The keys and indices that lead to each value within decoded JSON."""
    items: Any = ()
    if isinstance(content, dict):
        items = content.items()
    elif isinstance(content, list):
        items = enumerate(content)
    for key, value in items:
        yield (key,)
        for rest in places(value):
            yield (key, *rest)


def mutated_json(content: bytes, draw: random.Random) -> bytes:
    """JSON that is a little, or quite, wrong."""
    decoded = msgspec.json.decode(content)
    for _ in range(draw.choice((1, 1, 1, 2, 5))):
        mutate(decoded, draw)
    encoded = msgspec.json.encode(decoded)
    encoded = encoded.replace(f'"{PLACEHOLDER}"'.encode(), draw.choice(ODD_BYTES))
    return mutated_bytes(encoded, draw) if draw.random() < 0.1 else encoded


def mutated_bytes(content: bytes, draw: random.Random) -> bytes:
    """Bytes of which some are gone, doubled or others."""
    if draw.random() < 0.2:
        return content[: draw.randrange(len(content) + 1)]
    changed = bytearray(content)
    for _ in range(draw.choice((1, 2, 8, 64))):
        # Most of what is read into sizes and kinds stands at the beginning.
        at = draw.randrange(min(len(changed), draw.choice((64, 1024, len(changed)))) or 1)
        width = draw.choice((0, 1, 2, 4, 8))
        changed[at : at + width] = draw.choice(
            (
                b"",
                draw.randbytes(width),
                b"\xff" * width,
                b"\0" * width,
                changed[at : at + 2 * width],
            )
        )
    return bytes(changed)


def held(work: Callable[[], object]) -> str | None:
    """What was lost by some work: None if it succeeded, or was refused as it should be."""
    peak_bytes()
    before, started = peak_bytes(), time.process_time()
    complaint = None
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            work()
    except UsageError as error:
        words = str(error)
        if not words.isprintable() or not words.endswith("."):
            complaint = f"refused in other than one sentence: {words[:200]!r}"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a loss.
        complaint = f"{type(error).__name__}: {str(error)[:200]!r}"
    seconds, grown = time.process_time() - started, peak_bytes() - before
    if complaint is None and (seconds > SECONDS or grown > BYTES):
        return f"{seconds:.1f} s and {grown / 1e6:.0f} MB"
    return complaint


def peak_bytes() -> int:
    """The most memory that this process had since it was last asked, where the system tells."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    with contextlib.suppress(OSError):
        lines = status.read_text("ascii").splitlines()
        peak = next(line for line in lines if line.startswith("VmHWM"))
        reset.write_text("5", "ascii")
        return 1024 * int(peak.split()[1])
    return 0


def try_results(number: int, folder: Path) -> str | None:
    """Draw a changed results.json as page and summary, and what TensorBoard is given."""
    draw = random.Random(number)
    files, content = good_folder()
    for name, each in files.items():
        changed = draw.random() < 0.1
        (folder / name).write_bytes(mutated_safetensors(each, draw) if changed else each)
    (folder / "results.json").write_bytes(mutated_json(content, draw))
    return held(lambda: draw_everything(folder))


def draw_everything(folder: Path) -> None:
    """Draw the results in a folder in all the forms that there are, on no paper."""
    result = read_folder(folder)
    render([(result, folder)], digits())
    markdown(result, {})
    write_events(result, folder)


def write_events(result: ComparisonResult, folder: Path) -> None:
    """What TensorBoard is given, where it is installed."""
    with contextlib.suppress(ModuleNotFoundError):
        from commands import tensorboard

        for run, name in zip(result.runs, tensorboard.log_names(result.runs), strict=True):
            weights = {}
            with contextlib.suppress(OSError, ValueError):
                if run.weights:
                    weights = tensorboard.load_weights(folder / run.weights, result.config_of(run))
            summaries = tensorboard.summarize(run, name, result, weights)
            tensorboard.encode(summaries, tensorboard.started(result))


def try_weights(number: int, folder: Path) -> str | None:
    """Read a file of weights whose header was changed."""
    draw = random.Random(number)
    path = folder / "weights.safetensors"
    path.write_bytes(mutated_safetensors(good_weights(), draw))
    return held(lambda: load_network(path))


def mutated_safetensors(content: bytes, draw: random.Random) -> bytes:
    """A safetensors file with a changed header, of the length that it says in most cases."""
    (length,) = struct.unpack("<Q", content[:8])
    header, rest = content[8 : 8 + length], content[8 + length :]
    if draw.random() < 0.1:
        return mutated_bytes(content, draw)
    kind = draw.random()
    if kind < 0.3:
        decoded = msgspec.json.decode(header)
        for key, text in decoded.get("__metadata__", {}).items():
            changed = mutated_json(text.encode(), draw)
            decoded["__metadata__"][key] = changed.decode(errors="replace")
        header = msgspec.json.encode(decoded)
    elif kind < 0.5:
        header = header.replace(b"F32", draw.choice((b"BF16", b"F8_E4M3", b"BOOL", b"F64", b"I8")))
    else:
        header = mutated_json(header, draw)
    said = len(header) if draw.random() < 0.95 else draw.choice((0, 2**20, 2**40, 2**63))
    return struct.pack("<Q", said) + header + rest


def try_picture(number: int, folder: Path) -> str | None:
    """Prepare a changed picture."""
    draw = random.Random(number)
    path = folder / "picture"
    path.write_bytes(mutated_bytes(draw.choice(good_pictures()), draw))
    return held(lambda: prepare(read_picture(path), "mnist", path))


@cache
def digits() -> Any:
    """The embedded dataset, with few test images."""
    return load_dataset("digits", Path()).with_test_images(20)


@cache
def good_weights() -> bytes:
    """A small network."""
    return dump_weights(initial_weights(HIDDEN, seed=0), "numpy", TrainConfig(hidden=HIDDEN))


@cache
def good_folder() -> tuple[dict[str, bytes], bytes]:
    """The files of a comparison of two runs that has everything, by name, and its results.json."""
    epochs = [EpochResult(k, 1 / k, 0.8, 1.1 / k, 0.9, 2.0, 0.5, 1.0, 0.9, 1e-3) for k in (1, 2)]
    logits = save({"logits": np.eye(10, dtype=np.float32)[digits().test_labels]})
    files, runs = {}, []
    for setting, size in enumerate((64, 256)):
        for name in ("numpy/reference", "pytorch/eager"):
            slug = f"{name.replace('/', '-')}-{size}"
            files |= {f"{slug}.safetensors": good_weights(), f"{slug}.predictions": logits}
            run = RunResult(
                *(name, *name.split("/"), 0, 1, size, setting),
                status="completed",
                framework_version="1",
                device="cpu",
                epochs=epochs,
                test_loss=0.5,
                test_accuracy=0.9,
                phases=dict.fromkeys(PHASES, 1.0),
                wall_seconds=10.0,
                inference=[InferenceResult(1, 1e-3, 2e-3)],
                weights=f"{slug}.safetensors",
                predictions=f"{slug}.predictions",
                error_output=["a line"],
            )
            run.set_speed(1437, (0.5, 1))
            runs.append(run)
    pair = Pair("pytorch/eager", 0, 1, RatioInterval(1.5, 1, 2), MeanInterval(0, -0.1, 0.1))
    content = ComparisonResult(
        command="python compare.py",
        config=TrainConfig(dataset="digits", hidden=HIDDEN, threads=1),
        plan=Plan([{"batch_size": 64}, {"batch_size": 256}], ["numpy/reference"], 1),
        dataset=DatasetFacts(
            *("digits", 1437, 20, list("0123456789"), {}, MissingFiles("mnist", "/data", ["a"]))
        ),
        environment=describe_environment(),
        runs=runs,
        comparison=Comparison("numpy/reference", [pair]),
        floors=[Floor("NumPy", 64, [0.5, 0.6])],
        probes=[Probe("numpy/reference", 0, 0, 0.005), Probe("pytorch/eager", 0, 0, 0.006)],
    )
    return files, encode_json(content)


@cache
def good_pictures() -> list[bytes]:
    """A digit as PNG and JPEG, grey, coloured, transparent, of 16 bits, with EXIF, interlaced."""
    picture = Image.new("L", (40, 48), 255)
    ImageDraw.Draw(picture).line([(12, 10), (28, 10), (18, 40)], fill=0, width=4)
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds = [
        *((picture.convert(mode), {"format": "PNG"}) for mode in ("L", "RGB", "RGBA", "P", "1")),
        (picture.convert("I;16"), {"format": "PNG"}),
        (picture.convert("RGB"), {"format": "JPEG", "exif": exif}),
        (picture.convert("RGB"), {"format": "JPEG", "progressive": True}),
        (picture.convert("CMYK"), {"format": "JPEG"}),
    ]
    contents = []
    for each, options in kinds:
        content = io.BytesIO()
        each.save(content, **options)
        contents.append(content.getvalue())
    return contents


CAMPAIGNS = (
    Campaign("changed results.json", 10_000, try_results),
    Campaign("changed headers of weights", 10_000, try_weights),
    Campaign("changed pictures", 10_000, try_picture),
)
