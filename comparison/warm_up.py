"""Each run started once before anything is timed, so that no first one alone waits for the disk."""

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from comparison.children import child_environment
from comparison.jobs import ROOT, Job
from comparison.verification import shorten
from shared import interrupts
from shared.config import TrainConfig
from shared.flags import CHILD_VARIABLE
from shared.verified import Verification


def cold_jobs(jobs: Sequence[Job], verification: Verification | None) -> list[Job]:
    """One job of each run that verification has neither started nor found unavailable.

    None where nothing follows another.
    """
    judged = verification.runs if verification else []
    started = {each.run for each in judged if each.device or not each.available}
    first = {job.entry.name: job for job in reversed(jobs)}
    return [job for run, job in first.items() if run not in started] if len(jobs) > 1 else []


def warm_up(jobs: Sequence[Job], train_size: int) -> None:
    """Train an epoch of as few images as verification takes; what becomes of it is not recorded.

    Whatever is wrong with a run shows again when it is timed.

    Args:
        train_size: training images that there are.

    Raises:
        KeyboardInterrupt: there was an interrupt; no process is left.
    """
    for job in jobs:
        short = replace(job, config=shorten_to_epoch(job.config, train_size))
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder, interrupts.held():
            child = subprocess.Popen(
                short.command(Path(folder)),
                cwd=ROOT,
                env=child_environment(**job.entry.environment, **{CHILD_VARIABLE: job.slug}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                **interrupts.apart(),
            )
            try:
                with interrupts.allowed():
                    child.wait()
            finally:
                child.kill()
                child.wait()


def shorten_to_epoch(config: TrainConfig, train_size: int) -> TrainConfig:
    """The same training, of one epoch of few images, that saves no checkpoint."""
    return replace(
        config,
        epochs=1,
        limit=shorten(config, train_size).limit,
        accumulate=1,
        checkpoint_dir=None,
        checkpoint_steps=None,
        resume=False,
    )
