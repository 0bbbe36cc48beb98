"""Networks of tutorials, with their usual settings."""

from typing import Any

from shared.rules import flag

# What each preset changes of the first one, in which nothing is changed. The quickstarts leave the
# initial weights to their framework.
PRESETS: dict[str, dict[str, Any]] = {
    "digit-classifier": {},
    "torch-quickstart": {
        "dataset": "fashion-mnist",
        "hidden": (512, 512),
        "pixels": "unit",
        "optimizer": "sgd",
        "alignment": "defaults",
    },
    "keras-quickstart": {
        "hidden": (128,),
        "dropout": 0.2,
        "pixels": "unit",
        "batch_size": 32,
        "alignment": "defaults",
    },
    "two-layer": {"hidden": (50,), "pixels": "unit", "epochs": 1},
}


def preset_flags(name: str) -> list[str]:
    """The flags that a preset stands for; none for a name that is not a preset's."""
    words = []
    for field_name, value in PRESETS.get(name, {}).items():
        words.append(flag(field_name))
        words += map(str, value) if isinstance(value, tuple) else [str(value)]
    return words
