"""Which runs a comparison makes, with which settings, in which order."""

import math
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar

from shared.config import TrainConfig
from shared.errors import UsageError
from shared.flags import Examples, Flag, Interpreters, RunNames, Sections, SharedConfig
from shared.inputs import expand_home
from shared.kinds import Setting
from shared.registry import DEFAULT_RUNS, IMPLEMENTATIONS, RUNS
from shared.rules import SEEDS, flag

if TYPE_CHECKING:
    from comparison.jobs import Job

# What may have several values, and what these are called.
VARIED = {"batch_size": "sizes", "workers": "numbers"}

# How a job is told from those with other values of such a field: in its files' names, in its title.
MARKS = {"batch_size": ("batch", "batch size"), "workers": ("workers", "workers")}

# With --ratio-precision: the fewest repeats, by which more it goes on, and the most by default.
# To stop earlier would be to pick out intervals that are too narrow by chance.
FEWEST, MORE, MOST = 8, 2, 30


@dataclass(frozen=True)
class Request:
    """Train the same network in several frameworks and report them side by side.

    Every run is compared with the first.
    """

    config: SharedConfig
    run: RunNames = DEFAULT_RUNS
    batch_size: tuple[int, ...] = (64,)
    """Images per training step; with several sizes, the report shows throughput against batch
    size."""
    workers: tuple[int, ...] = (1,)
    """Processes that train together, each on its share of every batch and of the threads; with
    several numbers, the report shows what more of them gain."""
    repeats: int | None = None
    """Number of paired repeats, with seed, seed + 1, ...; for verdicts use an even number, 8 or
    more. Default: 1, or 8 with --attribute, or at most 30 with --ratio-precision."""
    ratio_precision: float | None = None
    """Repeat until each ratio of training times is known to within X per cent (95 %): at least 8
    times, at most --repeats times. Default: off."""
    python: Interpreters = ()
    """Run one implementation with another Python interpreter, for example tensorflow=PATH."""
    verify: bool = True
    """Check first, against the NumPy reference, that all runs compute the same. Default: on."""
    verify_only: Flag = False
    """Only verify; train and time nothing."""
    attribute: Flag = False
    """Only measure how much each default that differs between the frameworks matters."""
    floor: Flag = False
    """Also time the matrix products alone, as a lower limit, and show each run as a multiple of
    it."""
    output_dir: Path | None = None
    """New or empty folder for the results. Default: results/<UTC time>."""
    details: Flag = False
    """Print every figure that was measured, not only the main ones."""
    open: Flag = False
    """Open report.html in the browser at the end."""

    examples: ClassVar[Examples] = (
        ("", "compare PyTorch's loop with Keras's fit, and write a report"),
        ("--repeats 8", "with verdicts and 95 % intervals"),
        ("all --repeats 8", "every run"),
        ("pytorch/eager pytorch/compiled", "two variants of one framework"),
        ("--dataset fashion-mnist", "other images"),
        ("--batch-size 16 64 256", "throughput against batch size"),
        ("pytorch/eager tensorflow/graph --workers 1 2", "what a second process gains"),
        ("--verify-only all", "only check that all runs compute the same"),
    )

    sections: ClassVar[Sections] = {
        "Runs": (
            *((name, run.about) for name, run in RUNS.items()),
            ("all", "every run whose framework is installed"),
        )
    }

    @property
    def most_repeats(self) -> int:
        """How often each run is made if nothing ends that earlier."""
        return self.repeats or (1 if self.ratio_precision is None else MOST)

    def varied(self) -> list[dict[str, Any]]:
        """The fields that may have several values, in every combination.

        Raises:
            UsageError: a value is not given once.
        """
        given = {name: getattr(self, name) for name in VARIED}
        for name, values in given.items():
            if len(set(values)) < max(1, len(values)):
                words = " ".join(map(str, values))
                raise UsageError(
                    f"{flag(name)} {words}: expected one or more different {VARIED[name]}."
                )
        if len(several := [flag(name) for name in given if len(given[name]) > 1]) > 1:
            raise UsageError(f"{', '.join(several)}: expected several values of one of them.")
        return [dict(zip(given, values, strict=True)) for values in product(*given.values())]

    def settings(self) -> list[dict[str, Setting]]:
        """What each setting changes of the first configuration; nothing if there is one setting."""
        several = {name for name in VARIED if len(getattr(self, name)) > 1}
        return [{name: each[name] for name in VARIED if name in several} for each in self.varied()]

    def configs(self) -> list[TrainConfig]:
        """The configuration of each setting.

        Raises:
            UsageError: a value is not as expected.
        """
        return [replace(self.config, **each) for each in self.varied()]

    @property
    def left_out(self) -> list[str]:
        """The runs that `all` does not take, because they can't train on several workers."""
        several = "all" in self.run and self.most_workers > 1
        return [name for name, run in RUNS.items() if several and run.alone]

    @property
    def most_workers(self) -> int:
        """The largest number of workers of a run."""
        return max(self.workers, default=1)


