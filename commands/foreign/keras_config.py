"""What Keras's files say of a network's layers: read as text, so that no layer is ever made."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from commands.foreign.child import Unreadable
from shared.config import Pixels

# Layers that change nothing about images as vectors, once the training is over; what a reshaped
# image is, the shape of the next layer's kernel shows.
PASSING = (
    *("InputLayer", "Flatten", "Reshape"),
    *("Dropout", "GaussianNoise", "GaussianDropout"),
)

# What makes pixels from 0 to 255 some from 0 to 1, as Keras writes it and as float32 has it.
UNIT, ROUNDING = 1 / 255, 1e-6

# By Keras's name of an activation function this project's, and its parameters.
FUNCTIONS: dict[str, tuple[str, dict[str, float]]] = {
    "relu": ("relu", {}),
    "gelu": ("gelu", {}),
    "tanh": ("tanh", {}),
    "leaky_relu": ("leaky-relu", {"negative_slope": 0.2}),
}

Function = tuple[str, dict[str, float]]


@dataclass
class Chain:
    """What is known of a network after some of its layers."""

    names: list[str] = field(default_factory=list)
    """Of the dense layers."""
    functions: list[Function | str | None] = field(default_factory=list)
    """What each of them ends with; None is linear."""
    pixels: Pixels | None = None
    """How they are prepared before the first dense layer, if they are."""

    def add(self, kind: str, name: str, layer: Mapping[str, Any]) -> None:
        """Go on with a layer.

        Raises:
            Unreadable: it is none of those that are known, or stands where it means something else.
        """
        if kind == "Dense":
            self.names.append(name)
            self.functions.append(function_of(name, layer.get("activation")))
        elif kind in ("Activation", "ReLU", "LeakyReLU"):
            if not self.names or self.functions[-1] is not None:
                raise Unreadable(f"holds {name}, an activation that follows no dense layer")
            self.functions[-1] = layer_function(kind, name, layer)
        elif kind == "Rescaling":
            if self.names or self.pixels:
                raise Unreadable(f"holds {name}, a rescaling of what is no longer pixels")
            self.pixels = rescaled(name, layer)
        elif kind == "Softmax":
            if not self.names or self.functions[-1] is not None:
                raise Unreadable(f"holds {name}, a softmax that is not behind the last layer alone")
            self.functions[-1] = "softmax"
        elif kind not in PASSING:
            raise Unreadable(f"holds {name}, a layer of the kind {kind} instead of Dense")
        elif layer.get("data_format") == "channels_first":
            raise Unreadable(f"holds {name}, which turns images before it makes vectors of them")


def dense_layers(config: Any) -> tuple[list[str], Function, Pixels | None]:
    """What a network consists of.

    Args:
        config: of a whole model, as its JSON says.

    Returns:
        The names of the dense layers in order, the function that each hidden one ends with, and how
        pixels are prepared before the first one, None if they are not.

    Raises:
        Unreadable: it is no chain of dense layers, all with the same function.
    """
    found = Chain()
    for layer in chain(config):
        found.add(*layer)
    *hidden, last = found.functions or [None]
    # Without a softmax the last layer gives the same probabilities, computed from its logits.
    if last not in (None, "softmax"):
        raise Unreadable(f"holds {found.names[-1]}, whose activation is not softmax or linear")
    if not hidden or not isinstance(hidden[0], tuple) or any(each != hidden[0] for each in hidden):
        raise Unreadable(
            "holds hidden layers that do not all have one activation of these: "
            + (", ".join(FUNCTIONS))
        )
    return found.names, hidden[0], found.pixels


def rescaled(name: str, layer: Mapping[str, Any]) -> Pixels:
    """What a layer makes of pixels from 0 to 255.

    Raises:
        Unreadable: something else than pixels from 0 to 1.
    """
    scale, offset = layer.get("scale"), layer.get("offset", 0)
    is_unit = isinstance(scale, int | float) and abs(scale / UNIT - 1) < ROUNDING
    if not is_unit or offset != 0:
        said = f"{str(scale)[:40]} and {str(offset)[:40]}"
        raise Unreadable(f"holds {name}, a rescaling by {said} instead of 1/255 and 0")
    return "unit"


def chain(config: Any) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Kind, name and settings of each layer; each follows the one before.

    Raises:
        Unreadable: they are no chain, or not all Keras's own.
    """
    kind = config.get("class_name")
    if kind not in ("Sequential", "Functional", "Model"):
        raise Unreadable(f"holds a model of the kind {str(kind)[:80]} instead of Sequential")
    before: str | None = None
    for layer in config["config"]["layers"]:
        settings, module = layer["config"], layer.get("module") or "keras.layers"
        name = str(settings.get("name") or layer.get("name"))[:80]
        own = module.split(".")[0] == "keras" and not layer.get("registered_name")
        if not own:
            raise Unreadable(f"holds {name}, a layer that is not Keras's own")
        sources = named(
            layer.get("inbound_nodes"),
            {each["config"].get("name") for each in config["config"]["layers"]},
        )
        if kind != "Sequential" and sources != ({before} if before else set()):
            raise Unreadable(f"holds {name}, which does not follow the layer before it")
        before = settings.get("name")
        yield str(layer["class_name"])[:80], name, settings


def named(value: Any, names: set[str]) -> set[str]:
    """Which of these names occur anywhere in a piece of JSON."""
    if isinstance(value, str):
        return {value} & names
    inner = value.values() if isinstance(value, Mapping) else value
    return (
        set().union(*(named(each, names) for each in inner))
        if isinstance(value, Mapping | list)
        else set()
    )


def function_of(layer: str, said: Any) -> Function | str | None:
    """The function that a layer's setting names; None for linear."""
    said = said.get("config", said.get("class_name")) if isinstance(said, Mapping) else said
    if said in (None, "linear"):
        return None
    if said == "softmax":
        return "softmax"
    if not isinstance(said, str) or said not in FUNCTIONS:
        raise Unreadable(f"holds {layer} with the activation {str(said)[:80]}, which is not known")
    return FUNCTIONS[said]


def layer_function(kind: str, name: str, layer: Mapping[str, Any]) -> Function | str | None:
    """The function that a layer of its own computes."""
    if kind == "Activation":
        return function_of(name, layer.get("activation"))
    # The older name is alpha; ReLU's own slope is 0.
    slope = layer.get("negative_slope", layer.get("alpha", 0.0 if kind == "ReLU" else 0.3))
    if layer.get("max_value") is not None or layer.get("threshold"):
        raise Unreadable(f"holds {name}, a ReLU with a limit or a threshold")
    return ("leaky-relu", {"negative_slope": float(slope)}) if slope else ("relu", {})
