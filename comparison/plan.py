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
from typing import TYPE_CHECKING, ClassVar

from shared.config import TrainConfig
from shared.errors import UsageError
from shared.flags import Examples, Flag, Interpreters, RunNames, Sections, SharedConfig
from shared.inputs import expand_home
from shared.kinds import Setting
from shared.registry import DEFAULT_RUNS, IMPLEMENTATIONS, RUNS
from shared.rules import SEEDS

if TYPE_CHECKING:
    from comparison.jobs import Job

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
    repeats: int | None = None
    """Number of paired repeats, with seed, seed + 1, ...; for verdicts use an even number, 8 or
    more. Default: 1, or 8 with --attribute, or at most 30 with --ratio-precision."""
    ratio_precision: float | None = None
    """Repeat until each ratio of training times is known to within X per cent (95 %): at least 8
    times, at most --repeats times. Default: off."""
    python: Interpreters = ()
    """Python interpreter for one implementation, as tensorflow=PATH."""
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

    def settings(self) -> list[dict[str, Setting]]:
        """What each setting changes of the first configuration; nothing if there is one setting."""
        sizes = self.batch_size
        return [{"batch_size": size} for size in sizes] if len(sizes) > 1 else [{}]

    def configs(self) -> list[TrainConfig]:
        """The configuration for each batch size.

        Raises:
            UsageError: a batch size is not as expected.
        """
        if len(set(self.batch_size)) < max(1, len(self.batch_size)):
            sizes = " ".join(map(str, self.batch_size))
            raise UsageError(f"--batch-size {sizes}: expected one or more different sizes.")
        return [replace(self.config, batch_size=size) for size in self.batch_size]


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
        seen[name] += 1
        runs.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    _check_precision(request, runs)
    return runs, interpreters


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
        if len(configs) > 1:
            slug += f"-batch{config.batch_size}"
            title += f", batch size {config.batch_size}"
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
