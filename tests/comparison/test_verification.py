"""The proof that all runs compute the same holds, and fails when it should."""

import math
import os
import re
import signal
import sys
from dataclasses import replace
from threading import Lock

import numpy as np
import pytest

from comparison import judging, reference, verification
from report.verification import describe_failure, describe_verification, describe_verified
from shared.config import TrainConfig
from shared.registry import IMPLEMENTATIONS, REFERENCE, RUNS, TWINS
from shared.results_file import load_results
from shared.sampling import load_configured
from shared.verified import RunVerification, Verification, VerificationFailure
from tests.support.commands import ROOT, compare, fake_interpreter, warm, warm_interpreter
from tests.support.mutations import BATCH_SIZE, FINDINGS

TRAIN_SIZE = 1437


@pytest.fixture(scope="module")
def sound():
    """The verification of every run, over different batch and hidden sizes."""
    runs = [run for run in RUNS if run != REFERENCE.name]
    interpreters = dict.fromkeys(TWINS, warm_interpreter(frozenset(TWINS)))
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


def test_rounding_may_decide_where_all_images_are_known_by_heart():
    """In float32 the gradients are then what rounding leaves of 1 - p."""
    config = TrainConfig(dataset="digits", limit=5, hidden=(20, 20), epochs=60, learning_rate=0.01)
    for float_type, allowed in (("float32", 0.05), ("float64", 1e-12)):
        oracle = reference.Reference(config, float_type)
        first, last = (
            [place for place, (kind, _) in enumerate(oracle.moments) if kind == "epoch"][end]
            for end in (0, -1)
        )
        assert oracle.moments[last][1]["train_loss"] < 1e-5
        assert oracle.tolerances(first)["test_loss"] < 1e-3
        assert oracle.tolerances(last)["test_loss"] == allowed


@pytest.mark.parametrize("implementation", ["pytorch", "tensorflow"])
def test_mutations_are_caught(implementation, tmp_path, monkeypatch):
    """Each planted fault is found and named; without one nothing is found."""
    python = warm_interpreter(frozenset([implementation]))
    script = f'shift 2; PYTHONPATH={ROOT} exec "{python}" -m tests.support.mutations "$@"'
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
    done = compare(*runs, *flags, cwd=tmp_path, cold=True, CXX="/no/compiler")
    assert done.returncode == 1
    result = load_results(tmp_path / "out" / "results.json")
    assert [run.status for run in result.runs] == ["unavailable", "completed"]
    assert "No working C++ compiler" in result.runs[0].error
    assert [run.available for run in result.verification.runs] == [False, True]
    assert result.verification.passed
    assert result.verification.steps >= 200
    assert "pytorch/eager computes the same as the NumPy reference" in done.stdout
    assert "Verification passed" in (tmp_path / "out" / "summary.md").read_text()
    assert "all other runs compute the same" in done.stdout


def reference_of(*weights: float, controls=(0.0, 0.0, 0.0), loss=2.3) -> reference.Reference:
    """An oracle whose only weight takes these values, one a step, and how far its controls stray.

    Args:
        controls: how far they are off, step by step; shorter where one goes another way.
        loss: that of the only epoch, after 2.3 at the start.
    """
    oracle = object.__new__(reference.Reference)
    oracle.config, oracle.float_type = TrainConfig(), "float64"
    oracle.moments = [
        ("start", {"loss": np.array(2.3)}),
        *(("step", {"weight": np.array([value])}) for value in weights),
        ("epoch", {"train_loss": np.array(loss)}),
        reference.END,
    ]
    oracle.kinks = [False] * len(oracle.moments)
    oracle.nearest = [math.inf] * len(oracle.moments)
    oracle.lock = Lock()
    strayed = [{"loss": 0.0}, *({"weight": each} for each in controls)]
    if len(controls) == len(weights):
        strayed += [{"train_loss": 0.0}, {}]
    oracle._controls = dict.fromkeys(reference.CONTROL_SEEDS, strayed)
    return oracle


