"""Which runs are started once before anything is timed, and what that leaves behind: nothing."""

import os
import signal
import threading
import time
from dataclasses import replace

import pytest

from comparison.jobs import Job
from comparison.plan import plan_jobs
from comparison.warm_up import cold_jobs, shorten_to_epoch, warm_up
from shared.config import TrainConfig
from shared.verified import RunVerification, Verification, VerificationFailure
from tests.support.commands import fake_interpreter

CONFIG = TrainConfig(dataset="digits", epochs=9, threads=1)
RUNS = ["numpy/reference", "pytorch/eager", "pytorch/eager#2"]


def jobs(runs=RUNS, repeats=2, python="python") -> list[Job]:
    return plan_jobs(runs, dict.fromkeys(("numpy", "pytorch"), python), [CONFIG], repeats)


def verified(*runs: RunVerification) -> Verification:
    return Verification("numpy/reference", "matched", 20, 10.0, 1.0, list(runs))


def test_each_run_is_started_once_where_nothing_was_verified():
    cold = cold_jobs(jobs(), None)
    assert sorted(job.entry.name for job in cold) == ["numpy/reference", "pytorch/eager"]


def test_what_verification_started_is_not_started_again():
    oracle = RunVerification("numpy/reference", device="cpu")
    traced = RunVerification("pytorch/eager", device="cpu")
    assert cold_jobs(jobs(), verified(oracle, traced)) == []
    missing = RunVerification("pytorch/eager", failure=VerificationFailure("unavailable"))
    assert cold_jobs(jobs(), verified(oracle, missing)) == []
    crashed = RunVerification("pytorch/eager", failure=VerificationFailure("not_traced"))
    (cold,) = cold_jobs(jobs(), verified(oracle, crashed))
    assert cold.entry.name == "pytorch/eager"


def test_a_single_run_has_nobody_to_be_compared_with():
    assert cold_jobs(jobs(["numpy/reference"], repeats=1), None) == []
    assert len(cold_jobs(jobs(["numpy/reference"], repeats=2), None)) == 1


def test_an_epoch_of_few_images_is_trained_and_nothing_kept(tmp_path):
    config = replace(CONFIG, checkpoint_dir=tmp_path / "kept", checkpoint_steps=3, resume=True)
    config = replace(config, accumulate=50, batch_size=8)
    short = shorten_to_epoch(config, 60_000)
    assert (short.epochs, short.limit, short.accumulate) == (1, 49 * 8 + 4, 1)
    assert (short.checkpoint_dir, short.checkpoint_steps, short.resume) == (None, None, False)
    assert (short.threads, short.alignment) == (config.threads, config.alignment)


def test_the_child_trains_in_a_folder_that_is_gone_afterwards(tmp_path):
    script = (
        f'echo "$COMPARISON_CHILD $@" >> {tmp_path}/asked; for last; do :; done; touch "$last/file"'
    )
    python = str(fake_interpreter(tmp_path / "python", script))
    warm_up(cold_jobs(jobs(python=python), None), 1437)
    lines = (tmp_path / "asked").read_text().splitlines()
    assert len(lines) == 2
    for line in lines:
        words = line.split()
        assert words[words.index("--epochs") + 1] == "1"
        folder = words[words.index("--output-dir") + 1]
        assert not os.path.exists(folder)  # noqa: PTH110
    assert "--variant eager" in lines[0] + lines[1]


def test_a_run_that_breaks_stops_nobody(tmp_path):
    python = str(fake_interpreter(tmp_path / "python", "exit 3"))
    warm_up(cold_jobs(jobs(python=python), None), 1437)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_it_and_its_child(tmp_path):
    python = fake_interpreter(tmp_path / "python", f"echo $$ > {tmp_path}/child; exec sleep 60")

    def interrupt() -> None:
        while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        warm_up(cold_jobs(jobs(python=str(python)), None), 1437)
    assert time.monotonic() - begun < 30
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "child").read_text()), 0)
