"""Train the same network in PyTorch and in TensorFlow, and report them side by side."""

import importlib.util
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from shared.command_line import (
    Flag,
    Repeatable,
    RunNames,
    SharedConfig,
    interrupt_on_terminate,
    parse_flags,
)
from shared.config import (
    ALL_RUNS,
    IMPLEMENTATIONS,
    SEEDS,
    TrainConfig,
    UsageError,
)

if TYPE_CHECKING:
    from shared.jobs import Job

PROGRAM = "python compare.py"
DEFAULT_RUNS = ("pytorch/eager", "tensorflow/fit")


@dataclass(frozen=True)
class Request:
    """Train the same network in several frameworks and report them side by side."""

    config: SharedConfig
    run: RunNames = DEFAULT_RUNS
    batch_size: tuple[int, ...] = (64,)
    """Images per training step; several draw the throughput of each against them."""
    repeats: int | None = None
    """Paired repeats, with seed, seed + 1, ...; by default 1, and 8 with --attribute."""
    python: Repeatable[tuple[str, ...]] = ()
    """Interpreter for one implementation, as tensorflow=PATH."""
    verify: bool = True
    """First prove that the runs compute the same thing, against the NumPy oracle."""
    verify_only: Flag = False
    """Only prove it: train and time nothing."""
    attribute: Flag = False
    """Measure instead how much each default that differs between the frameworks matters."""
    floor: Flag = False
    """Also time the matrix products alone, the lower limit, and show each run as its multiple."""
    output_dir: Path | None = None
    """Folder for the results, new or empty; by default results/<UTC time>."""
    open: Flag = False
    """Open report.html in the browser at the end."""

    def configs(self) -> list[TrainConfig]:
        """The configuration for each batch size.

        Raises:
            UsageError: a batch size is not as expected.
        """
        if len(set(self.batch_size)) < max(1, len(self.batch_size)):
            sizes = " ".join(map(str, self.batch_size))
            raise UsageError(f"--batch-size {sizes}: expected one or more sizes, each once.")
        return [replace(self.config, batch_size=size) for size in self.batch_size]


def plan_runs(request: Request) -> tuple[list[str], dict[str, str]]:
    """The runs by name, and the interpreter of each implementation.

    The second of two equal runs is called `pytorch/eager#2`.

    Raises:
        UsageError: a run, the number of repeats or an interpreter is not as expected.
    """
    if request.repeats is not None and request.repeats < 1:
        raise UsageError(f"--repeats {request.repeats}: expected 1 or more.")
    if request.config.seed + (request.repeats or 1) > SEEDS:
        raise UsageError(
            f"--seed {request.config.seed} --repeats {request.repeats}: expected seeds that stay "
            f"below {SEEDS}."
        )
    interpreters = dict.fromkeys(IMPLEMENTATIONS, sys.executable) | _interpreters(request.python)
    seen: Counter[str] = Counter()
    runs = []
    for name in (name for word in request.run for name in _expand(word, interpreters)):
        seen[name] += 1
        runs.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return runs, interpreters


def plan_jobs(
    runs: Sequence[str],
    interpreters: dict[str, str],
    configs: Sequence[TrainConfig],
    repeats: int,
) -> list["Job"]:
    """One job for each run, configuration and repeat, in the order in which they are to run.

    Repeats are interleaved, every second one in reverse (A B, B A, ...), so that a drift of the
    machine falls on all runs and batch sizes alike.
    """
    from shared.jobs import Job

    jobs = []
    order = list(product(configs, runs))
    for repeat in range(repeats):
        for config, run in order if repeat % 2 == 0 else reversed(order):
            seeded = replace(config, seed=config.seed + repeat)
            slug = run.replace("/", "-").replace("#", "-")
            title = run
            if len(configs) > 1:
                slug += f"-batch{config.batch_size}"
                title += f", batch size {config.batch_size}"
            if repeats > 1:
                slug += f"-seed{seeded.seed}"
                title += f", seed {seeded.seed}"
            jobs.append(Job(run, interpreters[run.partition("/")[0]], seeded, slug, title))
    return jobs


def _expand(run: str, interpreters: dict[str, str]) -> Sequence[str]:
    """The runs that one word of the command line stands for."""
    if run == "all":
        return [name for name in ALL_RUNS if _available(name.partition("/")[0], interpreters)]
    if run not in ALL_RUNS:
        raise UsageError(f"{run}: expected all or one of: {', '.join(ALL_RUNS)}.")
    return [run]


def _available(implementation: str, interpreters: dict[str, str]) -> bool:
    """Whether the framework is installed; another interpreter was named because it is there."""
    if interpreters[implementation] != sys.executable:
        return True
    return importlib.util.find_spec(IMPLEMENTATIONS[implementation].framework) is not None


def _interpreters(choices: Sequence[str]) -> dict[str, str]:
    """The interpreters given as `tensorflow=PATH`, by implementation."""
    chosen = {}
    for choice in choices:
        implementation, _, path = choice.partition("=")
        program = shutil.which(path)
        if implementation not in IMPLEMENTATIONS or program is None or not _starts(program):
            raise UsageError(
                f"--python {choice}: expected IMPLEMENTATION=PATH with one of "
                f"{', '.join(IMPLEMENTATIONS)} and the path of a Python interpreter."
            )
        # Not resolved: the link in a virtual environment is what makes it that environment.
        chosen[implementation] = str(Path(program).absolute())
    return chosen


