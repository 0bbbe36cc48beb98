"""The benchmarks: their counts, their children and their words, on data small enough for a test."""

import ast
import gzip
import importlib
import os
import re
import statistics
import struct
import sys
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from PIL import Image

from benchmarks import (
    baselines,
    devices,
    mistakes,
    photos,
    profiled,
    slowed,
    switches,
    tried,
    tuning,
)
from benchmarks import floor as printed
from benchmarks.command import run_child
from commands.pictures import prepare
from comparison import floor
from shared.clock import Clock
from shared.config import TrainConfig
from shared.errors import UsageError
from shared.registry import REFERENCE, TWINS
from shared.results import Floor, RunResult
from tests.support.commands import ROOT, fake_interpreter, run_command, run_warm

SCRIPTS = sorted((ROOT / "benchmarks" / "tutorials").glob("*.py"))


# --- The floor ---


@pytest.mark.parametrize("rows", [1, 32, 64])
def test_a_step_has_eight_products_of_known_size(rows):
    listed = floor.products(rows, (128, 64))
    assert len(listed) == 8
    expected = 2 * rows * (784 * 128 * 2 + 128 * 64 * 3 + 64 * 10 * 3)
    assert sum(product.flops() for product in listed) == expected


def test_an_epochs_operations_do_not_depend_on_its_batches():
    batches = [64] * 937 + [32]
    products = [product for rows in batches for product in floor.products(rows, (128, 64))]
    flops = sum(product.flops() for product in products)
    assert flops == floor.epoch_flops(60_000, (128, 64))


def test_the_operands_can_be_multiplied_and_are_the_oracles():
    """Shapes and memory layouts are those of the oracle: inputs.T and kernel.T are views."""
    listed = floor.products(5, (4, 3))
    shapes = []
    for product in listed:
        left, right, outcome = product.operands(lambda *shape: np.zeros(shape))
        np.matmul(left, right, out=outcome)
        shapes.append((left.shape, right.shape, outcome.shape))
        assert left.flags.c_contiguous == (product.transposed != "left")
        assert right.flags.c_contiguous == (product.transposed != "right")
        assert left.size + right.size + outcome.size == product.elements()
    assert shapes == [
        ((5, 784), (784, 4), (5, 4)),
        ((784, 5), (5, 4), (784, 4)),
        ((5, 4), (4, 3), (5, 3)),
        ((4, 5), (5, 3), (4, 3)),
        ((5, 3), (3, 4), (5, 4)),
        ((5, 3), (3, 10), (5, 10)),
        ((3, 5), (5, 10), (3, 10)),
        ((5, 10), (10, 3), (5, 3)),
    ]


def test_every_batch_of_every_epoch_is_multiplied():
    calls = []

    def multiply(left, right, out):
        calls.append(left.shape[0] * left.shape[1] * right.shape[1] * 2)

    seconds = floor.time_epochs(multiply, lambda *s: np.empty(s), [64, 64, 32], (128, 64), 2)
    assert len(seconds) == 2
    # Two measured epochs and one to warm up.
    assert sum(calls) == 3 * floor.epoch_flops(160, (128, 64))


def test_the_roofline_is_whichever_takes_longer():
    step = floor.products(64, (128, 64))
    flops = sum(product.flops() for product in step)
    elements = sum(product.elements() for product in step)
    assert floor.roofline([64, 64], (128, 64), flops, 1e30) == pytest.approx(2)
    assert floor.roofline([64, 64], (128, 64), 1e30, elements) == pytest.approx(2)
    assert floor.roofline([64], (128, 64), flops / 3, elements / 5) == pytest.approx(5)


def test_a_floor_is_measured_in_a_process_of_its_own():
    config = TrainConfig(threads=1, device="cpu")
    (measured,) = floor.measure_floor(config, 200, {"numpy": sys.executable}, repeats=3)
    assert (measured.library, measured.batch_size) == ("numpy", 64)
    assert len(measured.epoch_seconds) == 3
    assert all(seconds > 0 for seconds in measured.epoch_seconds)
    words = printed.describe_floor(measured, 10**9)
    assert words.startswith("numpy: ")
    assert f"{1 / statistics.median(measured.epoch_seconds):,.1f} GFLOP/s" in words


