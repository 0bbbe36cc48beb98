"""What each run is held against: the oracle's trace, and how far a run may stray from it.

In float64 a run must agree with it almost to the last digit. In float32 runs agree to rounding
until rounding decides, for the first time, on which side of zero a ReLU's input lies; from then on
any two runs part by orders of magnitude. How far is natural is shown by a control: the oracle once
more, its weights nudged and the rows of each batch permuted.
"""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

import numpy_impl.trace
from comparison.tracing import TEST_IMAGES
from shared.config import ADAM_EPSILON, FloatType, TrainConfig
from shared.sampling import load_configured
from shared.verified import MomentKind

Arrays = Mapping[str, np.ndarray]

Moment = tuple[MomentKind, Arrays]

# What rounding alone explains: relative for the first batch and the epochs' figures, absolute for
# the weights, which are of the order of 0.1.
TOLERANCES = {
    "float64": {"start": 1e-12, "step": 1e-12, "epoch": 1e-12},
    "float32": {"start": 1e-5, "step": 1e-6, "epoch": 1e-4},
}

# A ReLU's input that is nearer to zero than this may change its sign by rounding. From then on
# chance drives two runs apart: a gradient may miss a whole row, the weights may differ by a step of
# Adam and the epochs' figures by some per cent; or by the factor times as much as the control's,
# which is only one sample of what chance does.
KINK = {"float64": 1e-14, "float32": 1e-5}

BEHIND_A_KINK = {"start": 1.0, "epoch": 0.05}

CONTROL_FACTOR = 10

# Steps larger than the default's make errors grow, those of rounding and the control's nudge alike:
# how far rounding may stray as a share of how far the nudge did, which at last grows no more.
ROUNDING_TO_NUDGE = {"float64": 1e-7, "float32": 1e-1}

# Normalizing leaves gradients that are zero but for rounding. Adam, which divides a gradient by its
# own size and epsilon, makes up to so much of that in each step, as a multiple of the rate; a
# layer's mean sums it over all inputs.
OF_NOTHING = {"float64": 1e-15 / ADAM_EPSILON, "float32": 30.0}

# Of time, and what only the oracle tells.
IGNORED = ("train_seconds", "evaluate_seconds", "nearest kink")


class Reference:
    """The oracle's trace in one float type, and how far a run may stray from it at each moment."""

    def __init__(self, config: TrainConfig, float_type: FloatType) -> None:
        config = replace(config, float_type=float_type)
        dataset = load_configured(config).with_test_images(TEST_IMAGES)
        self.float_type = float_type
        self.moments: list[Moment] = []
        numpy_impl.trace.trace(
            config, "reference", dataset, lambda *moment: self.moments.append(moment)
        )
        self.tolerances: list[dict[str, float]] = []
        large_steps = not config.plain_updates or config.learning_rate > TrainConfig.learning_rate
        behind = BEHIND_A_KINK | {"step": config.learning_rate}
        strayed: dict[str, float] = {}
        nearest, step = math.inf, 0

        def calibrate(kind: str, arrays: Arrays) -> None:
            nonlocal nearest, step
            step += kind == "step"
            expected = self.moments[len(self.tolerances)][1]
            nearest = min(nearest, float(expected.get("nearest kink", math.inf)))
            behind_a_kink = nearest < KINK[float_type]
            limits = {}
            for name, error in self.errors(kind, arrays, expected).items():
                strayed[name] = max(error, strayed.get(name, 0))
                limit, apart = TOLERANCES[float_type][kind], CONTROL_FACTOR * strayed[name]
                if large_steps and kind != "start":
                    limit = max(limit, ROUNDING_TO_NUDGE[float_type] * strayed[name])
                # What comes before the backward pass does not depend on the sign at a kink.
                if behind_a_kink and name not in ("images", "labels", "logits", "loss"):
                    limit = max(behind[kind], apart)
                if config.batch_norm and kind != "start":
                    limit = max(limit, OF_NOTHING[float_type] * config.learning_rate * step)
                limits[name] = limit
            self.tolerances.append(limits)

        numpy_impl.trace.trace_control(config, dataset, calibrate)

    @property
    def steps(self) -> int:
        """Number of training steps in the trace."""
        return sum(kind == "step" for kind, _ in self.moments)

    def errors(self, kind: str, arrays: Arrays, expected: Arrays) -> dict[str, float]:
        """How far each array is from the oracle's; infinite where the shapes or types differ.

        Weights: the largest difference, and in float32 the root of the mean square, because there
        single weights with a gradient near zero stray by chance. All else: the largest difference
        as a fraction of the oracle's largest value.
        """
        errors = {}
        for name, value in expected.items():
            if name in IGNORED or (self.float_type == "float32" and name.endswith("accuracy")):
                continue
            got = arrays.get(name)
            if got is None or got.shape != value.shape or got.dtype != value.dtype:
                errors[name] = math.inf
                continue
            difference = got.astype(np.float64) - value
            if kind == "step" and self.float_type == "float32":
                errors[name] = float(np.sqrt(np.mean(difference**2)))
            else:
                scale = 1 if kind == "step" else np.abs(value).max() or 1
                errors[name] = float(np.abs(difference).max() / scale)
        return errors
