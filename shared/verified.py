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
    "rows",
    "scale",
    "labels",
    "precision",
    "layout",
    "loss",
    "backward",
]


@dataclass(frozen=True)
class VerificationFailure:
    """Where a run first parts from the oracle, or why it could not be compared with it."""

    kind: Literal["off", "other_moment", "not_traced", "unavailable", "told"]
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

    `device` is where it was traced, `steps` how many training steps were compared in each float
    type. `figures` holds, per float type, the largest difference in each of: first batch, logits,
    loss, gradients (relative), weights (absolute; in float32 the root mean square), epochs
    (relative). What is not finite, as where shapes differ, becomes null in JSON.
    """

    run: str
    device: str | None = None
    steps: dict[str, int] = field(default_factory=dict)
    failure: VerificationFailure | None = None
    figures: dict[str, dict[str, float | None]] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether it was compared and agreed."""
        return self.failure is None

    @property
    def available(self) -> bool:
        """Whether the run can be had here."""
        return self.failure is None or self.failure.kind != "unavailable"

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
        """Whether every run that can be had here computes the same as the oracle."""
        return all(run.passed or not run.available for run in self.runs)
