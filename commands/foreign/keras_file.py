"""A child that opens Keras's files: `python -m commands.foreign.keras_file SOURCE TARGET`.

With h5py, which Keras keeps its weights with: no layer is made, so nothing that a file names is
ever imported or run.
"""

import io
import sys
import zipfile
from collections.abc import Iterator, Mapping
from io import BufferedReader
from typing import Any

import h5py
import numpy as np

from commands.foreign.child import Described, Unreadable, check_archive, convert
from commands.foreign.keras_config import dense_layers
from commands.foreign.mapping import in_natural_order
from shared.inputs import LARGEST_JSON, decode_json

# What is beside a network's weights, at the top and anywhere.
OPTIMIZER = ("optimizer", "optimizer_weights")
SEEDS = "seed_generator"

# No network of dense layers has so many groups in one another, or so many in all.
DEEPEST, MOST = 12, 20_000


def read(file: BufferedReader) -> tuple[Mapping[str, np.ndarray], Described]:
    """The weights of a whole model or of its layers.

    Raises:
        Unreadable: it is something else.
    """
    config = None
    content: Any = file
    if zipfile.is_zipfile(file):
        check_archive(file)
        with zipfile.ZipFile(file) as archive:
            config = decode_json(archive.read("config.json"))
            content = io.BytesIO(archive.read("model.weights.h5"))
    file.seek(0)
    with h5py.File(content, "r") as stored:
        if (said := stored.attrs.get("model_config")) is not None:
            if len(said) > LARGEST_JSON:
                raise Unreadable("says too much of its layers")
            config = decode_json(said)
        layers = read_layers(stored)
    if config is None:
        names = [name for name in layers if layers[name]]
        described = Described([f"{name}/{each}" for name in names for each in layers[name]])
    else:
        names, (activation, parameters), pixels = dense_layers(config)
        beside = [name for name in layers if layers[name] and name not in names]
        lacking = [name for name in names if not layers.get(name)]
        if beside or lacking:
            raise Unreadable(f"holds weights of {beside[:8] or 'nothing'}, not {lacking[:8]}")
        order = [f"{name}/{each}" for name in names for each in layers[name]]
        described = Described(order, activation, parameters, pixels)
    return {f"{n}/{each}": layers[n][each] for n in names for each in layers[n]}, described


def read_layers(stored: h5py.File) -> dict[str, dict[str, np.ndarray]]:
    """By each layer's name its arrays, `kernel` and `bias` if it is a dense one.

    The layers are in the order that the file says, or else in that of their numbers.
    """
    layers: dict[str, dict[str, np.ndarray]] = {}
    found = sorted(walk(stored), key=lambda each: in_natural_order(each[0]))
    for path, dataset in found:
        *parts, leaf = path.split("/")
        if (parts[:1] and parts[0] in OPTIMIZER) or SEEDS in path:
            continue
        if parts[-1:] == ["vars"]:
            said = dataset.parent.attrs.get("name")
            name = said if isinstance(said, str) else "/".join(parts[:-1])
            leaf = {"0": "kernel", "1": "bias"}.get(leaf, f"vars/{leaf}")
        else:
            parts = parts[1:] if parts[:1] == ["model_weights"] else parts
            name, leaf = parts[0] if parts else path, leaf.removesuffix(":0")
        if leaf in layers.setdefault(name, {}):
            raise Unreadable(f"holds {name[:80]} twice")
        layers[name][leaf] = to_array(path, dataset)
    holder = stored.get("model_weights", stored)
    listed = [
        each if isinstance(each, str) else each.decode()
        for each in holder.attrs.get("layer_names", ())
    ]
    return {name: layers[name] for name in (*listed, *layers) if name in layers}


def walk(group: h5py.Group, path: str = "", depth: int = 0) -> Iterator[tuple[str, h5py.Dataset]]:
    """Every dataset below a group, with its path; links to elsewhere are refused."""
    if depth > DEEPEST or len(group) > MOST:
        raise Unreadable("holds more groups than a network of dense layers has")
    for name in group:
        below = f"{path}/{name}".lstrip("/")
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise Unreadable(f"holds {below[:80]}, a link to another place")
        member = group[name]
        if isinstance(member, h5py.Group):
            yield from walk(member, below, depth + 1)
        else:
            yield below, member


def to_array(path: str, dataset: h5py.Dataset) -> np.ndarray:
    """The dataset's numbers, those of half precision as float32."""
    stored = dataset.id.get_storage_size()
    # What lies elsewhere or is compressed or left out, Keras never writes.
    if dataset.external or dataset.is_virtual or stored != dataset.nbytes:
        raise Unreadable(
            f"holds {path[:80]} of shape {list(dataset.shape or ())}, but {stored:,} bytes of it"
        )
    if dataset.dtype.kind not in "fiu":
        raise Unreadable(f"holds {path[:80]}, which is no array of numbers")
    return np.asarray(dataset[()], np.float32 if dataset.dtype == np.float16 else None)


if __name__ == "__main__":
    sys.exit(convert("Keras", read))
