"""What the figures mean, in sentences."""

import math
import statistics

from report.intervals import describe_pair
from report.table import completed_by_run, lowest_floor
from report.verification import describe_verification
from shared import formats
from shared.checkpoint_events import describe_event
from shared.config import CLASSES, IMAGE_SIZE, TrainConfig
from shared.dataset_records import DATASETS
from shared.datasets import Dataset
from shared.download import MissingFiles, describe_stand_in
from shared.environment import Environment
from shared.results import (
    ComparisonResult,
    CompletedRun,
    Pair,
    RunResult,
    completed,
    group_by_run,
)

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


# Why a run did not complete.
ENDS = {
    "not_started": "not started",
    "interrupted": "ended after epoch {epoch} of {epochs}",
    "not_finite": "the loss was no longer a finite number in epoch {epoch}; "
    "try a smaller --learning-rate than {learning_rate:g}",
    "missing_module": "{module} is not installed for {interpreter}; "
    "install it there, or name another interpreter with --python {implementation}=PATH",
    "memory": "it needs more memory than there is; try a smaller --hidden or --batch-size",
    "exit_status": "ended with exit status {exit_status}",
    "unfit": "told a result that cannot be: {unfit}",
    "signal": "was ended by {signal}",
}

SIGNAL_HINTS = {"SIGKILL": " (which systems also do to a process when memory runs out)"}

# What Windows means by exit statuses that no program chooses.
WINDOWS_ENDS = {
    0xC0000005: "access violation",
    0xC0000017: "no memory",
    0xC000001D: "illegal instruction",
    0xC00000FD: "stack overflow",
    0xC0000135: "a DLL was not found",
    0xC0000139: "a DLL lacks a function",
    0xC000013A: "Ctrl-C",
    0xC0000142: "a DLL did not start",
    0xC0000409: "stack overrun or abort",
}


def describe_job(config: TrainConfig, dataset: Dataset, missing: MissingFiles | None) -> str:
    """What is about to be trained, on what; first, why not on the dataset that was meant."""
    sizes = "-".join(map(str, (IMAGE_SIZE, *config.hidden, CLASSES)))
    title = DATASETS[dataset.name].title
    held_out = (
        ""
        if dataset.validation_labels is None
        else f", {formats.count(len(dataset.validation_labels))} validation"
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
    return f"NOTICE: {describe_stand_in(missing)}\n{job}" if missing else job


def describe_end(run: RunResult, config: TrainConfig) -> str:
    """Why a run did not complete.

    Args:
        config: of the run.
    """
    if run.end is None:
        return run.error or ""
    known = vars(run.end) | {
        "epochs": config.epochs,
        "learning_rate": config.learning_rate,
        "implementation": run.run.rpartition(": ")[2].partition("/")[0],
    }
    hint = SIGNAL_HINTS.get(run.end.signal or "", "") or explain_status(run.end.exit_status or 0)
    return ENDS[run.end.kind].format(**known) + hint


def explain_status(status: int) -> str:
    """What Windows says by an exit status; nothing if that is a program's own."""
    if status < 0x80000000:
        return ""
    return f" (0x{status:08X}, {WINDOWS_ENDS.get(status, 'an error of Windows')})"


def verdicts(result: ComparisonResult) -> list[str]:
    """Each run set against the first, in each setting."""
    return [describe_setting(result, pair) for pair in result.comparison.pairs]


def describe_setting(result: ComparisonResult, pair: Pair) -> str:
    """A run set against the first; where there are several settings, in which."""
    figures = pair.train_time_ratio, pair.test_accuracy_difference, pair.repeats
    words = describe_pair(pair.run, result.comparison.baseline, *figures)
    if len(result.plan.settings) == 1:
        return words
    setting = result.plan.settings[pair.setting].items()
    changed = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in setting)
    return f"At {changed}: {words}"


