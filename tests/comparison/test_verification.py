"""The proof that all runs compute the same holds, and fails when it should."""

import re
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from comparison import judging, reference, verification
from report.verification import describe_verified
from shared.config import TrainConfig
from shared.registry import IMPLEMENTATIONS, REFERENCE, RUNS
from shared.results_file import load_results
from shared.verified import RunVerification
from tests.support.commands import ROOT, compare, fake_interpreter, warm
from tests.support.mutations import BATCH_SIZE, FINDINGS

TRAIN_SIZE = 1437


@pytest.fixture(scope="module")
def sound():
    """The verification of every run, over different batch and hidden sizes."""
    runs = [run for run in RUNS if run != REFERENCE.name]
    interpreters = dict.fromkeys(("pytorch", "tensorflow", "numpy"), sys.executable)
    config = TrainConfig(dataset="digits", batch_size=7, hidden=(20, 12), seed=3)
    with pytest.MonkeyPatch.context() as patch:
        # Eager TensorFlow takes 15 ms a step.
        patch.setattr(verification, "STEPS", 60)
        patch.setattr(verification, "BATCHES_PER_EPOCH", 20)
        return verification.verify([*runs, "numpy/reference"], interpreters, config, TRAIN_SIZE)


def test_all_runs_compute_the_same_as_the_oracle(sound):
    assert sound.passed, [run.failure for run in sound.runs]
    assert sound.steps == 60
    for run in sound.runs[:-1]:
        assert (run.device, run.steps) == ("cpu", {"float64": 60, "float32": 60})
        figures = run.figures["float64"]
        assert 0 < figures["weights"] < 1e-12
        assert figures["logits"] < 1e-13
        assert figures["gradients"] < 1e-13
        assert run.figures["float32"]["logits"] > 1e-9, "float32 is not float64"


@pytest.mark.parametrize("implementation", ["pytorch", "tensorflow"])
def test_mutations_are_caught(implementation, tmp_path, monkeypatch):
    """Each planted fault is found and named; without one nothing is found."""
    script = f'shift 2; PYTHONPATH={ROOT} exec {sys.executable} -m tests.support.mutations "$@"'
    interpreters = {implementation: str(fake_interpreter(tmp_path / "python", script))}
    config = TrainConfig(dataset="digits", batch_size=BATCH_SIZE, hidden=(20, 20))
    monkeypatch.setattr(verification, "STEPS", 20)
    monkeypatch.setattr(verification, "BATCHES_PER_EPOCH", 10)
    first = IMPLEMENTATIONS[implementation][0]
    faulty = {f"{implementation}/{fault}": replace(first, variant=fault) for fault in FINDINGS}
    monkeypatch.setattr(verification, "RUNS", RUNS | faulty)
    runs = list(faulty)
    verified = verification.verify(runs, interpreters, config, TRAIN_SIZE)
    for verdict, (fault, finding) in zip(verified.runs, FINDINGS.items(), strict=True):
        message = describe_verified(verdict, verified)
        assert verdict.passed == (fault == "none"), (fault, message)
        assert re.search(finding, message), (fault, message)


def test_compare_verifies_first_and_goes_on_where_nothing_can_be_compiled(tmp_path):
    flags = ("--dataset", "digits", "--epochs", "1", "--hidden", "32", "16", "--output-dir", "out")
    runs = ("pytorch/compiled", "pytorch/eager")
    done = compare(*runs, *flags, cwd=tmp_path, CXX="/no/compiler")
    assert done.returncode == 1
    result = load_results(tmp_path / "out" / "results.json")
    assert [run.status for run in result.runs] == ["unavailable", "completed"]
    assert "No working C++ compiler" in result.runs[0].error
    assert [run.available for run in result.verification.runs] == [False, True]
    assert result.verification.passed
    assert result.verification.steps >= 200
    assert "pytorch/eager computes the same as the oracle" in done.stdout
    assert "Verification passed" in (tmp_path / "out" / "summary.md").read_text()
    assert "all other runs compute the same" in done.stdout


def reference_of(*weights: float) -> SimpleNamespace:
    """An oracle whose only weight takes these values, one a step."""
    moments = [("step", {"weight": np.array([value])}) for value in weights]
    tolerances = [{"weight": 1e-6}] * len(moments)
    errors = reference.Reference.errors
    oracle = SimpleNamespace(moments=moments, tolerances=tolerances, float_type="float64")
    oracle.errors = lambda *arguments: errors(oracle, *arguments)
    return oracle


