"""Judging a run's trace by the oracle's: which moment is off first, and what that points to."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from comparison.reference import Moment, Reference
from comparison.tracing import FLOAT_TYPES
from shared import formats
from shared.results import RunVerification

# How a moment is called in a message.
NEXT = {
    "step": "another step",
    "epoch": "the end of the epoch",
    "start": "a start",
    "end": "nothing",
}

# Under which name the largest error of each array is reported; all else is gradients or weights.
GROUPS = {
    "images": "first batch",
    "labels": "first batch",
    "logits": "logits",
    "loss": "loss",
    "train_loss": "epochs",
    "train_accuracy": "epochs",
    "test_loss": "epochs",
    "test_accuracy": "epochs",
    "epoch": "epochs",
}


# What a start computes before its gradients, in this order, and what the first of these to be off
# points to.
COMPUTED = {
    "images": "the rows are the same, so the images are scaled differently",
    "labels": "the images agree, so the labels are changed",
    "logits": "the batch agrees, so the weights are laid out or applied differently",
    "loss": "the logits agree, so the loss is computed differently",
}

# Logits that are nearer than this to the oracle's were computed from the same weights.
IMPRECISE = 1e-4


def judge(verdict: RunVerification, trace: Iterable[Moment], reference: Reference) -> None:
    """Compare one trace with the oracle's, moment by moment; note the figures and any failure.

    After the first failure the rest of the trace is only read.
    """
    largest: dict[str, float] = {}
    expectations = iter(zip(reference.moments, reference.tolerances, strict=True))
    step = 0
    failed = False
    for kind, arrays in chain(trace, [("end", {})]):
        if failed:
            continue
        # One moment of the trace may stand for many steps; then only the last one is compared.
        for _ in range(int(arrays.get("steps", 1))):
            (expected_kind, expected), tolerances = next(expectations, (("end", {}), {}))
            step += expected_kind == "step"
            if kind != expected_kind:
                break
        where = f"{reference.float_type}, after step {step}"
        if kind != expected_kind:
            verdict.fail(
                f"{where}: the oracle goes on with {NEXT[expected_kind]}, but this run with "
                f"{NEXT[kind]}; a batch is missing or added"
            )
            failed = True
            continue
        errors = reference.errors(kind, arrays, expected)
        for name, error in errors.items():
            group = GROUPS.get(name, "gradients" if kind == "start" else "weights")
            largest[group] = max(error, largest.get(group, 0))
        # Written so that a NaN counts as off.
        off = [name for name, error in errors.items() if not error <= tolerances[name]]
        if off:
            first = off[0]
            verdict.fail(
                f"{where}: {first} is off by {formats.error(errors[first], 1)}, more than the "
                f"{formats.error(tolerances[first], 1)} that rounding explains; "
                f"{diagnose(kind, step, off, errors)}"
            )
            failed = True
    verdict.figures[reference.float_type] = {**largest}


def diagnose(kind: str, step: int, off: Sequence[str], errors: Mapping[str, float]) -> str:
    """What the first failure points to, given which arrays are off and which still agree."""
    if kind == "epoch":
        return "all steps agree, so the mean over the epoch or the test is taken differently"
    if kind == "step":
        if len(off) < len(errors) / 2:
            return f"the other weights agree, so {' and '.join(off)} is updated differently"
        if step == 1:
            return "the gradients agree, so the optimizer's update differs, as by its epsilon"
        return "the first update agrees, so the optimizer's running means differ, as by its betas"
    first = [name for name in COMPUTED if name in off]
    if first[:1] == ["logits"] and errors["logits"] < IMPRECISE:
        return "so little that the arithmetic has less precision than asked for"
    if first[:2] == ["images", "labels"]:
        return "the first batch holds other rows"
    return COMPUTED[first[0]] if first else "the loss agrees, so the backward pass differs"


def describe_agreement(verdict: RunVerification, steps: int) -> str:
    """The figures of a run that passed, in words."""
    exact, rounded = (
        {
            name: formats.error(value)
            for name, value in verdict.figures[float_type].items()
            if value is not None
        }
        for float_type in FLOAT_TYPES
    )
    return (
        f"computes the same as the oracle: in float64 logits within {exact['logits']}, gradients "
        f"{exact['gradients']}, weights after {steps} steps {exact['weights']}; in float32 logits "
        f"{rounded['logits']}, gradients {rounded['gradients']}"
    )
