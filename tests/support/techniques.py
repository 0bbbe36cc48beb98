"""Trainings with techniques, several at once, and what an implementation computes in each.

`python -m tests.support.techniques IMPLEMENTATION VARIANT FILE` writes the traces of all in
`EQUAL`, in float64, then the weights and losses of each in `UNEQUAL`, in float32, and then the
learning rates at the ends of the epochs of each in `SCHEDULED`, in float64.
"""

import importlib
import io
import sys
from dataclasses import replace
from pathlib import Path

from shared.config import TrainConfig
from shared.threads import prepare_environment

BASE = TrainConfig(
    dataset="digits",
    alignment="exact",
    float_type="float64",
    limit=150,
    epochs=3,
    batch_size=32,
    hidden=(12, 10),
    learning_rate=0.01,
    threads=1,
)

# Together they hold every technique for which equality is defined; one that did nothing would part
# from the oracle, whose own tests look at each alone.
EQUAL = {
    "adamw in accumulated, clipped steps": {
        "optimizer": "adamw",
        "weight_decay": 0.3,
        "accumulate": 2,
        "clip_norm": 0.3,
        "schedule": "cosine",
        "warmup_steps": 3,
    },
    "nesterov with smooth labels": {
        "optimizer": "sgd",
        "momentum": 0.9,
        "nesterov": True,
        "schedule": "step",
        "schedule_epochs": 1,
        "label_smoothing": 0.1,
        "augment": True,
    },
    "rmsprop with balanced classes": {
        "optimizer": "rmsprop",
        "momentum": 0.5,
        "imbalance": 0.3,
        "class_weights": "balanced",
        "sampling": "balanced",
    },
    "adagrad in three layers, one-hot": {
        "optimizer": "adagrad",
        "weight_decay": 0.1,
        "labels": "one-hot",
        "hidden": (12, 10, 8),
        "pixels": "unit",
    },
    "plateau, stopped early": {
        "optimizer": "sgd",
        "momentum": 0.5,
        "learning_rate": 0.3,
        "epochs": 6,
        "validation": 0.2,
        "schedule": "plateau",
        "schedule_epochs": 1,
        "patience": 2,
        "min_delta": 0.05,
    },
    "batch normalization": {"batch_norm": True, "optimizer": "sgd", "momentum": 0.9},
    "leaky ReLU": {"activation": "leaky-relu"},
    "GELU": {"activation": "gelu"},
    "tanh": {"activation": "tanh"},
}

# Epochs that hold no whole number of updates, and updates that take longer than an epoch.
STEPPED = {"optimizer": "sgd", "schedule": "step", "schedule_factor": 0.5, "epochs": 7}
SCHEDULED = [
    STEPPED | {"limit": limit, "accumulate": accumulate, "schedule_epochs": every}
    for limit in (96, 150, 350)
    for accumulate in (1, 3, 8)
    for every in (1, 2)
]
SCHEDULED.append(STEPPED | {"schedule": "cosine", "limit": 150})

# What each framework draws or rounds for itself, and the plain run that it is compared with.
UNEQUAL = {
    "plain": {},
    "dropout": {"dropout": 0.6},
    "bfloat16": {"precision": "bfloat16"},
    "float16": {"precision": "float16"},
    "per-sample": {"pipeline": "per-sample"},
}


def main() -> int:
    """Write the traces, then the results; returns the exit status."""
    name, variant, path = sys.argv[1:]
    stream = io.BytesIO()
    prepare_environment(1)
    import numpy as np
    from safetensors.numpy import save

    from comparison.tracing import Frame, FrameKind, write_frame
    from shared.clock import Clock
    from shared.sampling import load_configured

    run = importlib.import_module(f"{name}_impl.run")
    trace = importlib.import_module(f"{name}_impl.trace").trace
    get_weights = importlib.import_module(f"{name}_impl.model").get_weights

    def emit(kind: FrameKind, arrays: dict, case: str = "") -> None:
        content = save({key: np.asarray(arrays[key]) for key in arrays})
        write_frame(stream, Frame(kind, content, case))

    for fields in EQUAL.values():
        config = replace(BASE, **fields)
        trace(config, variant, load_configured(config), emit)
        write_frame(stream, Frame("end"))
    for case, fields in UNEQUAL.items():
        config = replace(BASE, float_type="float32", **fields)
        dataset = load_configured(config)
        built = run.build(config, dataset)
        epochs = list(run.learn_in_epochs(config, variant, dataset, built, Clock()))
        losses = np.array([[epoch.train_loss, epoch.test_loss] for epoch in epochs])
        emit("epoch", get_weights(built[1]) | {"losses": losses}, case)
    write_frame(stream, Frame("end"))
    for fields in SCHEDULED:
        config = replace(BASE, **fields)
        dataset = load_configured(config)
        built = run.build(config, dataset)
        epochs = run.learn_in_epochs(config, variant, dataset, built, Clock())
        emit("epoch", {"rates": [epoch.learning_rate for epoch in epochs]})
    write_frame(stream, Frame("end"))
    Path(path).write_bytes(stream.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main())
