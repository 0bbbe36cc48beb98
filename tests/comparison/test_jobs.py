"""What a comparison makes of its child processes."""

import json
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from comparison import jobs
from comparison.jobs import Job, Measured, run_job, run_jobs
from comparison.verification import verify
from shared import interrupts
from shared.config import TrainConfig
from shared.events import Event
from shared.results import Floor, Probe
from tests.support.commands import fake_interpreter
from tests.support.results import make_run

pytestmark = pytest.mark.usefixtures("interruptible")

CONFIG = TrainConfig(dataset="digits", epochs=3, threads=1)
EPOCHS = make_run("numpy/reference", epochs=3).epochs


class Progress:
    """Does something when it hears of an epoch, and shows nothing."""

    def __init__(self, at_epoch: Any = lambda: None) -> None:
        self.at_epoch = at_epoch

    def start(self, title: str) -> None: ...

    def end(self, result: object) -> None: ...

    def phase(self, name: str) -> None: ...

    def epoch(self, epochs: list) -> None:
        self.at_epoch()


def say(**event: Any) -> str:
    """A line of shell that tells a comparison something; of a run, that it left no files."""
    if "run" in event:
        event["run"] = replace(event["run"], predictions=None)
    line = msgspec.json.encode(Event(**event)).decode()
    assert "'" not in line
    return f"echo \"$COMPARISON_TOKEN\"'{line}'"


def job(folder: Path, *script: str, repeat: int = 0) -> Job:
    python = fake_interpreter(folder / f"python{repeat}", "\n".join(script))
    return Job("numpy/reference", str(python), CONFIG, "slug", "title", repeat=repeat)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_only_who_says_so_is_unavailable(tmp_path):
    refused = replace(make_run("numpy/reference"), status="unavailable", error="No such device.")
    said = run_job(job(tmp_path, say(run=refused), "exit 1"), tmp_path, [], Progress())
    assert (said.status, said.error) == ("unavailable", "No such device.")
    silent = job(tmp_path, "echo 'python: no space.' >&2; exit 2")
    result = run_job(silent, tmp_path, [], Progress())
    assert (result.status, result.end.exit_status) == ("failed", 2)
    assert result.error_output == ["python: no space."]


def test_an_interpreter_that_lacks_what_a_run_needs_makes_it_unavailable(tmp_path):
    # As the system's Python: whatever is looked for is not there.
    script = 'if [ "$1" = -c ]; then shift 2; echo "$@"; exit 0; fi; echo complaint >&2; exit 2'
    lacking = replace(job(tmp_path, script), run="pytorch/eager")
    result = run_job(lacking, tmp_path, [], Progress())
    assert (result.status, result.end.module) == ("unavailable", "torch")
    assert (result.end.interpreter, result.error_output) == (lacking.interpreter, [])


def test_an_interrupted_child_that_says_nothing_keeps_its_epochs(tmp_path):
    asked = job(tmp_path, say(epoch=EPOCHS[0]), "exec sleep 60")
    result = run_job(asked, tmp_path, [], Progress(interrupt))
    assert (result.status, result.end.epoch) == ("interrupted", 1)
    assert result.epochs == EPOCHS[:1]


def test_a_child_that_is_done_when_it_is_interrupted_has_completed(tmp_path):
    done = make_run("numpy/reference")
    trap = f'trap "{say(run=done).replace(chr(34), chr(92) + chr(34))}; exit 0" TERM'
    asked = job(tmp_path, trap, say(epoch=EPOCHS[0]), "while :; do sleep 0.02; done")
    result = run_job(asked, tmp_path, [], Progress(interrupt))
    assert (result.status, len(result.epochs)) == ("completed", 3)


def test_a_child_that_does_not_listen_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "GRACE_SECONDS", 0.05)
    deaf = job(tmp_path, "trap '' TERM", say(epoch=EPOCHS[0]), "while :; do sleep 0.02; done")
    assert run_job(deaf, tmp_path, [], Progress(interrupt)).status == "interrupted"


def test_a_child_that_is_killed_while_it_writes_has_completed(tmp_path):
    told = make_run("numpy/reference")
    result = run_job(job(tmp_path, say(run=told), "kill -9 $$"), tmp_path, [], Progress())
    assert result.status == "completed"
    assert {each.error for each in result.unwritten} == {"the process had ended"}
    assert [each.file for each in result.unwritten] == [
        "slug.safetensors",
        "slug.predictions.safetensors",
    ]
    assert result.inference_error == "the process had ended"


def test_weights_that_are_written_outlive_their_process(tmp_path):
    told = replace(make_run("numpy/reference"), weights="slug.safetensors")
    script = f"touch {tmp_path}/slug.safetensors", say(run=told), "kill -SEGV $$"
    result = run_job(job(tmp_path, *script), tmp_path, [], Progress())
    assert (result.status, result.weights) == ("completed", "slug.safetensors")
    assert [each.file for each in result.unwritten] == ["slug.predictions.safetensors"]