def trace_of(*groups: tuple[int, float], loss=2.3) -> list[reference.Moment]:
    """A trace whose moments stand for so many steps each, and the weight after each."""
    return [
        ("start", {"loss": np.array(2.3)}),
        *(("step", {"steps": np.array(n), "weight": np.array([value])}) for n, value in groups),
        ("epoch", {"train_loss": np.array(loss)}),
    ]


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
    verdict = RunVerification("run")
    judging.judge(verdict, trace_of(*groups), reference_of(0.5, 0.25, 0.125))
    assert verdict.passed == passed, verdict.failure


@pytest.mark.parametrize(
    ("error", "controls", "passed", "followed"),
    [
        (5e-13, [0.0] * 3, True, 3),
        (2e-12, [0.0] * 3, False, 3),
        (2e-12, [0.0, 0.0, 1e-13], True, 3),
        (4e-12, [0.0, 0.0, 1e-13], False, 3),
        # A control has strayed so far that nothing can be told, or has gone another way.
        (0.5, [0.0, 0.0, 2e-6], True, 2),
        (0.5, [0.0, 0.0], True, 2),
        (0.5, [2e-6] * 3, True, 2),
        # Nobody asks them where a run agrees.
        (0.0, [2e-6] * 3, True, 3),
    ],
)
def test_a_run_may_stray_thirty_times_as_far_as_the_controls(
    error, controls, passed, followed, monkeypatch
):
    monkeypatch.setattr(judging, "LEAST_STEPS", 2)
    verdict = RunVerification("run")
    oracle = reference_of(0.5, 0.25, 0.125, controls=controls)
    judging.judge(verdict, trace_of((1, 0.5), (1, 0.25), (1, 0.125 + error)), oracle)
    assert verdict.passed == passed, verdict.failure
    assert verdict.steps == {"float64": followed}
    assert verdict.decided == (passed and followed < 3)


@pytest.mark.parametrize(("nearest", "passed"), [(1e-13, True), (1e-12, False)])
def test_a_kink_is_the_wider_the_further_sound_runs_stray(nearest, passed, monkeypatch):
    monkeypatch.setattr(judging, "LEAST_STEPS", 2)
    verdict = RunVerification("run")
    oracle = reference_of(0.5, 0.25, 0.125, controls=[0.0, 0.0, 1e-14])
    oracle.nearest[-3:] = [nearest] * 3
    judging.judge(verdict, trace_of((1, 0.5), (1, 0.25), (1, 0.125 + 2e-12)), oracle)
    assert verdict.passed == passed, verdict.failure


@pytest.mark.parametrize(
    ("loss", "error", "passed"),
    [(2.0, 1.9e-12, True), (2.0, 2.1e-12, False), (1e-3, 9e-13, True), (1e-3, 2e-12, False)],
)
def test_a_small_loss_may_be_off_by_what_is_left_of_larger_numbers(loss, error, passed):
    verdict = RunVerification("run")
    oracle = reference_of(0.5, 0.25, controls=[0.0, 0.0], loss=loss)
    judging.judge(verdict, trace_of((1, 0.5), (1, 0.25), loss=loss + error), oracle)
    assert verdict.passed == passed, verdict.failure


@pytest.mark.parametrize(
    ("float_type", "rate", "own", "error"),
    [
        ("float32", 0.0, 6e-39, 0),
        ("float32", 6e-39, 0.0, 0),
        ("float32", 0.0, 2e-38, 1),
        ("float32", 0.0, 0.001, 1),
        ("float64", 0.0, 6e-39, 1),
        ("float64", 0.0, 6e-309, 0),
    ],
)
def test_a_rate_too_small_for_a_normal_number_is_none(float_type, rate, own, error):
    oracle = reference_of(0.5)
    oracle.float_type = float_type
    got, expected = ({"learning_rate": np.array(each)} for each in (rate, own))
    assert oracle.errors("epoch", got, expected) == {"learning_rate": error}


@pytest.mark.parametrize(("loss", "kind"), [(2.3, "undecided"), (1e5, "diverges")])
def test_a_run_that_is_hardly_followed_is_not_shown_to_compute_the_same(loss, kind):
    verdict = RunVerification("run")
    oracle = reference_of(0.5, 0.25, controls=[0.0, 1.0], loss=loss)
    judging.judge(verdict, trace_of((1, 0.5), (1, 9.0)), oracle)
    assert (verdict.passed, verdict.failure.kind, verdict.failure.step) == (False, kind, 1)
    found = Verification("oracle", "exact", 2, 10, 1, [verdict])
    headline, line = describe_verification(found, TrainConfig())
    assert headline.startswith("Verification proves nothing: ")
    assert "cannot be compared" in headline
    assert "cannot be compared" in line and "--learning-rate" in line
    assert ("diverges" in headline) == (kind == "diverges")
    assert "after 1 step" in line


