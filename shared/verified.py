"""What verification found: whether each run computes the same as the oracle, and where it parts."""

from dataclasses import dataclass, field
from typing import Literal

from shared.config import FloatType

MomentKind = Literal["start", "step", "epoch", "end"]

Diagnosis = Literal[
    "means",
    "some_weights",
    "optimizer",
    "running_means",
    "workers",
    "rows",
    "scale",
    "labels",
    "precision",
    "layout",
    "loss",
    "backward",
]

FailureKind = Literal[
    "off", "other_moment", "not_traced", "unavailable", "diverges", "undecided", "told"
]


@dataclass(frozen=True)
class VerificationFailure:
    """Where a run first parts from the oracle, or why it could not be compared with it."""

    kind: FailureKind
    float_type: FloatType | None = None
    step: int | None = None
    """Training steps done."""
    moment: MomentKind | None = None
    """What the run goes on with."""
    expected_moment: MomentKind | None = None
    """What the oracle goes on with."""
    arrays: list[str] = field(default_factory=list)
    """The names of all that are off; the first one's error is told."""
    error: float | None = None
    """In the same measure as the figures."""
    tolerance: float | None = None
    """What rounding explains."""
    diagnosis: Diagnosis | None = None
    """What it points to, given what is off and what still agrees."""
    message: str | None = None
    """What the system or the framework says; of `told`, the words of the first schema."""


@dataclass
class RunVerification:
    """Whether one run computes the same as the oracle.

    `device` is where it was traced in float32, as it is timed, and `float64_device` where in
    float64, which not every device has. `steps` is how many training steps were compared in each
    float type: fewer than the `oracle_steps` where rounding decides what comes next. `figures`
    holds, per float type, the largest difference in each of: first batch, logits, loss, gradients
    (relative), weights (absolute; in float32 the root mean square), epochs (relative). What is not
    finite, as where shapes differ, becomes null in JSON.
    """

    run: str
    device: str | None = None
    steps: dict[str, int] = field(default_factory=dict)
    failure: VerificationFailure | None = None
    figures: dict[str, dict[str, float | None]] = field(default_factory=dict)
    float64_device: str | None = None
    oracle_steps: int | None = None

    @property
    def passed(self) -> bool:
        """Whether it was compared and agreed."""
        return self.failure is None

    @property
    def available(self) -> bool:
        """Whether the run can be had here."""
        return self.failure is None or self.failure.kind != "unavailable"

    @property
    def decided(self) -> bool:
        """Whether it was followed only until rounding decided what comes next."""
        return self.failure is None and self.steps.get("float64", 0) < (self.oracle_steps or 0)

    def note_device(self, device: str) -> None:
        """Note where it computes: first in float64, then in float32."""
        self.float64_device = self.float64_device or device
        self.device = device

    def fail(self, failure: VerificationFailure) -> None:
        """Note a failure; the first one stands."""
        self.failure = self.failure or failure


@dataclass(frozen=True)
class Verification:
    """What was verified before the timing, how, and with what outcome."""

    oracle: str
    alignment: str
    steps: int
    control_factor: float
    seconds: float
    runs: list[RunVerification]

    @property
    def passed(self) -> bool:
        """Whether every run that can be had here, of one or more, computes as the oracle does."""
        available = [run for run in self.runs if run.available]
        return bool(available) and all(run.passed for run in available)

    @property
    def refuted(self) -> bool:
        """Whether a run is known to compute something else than the oracle."""
        kinds = {run.failure.kind for run in self.runs if run.failure}
        return not kinds.isdisjoint(("off", "other_moment", "told"))
