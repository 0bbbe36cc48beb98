"""What is kept of a run, whatever ends it."""

import contextlib
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from benchmarks.kills import TINY
from commands import single_run
from commands.single_run import train_and_save
from report.sentences import describe_end, in_words
from shared import checkpoint_files, interrupts
from shared.clock import Clock
from shared.config import TrainConfig
from shared.events import Event
from shared.results import RunResult
from shared.sampling import load_configured
from shared.threads import prepare_environment
from tests.support.results import make_result

FULL = OSError(28, "No space left on device")

pytestmark = pytest.mark.usefixtures("interruptible")


@pytest.fixture(scope="module")
def dataset():
    prepare_environment(1)
    return load_configured(TINY)


@pytest.fixture
def run(dataset, tmp_path, monkeypatch):
    """A function that trains, telling `listen` of each event; latency is of no interest here."""
    monkeypatch.setattr(single_run, "measure_inference", lambda *_: [])

    def train(
        listen=lambda event: None, config: TrainConfig = TINY, probe=lambda: None
    ) -> RunResult:
        asked = ("numpy", "reference", config, dataset, Clock(), tmp_path, "slug")
        with interrupts.held():
            return train_and_save(*asked, listen, probe)

    return train


def interrupt(epoch: int):
    """What interrupts, as a terminal does, when it hears of that epoch."""

    def listen(event: Event) -> None:
        if event.epoch and event.epoch.epoch == epoch:
            os.kill(os.getpid(), signal.SIGTERM)

    return listen


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_interrupt_ends_the_training(run, tmp_path):
    result = run(interrupt(1))
    assert (result.status, len(result.epochs), result.end.epoch) == ("interrupted", 1, 1)
    assert files(tmp_path) == []


def test_an_interrupt_after_the_last_epoch_ends_nothing(run, tmp_path):
    result = run(interrupt(TINY.epochs))
    assert (result.status, len(result.epochs)) == ("completed", TINY.epochs)
    assert files(tmp_path) == ["slug.predictions.safetensors", "slug.safetensors"]
    assert interrupts.is_noted()


def test_a_probe_between_epochs_is_kept_and_is_no_part_of_any_other_phase(run):
    told = []

    def listen(event: Event) -> None:
        if event.epoch:
            told.append(event.epoch.probe_seconds)

    def probe() -> float:
        time.sleep(0.2)
        return 0.25 + len(told)

    result = run(listen, probe=probe)
    assert told == [each.probe_seconds for each in result.epochs]
    assert told == [0.25 + k for k in range(TINY.epochs)]
    assert result.phases["other"] >= 0.2 * TINY.epochs
    others = sum(result.phases[each] for each in ("first_step", "train", "evaluate"))
    assert others < 0.2 * TINY.epochs
    assert all(each.probe_seconds is None for each in run().epochs)


def test_whoever_interrupts_the_probe_keeps_the_epoch_before_it(run):
    result = run(probe=lambda: os.kill(os.getpid(), signal.SIGTERM) or 0.5)
    assert (result.status, [each.probe_seconds for each in result.epochs]) == ("interrupted", [0.5])


def test_an_interrupt_that_a_framework_swallows_is_not_forgotten(run):
    def swallow(event: Event) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            interrupt(1)(event)

    assert run(swallow).status == "interrupted"


def test_an_interrupt_of_which_a_framework_makes_something_else_is_one(run):
    def convert(event: Event) -> None:
        try:
            interrupt(1)(event)
        except KeyboardInterrupt:
            raise ImportError("initialization failed") from None

    result = run(convert)
    assert (result.status, len(result.epochs), result.error) == ("interrupted", 1, None)


def test_figures_are_told_before_files_are_written(run, tmp_path):
    seen = []

    def listen(event: Event) -> None:
        if event.run:
            seen.append((event.run.status, event.run.test_loss is not None, files(tmp_path)))

    result = run(listen)
    assert seen == [("completed", True, []), ("completed", True, ["slug.safetensors"])]
    assert result.weights == "slug.safetensors"


@pytest.mark.parametrize("lost", ["slug.safetensors", "slug.predictions.safetensors"])
def test_a_file_that_cannot_be_written_costs_only_itself(lost, run, tmp_path, monkeypatch, dataset):
    write = single_run.write_atomically

    def fail(path: Path, content: bytes) -> None:
        if path.name == lost:
            raise FULL
        write(path, content)

    monkeypatch.setattr(single_run, "write_atomically", fail)
    result = run()
    assert result.status == "completed"
    assert result.test_accuracy is not None
    assert (result.weights is None) == (lost == "slug.safetensors")
    assert (result.predictions is None) == (lost != "slug.safetensors")
    assert lost not in files(tmp_path)
    assert (
        f"NOTICE: {lost} of numpy/reference (seed 0) could not be written (No space left on "
        "device); the run's figures are complete."
    ) in in_words(make_result(dataset, result))