def test_a_run_of_which_no_step_can_be_followed_is_told_so():
    failure = VerificationFailure("undecided", "float64", 0)
    assert describe_failure(failure) == (
        "cannot be compared: after 0 steps, too few for a comparison, rounding alone decides the "
        "result; try a smaller --learning-rate or a larger --batch-size"
    )


SMALL = TrainConfig(dataset="digits", batch_size=BATCH_SIZE, hidden=(12, 10))


@pytest.fixture
def briefly(monkeypatch):
    """Verification of 20 steps, which knows a second run of NumPy."""
    monkeypatch.setattr(verification, "STEPS", 20)
    monkeypatch.setattr(verification, "BATCHES_PER_EPOCH", 10)
    again = {"numpy/again": replace(REFERENCE, variant="again")}
    monkeypatch.setattr(verification, "RUNS", RUNS | again)


@pytest.mark.parametrize("device", ["auto", "mps"])
def test_each_float_type_is_verified_on_the_device_that_has_it(device, tmp_path, briefly):
    """On a Mac float32 is timed on the GPU, which has no float64."""
    script = f'shift 2; PYTHONPATH={ROOT} exec {sys.executable} -m tests.support.gpus "$@"'
    interpreters = {"numpy": str(fake_interpreter(tmp_path / "python", script))}
    config = replace(SMALL, device=device)
    verified = verification.verify(["numpy/again"], interpreters, config, TRAIN_SIZE)
    (run,) = verified.runs
    assert run.passed, run.failure
    assert (run.float64_device, run.device) == ("cpu", "mps")
    assert run.steps == {"float64": 20, "float32": 20}
    sentence = describe_verified(run, verified)
    assert "in float64 on cpu logits" in sentence
    assert "in float32 on mps logits" in sentence


def test_a_device_that_is_not_there_leaves_the_run_unavailable(tmp_path, briefly):
    script = f'shift 2; PYTHONPATH={ROOT} exec {sys.executable} -m tests.support.gpus "$@"'
    interpreters = {"numpy": str(fake_interpreter(tmp_path / "python", script))}
    config = replace(SMALL, device="cuda")
    verified = verification.verify(["numpy/again"], interpreters, config, TRAIN_SIZE)
    (run,) = verified.runs
    assert (run.available, verified.passed) == (False, False)
    assert "--device cuda" in describe_verified(run, verified)
    assert "no run is available here" in describe_verification(verified, config)[0]


def test_what_is_not_installed_is_unavailable_and_the_others_are_verified(tmp_path, briefly):
    """Torch where nothing is installed, and Keras alone beside a TensorFlow that is."""
    (tmp_path / "stub" / "keras").mkdir(parents=True)
    stub = tmp_path / "stub" / "keras" / "__init__.py"
    stub.write_text("raise ModuleNotFoundError(name='keras')\n")
    bare, stubbed = (
        str(fake_interpreter(tmp_path / name, f'{before} exec {sys.executable} {option} "$@"'))
        for name, before, option in (
            ("bare", "", "-S"),
            ("stubbed", f"PYTHONPATH={tmp_path}/stub", ""),
        )
    )
    interpreters = {"pytorch": bare, "tensorflow": stubbed, "numpy": sys.executable}
    runs = ["pytorch/eager", "tensorflow/fit", "numpy/again", "numpy/reference"]
    verified = verification.verify(runs, interpreters, SMALL, TRAIN_SIZE)
    assert [run.available for run in verified.runs] == [False, False, True, True]
    assert verified.passed, verified.runs[2].failure
    headline, *lines = describe_verification(verified, SMALL)
    assert "all other runs compute the same" in headline
    assert f"torch is not installed for {bare}; install it there" in lines[0]
    assert "--python pytorch=PATH" in lines[0]
    assert f"keras is not installed for {stubbed}; install it there" in lines[1]