def test_a_library_that_is_not_installed_is_left_out(tmp_path):
    stub = tmp_path / "torch"
    stub.mkdir()
    (stub / "__init__.py").write_text("raise ModuleNotFoundError(name='torch')\n")
    without = fake_interpreter(
        tmp_path / "python", f'PYTHONPATH={tmp_path} exec {sys.executable} "$@"'
    )
    assert floor.measure_floor(TrainConfig(threads=1), 64, {"pytorch": without}) == []


def test_a_floor_that_fails_says_why(tmp_path):
    script = "echo 'python -m comparison.floor: no such device.' >&2; exit 2"
    refusing = fake_interpreter(tmp_path / "python", script)
    with pytest.raises(UsageError, match=r"^no such device\.$"):
        floor.measure_floor(TrainConfig(), 64, {"pytorch": refusing})
    crashing = fake_interpreter(tmp_path / "python", "echo 'out of memory' >&2; exit 1")
    with pytest.raises(ChildProcessError, match=r"^pytorch failed: out of memory"):
        floor.measure_floor(TrainConfig(), 64, {"pytorch": crashing})


def test_a_gpus_floor_is_not_measured_by_numpy(tmp_path):
    never = fake_interpreter(tmp_path / "python", "exit 1")
    assert floor.measure_floor(TrainConfig(device="cuda"), 64, {"numpy": never}) == []


def test_whoever_asks_for_a_floor_imports_no_framework(tmp_path):
    script = "import sys, benchmarks.floor; print(*sys.modules)"
    loaded = run_command("-c", script, cwd=tmp_path).stdout.split()
    assert "benchmarks.floor" in loaded
    assert not {"torch", "tensorflow", "keras", "numpy"} & set(loaded)


# --- The tutorials and the table ---


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_the_tutorials_know_nothing_of_this_project(script):
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(script.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None) or node.names[0].name]
    }
    assert not imported & {"shared", "benchmarks", "pytorch_impl", "tensorflow_impl"}
    assert len(imported & {"torch", "keras", "sklearn"}) == 1


def test_the_twins_and_the_reference_have_a_tutorial():
    assert baselines.TUTORIALS.keys() == {*TWINS, REFERENCE.implementation}
    assert sorted(baselines.TUTORIALS.values()) == [script.name for script in SCRIPTS]


@pytest.fixture
def few_digits(tmp_path):
    """Four files like MNIST's: a bright column tells the digit."""
    labels = np.arange(320) % 10
    images = np.zeros((320, 28, 28), np.uint8)
    images[np.arange(320), :, labels * 2] = 255
    for prefix in ("train", "t10k"):
        for name, array, kind in (("images-idx3", images, 3), ("labels-idx1", labels, 1)):
            header = struct.pack(f">I{kind}I", 0x800 + kind, *array.shape)
            content = header + array.astype(np.uint8).tobytes()
            (tmp_path / f"{prefix}-{name}-ubyte.gz").write_bytes(gzip.compress(content))
    return tmp_path


def test_a_tutorial_learns_and_is_understood(few_digits):
    config = TrainConfig(epochs=3, seed=4)
    result = baselines.run_tutorial("sklearn_tutorial.py", sys.executable, few_digits, config)
    assert result.status == "completed", result.error
    assert result.seed == 4
    assert result.epoch_seconds > 0
    assert result.test_accuracy > 0.8


def test_a_tutorial_that_fails_says_why(tmp_path):
    config = TrainConfig(epochs=1)
    result = baselines.run_tutorial("sklearn_tutorial.py", sys.executable, tmp_path, config)
    assert result.status == "failed"
    assert "train-images-idx3-ubyte.gz" in result.error