def in_words(result: ComparisonResult) -> list[str]:
    """What the table means: warnings first, then what failed, then each run against the first."""
    sentences = []
    if result.dataset.missing:
        sentences.append(f"NOTICE: {describe_stand_in(result.dataset.missing)}")
    if result.verification and not result.verification.passed:
        sentences += describe_verification(result.verification, result.config)[:1]
    sentences += doubts(result)
    sentences += [
        f"NOTICE: {describe_event(event, run.run, run.seed)}"
        for run in result.runs
        for event in run.checkpoints
    ]
    sentences += [
        f"{run.run} (seed {run.seed}) {run.status}: {describe_end(run, result.config_of(run))}"
        for run in result.runs
        if run.status != "completed"
    ]
    sentences += unwritten(result)
    sentences += untimed(result)
    sentences += verdicts(result)
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
    cores = environment.physical_cores
    load, *_ = environment.load_average or (0.0,)
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
        most = max(busy, key=lambda run: run.foreign_cpus or 0)
        cores_kept = formats.decimal(most.foreign_cpus or 0, 1)
        found.append(
            f"other processes were at work during {len(busy)} of {len(result.runs)} runs, most "
            f"during {most.run} (seed {most.seed}): {cores_kept} cores "
            "on average."
        )
    probes = [probe.seconds for probe in result.probes]
    if probes and max(probes) > MOST_DRIFT * min(probes):
        low, high = min(probes), max(probes)
        found.append(
            "the machine changed its speed by itself: the same small piece of work took "
            f"{formats.decimal(1000 * low, 1)} to {formats.milliseconds(high, 1)} before different "
            "runs. More --repeats help, and so does --threads 1 where cores are at times slow to "
            "hear from one another, as on virtual machines."
        )
    if cores and result.config.threads > cores:
        found.append(
            f"{result.config.threads} threads share {cores} physical cores, which costs time."
        )
    if environment.on_battery:
        found.append("the machine runs on its battery, which lowers most processors' speed.")
    return [f"WARNING: {doubt}" for doubt in found]


def unwritten(result: ComparisonResult) -> list[str]:
    """What is missing of completed runs, and what the system or the framework said of it."""
    runs = completed(result.runs)
    return [
        f"NOTICE: {each.file} of {run.run} (seed {run.seed}) could not be written ({each.error}); "
        "the run's figures are whole."
        for run in runs
        for each in run.unwritten
    ] + [
        f"NOTICE: the latencies of {run.run} (seed {run.seed}) could not be measured "
        f"({run.inference_error}); its other figures are whole."
        for run in runs
        if run.inference_error
    ]


def untimed(result: ComparisonResult) -> list[str]:
    """Which completed runs have no training time per epoch, and why, in one sentence if any."""
    runs = [run for run in completed(result.runs) if run.epoch_seconds is None]
    if not runs:
        return []
    names = ", ".join(group_by_run(runs))
    return [
        f"NOTICE: the training time per epoch of {names} is not known: the first steps also trace "
        "and warm up, and no others were timed. More --epochs or a smaller --batch-size help."
    ]


def paid_off(result: ComparisonResult) -> list[str]:
    """For each compiled run: after how many epochs it has made up for its compiling, in words."""
    groups = completed_by_run(result)
    # What went on from a checkpoint tells nothing about its start.
    groups = {
        name: runs
        for name, runs in groups.items()
        if all(run.resumed_from_step is None and run.epoch_seconds is not None for run in runs)
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
            statistics.fmean(run.epoch_seconds or 0 for run in group)
            for group in (runs, groups[plain])
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


def start_up_seconds(run: CompletedRun) -> float:
    """What a run's training took beyond its epochs at their usual speed: tracing, compiling."""
    spent = run.phases["build"] + run.phases["first_step"] + run.phases["train"]
    return spent - len(run.epochs) * (run.epoch_seconds or 0)


def describe_machine(environment: Environment) -> str:
    """Processor, cores, memory, system, versions and load, in one line."""
    versions = ", ".join(f"{name} {v}" for name, v in environment.versions.items() if v)
    load = environment.load_average
    started = f"; load average at the start {formats.decimal(load[0], 2)}" if load else ""
    return (
        f"{environment.processor}, {environment.physical_cores} cores, "
        f"{formats.gibibytes(environment.memory_bytes)}; {environment.platform}; "
        f"Python {environment.python}, {versions}{started}"
    )
