"""The comparison from end to end, on small data, with everything that can go wrong on the way."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest
from safetensors.numpy import load_file

from comparison.plan import plan_jobs
from report.sentences import describe_end
from shared.config import TrainConfig
from shared.results import Plan
from shared.results_file import load_results
from shared.run_ends import RunEnd
from tests.support.commands import ROOT, compare, fake_interpreter, run_command

RUNS = (
    *("pytorch/eager", "pytorch/eager", "tensorflow/graph", "tensorflow/graph"),
    *("tensorflow/fit", "numpy/reference"),
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One comparison of six runs: its result, its folder and what it printed."""
    cwd = tmp_path_factory.mktemp("comparison")
    flags = ("--dataset", "digits", "--epochs", "2", "--threads", "1", "--no-verify")
    done = compare(*RUNS, *flags, "--output-dir", "out", cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return load_results(cwd / "out" / "results.json"), cwd / "out", done.stdout


def test_every_run_is_completed_and_complete(finished):
    result, folder, _ = finished
    names = ["pytorch/eager", "pytorch/eager#2", "tensorflow/graph", "tensorflow/graph#2"]
    assert [run.run for run in result.runs] == [*names, "tensorflow/fit", "numpy/reference"]
    for run in result.runs:
        assert run.status == "completed"
        assert run.parameters == 109386
        assert [epoch.epoch for epoch in run.epochs] == [1, 2]
        assert run.test_accuracy == run.epochs[-1].test_accuracy > 0.8
        assert sum(run.phases.values()) == pytest.approx(run.wall_seconds, rel=0.01)
        assert all(seconds >= 0 for seconds in run.phases.values())
        assert min(run.phases[phase] for phase in ("start", "train", "inference", "save")) > 0
        assert 0 < run.time_to_first_step_seconds < run.wall_seconds
        assert run.peak_memory_bytes > 50 * 2**20
        assert [each.batch_size for each in run.inference] == [1, 64, 360]
        assert load_file(folder / run.predictions)["logits"].shape == (360, 10)
        assert load_file(folder / run.weights)["dense_1/kernel"].shape == (784, 128)


def test_all_files_and_words_are_there(finished):
    _, folder, printed = finished
    pictures = ("curves.png", "time.png", "predictions.png")
    for name in (*pictures, "results.json", "summary.md", "command.txt"):
        assert (folder / name).stat().st_size > 0
        assert name == "command.txt" or name in printed
    assert not list(folder.glob("*.partial"))
    assert not list(folder.glob("*.log")), "a completed run has nothing to complain about"
    for words in ("digits", "accuracy, %", "first step, s", "memory, MiB", "Observed once"):
        assert words in printed
    summary = (folder / "summary.md").read_text()
    assert all(f"({picture})" in summary for picture in pictures)


@pytest.mark.parametrize("run", ["pytorch/eager", "tensorflow/graph"])
def test_equal_seeds_and_one_thread_give_equal_bits(finished, run):
    result, folder, _ = finished
    once, again = (
        load_file(folder / each.weights)
        for each in result.runs
        if each.run.partition("#")[0] == run
    )
    assert once.keys() == again.keys()
    for name in once:
        assert once[name].tobytes() == again[name].tobytes(), name


def test_fit_and_graph_see_the_same_batches(finished):
    result, *_ = finished
    losses = {run.run: run.epochs[0].train_loss for run in result.runs}
    assert losses["tensorflow/fit"] == pytest.approx(losses["tensorflow/graph"], rel=1e-3)


def test_repeats_change_the_seed_and_two_give_no_interval(tmp_path):
    flags = ("--dataset", "digits", "--epochs", "1", "--repeats", "2", "--no-verify")
    done = compare(
        "numpy/reference", "numpy/reference", *flags, "--output-dir", "out", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    result = load_results(tmp_path / "out" / "results.json")
    # In the order of the plan, but interleaved when they ran, the second repeat in reverse.
    assert [(run.run[-1], run.seed) for run in result.runs] == [
        *(("e", 0), ("2", 0), ("e", 1), ("2", 1))
    ]
    assert [(probe.run[-1], probe.setting, probe.repeat) for probe in result.probes] == [
        *(("e", 0, 0), ("2", 0, 0), ("2", 0, 1), ("e", 0, 1))
    ]
    assert [run.repeat for run in result.runs] == [0, 0, 1, 1]
    # Without verification, the run is started once before both sides of it are timed.
    lines = [line for line in done.stdout.splitlines() if line.startswith(("Starting", "numpy"))]
    assert lines[0] == ("Starting numpy/reference once, so that no timed run waits for the disk")
    assert sum(line.startswith("Starting") for line in lines) == 1
    assert all(epoch.probe_seconds > 0 for run in result.runs for epoch in run.epochs)
    names = ["numpy/reference", "numpy/reference#2"]
    assert result.plan == Plan([{}], names, repeats=2)
    (pair,) = result.comparison.pairs
    assert pair.repeats == 2
    assert (len(pair.train_time_ratio.values), pair.train_time_ratio.low) == (2, None)
    # The same computation twice: the accuracies are equal bit by bit.
    assert pair.test_accuracy_difference.values == [0, 0]
    assert "Its test accuracy was the same." in done.stdout
    assert "Observed twice" in done.stdout


def test_every_second_repeat_is_in_reverse():
    configs = [TrainConfig(batch_size=size) for size in (16, 64)]
    runs = ["numpy/reference", "pytorch/eager"]
    interpreters = dict.fromkeys(("numpy", "pytorch"), sys.executable)
    jobs = plan_jobs(runs, interpreters, configs, repeats=2)
    first = [(job.run, job.config.batch_size) for job in jobs[:4]]
    assert sorted(first) == [(run, size) for run in runs for size in (16, 64)]
    assert [(job.run, job.config.batch_size) for job in jobs[4:]] == first[::-1]
    assert [(job.setting, job.config.batch_size) for job in jobs if job.setting] == [(1, 64)] * 4
    assert [job.config.seed for job in jobs] == [0] * 4 + [1] * 4


def test_a_resumed_comparison_keeps_what_was_measured_beside_whole_runs(tmp_path):
    flags = ("--dataset", "digits", "--epochs", "1", "--no-verify", "--checkpoint-dir", "kept")
    command = "numpy/reference", "numpy/reference", *flags, "--output-dir", "out"
    folder = tmp_path / "out"
    assert compare(*command, cwd=tmp_path).returncode == 0
    first = load_results(folder / "results.json")
    (folder / first.runs[1].weights).unlink()
    (folder / "report.html").unlink()
    done = compare(*command, "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    again = load_results(folder / "results.json")
    assert again.runs[0] == first.runs[0]
    assert again.runs[1] != first.runs[1]
    assert again.probes[0] == first.probes[0]
    assert [probe.run for probe in again.probes] == ["numpy/reference", "numpy/reference#2"]


def floors_of(script, folder):
    """Compare a run with itself, twice, with the floor, PyTorch's from a script in its place."""
    python = fake_interpreter(folder / "python", script)
    flags = ("--dataset", "digits", "--epochs", "1", "--repeats", "2", "--no-verify", "--floor")
    runs = ("numpy/reference", "numpy/reference", f"--python=pytorch={python}")
    done = compare(*runs, *flags, "--output-dir", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout, load_results(folder / "out" / "results.json")


def test_the_floor_is_measured_anew_before_each_repeat(tmp_path):
    measured = '{"library": "torch", "batch_size": 64, "epoch_seconds": [1e-6, 3e-6]}'
    printed, result = floors_of(f"echo '{measured}'", tmp_path)
    floors = {(floor.library, floor.repeat): floor.epoch_seconds for floor in result.floors}
    assert [len(floors["numpy", repeat]) for repeat in (0, 1)] == [7, 7]
    assert floors["torch", 0] == floors["torch", 1] == [1e-6, 3e-6]
    pooled = {floor.library: floor.epoch_seconds for floor in result.floor}
    assert pooled["torch"] == [1e-6, 3e-6, 1e-6, 3e-6]
    lines = [line for line in printed.splitlines() if line.endswith((" alone", " starting"))]
    first, second = "numpy/reference,", "numpy/reference#2,"
    order = ["Timing", first, second, "Timing", second, first]
    assert [line.split()[0] for line in lines] == order


def test_a_floor_that_fails_leaves_the_runs_alone(tmp_path):
    printed, result = floors_of("echo 'out of memory' >&2; exit 1", tmp_path)
    assert (
        printed.count("WARNING: the floor could not be timed: pytorch failed: out of memory") == 2
    )
    assert result.floors == []
    assert "multiples of the floor" not in printed


BROKEN = {
    "crashes": ("echo 'something broke' >&2; exit 3", "failed", "exit status 3"),
    "is killed": ("kill -9 $$", "failed", "SIGKILL"),
    "babbles": ("echo this is not an event", "failed", "exit status 0"),
}


@pytest.mark.parametrize(("script", "status", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_child_that_dies_leaves_the_others_alone(script, status, reason, tmp_path):
    python = fake_interpreter(tmp_path / "python", script)
    flags = ("--dataset", "digits", "--epochs", "1", "--no-verify", "--output-dir", "out")
    done = compare(
        "tensorflow/fit", "numpy/reference", *flags, f"--python=tensorflow={python}", cwd=tmp_path
    )
    assert done.returncode == 1, done.stderr
    broken, healthy = load_results(tmp_path / "out" / "results.json").runs
    assert (broken.status, healthy.status) == (status, "completed")
    assert reason in describe_end(broken, TrainConfig())
    assert reason in done.stdout
    if "broke" in script:
        assert "something broke" in done.stdout
        assert "something broke" in (tmp_path / "out" / "summary.md").read_text()


def test_a_framework_that_is_not_installed_leaves_the_others_alone(tmp_path):
    stub = tmp_path / "stub" / "torch"
    stub.mkdir(parents=True)
    (stub / "__init__.py").write_text("raise ModuleNotFoundError(name='torch')\n")
    python = fake_interpreter(
        tmp_path / "python", f'PYTHONPATH={tmp_path}/stub exec {sys.executable} "$@"'
    )
    flags = ("--dataset", "digits", "--epochs", "1", "--output-dir", "out", "--no-verify")
    done = compare(
        "pytorch/eager", "numpy/reference", *flags, f"--python=pytorch={python}", cwd=tmp_path
    )
    assert done.returncode == 1, done.stderr
    missing, healthy = load_results(tmp_path / "out" / "results.json").runs
    assert (missing.status, healthy.status) == ("unavailable", "completed")
    assert (missing.end.kind, missing.end.module) == ("missing_module", "torch")


def test_a_loss_that_is_no_number_is_reported_as_diverged(tmp_path):
    flags = ("--dataset", "digits", "--learning-rate", "1e30", "--output-dir", "out")
    done = compare("numpy/reference", "--no-verify", *flags, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    (run,) = load_results(tmp_path / "out" / "results.json").runs
    assert run.status == "diverged"
    assert run.end == RunEnd("not_finite", epoch=run.end.epoch)
    assert "--learning-rate" in done.stdout
    assert "NaN" not in (tmp_path / "out" / "results.json").read_text()


def children_of(pid):
    listed = subprocess.check_output(["ps", "-eo", "pid=,ppid="], text=True)
    return [
        int(child) for child, parent in map(str.split, listed.splitlines()) if int(parent) == pid
    ]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_comparison_keeps_what_is_finished(how, tmp_path):
    with subprocess.Popen(
        [
            *(sys.executable, "-u", str(ROOT / "compare.py"), "numpy/reference", "numpy/reference"),
            *("--dataset", "digits", "--epochs", "100000", "--no-verify", "--output-dir", "out"),
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background may have told them to ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as command:
        while not re.search(r"epoch +3/", line := command.stdout.readline()):
            assert line, "the comparison ended by itself"
        (child,) = children_of(command.pid)
        command.send_signal(how)
        rest = command.stdout.read()
    assert command.returncode == 1
    assert "interrupted: ended after epoch" in rest
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    current, never = load_results(tmp_path / "out" / "results.json").runs
    assert (current.status, never.status) == ("interrupted", "interrupted")
    assert len(current.epochs) >= 3
    assert never.end == RunEnd("not_started")
    assert (tmp_path / "out" / "curves.png").exists()


def interrupt_at(count, flags, folder):
    """Start a comparison and interrupt it when the floor is timed for the `count`th time."""
    with subprocess.Popen(
        [sys.executable, "-u", str(ROOT / "compare.py"), "numpy/reference", *flags],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as command:
        for _ in range(count):
            while "Timing the matrix products" not in (line := command.stdout.readline()):
                assert line, "the comparison ended by itself"
        command.send_signal(signal.SIGINT)
        rest = command.stdout.read()
    assert command.returncode == 1
    return rest


def test_whoever_interrupts_the_floor_keeps_the_runs_before_it(tmp_path):
    flags = ("--dataset", "digits", "--epochs", "1", "--repeats", "2", "--no-verify", "--floor")
    # Each is asked for its version first.
    asked, once = '[ "$1" = --version ] && exit', tmp_path / "once"
    slow = fake_interpreter(tmp_path / "slow", f"{asked}; exec sleep 60")
    script = f"{asked}; [ -e {once} ] && exec sleep 60; touch {once}; echo null"
    slow_later = fake_interpreter(tmp_path / "slow later", script)
    chosen = f"--python=pytorch={slow}"
    words = interrupt_at(1, (*flags, chosen, "--output-dir", "none"), tmp_path)
    assert "interrupted before the end of the first epoch; no results were kept." in words
    assert not (tmp_path / "none").exists()
    chosen = f"--python=pytorch={slow_later}"
    words = interrupt_at(2, (*flags, chosen, "--output-dir", "some"), tmp_path)
    assert "numpy/reference (seed 1) interrupted: not started" in words
    finished, never = load_results(tmp_path / "some" / "results.json").runs
    assert (finished.status, never.status) == ("completed", "interrupted")


def test_two_comparisons_at_once_do_not_meet(tmp_path):
    command = [sys.executable, str(ROOT / "compare.py"), "numpy/reference"]
    flags = ["--dataset", "digits", "--epochs", "1", "--no-verify"]
    both = [subprocess.Popen([*command, *flags], cwd=tmp_path) for _ in range(2)]
    assert [each.wait(timeout=60) for each in both] == [0, 0]
    folders = list((tmp_path / "results").iterdir())
    assert len(folders) == 2
    for folder in folders:
        assert load_results(folder / "results.json").runs[0].status == "completed"


def test_without_network_and_data_the_digits_are_used_and_named(tmp_path):
    done = compare(
        *("numpy/reference", "--offline", "--epochs", "1", "--no-verify", "--output-dir", "out"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "NOTICE: mnist is not in" in done.stdout
    result = json.loads((tmp_path / "out" / "results.json").read_text())
    assert result["dataset"]["name"] == "digits"
    assert "digits" in (tmp_path / "out" / "summary.md").read_text()


@pytest.mark.parametrize("package", ["pytorch_impl", "tensorflow_impl", "numpy_impl"])
def test_each_implementation_alone(package, tmp_path):
    done = run_command(
        *("-m", package, "--dataset", "digits", "--epochs", "2", "--output-dir", "out"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("epoch 1/2  "))
    assert lines[first + 1].startswith("epoch 2/2  ")
    assert lines[first - 1].split() == ["loss", "accuracy", "loss", "accuracy", "images/s", "left"]
    assert done.stdout.splitlines()[-1].startswith("Written to out: curves.png")
    assert load_results(tmp_path / "out" / "results.json").runs[0].status == "completed"


def test_help_explains_every_flag(tmp_path):
    done = compare("--help", cwd=tmp_path)
    assert done.returncode == 0
    for flag in ("--dataset", "--data-dir", "--offline", "--epochs", "--repeats", "--python"):
        assert flag in done.stdout
    empty = run_command("-c", "import sys, compare; print(*sys.modules)", cwd=tmp_path).stdout
    assert not {"torch", "tensorflow", "keras", "numpy", "matplotlib"} & set(empty.split())
