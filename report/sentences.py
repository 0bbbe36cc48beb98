"""What the figures mean, in sentences."""

import math
import statistics
from collections.abc import Mapping

from report.table import completed_by_run, lowest_floor
from shared import formats, plotting
from shared.config import CLASSES, IMAGE_SIZE, WITHOUT_EQUAL, TrainConfig
from shared.datasets import Dataset
from shared.results import ComparisonResult, RunResult, Verification
from shared.rules import flag

OPTIMIZER_TITLES = {
    "adam": "Adam",
    "adamw": "AdamW",
    "sgd": "SGD",
    "rmsprop": "RMSprop",
    "adagrad": "Adagrad",
}

# Where a network is from, and what is said of it there.
PRESET_ORIGINS = {
    "torch-quickstart": "PyTorch's quickstart, which reports about 65 % after 5 epochs; the runs "
    "of TensorFlow show what it would have got there.",
    "keras-quickstart": "TensorFlow's quickstart, which reports about 97.7 % after 5 epochs; the "
    "runs of PyTorch show what it would have got there.",
    "two-layer": "a network with one hidden layer, which tutorials train for one epoch to about "
    "93 %.",
}


def describe_job(config: TrainConfig, dataset: Dataset, notice: str | None) -> str:
    """What is about to be trained, on what; the notice about the dataset, if any, comes first."""
    sizes = "-".join(map(str, (IMAGE_SIZE, *config.hidden, CLASSES)))
    title = plotting.DATASET_TITLES[dataset.name]
    held_out = (
        f", {formats.count(len(dataset.validation_labels))} validation" if config.validation else ""
    )
    job = (
        f"{title}: {formats.count(len(dataset.train_labels))} training{held_out} and "
        f"{formats.count(len(dataset.test_labels))} test images. Network {sizes}, "
        f"{OPTIMIZER_TITLES[config.optimizer]} {config.learning_rate:g}, "
        f"batches of {config.batch_size}, epochs: {config.epochs}, seed {config.seed}, "
        f"{config.float_type}, threads: {config.threads}."
    )
    if techniques := config.techniques():
        job += f"\nTechniques: {techniques}."
    if origin := PRESET_ORIGINS.get(config.preset):
        job += f"\nPreset {config.preset}: {origin}"
    return f"NOTICE: {notice}\n{job}" if notice else job


def in_words(result: ComparisonResult) -> list[str]:
    """What the table means: warnings first, then what failed, then each run against the first."""
    sentences = []
    if result.dataset.notice:
        sentences.append(f"NOTICE: {result.dataset.notice}")
    if result.verification and not result.verification.passed:
        sentences += describe_verification(result.verification, result.config)[:1]
    sentences += doubts(result)
    sentences += [f"NOTICE: {notice}" for run in result.runs for notice in run.notices]
    sentences += [
        f"{run.run} (seed {run.seed}) {run.status}: {run.error}"
        for run in result.runs
        if run.status != "completed"
    ]
    sentences += [pair.verdict for pair in result.comparison.pairs]
    if floor := lowest_floor(result):
        sentences.append(
            f"The floor, the eight matrix products of a step alone, is an epoch in "
            f"{formats.seconds(floor.median_seconds, 3)} with {floor.library}."
        )
    return sentences + paid_off(result)


# Above these, figures are called doubtful: cores kept busy by others, slowest to fastest probe.
MOST_FOREIGN_CPUS = 0.1
MOST_DRIFT = 1.15


def doubts(result: ComparisonResult) -> list[str]:
    """Why the timings may not be fair or repeatable, as far as it was noticed."""
    environment = result.environment
    cores = environment["physical_cores"]
    load = environment["load_average"][0]
    devices = {run.run: run.device for run in result.runs if run.device}
    busy = [run for run in result.runs if (run.foreign_cpus or 0) > MOST_FOREIGN_CPUS]
    found = []
    if len(set(devices.values())) > 1:
        where = ", ".join(f"{run} on {device}" for run, device in devices.items())
        found.append(
            f"the runs used different devices ({where}). "
            "Their timings compare devices, not frameworks."
        )
    if cores and load > cores / 2:
        found.append(
            "the machine was busy when the comparison began (load "
            f"{formats.decimal(load, 1)} on {cores} cores), so its timings may not be repeatable."
        )
    if busy:
        most = max(busy, key=lambda run: run.foreign_cpus)
        found.append(
            f"other processes were at work during {len(busy)} of {len(result.runs)} runs, most "
            f"during {most.run} (seed {most.seed}): {formats.decimal(most.foreign_cpus, 1)} cores "
            "on average."
        )
    if result.probes and max(result.probes) > MOST_DRIFT * min(result.probes):
        low, high = (limit(result.probes) for limit in (min, max))
        found.append(
            "the machine changed its speed by itself: the same small piece of work took "
            f"{formats.decimal(1000 * low, 1)} to {formats.milliseconds(high, 1)} before different "
            "runs. More --repeats help, and so does --threads 1 where cores are at times slow to "
            "hear from one another, as on virtual machines."
        )
    if cores and result.config["threads"] > cores:
        found.append(
            f"{result.config['threads']} threads share {cores} physical cores, which costs time."
        )
    if environment.get("on_battery"):
        found.append("the machine runs on its battery, which lowers most processors' speed.")
    return [f"WARNING: {doubt}" for doubt in found]


