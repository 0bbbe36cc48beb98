"""What the figures mean, in sentences."""

import math
import statistics

from report.break_even import break_evens, describe_break_even
from report.figures import completed_by_run, lowest_floor, reached
from report.verdicts import crossings, verdicts
from report.verification import describe_verification
from shared import formats
from shared.checkpoint_events import describe_event
from shared.config import CLASSES, IMAGE_SIZE, TrainConfig
from shared.dataset_records import DATASETS
from shared.datasets import Dataset
from shared.download import MissingFiles, describe_stand_in
from shared.environment import Environment
from shared.results import ComparisonResult, RunResult, completed, group_by_run

OPTIMIZER_TITLES = {
    "adam": "Adam",
    "adamw": "AdamW",
    "sgd": "SGD",
    "rmsprop": "RMSprop",
    "adagrad": "Adagrad",
}

# Where a network is from, and what is said of it there.
PRESET_ORIGINS = {
    "torch-quickstart": "PyTorch's quickstart, which reports about 65 % after 5 epochs; the "
    "TensorFlow runs show what the same network reaches there.",
    "keras-quickstart": "TensorFlow's quickstart, which reports about 97.7 % after 5 epochs; the "
    "PyTorch runs show what the same network reaches there.",
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
    "memory": "it ran out of memory; try a smaller --hidden or --batch-size",
    "exit_status": "ended with exit status {exit_status}",
    "unfit": "reported an impossible result: {unfit}",
    "signal": "was ended by {signal}",
    "worker_killed": "worker {worker} of {workers} was ended by {signal}",
    "worker_stopped": "worker {worker} of {workers} stopped answering for {worker_timeout:g} s "
    "(--worker-timeout); it was suspended, and has been ended",
    "worker_failed": "worker {worker} of {workers} ended with exit status {exit_status}",
}

SIGNAL_HINTS = {"SIGKILL": " (systems also kill a process this way when memory runs out)"}

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
        f"batches of {config.batch_size}, {formats.several(config.epochs, 'epoch')}, seed "
        f"{config.seed}, {config.float_type}, {formats.several(config.threads, 'thread')}"
        f"{f', {config.workers} workers' if config.workers > 1 else ''}."
    )
    if techniques := config.techniques():
        job += f"\nTechniques: {techniques}."
    if origin := PRESET_ORIGINS.get(config.preset):
        job += f"\nPreset {config.preset}: {origin}"
    return f"NOTICE: {describe_stand_in(missing)}\n{job}" if missing else job


def describe_training(result: ComparisonResult) -> str:
    """What each run trained: the network, the data and the settings, in one line."""
    config, count = result.config, result.plan.repeats
    sizes = "-".join(map(str, (IMAGE_SIZE, *config.hidden, CLASSES)))
    found = dict.fromkeys(run.device for run in result.runs if run.device)
    devices = ", ".join("CPU" if device == "cpu" else device for device in found)
    epochs = formats.several(config.epochs, "epoch")
    threads = formats.several(config.threads, "thread")
    techniques = config.techniques()
    return (
        f"network {sizes}, {formats.count(result.dataset.train_size)} images, {epochs}, batches of "
        f"{config.batch_size}, {OPTIMIZER_TITLES[config.optimizer]} {config.learning_rate:g}"
        f"{', ' + techniques if techniques else ''}; {threads}"
        f"{', ' + devices if devices else ''}, n = {count}"
    )


def describe_end(run: RunResult, config: TrainConfig) -> str:
    """Why a run did not complete.

    Args:
        config: of the run.
    """
    if run.end is None:
        return run.error or ""
    known = vars(run.end) | {
        "epochs": config.epochs,
        "workers": config.workers,
        "worker_timeout": config.worker_timeout,
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
            f"The floor is {formats.seconds(floor.median_seconds, 3)} per epoch: only the eight "
            f"matrix products of each step, with {floor.library}."
        )
    sentences += crossings(result)
    return sentences + unreached(result) + list(map(describe_break_even, break_evens(result)))


# Above these, figures are called doubtful: cores kept busy by others, slow to fast probes.
MOST_FOREIGN_CPUS = 0.1
MOST_DRIFT = 1.15


