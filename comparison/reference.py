"""What each run is held against: the oracle's trace, and how far a run may stray from it.

In float64 a run must agree with it almost to the last digit, in float32 to rounding, until a
ReLU's input lies so near to zero that rounding decides on which side; from then on any two runs
part by orders of magnitude. Large steps make rounding grow as well. How far is natural is shown by
controls: the oracle itself, its weights changed by roundings and the rows of each batch permuted.
They are asked only where a run strays further than a plain training does.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np

import numpy_impl.trace
from comparison.control import trace_control
from comparison.tracing import TEST_IMAGES
from shared.config import ADAM_EPSILON, FloatType, TrainConfig
from shared.sampling import load_configured
from shared.verified import MomentKind

Arrays = Mapping[str, np.ndarray]

Moment = tuple[MomentKind, Arrays]

# Of every trace, behind its last moment.
END: Moment = ("end", {})

# What rounding alone explains: relative for the first batch and the epochs' figures, absolute for
# the weights, which are of the order of 0.1.
TOLERANCES = {
    "float64": {"start": 1e-12, "step": 1e-12, "epoch": 1e-12},
    "float32": {"start": 1e-5, "step": 1e-6, "epoch": 1e-4},
}

# A run may stray so many times as far as the controls have, which are only samples of what chance
# does: of 597 sound runs, one strayed 10.2 times as far.
CONTROL_FACTOR = 30

# Draw the controls.
CONTROL_SEEDS = (1, 2, 3)

# In float64 rounding decides from where it drives a control further than this.
DECIDED = 1e-6

# A ReLU's input that is nearer to zero than this may change its sign by rounding. From then on a
# gradient may miss a whole row; in float32 the weights may differ by a step of Adam and the epochs'
# figures by some per cent, and in float64 nothing can be told.
KINK = {"float64": 1e-14, "float32": 1e-5}

# A training loss of so few roundings is of images known by heart. Their gradients are what rounding
# leaves of 1 - p, which Adam makes large steps of: rounding decides as behind a kink.
BY_HEART = 100

BEHIND_A_KINK = {"start": 1.0, "epoch": 0.05}

# In float32 another control is nudged by far more than rounding, so that it parts early. Where
# steps are larger than the default's: how far rounding may stray as a share of how far it did.
ROUNDING_TO_NUDGE = 1e-1

# Normalizing leaves gradients that are zero but for rounding. Adam, which divides a gradient by its
# own size and epsilon, makes up to so much of that in each step, as a multiple of the rate; a
# layer's mean sums it over all inputs.
OF_NOTHING = {"float64": 1e-15 / ADAM_EPSILON, "float32": 30.0}

# What comes before the backward pass does not depend on the sign at a kink.
FORWARD = ("images", "labels", "logits", "loss")

# Of time, and what only the oracle tells.
IGNORED = ("train_seconds", "evaluate_seconds", "nearest kink")

# A loss that is so many times the one at the start has diverged.
DIVERGED = 10


class Reference:
    """The oracle's trace in one float type, and how far a run may stray from it at each moment."""

    def __init__(self, config: TrainConfig, float_type: FloatType) -> None:
        self.config = replace(config, float_type=float_type, device="cpu")
        self.dataset = load_configured(self.config).with_test_images(TEST_IMAGES)
        self.float_type = float_type
        self.moments: list[Moment] = []
        self.kinks: list[bool] = []
        """For each moment, whether a ReLU's input or the loss has been within rounding of zero."""
        self.nearest: list[float] = []
        """For each moment, how near to zero a ReLU's input has been."""
        self.lock, self._controls = Lock(), dict[int | None, list[dict[str, float]]]()
        nearest = lowest = math.inf
        by_heart = BY_HEART * float(np.finfo(float_type).eps)

        def keep(kind: Any, arrays: Arrays) -> None:
            nonlocal nearest, lowest
            nearest = min(nearest, float(arrays.get("nearest kink", math.inf)))
            lowest = min(lowest, float(arrays.get("train_loss", math.inf)))
            self.moments.append((kind, arrays))
            self.nearest.append(nearest)
            self.kinks.append(nearest < KINK[float_type] or lowest < by_heart)

        numpy_impl.trace.trace(self.config, "reference", self.dataset, keep)
        keep(*END)

    @property
    def steps(self) -> int:
        """Number of training steps in the trace."""
        return sum(kind == "step" for kind, _ in self.moments)

    @cached_property
    def diverges(self) -> bool:
        """Whether the oracle's own training comes to nothing."""
        start = float(self.moments[0][1]["loss"])
        losses = [float(arrays.get("train_loss", start)) for _, arrays in self.moments]
        weights = self.moments[-3][1].values()
        finite = all(np.isfinite(array).all() for array in weights)
        return not (finite and max(losses) < DIVERGED * start)

    def tolerances(self, place: int) -> dict[str, float]:
        """How far each array may stray at the moment of this number, by rounding in one step."""
        kind, expected = self.moments[place]
        step = sum(kind == "step" for kind, _ in self.moments[: place + 1])
        behind = BEHIND_A_KINK | {"step": self.config.learning_rate}
        limits = {}
        for name in expected:
            limits[name] = TOLERANCES[self.float_type][kind]
            if self.config.batch_norm and kind != "start":
                nothing = OF_NOTHING[self.float_type] * self.config.learning_rate * step
                limits[name] = max(limits[name], nothing)
            if self.kinks[place] and self.float_type == "float32" and name not in FORWARD:
                limits[name] = max(limits[name], behind[kind])
        return limits

    def decided(self, place: int) -> bool:
        """Whether by the moment of this number rounding decides what is computed, as controls show.

        Then nothing can be told from there on.
        """
        strayed = self._strayed(place)
        if strayed is None or self.float_type == "float32":
            return strayed is None
        losses_and_weights = (name for name in strayed if not name.endswith("accuracy"))
        return any(strayed[name] > DECIDED for name in losses_and_weights)

    def depends_on_rounding(self, place: int) -> bool:
        """Whether, by then, a run may have become another training by rounding.

        In float32 `limits` allow for a kink.
        """
        kink = self.float_type == "float64" and self.behind_a_kink(place)
        return kink or self.hangs_on_rounding(place)

    def behind_a_kink(self, place: int) -> bool:
        """Whether, by then, rounding may have decided on a side of a kink.

        The further the controls have strayed, the further from zero a ReLU's input may still
        change its sign.
        """
        steps = (k for k in range(place, -1, -1) if self.moments[k][0] == "step")
        furthest = max((self._strayed(next(steps, 0)) or {}).values(), default=0.0)
        return self.kinks[place] or self.nearest[place] < CONTROL_FACTOR * furthest

    def hangs_on_rounding(self, place: int) -> bool:
        """Whether, by then, rounding may have decided if an epoch's validation loss is the lowest.

        Early stopping and a plateau's drop in the rate depend on it: what follows is another
        training.
        """
        if self.config.patience is None and self.config.schedule != "plateau":
            return False
        before, lowest = self.moments[: place + 1], math.inf
        for each, (_, arrays) in enumerate(before):
            if "validation_loss" in arrays:
                loss, bound = float(arrays["validation_loss"]), lowest - self.config.min_delta
                if abs(loss - bound) <= max(loss, 1) * self.limits(each)["validation_loss"]:
                    return True
                lowest = loss if loss < bound else lowest
        return False

    def limits(self, place: int) -> dict[str, float]:
        """How far each array may stray by the moment of this number, as the controls show."""
        kind, _ = self.moments[place]
        strayed, nudged = self._strayed(place) or {}, self._nudged(place)
        large = not self.config.plain_updates
        large |= self.config.learning_rate > TrainConfig.learning_rate
        share = ROUNDING_TO_NUDGE if large and kind != "start" else 0.0
        behind, limits = self.behind_a_kink(place), {}
        for name, tolerance in self.tolerances(place).items():
            part = CONTROL_FACTOR if behind and name not in FORWARD else share
            explained = CONTROL_FACTOR * strayed.get(name, 0), part * nudged.get(name, 0)
            limits[name] = max(tolerance, *explained)
        return limits

    def _strayed(self, place: int) -> dict[str, float] | None:
        """How far each array of any control has strayed; None where one has gone another way."""
        controls = [control for seed, control in self.controls.items() if seed is not None]
        if any(place >= len(control) for control in controls):
            return None
        return self._most(*(control[place] for control in controls))

    def _nudged(self, place: int) -> dict[str, float]:
        """How far each array of the nudged control has strayed; nothing in float64."""
        nudged = self.controls.get(None, [{}])
        return self._most(nudged[min(place, len(nudged) - 1)])

    @property
    def controls(self) -> dict[int | None, list[dict[str, float]]]:
        """By seed, how far each array of a control has strayed by each moment; None's is nudged.

        A control's list ends early where it goes on otherwise than the oracle or is no longer
        finite; else it has nothing at the end of the trace. They are trained when first asked for.
        """
        with self.lock:
            if not self._controls:
                seeds = (*CONTROL_SEEDS, *((None,) if self.float_type == "float32" else ()))
                self._controls = {seed: self._control(seed) for seed in seeds}
            return self._controls

    def _control(self, seed: int | None) -> list[dict[str, float]]:
        strayed: list[dict[str, float]] = []
        furthest: dict[str, float] = {}
        moments = iter(self.moments)

        def compare(kind: str, arrays: Arrays) -> None:
            nonlocal moments
            expected_kind, expected = next(moments, (None, {}))
            errors = (
                self.errors(kind, arrays, expected) if kind == expected_kind else {"": math.inf}
            )
            if not all(map(math.isfinite, errors.values())):
                moments = iter(())
                return
            for name, error in errors.items():
                furthest[name] = max(error, furthest.get(name, 0))
            strayed.append({name: furthest[name] for name in errors})

        trace_control(self.config, self.dataset, compare, seed)
        compare(*END)
        return strayed

    def _most(self, *strayed: Mapping[str, float]) -> dict[str, float]:
        """The largest of each array; in float32 of all arrays of a kind together."""
        kinds: dict[str, float] = {}
        for each in strayed:
            for name, error in each.items():
                kind = self._kind(name)
                kinds[kind] = max(error, kinds.get(kind, 0))
        return {name: kinds[self._kind(name)] for name in strayed[0]}

    def _kind(self, name: str) -> str:
        """Of an array; in float64 each is one by itself."""
        if self.float_type == "float64":
            return name
        kinds = ("_loss", "losses"), ("gradient of ", "gradients"), ("/moving_", "means")
        return next((kind for part, kind in (*kinds, ("/", "weights")) if part in name), name)

    def errors(self, kind: str, arrays: Arrays, expected: Arrays) -> dict[str, float]:
        """How far each array is from the oracle's; infinite where the shapes or types differ.

        Weights: the largest difference, and in float32 the root of the mean square, because there
        single weights with a gradient near zero stray by chance. All else: the largest difference
        as a fraction of the oracle's largest value; of a loss below 1, which is what is left of
        numbers that are not as small, the difference itself. A single number below the smallest
        normal one, as a rate late in a schedule, is zero, which some frameworks take it for.
        """
        tiny = np.finfo(self.float_type).tiny
        errors = {}
        for name, value in expected.items():
            if name in IGNORED or (self.float_type == "float32" and name.endswith("accuracy")):
                continue
            got = arrays.get(name)
            if got is None or got.shape != value.shape or got.dtype != value.dtype:
                errors[name] = math.inf
                continue
            if value.ndim == 0:
                got, value = (np.where(np.abs(each) < tiny, 0, each) for each in (got, value))
            difference = got.astype(np.float64) - value
            if kind == "step" and self.float_type == "float32":
                errors[name] = float(np.sqrt(np.mean(difference**2)))
            else:
                scale = 1 if kind == "step" else np.abs(value).max() or 1
                scale = max(scale, 1) if name.endswith("loss") else scale
                errors[name] = float(np.abs(difference).max() / scale)
        return errors