def _starts(program: str) -> bool:
    """Whether the system can run this file at all."""
    try:
        subprocess.run([program, "--version"], capture_output=True, check=False)
    except OSError:
        return False
    return True


def refuse_with_attribute(request: Request) -> None:
    """Refuse what --attribute, which trains in NumPy, would have to ignore.

    Raises:
        UsageError: names the flag.
    """
    ignored = {
        "RUN": request.run != DEFAULT_RUNS,
        "--python": bool(request.python),
        "--verify-only": request.verify_only,
        "--open": request.open,
        "--alignment": request.config.alignment != "matched",
        "--device": request.config.device not in ("auto", "cpu"),
        "--floor": request.floor,
        "--checkpoint-dir": request.config.checkpoint_dir is not None,
        "several --batch-size": len(request.batch_size) > 1,
        request.config.techniques(): bool(request.config.techniques()),
    }
    _refuse_with("--attribute", ignored, "it trains in NumPy, from PyTorch's defaults to Keras's")


def refuse_with_verify_only(request: Request) -> None:
    """Refuse what --verify-only, which trains and times nothing, would have to ignore.

    Raises:
        UsageError: names the flag.
    """
    ignored = {
        "--floor": request.floor,
        "--open": request.open,
        "--output-dir": request.output_dir is not None,
        "--repeats": request.repeats is not None,
    }
    _refuse_with("--verify-only", ignored, "nothing is trained, timed or kept")


def _refuse_with(flag: str, ignored: dict[str, bool], reason: str) -> None:
    if given := [name for name, is_given in ignored.items() if is_given]:
        raise UsageError(
            f"{flag}: expected without {', '.join(given)}, because {reason}; leave that out."
        )


def compare(request: Request) -> int:
    """Do what was asked for; returns the exit status.

    Raises:
        UsageError: the request can't be met; nothing was left behind.
    """
    if request.attribute:
        refuse_with_attribute(request)
    if request.verify_only:
        refuse_with_verify_only(request)
    runs, interpreters = plan_runs(request)
    # Only now: what reads data and draws pictures takes longer to import than --help may take.
    from benchmarks.floor import measure_floor, pool
    from shared import report
    from shared.checkpoints import refuse_existing
    from shared.clock import Clock
    from shared.environment import describe_environment
    from shared.jobs import run_jobs
    from shared.outputs import abandon_output_dir, claim_output_dir, current_command
    from shared.progress import RunProgress
    from shared.results import Floor
    from shared.single_run import load, prepare
    from verification import verify

    configs = request.configs()
    first, notice = prepare(configs[0])
    # All downloading is done.
    configs = [replace(config, dataset=first.dataset, offline=True) for config in configs]
    config = configs[0]
    dataset = load(config, Clock())
    if request.attribute:
        from attribution import attribute

        return attribute(config, notice, request.repeats or 8, request.output_dir)
    jobs = plan_jobs(runs, interpreters, configs, request.repeats or 1)
    for job in jobs if not request.verify_only else ():
        refuse_existing(job.config, job.slug)
    console = report.make_console()
    command = current_command()
    if not request.verify_only:
        folder = claim_output_dir(request.output_dir, command)
    environment = describe_environment()
    report.say(console, report.describe_job(config, dataset, notice))
    verification = None
    if request.verify or request.verify_only:
        different = [run for run in runs if "#" not in run]
        try:
            verification = verify(different, interpreters, config, len(dataset.train_labels))
        except KeyboardInterrupt:
            if not request.verify_only:
                abandon_output_dir(folder)
            raise
        report.say(console, *report.describe_verification(verification, config.as_json()))
    if request.verify_only:
        return 0 if verification.passed else 1

    def measure(config: TrainConfig) -> list[Floor]:
        if not request.floor:
            return []
        report.say(console, "Timing the matrix products alone")
        try:
            return measure_floor(config, len(dataset.train_labels), interpreters)
        except (UsageError, ChildProcessError) as error:
            # The runs go on all the same.
            report.say(console, f"WARNING: a floor is missing: {error}")
            return []

    with RunProgress(console, config, dataset) as progress:
        results, probes, floors = run_jobs(jobs, folder, progress, measure)
    # Interrupted while the first floor was timed.
    if not probes:
        abandon_output_dir(folder)
        raise KeyboardInterrupt
    if all(result.status == "unavailable" for result in results):
        abandon_output_dir(folder)
        raise UsageError(" ".join(dict.fromkeys(result.error for result in results)))
    comparison = report.assemble(
        command, config, dataset, notice, environment, results, verification, pool(floors), probes
    )
    report.write_report(comparison, dataset, folder)
    report.print_report(comparison, console)
    report.say(console, report.describe_files(folder))
    if request.open:
        from shared.html_report import PAGE, open_in_browser

        open_in_browser(folder / PAGE)
    verified = verification is None or verification.passed
    return 0 if verified and all(result.status == "completed" for result in results) else 1


def main() -> int:
    """The command; returns the exit status."""
    try:
        request = parse_flags(Request, PROGRAM)
        interrupt_on_terminate()
        return compare(request)
    except UsageError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            f"{PROGRAM}: interrupted before a run was finished; nothing was kept.", file=sys.stderr
        )
        return 1


if __name__ == "__main__":
    sys.exit(main())