def doubts(result: ComparisonResult) -> list[str]:
    """Why the timings may not be fair or repeatable, as far as it was noticed."""
    environment = result.environment
    cores = environment.physical_cores
    load, *_ = environment.load_average or (0.0,)
    devices = {run.run: run.device for run in result.runs if run.device}
    found = []
    if len(set(devices.values())) > 1:
        where = ", ".join(f"{run} on {device}" for run, device in devices.items())
        found.append(
            f"the runs used different devices ({where}). "
            "Their timings compare devices, not frameworks."
        )
    disturbances = describe_disturbances(result)
    if cores and load > cores / 2:
        began = "comparison" if len(result.runs) > 1 else "run"
        disturbances.insert(
            0,
            f"the machine was busy when the {began} began (load {formats.decimal(load, 1)} on "
            f"{cores} cores), so its timings may not be repeatable",
        )
    most = max(run.workers for run in result.runs)
    if cores and most > cores:
        there = formats.several(cores, "physical core")
        found.append(f"{most} workers share {there}, which slows the runs.")
    if environment.on_battery:
        disturbances.append("the machine runs on battery, which slows most processors down")
    if disturbances:
        found.append("; ".join(disturbances) + ".")
    if cores and result.config.threads > cores:
        there = formats.several(cores, "physical core")
        found.append(f"{result.config.threads} threads share {there}, which slows the runs.")
    return [f"WARNING: {doubt}" for doubt in found]


def describe_disturbances(result: ComparisonResult) -> list[str]:
    """Other processes and changes of speed, which often explain one another, each in a clause.

    Speed is doubted from the 90th over the 10th percentile of the probes, because their range grows
    with their number. Percentiles lie on straight lines between the sorted times, of which the
    extremes are the 0th and the 100th: definition 7 of Hyndman and Fan, "Sample Quantiles in
    Statistical Packages", The American Statistician 50 (1996).
    """
    busy = [run for run in result.runs if (run.foreign_cpus or 0) > MOST_FOREIGN_CPUS]
    probes = [probe.seconds for probe in result.probes]
    found = []
    if busy:
        most = max(busy, key=lambda run: run.foreign_cpus or 0)
        found.append(
            f"other processes used the CPU during {len(busy)} of {len(result.runs)} runs, most "
            f"during {most.run} (seed {most.seed}): "
            f"{formats.decimal(most.foreign_cpus or 0, 1)} cores on average"
        )
    # A single probe has no percentiles.
    fast, *_, slow = (
        statistics.quantiles(probes, method="inclusive", n=10) if probes[1:] else (0, 0)
    )
    if slow > MOST_DRIFT * fast:
        found.append(
            "the machine's speed varied: the same small task took "
            f"{formats.decimal(1000 * fast, 1)} to {formats.milliseconds(slow, 1)} before "
            "different runs (10th to 90th percentile); more --repeats help, and so does "
            "--threads 1 on a virtual machine"
        )
    return found


def unwritten(result: ComparisonResult) -> list[str]:
    """What is missing of completed runs, and what the system or the framework said of it."""
    runs = completed(result.runs)
    return [
        f"NOTICE: {each.file} of {run.run} (seed {run.seed}) could not be written ({each.error}); "
        "the run's figures are complete."
        for run in runs
        for each in run.unwritten
    ] + [
        f"NOTICE: the latencies of {run.run} (seed {run.seed}) could not be measured "
        f"({run.inference_error}); its other figures are complete."
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
        f"NOTICE: the training time per epoch of {names} is unknown: only first steps were timed, "
        "which include tracing and warm-up. More --epochs or a smaller --batch-size help."
    ]


def unreached(result: ComparisonResult) -> list[str]:
    """Which runs reached the target accuracy in some repeats only."""
    target = formats.percent(result.config.target_accuracy, None)
    sentences = []
    for name, repeats in completed_by_run(result).items():
        found = reached(repeats)
        if 0 < len(found.times) < found.repeats:
            median = (
                ""
                if math.isinf(found.median)
                else (f", after a median of {formats.seconds(found.median, 2)}")
            )
            sentences.append(
                f"{name} reached {target} test accuracy in {len(found.times)} of {found.repeats} "
                f"repeats{median}."
            )
    return sentences


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
