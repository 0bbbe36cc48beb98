"""Which arrays are which layer's, by the names that frameworks give them."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise, permutations

import numpy as np

from commands.foreign.child import Unreadable
from shared.config import CLASSES, IMAGE_SIZE
from shared.initial_weights import Weights

# PyTorch keeps a layer's weight as [out, in], Keras and Flax its kernel as [in, out]. The name
# decides, because a square one fits both ways.
KERNELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "weight": np.transpose,
    "kernel": np.asarray,
}

# Of so many layers every order is tried where that of their names is none.
FEW = 6


def in_natural_order(name: str) -> list[tuple[str, int]]:
    """A key to sort names by, `layer10` behind `layer9`."""
    return [(text, int(number or -1)) for text, number in re.findall(r"(\D*)(\d{0,15})", name)]


def to_weights(arrays: Mapping[str, np.ndarray], order: Sequence[str]) -> Weights:
    """The arrays under this project's names, from the first layer to the last.

    Args:
        arrays: by the names that another program gave them.
        order: the names, as far as the file tells in that of the layers.

    Raises:
        Unreadable: they are no dense layers, one behind the other; names what does not fit.
    """
    layers: dict[str, dict[str, np.ndarray]] = {}
    for name in order:
        layer, leaf = split(name)
        if leaf not in (*KERNELS, "bias"):
            raise Unreadable(
                f"holds {short(name)} of shape {list(arrays[name].shape)}, which is neither weight "
                "nor kernel nor bias of a dense layer"
            )
        layers.setdefault(layer, {})[leaf] = arrays[name]
    dense = {name: (kernel_of(name, own), own.get("bias")) for name, own in layers.items()}
    shapes = {name: kernel.shape for name, (kernel, _) in dense.items()}
    names = chained(shapes)
    types = {array.dtype for array in arrays.values()}
    if types - {np.dtype(np.float32), np.dtype(np.float64)} or len(types) > 1:
        found = ", ".join(sorted(map(str, types)))
        raise Unreadable(f"holds numbers of type {found} instead of only float32 or only float64")
    weights: Weights = {}
    for number, name in enumerate(names, start=1):
        kernel, bias = dense[name]
        units = kernel.shape[1]
        bias = np.zeros(units, kernel.dtype) if bias is None else bias
        if bias.shape != (units,):
            raise Unreadable(
                f"holds {short(name)}'s bias of shape {list(bias.shape)} instead of [{units}]"
            )
        weights[f"dense_{number}/kernel"] = np.ascontiguousarray(kernel)
        weights[f"dense_{number}/bias"] = bias
    return weights


def split(name: str) -> tuple[str, str]:
    """The layer's name, and what the array is of it: `net.0.weight` -> `net.0`, `weight`."""
    layer, _, leaf = name.removesuffix(":0").replace("/", ".").rpartition(".")
    return layer, leaf


def kernel_of(name: str, own: Mapping[str, np.ndarray]) -> np.ndarray:
    """A dense layer's kernel as [in, out]."""
    leaves = [leaf for leaf in KERNELS if leaf in own]
    if len(leaves) != 1 or own[leaves[0]].ndim != 2:
        found = ", ".join(f"{leaf} of shape {list(own[leaf].shape)}" for leaf in own)
        raise Unreadable(f"holds {short(name)} with {found}, which is no dense layer")
    return KERNELS[leaves[0]](own[leaves[0]])


def chained(shapes: Mapping[str, Sequence[int]]) -> Sequence[str]:
    """The names of the layers in the order in which each takes what the one before gives."""

    def fits(names: Iterable[str]) -> bool:
        ends = [(0, IMAGE_SIZE), *(shapes[name] for name in names), (CLASSES, 0)]
        return all(before[1] == after[0] for before, after in pairwise(ends))

    likely = (list(shapes), sorted(shapes, key=in_natural_order))
    if len(shapes) > 1:
        for names in likely:
            if fits(names):
                return names
        fitting = (
            [names for names in permutations(shapes) if fits(names)] if (len(shapes) <= FEW) else []
        )
        if len(fitting) == 1:
            return fitting[0]
    found = ", ".join(f"{short(name)} {list(shapes[name])}" for name in list(shapes)[:8])
    raise Unreadable(
        f"holds the layers {found or 'nothing'} instead of two or more that lead one by one from "
        f"{IMAGE_SIZE} to {CLASSES} numbers"
    )


def short(name: str) -> str:
    """A name of a layer as it may stand in a sentence."""
    return ascii(name)[1:-1][:80] or "a layer without a name"
