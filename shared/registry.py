"""Every run that there is: where its code lies, what it requires, what its process needs.

The one list of frameworks. A further implementation is a folder, whose contract stands in
CONTRIBUTING.md, and its entries here.
"""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Run:
    """One way of one implementation to train, in a process of its own."""

    package: str
    """The folder, `NAME_impl`, run as `python -m PACKAGE`."""
    variant: str
    """One of the loops in the package's run.py."""
    requires: tuple[str, ...]
    """Modules that must be installed; the first is the framework that results name."""
    label: str
    """The framework as people write it."""
    about: str
    """How it trains, in a few words."""
    color: str
    """Its own in every picture, #RRGGBB: blue for PyTorch, orange for TensorFlow."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables to set before its framework is imported."""
    batch_norm_epsilon: float | None = None
    """What batch normalization adds to the variance by the framework's own default, where that is
    not config.BATCH_NORM_EPSILON."""
    activation_defaults: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By activation function, its parameters by the framework's own default, where those are not
    activations.ACTIVATIONS'."""

    @property
    def implementation(self) -> str:
        """The package's name without its ending: `pytorch`."""
        return self.package.removesuffix("_impl")

    @property
    def name(self) -> str:
        """As on the command line: `pytorch/eager`."""
        return f"{self.implementation}/{self.variant}"

    @property
    def alone(self) -> str:
        """Why it can't train on several workers; nothing if it can."""
        if has_file(self.implementation, "techniques.workers"):
            return ALONE.get(self.name, "")
        return ALONE.get(self.name, "its implementation has no techniques/workers.py")

    @property
    def framework(self) -> str:
        """The module that results name."""
        return self.requires[0]

    def is_available(self) -> bool:
        """Whether all that it requires is installed for this interpreter."""
        return all(importlib.util.find_spec(module) for module in self.requires)


def _pytorch(variant: str, color: str, about: str) -> Run:
    return Run(
        package="pytorch_impl",
        variant=variant,
        about=about,
        requires=("torch", "torchvision"),
        label="PyTorch",
        color=color,
    )


def _tensorflow(variant: str, color: str, about: str) -> Run:
    return Run(
        package="tensorflow_impl",
        variant=variant,
        about=about,
        requires=("tensorflow", "keras"),
        label="TensorFlow",
        color=color,
        environment={"KERAS_BACKEND": "tensorflow"},
        batch_norm_epsilon=1e-3,
        activation_defaults={"leaky-relu": {"negative_slope": 0.3}},
    )


# Why these can't train on several workers.
ALONE = {
    "pytorch/compiled": "its program runs many steps in one go, with no exchange in between",
    "tensorflow/compiled": "XLA compiles no exchange between processes on a CPU",
    "tensorflow/fit": "Keras 3.15.1 fails in two places when its fit trains under "
    "MultiWorkerMirroredStrategy",
    "numpy/reference": "it is the reference, which always trains in one process",
}

# The first variant of a package is the default of its command, and what compare.py trains if no
# run is named. The variants of a framework differ in lightness, the frameworks in hue, so that
# every kind of colour vision tells them apart.
ENTRIES = (
    _pytorch("eager", "#0072B2", "an explicit training loop, each operation called from Python"),
    _pytorch(
        "compiled", "#56B4E9", "an epoch's full batches in one program (on a CPU), by torch.compile"
    ),
    _tensorflow("fit", "#D55E00", "Keras's own loop: compile, fit, evaluate"),
    _tensorflow("graph", "#9C4400", "the explicit loop, each step traced by tf.function"),
    _tensorflow("eager", "#5C1F00", "the same loop, each operation called from Python"),
    _tensorflow("compiled", "#E69F00", "an epoch's full batches in one program, by XLA"),
    Run(
        package="numpy_impl",
        variant="reference",
        about="plain NumPy, with the backward pass written by hand; every other run is verified "
        "against it",
        requires=("numpy",),
        label="NumPy",
        color="#000000",
    ),
)

RUNS: dict[str, Run] = {run.name: run for run in ENTRIES}

# What every other run has to agree with; the one implementation that is imported by name.
REFERENCE = RUNS["numpy/reference"]

# The implementations that mirror each other line by line.
TWINS = ("pytorch", "tensorflow")

# The runs of each implementation, in order; the first is its default.
IMPLEMENTATIONS: dict[str, list[Run]] = {
    name: [run for run in ENTRIES if run.implementation == name]
    for name in dict.fromkeys(run.implementation for run in ENTRIES)
}

# What compare.py trains if no run is named.
DEFAULT_RUNS = tuple(IMPLEMENTATIONS[name][0].name for name in TWINS)

# The frameworks as people write them, by implementation.
LABELS = {name: runs[0].label for name, runs in IMPLEMENTATIONS.items()}


def required_modules(implementation: str | None = None) -> tuple[str, ...]:
    """The modules that the runs of one implementation need, or those of all, each once."""
    runs = ENTRIES if implementation is None else IMPLEMENTATIONS[implementation]
    return tuple(dict.fromkeys(module for run in runs for module in run.requires))


def implementation_of(package: str) -> str:
    """The implementation whose folder has this name.

    Raises:
        UsageError: no run of such a folder is registered.
    """
    for name, (first, *_) in IMPLEMENTATIONS.items():
        if first.package == package:
            return name
    raise UsageError(
        f"{package}: expected a folder with a run in shared/registry.py; add an entry there."
    )


def has_file(implementation: str, module: str) -> bool:
    """Whether the implementation has a file `module`.py; imports no framework.

    Args:
        module: within its package, as `export` or `techniques.workers`.
    """
    package = IMPLEMENTATIONS[implementation][0].package
    try:
        return importlib.util.find_spec(f"{package}.{module}") is not None
    except ModuleNotFoundError:
        # It has not even the folder.
        return False