def fail(*_: object) -> None:
    raise RuntimeError("CUDA error")


def test_latencies_that_cannot_be_measured_cost_only_themselves(
    run, tmp_path, monkeypatch, dataset
):
    monkeypatch.setattr(single_run, "measure_inference", fail)
    result = run()
    assert (result.status, result.weights, result.is_whole) == (
        "completed",
        "slug.safetensors",
        False,
    )
    assert files(tmp_path) == ["slug.predictions.safetensors", "slug.safetensors"]
    assert (
        "NOTICE: the latencies of numpy/reference (seed 0) could not be measured (RuntimeError: "
        "CUDA error); its other figures are complete."
    ) in in_words(make_result(dataset, result))


def test_a_network_that_no_longer_predicts_is_kept(run, tmp_path, monkeypatch):
    monkeypatch.setattr("numpy_impl.run.predict", fail)
    result = run()
    assert (result.status, result.weights) == ("completed", "slug.safetensors")
    assert files(tmp_path) == ["slug.safetensors"]
    assert [(each.file, each.error) for each in result.unwritten] == [
        ("slug.predictions.safetensors", "RuntimeError: CUDA error")
    ]


def test_weights_are_there_before_anything_else_is_tried(run, tmp_path, monkeypatch):
    def die(*_: object) -> None:
        raise SystemExit

    told = []
    monkeypatch.setattr("numpy_impl.run.predict", die)
    with pytest.raises(SystemExit):
        run(lambda event: told.append(replace(event.run) if event.run else None))
    assert told[-1].weights == "slug.safetensors"
    assert files(tmp_path) == ["slug.safetensors"]


def test_a_folder_that_was_deleted_is_made_again(run, tmp_path):
    def listen(event: Event) -> None:
        if event.run and not event.run.weights:
            tmp_path.rmdir()

    assert run(listen).weights
    assert len(files(tmp_path)) == 2


def test_a_full_checkpoint_folder_fails_the_run_and_keeps_its_epochs(run, tmp_path, monkeypatch):
    saves = []

    def fail(path: Path, content: bytes) -> None:
        saves.append(path)
        if len(saves) > 4:
            raise FULL
        path.write_bytes(content)

    monkeypatch.setattr(checkpoint_files, "write_durably", fail)
    folder = tmp_path / "checkpoints"
    result = run(config=replace(TINY, epochs=3, checkpoint_dir=folder))
    assert (result.status, len(result.epochs)) == ("failed", 2)
    assert describe_end(result, TINY) == (
        f"--checkpoint-dir {folder}: cannot be written (No space left on device); choose another "
        "folder."
    )
    assert files(folder / "slug") == ["000001"]


@pytest.mark.parametrize("patience", [None, 2])
def test_a_checkpoint_of_the_last_epoch_costs_only_itself(patience, run, tmp_path, monkeypatch):
    # Without validation images no epoch is better than the one before.
    stopped = {"epochs": 4, "patience": patience, "validation": 0.2} if patience else {}
    last = patience or TINY.epochs
    write = checkpoint_files.write_checkpoint

    def refuse_last(folder: Path, contents: dict[str, bytes]) -> int:
        if len(msgspec.json.decode(contents["state.json"])["epochs"]) == last:
            raise FULL
        return write(folder, contents)

    monkeypatch.setattr("shared.checkpoints.write_checkpoint", refuse_last)
    folder = tmp_path / "checkpoints"
    result = run(config=replace(TINY, checkpoint_dir=folder, **stopped))
    assert (result.status, len(result.epochs)) == ("completed", last)
    assert result.weights == "slug.safetensors"
    assert [(each.file, each.error) for each in result.unwritten] == [
        (str(folder / "slug"), "No space left on device")
    ]


BREAKS = {
    "memory": (MemoryError(), "it ran out of memory"),
    "anything": (RuntimeError("no such kernel"), "RuntimeError: no such kernel"),
}


@pytest.mark.parametrize(("error", "words"), BREAKS.values(), ids=BREAKS)
def test_the_epochs_before_a_failure_are_kept(error, words, run):
    def listen(event: Event) -> None:
        if event.epoch and event.epoch.epoch == 2:
            raise error

    result = run(listen)
    assert (result.status, len(result.epochs)) == ("failed", 2)
    assert describe_end(result, TINY).startswith(words)