def paid_off(result: ComparisonResult) -> list[str]:
    """For each compiled run: after how many epochs it has made up for its compiling, in words."""
    groups = completed_by_run(result)
    # What went on from a checkpoint tells nothing about its start.
    groups = {
        name: runs
        for name, runs in groups.items()
        if all(run.resumed_from_step is None for run in runs)
    }
    sentences = []
    for name, runs in groups.items():
        framework, _, variant = name.partition("/")
        others = [
            other
            for other in groups
            if other.startswith(f"{framework}/") and not other.startswith(f"{framework}/compiled")
        ]
        if variant != "compiled" or not others:
            continue
        plain = others[0]
        start, plain_start = (
            statistics.fmean(map(start_up_seconds, group)) for group in (runs, groups[plain])
        )
        epoch, plain_epoch = (
            statistics.fmean(run.epoch_seconds for run in group) for group in (runs, groups[plain])
        )
        later = start - plain_start
        more = "more" if later > 0 else "less"
        costs = f"{name} spends {formats.seconds(abs(later), 1)} {more} than {plain}"
        if epoch < plain_epoch:
            ahead = (
                f"after epoch {math.ceil(later / (plain_epoch - epoch))}"
                if later > 0
                else "at once"
            )
            saves = f"saves {formats.seconds(plain_epoch - epoch, 2)} an epoch: it is ahead {ahead}"
        else:
            saves = "saves nothing an epoch: it never makes up for that"
        sentences.append(f"{costs} on its start and {saves}.")
    return sentences


def start_up_seconds(run: RunResult) -> float:
    """What a run's training took beyond its epochs at their usual speed: tracing, compiling."""
    spent = run.phases["build"] + run.phases["first_step"] + run.phases["train"]
    return spent - len(run.epochs) * run.epoch_seconds


# What the timed runs have beyond what is verified, by alignment.
BEYOND_EXACT = {
    "defaults": " Timed are the frameworks' defaults: initial weights and Adam's epsilon differ.",
    "matched": " Timed is `matched`: only Adam's epsilon has another place in each framework.",
    "exact": "",
}


def describe_verification(verification: Verification, config: Mapping[str, object]) -> list[str]:
    """The verdict of the verification, then one line a run.

    Args:
        config: of the timed runs, as JSON holds it; verified is always `exact`.
    """
    # Results from before there were techniques do not name them.
    given = {name for name, value in WITHOUT_EQUAL.items() if config.get(name, value) != value}
    missing = [flag(name) for name in WITHOUT_EQUAL if name in given]
    left_out = f" Not verified is {', '.join(missing)}: it has no equal." if missing else ""
    compared = "all runs" if all(run.available for run in verification.runs) else "all other runs"
    verdict = (
        f"passed: from the same weights and batches, under `exact`, {compared} compute the same"
        if verification.passed
        else "FAILED: the timings do not compare equal computations"
    )
    plain = config.get("optimizer", "adam") in ("adam", "adamw") and not config.get("batch_norm")
    beyond = BEYOND_EXACT[config["alignment"]]
    if beyond and not plain:
        beyond = " Timed are the frameworks' own layers and optimizers (docs/DIFFERENCES.md)."
    return [
        f"Verification {verdict} ({verification.steps} steps, "
        f"{formats.seconds(verification.seconds, 1)})." + beyond + left_out,
        *(f"  {run.run} {run.message}" for run in verification.runs),
    ]


def describe_machine(environment: dict[str, object]) -> str:
    """Processor, cores, memory, system, versions and load, in one line."""
    versions = ", ".join(f"{name} {v}" for name, v in environment["versions"].items() if v)
    return (
        f"{environment['processor']}, {environment['physical_cores']} cores, "
        f"{formats.gibibytes(environment['memory_bytes'])}; {environment['platform']}; "
        f"Python {environment['python']}, {versions}; "
        f"load average at the start {formats.decimal(environment['load_average'][0], 2)}"
    )
