"""Profiles add up, and both frameworks' timelines can be read."""

import json
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from rich.console import Console

from commands import profile
from commands.profile import print_operators
from report.terminal import make_console
from shared.config import TrainConfig
from shared.datasets import load_dataset
from shared.registry import IMPLEMENTATIONS
from shared.trace_events import own_times, write_chrome_trace
from shared.trained import Operator, Span
from tests.support.commands import run_warm
from tests.support.terminals import assert_fits

STEPS = 5
# What must appear STEPS times at least: the matrix products of a step.
PRODUCTS = {"pytorch": "aten::addmm", "tensorflow": "_MklNativeFusedMatMul|MatMul"}


@pytest.fixture(scope="module", params=PRODUCTS)
def profiled(request, warm, tmp_path_factory):
    """Implementation, folder, printed text."""
    folder = tmp_path_factory.mktemp(request.param)
    # Large, so that the matrix products are among what is shown even on a busy machine.
    flags = ["--dataset", "digits", "--batch-size", "256", "--hidden", "512", "256"]
    flags += ["--steps", str(STEPS), "--output-dir", "out"]
    package = IMPLEMENTATIONS[request.param][0].package
    done = warm(request.param).run("-m", package, "profile", *flags, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return request.param, folder / "out", done.stdout


def test_the_table_names_the_matrix_products(profiled):
    name, _, printed = profiled
    rows = {line.split()[0]: line.split()[1:] for line in printed.splitlines() if line.strip()}
    found = [rows[product] for product in PRODUCTS[name].split("|") if product in rows]
    assert found
    calls, milliseconds, share, sign = found[0]
    assert int(calls) >= STEPS and float(milliseconds) > 0 and 0 < float(share) < 100
    assert sign == "%"


def test_the_timeline_is_a_chrome_trace(profiled):
    _, folder, _ = profiled
    assert {path.name for path in folder.iterdir()} == {"command.txt", "trace.json"}
    events = json.loads((folder / "trace.json").read_text())["traceEvents"]
    complete = [event for event in events if event["ph"] == "X"]
    assert len(complete) > 20 * STEPS
    assert all({"name", "ts", "dur", "pid", "tid"} <= set(event) for event in complete)


def test_own_time_leaves_out_what_is_within():
    spans = [
        Span("outer", "a", 0.0, 10.0),
        Span("Inner: matmul", "a", 1.0, 4.0),
        Span("machinery", "a", 2.0, 2.0),
        Span("Inner: matmul", "a", 6.0, 1.0),
        # On another thread at the same time, and within nothing.
        Span("Inner: matmul", "b", 1.0, 3.0),
        Span("outer", "a", 20.0, 1.0),
    ]
    found = own_times(spans, {r"Inner: (\w+)": r"\1", "machinery": ""})
    assert sorted(found, key=lambda operator: operator.name) == [
        Operator("matmul", 3, 8.0),
        Operator("outer", 2, 6.0),
    ]


def test_shares_add_up_and_the_rest_is_summed(capsys):
    operators = [Operator(f"operator{n}", 1, 0.001) for n in range(20)]
    print_operators(operators, "title", make_console())
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row for row in rows if row[1:2] == ["others"]] == [
        ["5", "others", "5", "5.00", "25.0", "%"]
    ]
    assert sum(row[-2:] == ["5.0", "%"] for row in rows) == 15


@pytest.mark.parametrize("width", [60, 80, 100])
def test_long_names_are_broken_and_not_cut(width, capsys):
    name = "gradient_tape/sequential_1/dense_1/MatMul/MatMul_1/ReadVariableOp/resource_copy_again"
    operators = [Operator(name, 12345, 1.5)]
    print_operators(operators, "pytorch/compiled, 20 steps", Console(width=width))
    table, _, _ = capsys.readouterr().out.partition("Self time")
    assert_fits(table, width)
    assert "…" not in table
    rows = [line.split() for line in table.splitlines()[3:] if line.strip()]
    assert "".join(row[0] for row in rows) == name
    assert rows[0][1:] == ["12,345", "1500.00", "100.0", "%"]


def test_a_trace_has_microseconds_and_named_threads(tmp_path):
    write_chrome_trace([Span("work", "a", 0.5, 0.25)], tmp_path / "trace.json")
    work, thread = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert (work["ts"], work["dur"], work["tid"]) == (500_000, 250_000, thread["tid"])
    assert thread["args"] == {"name": "a"}


BAD = {
    "no steps": (["--steps", "0"], "--steps 0"),
    "more steps than images": (["--steps", "999"], "--steps 999"),
    "unknown variant": (["--variant", "quick"], "--variant quick"),
}


@pytest.mark.parametrize(("flags", "names"), BAD.values(), ids=BAD)
def test_bad_requests_are_refused(flags, names, tmp_path):
    always = ("--dataset", "digits", "--output-dir", "out")
    done = run_warm("-m", "pytorch_impl", "profile", *always, *flags, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"python -m pytorch_impl profile: {names}")
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_trace_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    def profile_epoch(config, variant, dataset, path):
        path.write_text("{}")
        return []

    (tmp_path / "file").touch()
    twin = SimpleNamespace(profile_epoch=profile_epoch)
    monkeypatch.setattr(profile, "import_twin", lambda *_: twin)
    monkeypatch.setattr(profile, "native_chatter_held_back", nullcontext)
    dataset = load_dataset("digits", tmp_path, limit=64)
    with pytest.raises(OSError, match="Not a directory"):
        profile.watch("pytorch", "eager", TrainConfig(), dataset, 1, tmp_path / "file")
