"""Judging a run's trace by the oracle's: which moment is off first, and what that points to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from comparison.reference import END, Arrays, Moment, Reference
from shared.verified import (
    Diagnosis,
    FailureKind,
    MomentKind,
    RunVerification,
    VerificationFailure,
)

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
COMPUTED: dict[str, Diagnosis] = {
    "images": "scale",
    "labels": "labels",
    "logits": "layout",
    "loss": "loss",
}

# A run that could not be followed for so many steps has not been shown to compute the same.
LEAST_STEPS = 20

# Logits that are nearer than this to the oracle's were computed from the same weights.
IMPRECISE = 1e-4


def judge(verdict: RunVerification, trace: Iterable[Moment], reference: Reference) -> None:
    """Compare one trace with the oracle's, moment by moment; note the figures and any failure.

    After the first failure, and where rounding decides, the rest of the trace is only read. In
    float32, whose rounding is the larger, that is at the latest where it is in float64.
    """
    largest: dict[str, float | None] = {}
    most, followed = min(verdict.steps.values(), default=reference.steps), 0
    told = False
    for place, step, (kind, arrays) in align(chain(trace, [END]), reference.moments):
        told |= step > most or not verdict.available
        found = None if told else examine(place, step, kind, arrays, reference)
        if found is None:
            told = True
            continue
        errors, failure = found
        followed = step
        for name, error in errors.items():
            group = GROUPS.get(name, "gradients" if kind == "start" else "weights")
            largest[group] = max(error, largest.get(group) or 0)
        if failure:
            verdict.fail(replace(failure, float_type=reference.float_type, step=step))
            told = True
    verdict.steps[reference.float_type], verdict.oracle_steps = followed, reference.steps
    if followed < min(LEAST_STEPS, most):
        reason: FailureKind = "diverges" if reference.diverges else "undecided"
        verdict.fail(VerificationFailure(reason, reference.float_type, followed))
    # Only now, because a trace that breaks off has none.
    verdict.figures[reference.float_type] = largest


def align(trace: Iterable[Moment], expected: Sequence[Moment]) -> Iterator[tuple[int, int, Moment]]:
    """Each moment of a trace, the place of the expected one, and the steps expected until then.

    One moment of the trace may stand for many steps; then only the last one is compared.
    """
    places = iter(enumerate(kind for kind, _ in expected))
    place = step = 0
    for kind, arrays in trace:
        for _ in range(int(arrays.get("steps", 1))):
            place, expected_kind = next(places, (place, "end"))
            step += expected_kind == "step"
            if kind != expected_kind:
                break
        yield place, step, (kind, arrays)


def examine(
    place: int, step: int, kind: MomentKind, arrays: Arrays, reference: Reference
) -> tuple[dict[str, float], VerificationFailure | None] | None:
    """How far each array is off at one moment, and the failure if any is too far.

    Returns:
        None where rounding decides, so that nothing can be told.
    """
    expected_kind, expected = reference.moments[place]
    workers = reference.config.workers
    if kind == expected_kind:
        errors = reference.errors(kind, arrays, expected)
        failure = find_failure(kind, step, errors, reference.tolerances(place), workers)
    else:
        errors = {}
        failure = VerificationFailure("other_moment", moment=kind, expected_moment=expected_kind)
    # Only now the controls are asked, because they take as long as all else.
    if failure and reference.decided(place):
        return None
    if failure and failure.kind == "off":
        failure = find_failure(kind, step, errors, reference.limits(place), workers)
    if failure and reference.depends_on_rounding(place):
        return None
    return errors, failure


def find_failure(
    kind: MomentKind,
    step: int,
    errors: Mapping[str, float],
    tolerances: Mapping[str, float],
    workers: int = 1,
) -> VerificationFailure | None:
    """What is off at one moment, if anything is, where so many workers trained together."""
    # Written so that a NaN counts as off.
    off = [name for name, error in errors.items() if not error <= tolerances[name]]
    if not off:
        return None
    return VerificationFailure(
        "off",
        moment=kind,
        arrays=off,
        error=errors[off[0]],
        tolerance=tolerances[off[0]],
        diagnosis=diagnose(kind, step, off, errors, workers),
    )


def diagnose(
    kind: MomentKind, step: int, off: Sequence[str], errors: Mapping[str, float], workers: int = 1
) -> Diagnosis:
    """What the first failure points to, given which arrays are off and which still agree."""
    if kind == "epoch":
        return "means"
    if kind == "step":
        # The gradients at the start are one worker's, of the whole batch.
        if workers > 1:
            return "workers"
        if len(off) < len(errors) / 2:
            return "some_weights"
        return "optimizer" if step == 1 else "running_means"
    first = [name for name in COMPUTED if name in off]
    if first[:1] == ["logits"] and errors["logits"] < IMPRECISE:
        return "precision"
    if first[:2] == ["images", "labels"]:
        return "rows"
    return COMPUTED[first[0]] if first else "backward"