def test_the_first_epoch_is_left_out_and_progress_bars_overlooked(tmp_path):
    printed = "bar\\r 10/20\\n\\nepoch 1: 9.0 seconds, test accuracy 0.5\\nbar\\n"
    printed += "epoch 2: 3.0 seconds, test accuracy 0.6\\nepoch 3: 2.0 seconds, test accuracy 0.7"
    python = fake_interpreter(tmp_path / "python", f"printf '{printed}\\n'")
    result = baselines.run_tutorial("x.py", python, tmp_path, TrainConfig(epochs=3))
    assert (result.epoch_seconds, result.test_accuracy) == (2.5, 0.7)


def test_the_files_are_unpacked_under_torchvisions_names(few_digits, tmp_path):
    files = {path.name: path.read_bytes() for path in few_digits.glob("*.gz")}
    baselines.lay_out(files, tmp_path / "out")
    unpacked = (tmp_path / "out" / "MNIST" / "raw" / "train-labels-idx1-ubyte").read_bytes()
    assert struct.unpack(">II", unpacked[:8]) == (0x801, 320)
    assert {path.name for path in (tmp_path / "out").glob("*.gz")} == files.keys()
    assert len(list((tmp_path / "out" / "MNIST" / "raw").iterdir())) == 4


def timed(name: str, seed: int, seconds: float, status: str = "completed") -> RunResult:
    known = {"epoch_seconds": seconds, "test_accuracy": 0.975, "status": status}
    return RunResult(name, "framework", "variant", seed, 1, 64, **known)


def test_each_run_is_set_against_the_tutorial_of_its_framework():
    results = [
        *(timed("torch_tutorial.py", 0, 4.0), timed("keras_tutorial.py", 0, 100.0)),
        *(timed("pytorch/eager", 0, 1.0), timed("pytorch/eager", 1, 2.0)),
        *(timed("torch_tutorial.py", 1, 8.0), timed("numpy/reference", 1, 1.0)),
        timed("pytorch/compiled", 0, 1.0, status="failed"),
    ]
    assert baselines.rows(results, floor_seconds=0.5) == [
        ["torch_tutorial.py", "6.000", "-", "12.00", "97.50 %"],
        ["keras_tutorial.py", "100.000", "-", "200.00", "97.50 %"],
        ["pytorch/eager", "1.500", "4.00 and 4.00", "3.00", "97.50 %"],
        ["numpy/reference", "1.000", "-", "2.00", "97.50 %"],
    ]


def test_the_floor_is_that_of_the_fastest_library_before_and_after():
    first = [Floor("numpy", 64, [1.0, 1.0, 1.0]), Floor("torch", 64, [0.5, 0.6, 0.7])]
    last = [Floor("numpy", 64, [1.0, 1.0, 1.0]), Floor("torch", 64, [0.8, 0.9, 2.0])]
    words = baselines.describe_floors([first, last])
    assert words.startswith("Floor (torch): 0.75 s an epoch, median of 6, fastest 0.5, slowest 2;")
    assert words.endswith("before all runs 0.6, after them 0.9.")


# --- Null comparisons and the planted slow-down ---


def test_a_slowed_step_takes_longer_by_so_many_per_cent(monkeypatch):
    now = [0.0]

    def tick() -> float:
        now[0] += 0.001
        return now[0]

    monkeypatch.setattr(slowed.time, "perf_counter", tick)
    steps = slowed.slow_down(lambda clock, batches: iter(batches), percent=50)
    ends = []
    for _ in steps(None, range(3)):
        now[0] += 10.0
        ends.append(now[0])
    assert ends == pytest.approx([10, 25, 40], abs=0.1)
    assert now[0] == pytest.approx(45, abs=0.1)


def test_a_slowed_run_sees_the_same_batches():
    assert list(slowed.slow_down(Clock.steps, 5)(Clock(), "abc")) == ["a", "b", "c"]


# --- What was tried, and the profile ---


