"""What a comparison makes of what its children tell, played by scripts that tell it."""

from types import SimpleNamespace

import msgspec

from comparison import jobs
from comparison.jobs import Job, run_job
from comparison.probes import CpuReading
from shared.config import TrainConfig
from shared.flags import CHILD_VARIABLE
from shared.results import EpochResult, Event, RunResult
from tests.support.commands import fake_interpreter, run_command
from tests.support.results import make_run

SILENT = SimpleNamespace(epoch=lambda epochs: None)


def told(events: list[Event], folder, script: str = "cat events") -> RunResult:
    """What comes out of a run whose child tells these events."""
    (folder / "events").write_bytes(b"\n".join(map(msgspec.json.encode, events)))
    python = fake_interpreter(folder / "python", f"cd {folder}; {script}")
    job = Job("numpy/reference", str(python), TrainConfig(dataset="digits"), "slug", "a run")
    return run_job(job, folder, [], SILENT)


def epoch(number: int, **known: float) -> Event:
    return Event(EpochResult(number, 0.5, 0.9, 0.5, 0.9, 1.0, 0.1), **known)


def test_a_childs_processor_time_is_what_it_says_itself(tmp_path, monkeypatch):
    """Whoever asks about the process that was started may see a launcher instead."""
    taken = []

    def take(seconds: float) -> CpuReading:
        taken.append(seconds)
        return CpuReading(len(taken), 3.0 * len(taken), seconds)

    monkeypatch.setattr(jobs.CpuReading, "take", take)
    epochs = [epoch(1, process_seconds=1.5), epoch(2, process_seconds=3.5)]
    result = told([*epochs, Event(run=make_run("numpy/reference", 0, 1.0))], tmp_path)
    assert taken == [1.5, 3.5]
    assert result.foreign_cpus == 3.0 - 2.0


def test_no_line_of_a_childs_complaints_is_lost(tmp_path):
    script = "for k in 1 2 3; do echo printed $k; echo complaint $k >&2; done; sleep 0.1; exit 3"
    result = told([], tmp_path, f"{script}; cat events")
    expected = [f"{word} {k}" for k in (1, 2, 3) for word in ("complaint", "printed")]
    assert sorted(result.error_output) == sorted(expected)
    assert result.end.exit_status == 3


def test_a_childs_events_are_utf_8_whatever_standard_output_is(tmp_path):
    flags = ("--dataset", "digits", "--limit", "64", "--epochs", "1", "--hidden", "2", "2")
    kept = ("--checkpoint-dir", "Jürgen", "--resume", "--output-dir", "out")
    environment = {CHILD_VARIABLE: "slug", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = run_command("-m", "numpy_impl", *flags, *kept, cwd=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    (first, *_, last) = [msgspec.json.decode(x, type=Event) for x in done.stdout.splitlines()]
    assert first.process_seconds > 0
    assert last.run.checkpoints[0].folder == "Jürgen/slug"
