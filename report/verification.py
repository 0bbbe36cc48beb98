"""What verification found, in sentences."""

from collections.abc import Mapping

from shared import formats
from shared.config import WITHOUT_EQUAL, TrainConfig
from shared.rules import flag
from shared.verified import RunVerification, Verification, VerificationFailure

# Why a run did not pass verification.
FAILURES = {
    "off": "{float_type}, after step {step}: {array} is off by {error}, more than the {tolerance} "
    "that rounding explains; {diagnosis}",
    "other_moment": "{float_type}, after step {step}: the reference continues with "
    "{expected_moment}, this run with {moment}; a batch is missing or extra",
    "not_traced": "could not be traced: {message}",
    "unavailable": "is unavailable: {message}",
    "diverges": "cannot be compared: the training diverges, and after {followed} rounding alone "
    "decides the result; try a smaller --learning-rate",
    "undecided": "cannot be compared: after {followed}, too few for a comparison, rounding alone "
    "decides the result; try a smaller --learning-rate or a larger --batch-size",
    "told": "{message}",
}

REFUTED = "FAILED: the timings do not compare equal computations"

# What a failure says of all runs where none is refuted, the most serious one first.
UNPROVEN = {
    "not_traced": "FAILED: not all runs were shown to compute the same",
    "diverges": "proves nothing: the training diverges, so its runs cannot be compared",
    "undecided": "proves nothing: rounding soon decides the result, so the runs cannot be compared",
}

NONE_AVAILABLE = "proves nothing: no run is available here"

# How a moment of a trace is called.
MOMENTS = {
    "step": "another step",
    "epoch": "the end of the epoch",
    "start": "a start",
    "end": "nothing",
}

# What the first failure points to, given which arrays are off and which still agree.
DIAGNOSES = {
    "means": "all steps agree, so the mean over the epoch or the test set is taken differently",
    "some_weights": "the other weights agree, so {arrays} {verb} updated differently",
    "optimizer": "the gradients agree, so the optimizer's update differs, as by its epsilon",
    "running_means": "the first update agrees, so the optimizer's running means differ, as by its "
    "betas",
    "workers": "each worker alone agrees at the start, so their shares are put together "
    "differently, as by other rows, weights or orders, or by clipping before the sum",
    "rows": "the first batch holds other rows",
    "scale": "the rows are the same, so the images are scaled differently",
    "labels": "the images agree, so the labels are changed",
    "precision": "so little that the arithmetic must have less precision than requested",
    "layout": "the batch agrees, so the weights are laid out or applied differently",
    "loss": "the logits agree, so the loss is computed differently",
    "backward": "the loss agrees, so the backward pass differs",
}

# What the timed runs have beyond what is verified, by alignment.
BEYOND_EXACT = {
    "defaults": " The timed runs use the frameworks' defaults; initial weights and Adam's epsilon "
    "differ.",
    "matched": " The timed runs use `matched`; only the placement of Adam's epsilon differs.",
    "exact": "",
}


def describe_verification(verification: Verification, config: TrainConfig) -> list[str]:
    """The verdict of the verification, then one line a run.

    Args:
        config: of the timed runs; verified is always `exact`.
    """
    missing = [
        flag(name) for name, value in WITHOUT_EQUAL.items() if getattr(config, name) != value
    ]
    left_out = f" Not verified: {', '.join(missing)}." if missing else ""
    compared = "all runs" if all(run.available for run in verification.runs) else "all other runs"
    kinds = {run.failure.kind for run in verification.runs if run.failure and run.available}
    unproven = next((words for kind, words in UNPROVEN.items() if kind in kinds), NONE_AVAILABLE)
    verdict = (
        f"passed: starting from the same weights and batches, with `--alignment exact`, {compared} "
        "compute the same results"
        if verification.passed
        else (REFUTED if verification.refuted else unproven)
    )
    plain_layers = config.activation == TrainConfig.activation and not config.batch_norm
    plain = config.optimizer in ("adam", "adamw") and plain_layers
    beyond = BEYOND_EXACT[config.alignment]
    if beyond and not plain:
        beyond = " The timed runs use the frameworks' own layers and optimizers."
    return [
        f"Verification {verdict} ({verification.steps} steps, "
        f"{formats.seconds(verification.seconds, 1)})." + beyond + left_out,
        *(f"  {run.run} {describe_verified(run, verification)}" for run in verification.runs),
    ]


def describe_verified(run: RunVerification, verification: Verification) -> str:
    """What came out for one run, behind its name."""
    if run.run.rpartition(": ")[2] == verification.oracle:
        return "is the NumPy reference"
    if run.failure:
        return describe_failure(run.failure)
    exact, rounded = (run.figures.get(name, {}) for name in ("float64", "float32"))
    steps, devices = run.steps.get("float64"), (run.float64_device, run.device)
    exactly, roughly = (
        f" on {device}" if device and {*devices} - {None, "cpu"} else "" for device in devices
    )
    sentence = (
        f"computes the same as the NumPy reference: in float64{exactly} logits within "
        f"{_error(exact, 'logits')}, gradients {_error(exact, 'gradients')}, weights after {steps} "
        f"steps {_error(exact, 'weights')}; in float32{roughly} logits "
        f"{_error(rounded, 'logits')}, gradients {_error(rounded, 'gradients')}"
    )
    if run.decided:
        sentence += (
            f"; followed for {steps} of {run.oracle_steps} steps; after that, rounding decides"
        )
    return sentence


def describe_failure(failure: VerificationFailure) -> str:
    """Where a run parts from the reference, and what that points to."""
    known = vars(failure) | {
        "array": failure.arrays[0] if failure.arrays else None,
        "error": _magnitude(failure.error),
        "tolerance": _magnitude(failure.tolerance),
        "diagnosis": DIAGNOSES.get(failure.diagnosis or "", "").format(
            arrays=" and ".join(failure.arrays),
            verb="is" if len(failure.arrays) == 1 else "are",
        ),
        "followed": "1 step" if failure.step == 1 else f"{failure.step or 0} steps",
        "moment": MOMENTS.get(failure.moment or ""),
        "expected_moment": MOMENTS.get(failure.expected_moment or ""),
    }
    return FAILURES[failure.kind].format(**known)


def _error(figures: Mapping[str, float | None], name: str) -> str:
    value = figures.get(name)
    return "unknown" if value is None else formats.error(value)


def _magnitude(error: float | None) -> str:
    """In JSON what is infinite or no number has become null."""
    return "no number" if error is None else formats.error(error, 1)
