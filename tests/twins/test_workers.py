"""Several workers learn what one learns, in each framework's own way, and none is left over.

A small share of what `python -m benchmarks.workers` tries.
"""

import re
import signal
import subprocess
import sys

import pytest

from benchmarks.workers.kills import Training, end_one
from benchmarks.workers.proof import prove
from benchmarks.workers.traced import FAULTS, SIZES, TECHNIQUES, cases
from shared.registry import ALONE, RUNS, TWINS
from shared.workers import describe_place, free_ports
from tests.support.commands import ROOT, child_environment, run_warm, warm_interpreter

VARIANTS = {"pytorch": "eager", "tensorflow": "graph"}


def interpreter(implementation: str) -> str:
    return warm_interpreter(frozenset([implementation])) or sys.executable


@pytest.mark.parametrize("implementation", TWINS)
def test_several_workers_learn_what_one_learns(implementation):
    """Shares that are uneven, and shares that are empty; what comes before the update, and behind.

    Every worker has the same weights, to the last bit.
    """
    variant = VARIANTS[implementation]
    names = [f"{variant}, batches of 2", f"{variant}, clipping", f"{variant}, accumulation"]
    proven = [*prove(implementation, 3, names, interpreter(implementation))]
    assert len(proven) == len(names)
    for judged in proven:
        assert judged.is_good, judged.describe()
        assert judged.verdict.steps["float64"] >= 200
        assert judged.verdict.figures["float64"]["weights"] < 1e-12


@pytest.mark.parametrize("implementation", TWINS)
def test_shares_that_are_put_together_differently_are_found(implementation):
    for judged in prove(implementation, 2, [*FAULTS], interpreter(implementation)):
        assert judged.verdict.failure, judged.case.name
        assert judged.verdict.failure.diagnosis == "workers", judged.describe()
        assert "put together differently" in judged.describe()


def test_all_that_can_have_workers_is_proven():
    for implementation in TWINS:
        runs = [run for run in RUNS.values() if run.implementation == implementation]
        variants = tuple(run.variant for run in runs if not run.alone)
        known = cases(variants)
        assert len(known) == len(variants) * (len(SIZES) + len(TECHNIQUES)) + len(FAULTS)
    assert set(ALONE) <= set(RUNS)


@pytest.mark.parametrize("implementation", TWINS)
def test_a_worker_that_does_not_answer_ends_the_training(implementation, tmp_path):
    """Within the time that was asked for; the training says which, and goes on from where it was.

    It is killed while it still imports, then made to stand still while it trains.
    """
    training = Training(implementation, tmp_path)
    for how, delay in ((signal.SIGKILL, 0.5), (signal.SIGSTOP, 12)):
        ending = end_one(training.start(), 1, how, delay)
        assert ending, "the training was over before"
        assert ending.is_good, ending.describe()


def test_fit_breaks_off_on_several_workers():
    """If this fails, Keras may have mended it, and `fit` may have workers here too."""
    ports = free_ports(3)
    known = child_environment(TF_CPP_MIN_LOG_LEVEL="3", KERAS_BACKEND="tensorflow")
    command = [sys.executable, "-m", "tests.support.fit_on_workers"]
    started = [
        subprocess.Popen(
            command,
            env=known | describe_place(number, 2, ports),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for number in range(2)
    ]
    said = started[0].stdout.readline()
    for process in started:
        process.kill()
        process.communicate()
    assert said.startswith("ValueError: Attempt to convert a value (PerReplica")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["tensorflow_impl", "--variant", "fit"], "expected 1 with tensorflow/fit, .*Keras 3.15"),
        (["tensorflow_impl", "--variant", "compiled"], "expected 1 with tensorflow/compiled"),
        (["pytorch_impl", "--variant", "compiled"], "expected 1 with pytorch/compiled"),
        (["numpy_impl"], "expected 1 with numpy/reference, because it is the reference"),
        (["pytorch_impl", "--dropout", "0.2"], "expected 1 with --dropout, because"),
        (["pytorch_impl", "--batch-norm"], "expected 1 with --batch-norm, .*SyncBatchNorm"),
        (["pytorch_impl", "--precision", "float16"], "expected 1 with --precision float16"),
        (["pytorch_impl", "--profile"], "expected 1 with the profiler"),
        (["pytorch_impl", "profile", "--output-dir", "x"], "expected 1 with the profiler"),
    ],
)
def test_what_workers_can_not_do_is_refused(arguments, sentence, tmp_path):
    done = run_warm("-m", *arguments, "--workers", "2", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert re.search(f"--workers 2: {sentence}", done.stderr), done.stderr
    assert not [*tmp_path.iterdir()]