@pytest.mark.parametrize(
    ("groups", "passed"),
    [
        ([(1, 0.5), (1, 0.25), (1, 0.125)], True),
        ([(2, 0.25), (1, 0.125)], True),
        ([(3, 0.125)], True),
        ([(3, 0.25)], False),
        ([(2, 0.25)], False),
        ([(4, 0.125)], False),
        ([(3, 0.125), (1, 0.125)], False),
    ],
)
def test_a_moment_may_stand_for_many_steps_but_for_none_too_many_or_few(groups, passed):
    trace = [
        ("step", {"steps": np.array(steps), "weight": np.array([value])}) for steps, value in groups
    ]
    verdict = RunVerification("run")
    judging.judge(verdict, trace, reference_of(0.5, 0.25, 0.125))
    assert verdict.passed == passed, verdict.failure


def test_a_run_that_cannot_be_traced_fails_verification(tmp_path):
    python = fake_interpreter(tmp_path / "python", "echo 'no framework here' >&2; exit 1")
    flags = ("--dataset", "digits", "--verify-only", f"--python=tensorflow={python}")
    done = compare("tensorflow/fit", *flags, cwd=tmp_path)
    assert done.returncode == 1
    assert "Verification FAILED" in done.stdout
    assert "no framework here" in done.stdout
    assert not (tmp_path / "results").exists()


# The frames of a child in whose implementation something is changed first.
CHANGED = """
import sys
from types import SimpleNamespace
from comparison import tracing
path, *arguments = sys.argv[1:]
{change}
with open(path, "wb") as frames:
    sys.stdout = SimpleNamespace(buffer=frames)
    sys.argv = ["tracing", *arguments]
    status = tracing.main()
sys.exit(status)
"""

# So little to compile that only the compiler takes time.
FAILING_COMPILER = """
import torch
from pytorch_impl import compiled
torch._inductor.config.cpp.cxx = (None, "{compiler}")
compiled.train_steps = lambda step, model, optimizer, images, *rest: (images + 1, images)
"""

BREAKING = """
from numpy_impl import trace
sound = trace.trace

def breaking(config, variant, dataset, emit):
    def break_at_a_step(kind, arrays):
        emit(kind, arrays)
        1 / (kind != "step")

    sound(config, variant, dataset, break_at_a_step if variant == "eager" else emit)

trace.trace = breaking
"""


def verify_changed(change: str, implementation: str, variants: str, folder, monkeypatch):
    """What comes out for these variants of an implementation that was changed."""
    monkeypatch.setattr(verification, "STEPS", 4)
    monkeypatch.setattr(verification, "BATCHES_PER_EPOCH", 4)
    config = TrainConfig(dataset="digits", batch_size=16, hidden=(8, 8))
    flags = verification.shorten(config, TRAIN_SIZE).as_flags()
    package = f"{implementation}_impl"
    words = "-c", CHANGED.format(change=change), str(folder / "frames"), package, variants, *flags
    done = warm(implementation).run(*words, cwd=folder)
    assert done.returncode == 0, done.stderr
    python = fake_interpreter(folder / "python", f"exec cat {folder}/frames")
    runs = [f"{implementation}/{variant}" for variant in variants.split(",")]
    return verification.verify(runs, {implementation: str(python)}, config, TRAIN_SIZE)


def test_a_compiler_that_fails_makes_one_run_unavailable(tmp_path, monkeypatch):
    said = "x.cpp:1:10: fatal error: Python.h: No such file or directory"
    script = f'[ "$1" = --version ] && exec g++ --version; echo "{said}" >&2; exit 1'
    compiler = fake_interpreter(tmp_path / "g++", script)
    change = FAILING_COMPILER.format(compiler=compiler)
    verified = verify_changed(change, "pytorch", "compiled,eager", tmp_path, monkeypatch)
    compiled, eager = verified.runs
    assert (compiled.available, eager.passed) == (False, True)
    told = f"torch.compile cannot be used here: {said}; install Python's headers"
    assert compiled.failure.message.startswith(told)
    assert verified.passed


def test_a_variant_that_breaks_leaves_the_others_in_its_process_alone(tmp_path, monkeypatch):
    eager = replace(REFERENCE, variant="eager")
    other = replace(REFERENCE, variant="other")
    monkeypatch.setattr(verification, "RUNS", RUNS | {each.name: each for each in (eager, other)})
    verified = verify_changed(BREAKING, "numpy", "eager,other", tmp_path, monkeypatch)
    broken, sound = verified.runs
    assert (broken.available, broken.passed, sound.passed) == (True, False, True)
    assert "ZeroDivisionError: division by zero" in describe_verified(broken, verified)
    assert not verified.passed