def plan_runs(request: Request) -> tuple[list[str], dict[str, str]]:
    """The runs by name, and the interpreter of each implementation.

    The second of two equal runs is called `pytorch/eager#2`.

    Raises:
        UsageError: a run, the number of repeats or an interpreter is not as expected.
    """
    if request.repeats is not None and request.repeats < 1:
        raise UsageError(f"--repeats {request.repeats}: expected 1 or more.")
    if request.config.seed + request.most_repeats > SEEDS:
        raise UsageError(
            f"--seed {request.config.seed} --repeats {request.most_repeats}: expected every seed "
            f"to be below {SEEDS}."
        )
    interpreters = dict.fromkeys(IMPLEMENTATIONS, sys.executable) | _interpreters(request.python)
    seen: Counter[str] = Counter()
    runs = []
    for name in (name for word in request.run for name in _expand(word, interpreters)):
        if name in request.left_out and name not in request.run:
            continue
        _refuse_alone(name, request.most_workers)
        seen[name] += 1
        runs.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    _check_precision(request, runs)
    return runs, interpreters


def _refuse_alone(name: str, workers: int) -> None:
    """Refuse several workers for a run that can't have them.

    Raises:
        UsageError: names the flag and the run.
    """
    if workers > 1 and (why := RUNS[name].alone):
        can = ", ".join(run for run, entry in RUNS.items() if not entry.alone)
        raise UsageError(
            f"--workers {workers}: expected 1 with {name}, because {why}; choose from: {can}."
        )


def _check_precision(request: Request, runs: Sequence[str]) -> None:
    """Refuse a precision that can't be reached.

    Raises:
        UsageError: names the flag.
    """
    percent, repeats = request.ratio_precision, request.repeats
    if percent is None:
        return
    if not 0 < percent < math.inf:
        raise UsageError(f"--ratio-precision {percent:g}: expected a percentage above 0.")
    if repeats is not None and repeats < FEWEST:
        raise UsageError(
            f"--repeats {repeats}: expected {FEWEST} or more with --ratio-precision, because fewer "
            f"say too little about their spread; without --repeats, at most {MOST} are made."
        )
    if len(runs) < 2:
        raise UsageError(
            f"--ratio-precision {percent:g}: expected at least two runs, because a ratio compares "
            "two; name another run."
        )


def run_order(count: int, repeats: int, seed: int) -> list[tuple[int, int]]:
    """In which order `count` things run: repeat and place of each, both counted from 0.

    Two alternate, A B, B A, A B, ...: whatever drifts, such as a processor getting warm, falls on
    both alike. Of more, every first repeat of two is a random permutation and the second its
    reverse. In A B C, C B A, ... all would always have the same neighbours, so that one which
    slows down its successor would make that look slow.
    """
    random = Random(seed)
    order: list[tuple[int, int]] = []
    places = list(range(count))
    for repeat in range(repeats):
        if repeat % 2 == 0 and count > 2:
            random.shuffle(places)
        elif repeat:
            places.reverse()
        order += [(repeat, place) for place in places]
    return order


