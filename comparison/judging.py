"""Judging a run's trace by the oracle's: which moment is off first, and what that points to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from comparison.reference import Moment, Reference
from shared.verified import Diagnosis, MomentKind, RunVerification, VerificationFailure

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

# Logits that are nearer than this to the oracle's were computed from the same weights.
IMPRECISE = 1e-4


def judge(verdict: RunVerification, trace: Iterable[Moment], reference: Reference) -> None:
    """Compare one trace with the oracle's, moment by moment; note the figures and any failure.

    After the first failure the rest of the trace is only read.
    """
    largest: dict[str, float | None] = {}
    expectations = iter(zip(reference.moments, reference.tolerances, strict=True))
    step = 0
    failed = False
    end: Moment = ("end", {})
    for kind, arrays in chain(trace, [end]):
        if failed:
            continue
        # One moment of the trace may stand for many steps; then only the last one is compared.
        for _ in range(int(arrays.get("steps", 1))):
            (expected_kind, expected), tolerances = next(expectations, (end, {}))
            step += expected_kind == "step"
            if kind != expected_kind:
                break
        verdict.steps[reference.float_type] = step
        if kind != expected_kind:
            failure: VerificationFailure | None = VerificationFailure(
                "other_moment", moment=kind, expected_moment=expected_kind
            )
        else:
            errors = reference.errors(kind, arrays, expected)
            for name, error in errors.items():
                group = GROUPS.get(name, "gradients" if kind == "start" else "weights")
                largest[group] = max(error, largest.get(group) or 0)
            failure = find_failure(kind, step, errors, tolerances)
        if failure:
            verdict.fail(replace(failure, float_type=reference.float_type, step=step))
            failed = True
    # Only now, because a trace that breaks off has none.
    verdict.figures[reference.float_type] = largest


def find_failure(
    kind: MomentKind, step: int, errors: Mapping[str, float], tolerances: Mapping[str, float]
) -> VerificationFailure | None:
    """What is off at one moment, if anything is."""
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
        diagnosis=diagnose(kind, step, off, errors),
    )


def diagnose(
    kind: MomentKind, step: int, off: Sequence[str], errors: Mapping[str, float]
) -> Diagnosis:
    """What the first failure points to, given which arrays are off and which still agree."""
    if kind == "epoch":
        return "means"
    if kind == "step":
        if len(off) < len(errors) / 2:
            return "some_weights"
        return "optimizer" if step == 1 else "running_means"
    first = [name for name in COMPUTED if name in off]
    if first[:1] == ["logits"] and errors["logits"] < IMPRECISE:
        return "precision"
    if first[:2] == ["images", "labels"]:
        return "rows"
    return COMPUTED[first[0]] if first else "backward"