def test_a_way_is_tried_in_a_process_of_its_own(tmp_path):
    name = "PyTorch: eager, Adam fused: pytorch/eager"
    flags = ("--only", name, "--dataset", "digits", "--epochs", "2", "--threads", "1")
    done = run_warm("-m", "benchmarks.tried", *flags, "--repeats", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    *_, line = done.stdout.splitlines()
    assert name in line
    epoch, lowest, _, highest = line.split()[:4]
    assert 0 < float(lowest) <= float(epoch) <= float(highest)


def test_a_child_that_fails_says_at_what():
    with pytest.raises(ChildProcessError, match=r"^no such way: StopIteration$"):
        run_child("tried", "no such way", TrainConfig(dataset="digits"))


def test_what_was_tried_is_summed_up_over_the_repeats():
    line = tried.describe("a way", [[9.0, 1.0, 1.5, 2.0], [8.0, 3.0], [5.0, 2.0, 2.0]])
    assert line.split() == ["2.000", "1.500", "to", "3.000", "5.0", "a", "way"]
    assert tried.describe("a way", [[9.0]]).split()[0] == "9.000"


def test_denormal_numbers_are_kept_in_all_threads(tmp_path):
    script = """
from benchmarks import tried
from shared.config import TrainConfig
from shared.threads import prepare_environment
prepare_environment(2)
def small(config):
    import torch
    torch.set_flush_denormal(True)
    numbers = torch.full((1_000_000,), 1e-38) * 0.1
    print((numbers > 0).sum().item())
    raise SystemExit
tried.ways = lambda: [(f"a way, {tried.KEPT}", small, "")]
tried.train_in(f"a way, {tried.KEPT}", TrainConfig())
"""
    assert run_command("-c", script, cwd=tmp_path).stdout.split() == ["1000000"]


def test_no_process_tries_both_frameworks():
    names = [name for name, _, _ in tried.ways()]
    assert len(set(names)) == len(names)
    for name, side, method in tried.ways():
        assert name.startswith(side.__name__)
        assert callable(getattr(side, method))


def test_operations_are_sorted_by_kind():
    kinds = {
        "aten::addmm": "matrix products",
        "aten::mm": "matrix products",
        "aoti_torch_cpu_addmm_out": "matrix products",
        "aten::_fused_adam_": "Adam",
        "graph_0_cpp_fused_add_addcmul_div_lerp_mul_sqrt_sub_7": "Adam",
        "aten::index": "picking rows",
        "graph_0_cpp_fused_index_0": "picking rows",
        "aten::addmm_backward": "activations, loss, sums",
        "cpp_fused_amax_argmax_exp_index_log_sqrt_5": "activations, loss, sums",
        "graph_0_cpp_fused_relu_1": "activations, loss, sums",
        "Torch-Compiled Region: 0/0": "other named operations",
    }
    assert {name: profiled.kind_of(name) for name in kinds} == kinds


def operation(name: str, device: str, count: int, seconds: float = 0.0, marked: bool = False):
    """What the profiler sums up under one name."""
    return SimpleNamespace(
        key=name,
        device_type=SimpleNamespace(name=device),
        count=count,
        self_device_time_total=1e6 * seconds,
        is_user_annotation=marked,
    )


def test_a_gpus_work_is_counted():
    operations = [
        operation("cudaLaunchKernel", "CPU", 20),
        operation("cudaGraphLaunch", "CPU", 5),
        operation("cudaMemcpyAsync", "CPU", 5),
        operation("cudaStreamSynchronize", "CPU", 7),
        operation("aten::mm", "CPU", 8),
        operation("gemm", "CUDA", 30, 0.001),
        operation("Optimizer.step#Adam.step", "CUDA", 10, 0.001, marked=True),
    ]
    counted = profiled.count_work(operations, steps=10, wall=0.02)
    assert list(counted.values()) == ["3.0", "3.0", "2000.0", "100.0"]
    assert profiled.count_work(operations[:5], steps=10, wall=0.02) == {}


# --- Devices and switches ---


def test_times_are_those_of_the_cpu_over_the_gpu():
    def timed(device: str, *seconds: float) -> devices.Timed:
        return devices.Timed(device, list(seconds))

    table = devices.rows(
        (64, 1024),
        {
            "cuda": [timed("cuda (a)", 0.002, 0.002), timed("cuda (a)", 0.002, 0.002)],
            "cpu": [timed("cpu", 0.001, 0.006), timed("cpu", 0.001, 0.010)],
        },
    )
    assert table == [["64", "2", "1", "0.50 and 0.50"], ["1,024", "2", "8", "3.00 and 5.00"]]


def test_steps_are_timed_at_each_batch_size():
    config = TrainConfig(dataset="digits", threads=1)
    timed = msgspec.json.decode(
        run_child("devices", "pytorch/eager, cpu, 16, 2048", config), type=devices.Timed
    )
    assert timed.device == "cpu"
    small, large = timed.step_seconds
    assert 0 < small < large


def outcome(weights: str, *seconds: float) -> switches.Outcome:
    return switches.Outcome("cpu", list(seconds), weights, off=1e-7 * seconds[0], changed=0)


def test_a_switch_is_set_against_no_switch():
    plain = [outcome("a", 9.0, 1.0), outcome("a", 9.0, 2.0)]
    switched = [outcome("b", 9.0, 2.0), outcome("c", 8.0, 6.0)]
    assert switches.row(switches.UNCHANGED, plain, plain)[1:5] == ["equal", "1.500", "1", "9.0e-07"]
    row = switches.row("TF32", switched, plain)
    assert row[1:4] == ["2 kinds", "4.000", "2.00 and 3.00"]


ASK = {
    "pytorch": "import torch; print(torch.are_deterministic_algorithms_enabled(), "
    "torch.backends.cuda.matmul.allow_tf32)",
    "tensorflow": "import tensorflow as tf; "
    "from tensorflow.python.framework.config import is_op_determinism_enabled as deterministic; "
    "print(deterministic(), tf.config.experimental.tensor_float_32_execution_enabled())",
}


@pytest.mark.parametrize("implementation", switches.SWITCHES)
def test_switches_switch(implementation, tmp_path):
    """Each alone, behind what `choose_device` has set."""
    script = f"""
import sys
from benchmarks import switches
from {implementation}_impl.device import choose_device
choose_device("cpu", "float32")
switches.SWITCHES["{implementation}"]()[sys.argv[1]]()
{ASK[implementation]}
"""
    said = [
        run_command("-c", script, name, cwd=tmp_path).stdout.split()
        for name in (switches.DETERMINISTIC, switches.TF32)
    ]
    assert said == [["True", "False"], ["False", "True"]]


def test_a_training_is_repeated_with_a_switch(tmp_path):
    flags = ("--dataset", "digits", "--epochs", "1", "--threads", "1", "--only", "bfloat16")
    done = run_warm("-m", "benchmarks.switches", *flags, "--repeats", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [
        re.split(r"\s{2,}", line.strip()) for line in done.stdout.splitlines() if " cpu" in line
    ]
    plain, rounded = rows
    assert plain[:2] == ["none", "equal"]
    assert rounded[0] == "bfloat16"
    assert float(plain[4]) < 1e-5 < 1e-4 < float(rounded[4])


# --- Mistakes and knobs ---


def test_a_mistake_is_made_and_drawn(warm, tmp_path):
    sound, wrong = f"PyTorch: {mistakes.SOUND}", "PyTorch: zero_grad() left out"
    config = TrainConfig(dataset="digits", epochs=4, threads=1)
    losses = {}
    for name in (sound, wrong):
        done = warm("pytorch").run(
            *("-m", "benchmarks.mistakes", *config.as_flags()),
            cwd=tmp_path,
            **{mistakes.CHILD_VARIABLE: name},
        )
        assert done.returncode == 0, done.stderr
        outcome = msgspec.json.decode(done.stdout.splitlines()[-1], type=mistakes.Outcome)
        assert outcome.error is None
        losses[name] = outcome.losses
    assert losses[wrong] != losses[sound]
    mistakes.draw(losses, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_words_of_an_outcome():
    good = mistakes.Outcome([2.3, 0.1], 0.2, 0.95)
    assert mistakes.describe(good).split() == ["2.3", "0.1", "0.2", "95.00", "%"]
    assert "no such device" in mistakes.describe(mistakes.Outcome(error="no such device"))


def test_which_rows_are_trained_on():
    labels = np.repeat(np.arange(10), 200)
    random = np.random.default_rng(0)
    assert len(set(tuning.few_rows(np.arange(5000), random))) == tuning.FEW
    kept = np.bincount(labels[tuning.imbalanced_rows(labels, random)], minlength=10)
    assert (kept[:5] == 200).all()
    assert 0 < kept[5:].sum() < 60
    repeated = np.bincount(labels[tuning.oversampled_rows(labels, random)], minlength=10)
    assert repeated[:5].sum() == repeated[5:].sum()


def test_a_knob_is_turned(tmp_path):
    flags = ("--dataset", "digits", "--epochs", "2", "--repeats", "1", "--only", "hidden")
    done = run_warm("-m", "benchmarks.tuning", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if "%" in line]
    accuracies = [float(row[-2]) for row in rows]
    assert len(accuracies) == 4
    # Four units are too few for ten digits.
    assert accuracies[0] < accuracies[-1]


# --- Bad input ---

REFUSED = {
    "floor: batch": (["floor", "--batch-size", "0"], "--batch-size 0"),
    "floor: device": (["floor", "--dataset", "digits", "--device", "tpu"], "tpu"),
    "null: few pairs": (["null", "--pairs", "9"], "--pairs 9: expected 10 or more"),
    "null: seeds": (["null", "--seed", "4294967290"], "--seed 4294967290"),
    "devices: the CPU": (["devices", "--device", "cpu"], "--device cpu: expected a GPU's"),
    "devices: run": (["devices", "--run", "jax/eager"], "--run jax/eager"),
    "devices: batch": (["devices", "--batch-size", "64", "0"], "--batch-size 0"),
    "switches: repeats": (["switches", "--repeats", "1"], "--repeats 1: expected 2 or more"),
    "switches: run": (["switches", "numpy/reference"], "numpy/reference: expected one of"),
    "switches: none": (["switches", "--only", "sleeping"], "--only sleeping"),
    "verdicts: few": (["verdicts", "--replicates", "3"], "--replicates 3: expected 50 or more"),
    "tried: none": (["tried", "--only", "sleeping"], "--only sleeping"),
    "tried: repeats": (["tried", "--repeats", "0"], "--repeats 0"),
    "tuning: repeats": (["tuning", "--repeats", "0"], "--repeats 0"),
    "agreement: no results": (["agreement", "nowhere"], "nowhere"),
    "alarms: count": (["alarms", "--count", "-1"], "--count -1: expected 0 or more"),
    "baselines: run": (["baselines", "jax/eager"], "jax/eager"),
    "baselines: data": (["baselines", "--offline", "--data-dir", "none"], "none"),
}


@pytest.mark.parametrize(("words", "names"), REFUSED.values(), ids=REFUSED)
def test_the_commands_refuse(words, names, tmp_path):
    name, *flags = words
    done = run_warm("-m", f"benchmarks.{name}", *flags, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert names in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


@pytest.mark.parametrize("name", ["kills", "faults.__main__"])
def test_what_has_to_kill_is_refused_where_nothing_can_be_forked(name, monkeypatch):
    benchmark = importlib.import_module(f"benchmarks.{name}")
    monkeypatch.delattr(os, "fork")
    with pytest.raises(
        UsageError, match=r"^benchmarks\.\w+ forks processes and kills them .* or in WSL2\.$"
    ):
        benchmark.measure(benchmark.Request())


@pytest.mark.parametrize("kind", photos.KINDS)
def test_a_drawn_photograph_shows_its_digit(kind):
    image = np.zeros((28, 28), np.uint8)
    image[4:7, 8:20] = image[7:24, 17:20] = 255
    photo = photos.picture(kind, image, np.random.default_rng(1))
    assert photo.size == (photos.SIDE, photos.SIDE)
    clean = prepare(Image.fromarray(image), "mnist").astype(float)
    assert np.abs(prepare(photo, "mnist") - clean).mean() < 15
    if kind != "plain":
        assert np.abs(photos.with_nothing_removed(photo) - clean).mean() > 15