def plan_jobs(
    runs: Sequence[str],
    interpreters: dict[str, str],
    configs: Sequence[TrainConfig],
    repeats: int,
) -> list["Job"]:
    """One job for each run, configuration and repeat, in the order in which they are to run.

    With another number of repeats the first of them stay where they are, and so do their seeds.
    """
    from comparison.jobs import Job

    jobs = []
    made = list(product(enumerate(configs), runs))
    for repeat, place in run_order(len(made), repeats, configs[0].seed):
        (setting, config), run = made[place]
        seeded = replace(config, seed=config.seed + repeat)
        slug = run.replace("/", "-").replace("#", "-")
        title = run
        for name, (mark, words) in MARKS.items():
            if len({getattr(each, name) for each in configs}) > 1:
                slug += f"-{mark}{getattr(config, name)}"
                title += f", {words} {getattr(config, name)}"
        if repeats > 1:
            slug += f"-seed{seeded.seed}"
            title += f", seed {seeded.seed}"
        interpreter = interpreters[run.partition("/")[0]]
        jobs.append(Job(run, interpreter, seeded, slug, title, setting, repeat))
    return jobs


def refuse_with_attribute(request: Request) -> None:
    """Refuse what --attribute, which trains in NumPy, would have to ignore.

    Raises:
        UsageError: names the flag.
    """
    ignored = {
        "RUN": request.run != DEFAULT_RUNS,
        "--python": bool(request.python),
        "--verify-only": request.verify_only,
        "--details": request.details,
        "--open": request.open,
        "--alignment": request.config.alignment != "matched",
        "--device": request.config.device not in ("auto", "cpu"),
        "--floor": request.floor,
        "--ratio-precision": request.ratio_precision is not None,
        "--checkpoint-dir": request.config.checkpoint_dir is not None,
        "several --batch-size": len(request.batch_size) > 1,
        "--workers": request.workers != (1,),
        request.config.techniques(): bool(request.config.techniques()),
    }
    reason = "it trains in NumPy, with PyTorch's defaults and Keras's"
    _refuse_with("--attribute", ignored, reason)


def refuse_with_verify_only(request: Request) -> None:
    """Refuse what --verify-only, which trains and times nothing, would have to ignore.

    Raises:
        UsageError: names the flag.
    """
    ignored = {
        "--details": request.details,
        "--floor": request.floor,
        "--open": request.open,
        "--output-dir": request.output_dir is not None,
        "--repeats": request.repeats is not None,
        "--ratio-precision": request.ratio_precision is not None,
    }
    _refuse_with("--verify-only", ignored, "it trains, times and keeps nothing")


def _refuse_with(flag: str, ignored: dict[str, bool], reason: str) -> None:
    if given := [name for name, is_given in ignored.items() if is_given]:
        raise UsageError(
            f"{flag} cannot be combined with {' and '.join(given)}, because {reason}; leave out "
            "one or the other."
        )


def _expand(run: str, interpreters: dict[str, str]) -> Sequence[str]:
    """The runs that one word of the command line stands for."""
    if run == "all":
        # Another interpreter was named because the framework is installed there.
        return [
            name
            for name, each in RUNS.items()
            if interpreters[each.implementation] != sys.executable or each.is_available()
        ]
    if run not in RUNS:
        raise UsageError(f"{run}: expected all or one of: {', '.join(RUNS)}.")
    return [run]


def _interpreters(choices: Sequence[str]) -> dict[str, str]:
    """The interpreters given as `tensorflow=PATH`, by implementation."""
    chosen = {}
    for choice in choices:
        implementation, _, path = choice.partition("=")
        program = shutil.which(expand_home(path))
        if implementation not in IMPLEMENTATIONS or program is None or not _starts(program):
            raise UsageError(
                f"--python {choice}: expected NAME=PATH, with NAME one of "
                f"{', '.join(IMPLEMENTATIONS)} and PATH a Python interpreter."
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
