"""Results of comparisons with made-up figures: whole, repeated, and cut short."""

from dataclasses import replace

from report import write
from report.pairs import compare_runs
from shared.clock import PHASES
from shared.config import TrainConfig
from shared.datasets import Dataset
from shared.download import MissingFiles
from shared.environment import Environment
from shared.results import ComparisonResult, EpochResult, Plan, RunResult
from shared.verified import RunVerification, Verification, VerificationFailure

TEST_IMAGES = 50
MISSING = MissingFiles("mnist", "/data/mnist", ["a.gz", "b.gz"])
ENVIRONMENT = Environment(
    python="3.12.1",
    platform="Linux",
    processor="Processor 9000",
    physical_cores=2,
    logical_cores=4,
    memory_bytes=8 * 2**30,
    load_average=(0.25, 0.5, 0.75),
    versions={"torch": "2.15.0", "tensorflow": None, "numpy": "2.4.6"},
)


def make_run(name: str, seed: int = 0, speed: float = 1.0, epochs: int = 3) -> RunResult:
    """A completed run that needs `speed` seconds an epoch, the first twice that."""
    framework, _, variant = name.partition("/")
    run = RunResult(name, framework, variant, seed, threads=2, batch_size=64, status="completed")
    run.epochs = [
        EpochResult(
            k,
            1 / k,
            0.8 + min(k / 100, 0.1),
            1.1 / k,
            0.9 + min(k / 100, 0.1),
            speed * (1 + (k == 1)),
            0.5,
        )
        for k in range(1, epochs + 1)
    ]
    run.test_loss, run.test_accuracy = run.epochs[-1].test_loss, run.epochs[-1].test_accuracy
    run.phases = {phase: number / 4 for number, phase in enumerate(PHASES, 1)}
    run.wall_seconds = sum(run.phases.values())
    run.time_to_first_step_seconds = 0.75
    run.peak_memory_bytes = 300 * 2**20
    run.framework_version, run.device = "1.2.3", "cpu"
    run.predictions = f"{framework}-{variant}-{seed}.predictions.safetensors"
    run.set_speed(1437, (0.0, 0))
    return run


def make_unfinished(name: str, status: str, error: str, epochs: int = 0, seed: int = 0):
    """A run that ended early, after some epochs."""
    whole = make_run(name, seed, epochs=epochs or 1)
    run = RunResult(name, whole.framework, whole.variant, seed, 2, 64, status=status, error=error)
    if epochs:
        run.epochs, run.phases, run.wall_seconds = whole.epochs, whole.phases, whole.wall_seconds
        run.set_speed(1437, (0.0, 0))
    return run


def make_result(dataset: Dataset, *runs: RunResult, **others) -> ComparisonResult:
    """What the commands assemble from these runs."""
    config = TrainConfig(dataset="digits", threads=2)
    command, missing = "python compare.py --epochs 3", others.pop("missing", None)
    environment = others.pop("environment", ENVIRONMENT)
    settings = others.pop("settings", [{}])
    names = list(dict.fromkeys(run.run for run in runs))
    repeats = len(runs) // (len(names) * len(settings)) or 1
    return ComparisonResult(
        command=command,
        config=config,
        plan=Plan(settings, names, repeats),
        dataset=write.describe_dataset(dataset, missing),
        environment=environment,
        runs=list(runs),
        comparison=compare_runs(runs),
        **others,
    )


def make_verification(passed: bool) -> Verification:
    agreed = {"logits": 4e-16, "gradients": 1e-15, "weights": 2e-15}
    run = RunVerification(
        "pytorch/eager",
        "cpu",
        {"float64": 20, "float32": 20},
        figures={"float64": agreed, "float32": dict.fromkeys(agreed, 1e-6)},
    )
    if not passed:
        arrays = ["dense_1/kernel", "dense_1/bias"]
        run.fail(
            VerificationFailure(
                *("off", "float64", 3, "step", None, arrays, 2e-3, 1e-12, "some_weights")
            )
        )
    return Verification("numpy/reference", "matched", 20, 10.0, 1.25, [run])


ONE = (make_run("numpy/reference"),)
TWO = (make_run("pytorch/eager"), make_run("tensorflow/fit"))
REPEATS = (
    *(make_run(name, seed) for seed in (0, 1) for name in ("pytorch/eager", "tensorflow/fit")),
    make_unfinished("pytorch/eager", "interrupted", "Stopped.", epochs=1, seed=2),
)
UNFINISHED = (
    make_unfinished("pytorch/eager", "interrupted", "Stopped.", epochs=2),
    make_unfinished("tensorflow/fit", "unavailable", "Not installed."),
)
# An epoch of one step each, which also traced and warmed up.
UNTIMED = tuple(
    replace(make_run(name, epochs=1), epoch_seconds=None, samples_per_second=None)
    for name in ("pytorch/eager", "pytorch/compiled", "tensorflow/fit")
)
NOTHING = (make_unfinished("pytorch/eager", "failed", "It broke."),)
ALL_PICTURES = {"time.png", "curves.png", "predictions.png"}
REPORTS = {
    "one run": (ONE, ALL_PICTURES),
    "repeats": (REPEATS, ALL_PICTURES),
    "no time per epoch": (UNTIMED, ALL_PICTURES),
    "none completed": (UNFINISHED, {"time.png", "curves.png"}),
    "not one epoch": (NOTHING, set()),
}