@pytest.mark.parametrize(
    "fields",
    [
        {"batch_norm": True, "batch_size": 2, "limit": 1436},
        {"batch_size": 1, "validation": 0.05},
        {"batch_norm": True, "batch_size": 2, "limit": 1424, "validation": 0.1},
    ],
    ids=str,
)
def test_what_can_be_trained_can_be_verified(fields):
    """So few images that one is left over for a batch, or none to hold out."""
    config = replace(SMALL, **fields)
    train_size = len(load_configured(config).train_labels)
    short = verification.shorten(config, train_size)
    assert 0 < len(load_configured(short).train_labels) <= train_size
    assert short.limit < TRAIN_SIZE


def test_a_run_that_cannot_be_traced_fails_verification(tmp_path):
    python = fake_interpreter(tmp_path / "python", "echo 'no framework here' >&2; exit 1")
    flags = ("--dataset", "digits", "--verify-only", f"--python=tensorflow={python}")
    done = compare("tensorflow/fit", *flags, cwd=tmp_path)
    assert done.returncode == 1
    assert "Verification FAILED" in done.stdout
    assert "no framework here" in done.stdout
    assert not (tmp_path / "results").exists()


FLOATS = ",".join(verification.FLOAT_TYPES)

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

DYING = """
import io, os, signal, sys
from comparison import tracing
from numpy_impl import trace
sound = trace.trace

def dying(config, variant, dataset, emit):
    def die_at_a_step(kind, arrays):
        emit(kind, arrays)
        if variant == "dying" and kind == "step" and config.float_type == {float_type!r}:
            os.kill(os.getpid(), signal.SIGSEGV)

    with open({log!r}, "a") as log:
        log.write(variant + chr(10))
    sound(config, variant, dataset, die_at_a_step)

trace.trace = dying
# So that nothing is sent unless it is meant to be.
sys.stdout = kept = io.TextIOWrapper(open(1, "wb", buffering=2**26))
sys.exit(tracing.main())
"""

# In the order in which they share a process: what is traced until one of them ends it, and again.
TRACED = {
    ("dying", "one", "two"): ["dying", "one", "one", "two", "two"],
    ("one", "dying"): ["one", "dying", "one", "dying"],
}


@pytest.mark.parametrize(
    ("variants", "float_type"),
    [(("dying", "one", "two"), "float64"), (("one", "dying"), "float32")],
)
def test_a_variant_that_ends_the_process_is_accused_alone(
    variants, float_type, tmp_path, briefly, monkeypatch
):
    log = tmp_path / "log"
    (tmp_path / "dying.py").write_text(DYING.format(float_type=float_type, log=str(log)))
    script = f'shift 2; PYTHONPATH={ROOT} exec {sys.executable} {tmp_path}/dying.py "$@"'
    interpreters = {"numpy": str(fake_interpreter(tmp_path / "python", script))}
    names = [f"numpy/{variant}" for variant in variants]
    known = {name: replace(REFERENCE, variant=name.partition("/")[2]) for name in names}
    monkeypatch.setattr(verification, "RUNS", RUNS | known)
    verified = verification.verify(names, interpreters, SMALL, TRAIN_SIZE)
    for variant, run in zip(variants, verified.runs, strict=True):
        assert run.passed == (variant != "dying"), run.failure
        assert variant == "dying" or run.steps == {"float64": 20, "float32": 20}
    (failure,) = (run.failure for run in verified.runs if run.failure)
    assert failure.message == "its process was ended by SIGSEGV"
    assert log.read_text().split() == TRACED[variants]


def test_an_interrupt_while_children_are_started_is_heard(briefly, interruptible, monkeypatch):
    start, children = verification._start_child, []

    def interrupted(*asked):
        children.append(start(*asked))
        os.kill(os.getpid(), signal.SIGTERM)
        return children[0]

    monkeypatch.setattr(verification, "_start_child", interrupted)
    with pytest.raises(KeyboardInterrupt):
        verification.verify(["numpy/again"], {"numpy": sys.executable}, SMALL, TRAIN_SIZE)
    assert children[0].returncode == -signal.SIGKILL


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
    words = (
        "-c",
        CHANGED.format(change=change),
        str(folder / "frames"),
        package,
        variants,
        FLOATS,
        *flags,
    )
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
