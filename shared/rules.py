"""What each setting may be, and what goes only with what."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from shared.errors import UsageError

if TYPE_CHECKING:
    from shared.config import TrainConfig

# NumPy, torch and Keras all take seeds below this.
SEEDS = 2**32

# What a value other than None has to be, in words and as a test.
AT_LEAST_ONE = ("1 or more", lambda value: value >= 1)

NOT_NEGATIVE = ("a finite number, 0 or more", lambda value: value >= 0 and math.isfinite(value))

POSITIVE = ("a finite number above 0", lambda value: value > 0 and math.isfinite(value))

BELOW_ONE = ("at least 0 and below 1", lambda value: 0 <= value < 1)

RANGES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "epochs": AT_LEAST_ONE,
    "batch_size": AT_LEAST_ONE,
    "learning_rate": POSITIVE,
    "hidden": ("one or more sizes, each at least 1", lambda sizes: sizes and min(sizes) >= 1),
    "seed": (f"a number from 0 to {SEEDS - 1}", lambda value: 0 <= value < SEEDS),
    "limit": AT_LEAST_ONE,
    "target_accuracy": ("above 0, at most 1", lambda value: 0 < value <= 1),
    "threads": AT_LEAST_ONE,
    "workers": AT_LEAST_ONE,
    "worker_timeout": POSITIVE,
    "dropout": BELOW_ONE,
    "momentum": BELOW_ONE,
    "weight_decay": NOT_NEGATIVE,
    "schedule_epochs": AT_LEAST_ONE,
    "schedule_factor": ("above 0, below 1", lambda value: 0 < value < 1),
    "warmup_steps": ("0 or more", lambda value: value >= 0),
    "clip_norm": POSITIVE,
    "accumulate": AT_LEAST_ONE,
    "label_smoothing": BELOW_ONE,
    "imbalance": ("above 0, at most 1", lambda value: 0 < value <= 1),
    "validation": BELOW_ONE,
    "patience": AT_LEAST_ONE,
    "min_delta": NOT_NEGATIVE,
    "checkpoint_steps": AT_LEAST_ONE,
}

# What several workers can't do together yet, why, and whether a configuration does without.
ALONE: tuple[tuple[str, str, Callable[["TrainConfig"], bool]], ...] = (
    (
        "--dropout",
        "each worker would draw masks of its own",
        lambda config: config.dropout == 0,
    ),
    (
        "--batch-norm",
        "each worker would normalize by its share of the batch alone; PyTorch's SyncBatchNorm, "
        "which does not, exists on GPUs only",
        lambda config: not config.batch_norm,
    ),
    (
        "--precision float16",
        "nothing shows that all workers skip the same steps and scale alike",
        lambda config: config.precision != "float16",
    ),
)

# What works only with what: the field, which of its values ask for more, what they ask for, and
# whether it holds.
NEEDS: tuple[tuple[str, Callable[[Any], bool], str, Callable[["TrainConfig"], bool]], ...] = (
    (
        "momentum",
        bool,
        "needs --optimizer sgd or rmsprop",
        lambda config: config.optimizer in ("sgd", "rmsprop"),
    ),
    (
        "nesterov",
        bool,
        "needs --optimizer sgd and a --momentum above 0",
        lambda config: config.optimizer == "sgd" and config.momentum > 0,
    ),
    (
        "schedule",
        lambda value: value == "plateau",
        "needs a --validation above 0 and no --warmup-steps",
        lambda config: config.validation > 0 and config.warmup_steps == 0,
    ),
    (
        "patience",
        lambda value: value is not None,
        "needs a --validation above 0",
        lambda config: config.validation > 0,
    ),
    (
        "min_delta",
        bool,
        "needs --patience or --schedule plateau",
        lambda config: config.patience is not None or config.schedule == "plateau",
    ),
    (
        "precision",
        lambda value: value != "full",
        "needs --float-type float32",
        lambda config: config.float_type == "float32",
    ),
    (
        "precision",
        lambda value: value == "float16",
        "does not work with --accumulate, because the loss scale may change between batches",
        lambda config: config.accumulate == 1,
    ),
    (
        "pipeline",
        lambda value: value != "arrays",
        "works with neither --augment nor --float-type float64",
        lambda config: not config.augment and config.float_type == "float32",
    ),
    *(
        ("workers", lambda value: value > 1, f"expected 1 with {what}, because {why}", goes_with)
        for what, why, goes_with in ALONE
    ),
    (
        "checkpoint_steps",
        lambda value: value is not None,
        "needs --checkpoint-dir",
        lambda config: config.checkpoint_dir is not None,
    ),
    (
        "resume",
        bool,
        "needs --checkpoint-dir",
        lambda config: config.checkpoint_dir is not None,
    ),
)


def flag(name: str) -> str:
    """The command-line spelling of a field: `batch_size` -> `--batch-size`."""
    return "--" + name.replace("_", "-")


def check(config: "TrainConfig") -> None:
    """Check every value that a flag can set.

    Raises:
        UsageError: names the flag, what it got and what it expects.
    """
    for name, (expected, holds) in RANGES.items():
        value = getattr(config, name)
        _require(value is None or holds(value), name, value, f"expected {expected}")
    for name, choices in choices_of(type(config)).items():
        value = getattr(config, name)
        _require(value in choices, name, value, "expected one of " + ", ".join(choices))
    for name, is_asked, needs, works_with in NEEDS:
        value = getattr(config, name)
        _require(not is_asked(value) or works_with(config), name, value, needs)


def choices_of(kind: type) -> dict[str, tuple[str, ...]]:
    """What each field of a class can be whose type is a Literal."""
    hints = get_type_hints(kind)
    return {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}


def _require(holds: bool, name: str, value: object, needs: str) -> None:
    if not holds:
        words = value if isinstance(value, tuple) else () if value is True else (value,)
        raise UsageError(f"{' '.join([flag(name), *map(str, words)])}: {needs}.")