def test_complaints_are_read_though_the_folder_is_gone(tmp_path):
    folder = tmp_path / "out"
    asked = job(tmp_path, f"rm -r {folder}", "echo 'it broke' >&2; exit 3")
    result = run_job(asked, folder, [], Progress())
    assert (result.status, result.error_output) == ("failed", ["it broke"])
    (tmp_path / "file").write_text("")
    result = run_job(asked, tmp_path / "file", [], Progress())
    assert (result.status, result.error_output[-1]) == ("failed", "it broke")


def test_what_is_known_is_told_after_each_job(tmp_path):
    done = make_run("numpy/reference")
    asked = [job(tmp_path, say(run=done), repeat=repeat) for repeat in range(3)]
    told = []

    def keep(measured: jobs.Measured) -> None:
        told.append([run.status for run in measured.results])

    measured = run_jobs(asked, tmp_path, Progress(), keep=keep)
    waiting = "interrupted"
    assert told == [
        ["completed", waiting, waiting],
        ["completed", "completed", waiting],
        ["completed"] * 3,
    ]
    assert len(measured.probes) == 3


def test_what_is_known_already_is_not_measured_again(tmp_path):
    known = replace(make_run("numpy/reference"), repeat=0, seed=7)
    again = job(tmp_path, say(run=make_run("numpy/reference")), repeat=1)
    asked = [job(tmp_path, "exit 9"), replace(again, run="numpy/reference#2", repeat=0), again]
    before = Measured([known], [Probe(*asked[0].key, 0.5)], [Floor("a BLAS", 64, [0.25])])
    measured = run_jobs(
        asked, tmp_path, Progress(), lambda _: [Floor("a BLAS", 64, [0.125])], known=before
    )
    assert measured.results[0] == known
    assert [run.status for run in measured.results] == ["completed"] * 3
    # Beside it, what was measured beside it then.
    assert measured.probes[0].seconds == 0.5
    assert [(each.run, each.setting, each.repeat) for each in measured.probes] == [
        each.key for each in asked
    ]
    floors = [(each.repeat, *each.epoch_seconds) for each in measured.floors]
    assert floors == [(0, 0.25), (1, 0.125)]
    assert [len(each) for each in (before.results, before.probes, before.floors)] == [1, 1, 1]


def test_what_is_known_already_outlives_an_interrupt_before_it(tmp_path):
    known = replace(make_run("numpy/reference"), repeat=2, seed=7)
    asked = [
        job(tmp_path, say(epoch=EPOCHS[0]), "exec sleep 60", repeat=0),
        *(job(tmp_path, "exit 9", repeat=repeat) for repeat in (1, 2)),
    ]
    measured = run_jobs(asked, tmp_path, Progress(interrupt), known=Measured([known]))
    assert [run.status for run in measured.results] == ["interrupted", "interrupted", "completed"]
    assert measured.results[2] == known


def test_the_floor_is_measured_once_for_each_repeat_and_setting(tmp_path):
    done = say(run=make_run("numpy/reference"))
    places = [(0, 0), (1, 0), (0, 0), (1, 0), (1, 1), (0, 1), (1, 1)]
    asked = [replace(job(tmp_path, done, repeat=repeat), setting=s) for s, repeat in places]
    measured = run_jobs(asked, tmp_path, Progress(), lambda _: [Floor("a BLAS", 64, [0.25])])
    assert [(each.setting, each.repeat) for each in measured.floors] == [
        *((0, 0), (1, 0), (1, 1), (0, 1))
    ]


def test_after_an_interrupt_no_job_is_started(tmp_path):
    asked = [
        job(tmp_path, say(epoch=EPOCHS[0]), "exec sleep 60", repeat=0),
        job(tmp_path, f"touch {tmp_path}/started", repeat=1),
    ]
    measured = run_jobs(asked, tmp_path, Progress(interrupt))
    assert [run.end.kind for run in measured.results] == ["interrupted", "not_started"]
    assert not (tmp_path / "started").exists()
    assert json.dumps([probe.repeat for probe in measured.probes]) == "[0]"


@pytest.mark.parametrize("how", interrupts.SIGNALS, ids=lambda how: how.name)
def test_verification_leaves_no_child_behind(how, tmp_path):
    # Longer than the test may take; its number tells whether it is still there.
    slow = fake_interpreter(tmp_path / "slow", f"echo $$ > {tmp_path}/child; exec sleep 60")
    begun = time.monotonic()

    def interrupt_verification() -> None:
        while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
            time.sleep(0.01)
        os.kill(os.getpid(), how)

    threading.Thread(target=interrupt_verification).start()
    config = replace(CONFIG, hidden=(8, 8))
    with pytest.raises(KeyboardInterrupt):
        verify(["pytorch/eager"], {"pytorch": str(slow)}, config, 300)
    assert time.monotonic() - begun < 30
    child = int((tmp_path / "child").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
