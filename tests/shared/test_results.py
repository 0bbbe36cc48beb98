"""`results.json` keeps everything, refuses what it is not, and is never half written."""

import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.results import (
    Comparison,
    ComparisonResult,
    DatasetFacts,
    EpochResult,
    Floor,
    InferenceResult,
    MeanInterval,
    Pair,
    RatioInterval,
    RunResult,
    RunVerification,
    Verification,
    load_results,
    save_results,
    write_atomically,
)

# The same examples every time, however slow the machine.
REPEATABLE = settings(derandomize=True, deadline=None)

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | NUMBERS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
PLAIN = {
    **{int: INTEGERS, float: NUMBERS, str: st.text(max_size=10), bool: st.booleans()},
    **{NoneType: st.none(), object: JSON_VALUES},
}


def values_of(kind: Any) -> st.SearchStrategy:
    """Any value of a type, dataclasses field by field."""
    origin, inner = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        names = (item.name for item in fields(kind))
        return st.builds(kind, **{name: values_of(hints[name]) for name in names})
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is UnionType:
        return st.one_of(*map(values_of, inner))
    if origin is list:
        return st.lists(values_of(inner[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(*map(values_of, inner), max_size=2)
    return PLAIN[kind]


def make_result() -> ComparisonResult:
    """One of everything: no field has its default."""
    run = RunResult(
        run="numpy/reference",
        framework="numpy",
        variant="reference",
        seed=3,
        threads=2,
        batch_size=64,
        status="completed",
        error="none",
        error_output=["a line"],
        framework_version="2.4",
        device="cpu",
        parameters=109386,
        epochs=[EpochResult(1, 0.5, 0.75, 0.25, 0.875, 2.0, 0.125)],
        test_loss=0.25,
        test_accuracy=0.875,
        phases={"train": 2.0, "other": 1.0},
        wall_seconds=3.0,
        time_to_first_step_seconds=0.5,
        time_to_target_seconds=1.5,
        epoch_seconds=2.0,
        samples_per_second=30000.0,
        peak_memory_bytes=2**33,
        peak_device_memory_bytes=2**34,
        energy_joules=12.5,
        foreign_cpus=0.25,
        inference=[InferenceResult(64, 0.001, 0.002)],
        weights="weights.safetensors",
        predictions="predictions.safetensors",
    )
    limits = (1.5, 1.25, 1.75)
    pair = Pair("other", 64, 5, RatioInterval(*limits), MeanInterval(*limits), "words")
    return ComparisonResult(
        created="2026-01-02T03:04:05+00:00",
        command="python compare.py",
        config={"epochs": 5, "hidden": [128, 64], "limit": None},
        dataset=DatasetFacts("mnist", 60000, 10000, ["zero", "one"], {"file": "ab"}, "notice"),
        environment={"processor": "CPU", "load_average": [0.5, 0.25, 0.125]},
        runs=[run],
        comparison=Comparison("numpy/reference", [pair]),
        verification=Verification(
            "numpy/reference",
            "exact",
            20,
            10.0,
            1.5,
            [RunVerification("other", False, "off", True, {"float64": {"loss": 1e-9}})],
        ),
        floor=[Floor("a BLAS", 64, [0.25, 0.5])],
        probes=[0.005],
    )


@given(result=values_of(ComparisonResult))
@settings(REPEATABLE, max_examples=50, suppress_health_check=list(HealthCheck))
def test_any_result_round_trips(result, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any-results.json"
    save_results(result, path)
    assert load_results(path) == result


def test_a_full_result_round_trips(tmp_path):
    save_results(make_result(), tmp_path / "results.json")
    assert load_results(tmp_path / "results.json") == make_result()


def test_keys(tmp_path):
    save_results(make_result(), tmp_path / "results.json")
    content = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert content["schema"] == "framework-comparison/1"
    assert content.keys() == {
        *("schema", "created", "command", "config", "dataset", "environment"),
        *("verification", "runs", "comparison", "floor", "probes"),
    }
    assert {"name", "train_size", "test_size", "classes", "sha256"} <= content["dataset"].keys()
    (run,) = content["runs"]
    assert run.keys() >= {
        *("run", "framework", "framework_version", "variant", "device", "seed", "threads"),
        *("status", "error", "parameters", "epochs", "test_loss", "test_accuracy", "phases"),
        *("wall_seconds", "samples_per_second", "peak_memory_bytes", "inference", "weights"),
    }
    assert run["epochs"][0].keys() == {
        *("epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy"),
        *("train_seconds", "evaluate_seconds"),
        *("validation_loss", "validation_accuracy", "learning_rate"),
    }
    assert run["inference"][0].keys() == {"batch_size", "median_seconds", "p99_seconds"}
    assert content["comparison"].keys() == {"baseline", "pairs"}
    assert content["comparison"]["pairs"][0].keys() >= {
        *("run", "train_time_ratio", "test_accuracy_difference", "verdict"),
    }


def break_content(change) -> bytes:
    """A full `results.json` with one change."""
    content = json.loads(json.dumps(make_result(), default=vars))
    change(content)
    return json.dumps(content).encode()


def put(content: Any, value: Any, *where: str | int) -> None:
    for key in where[:-1]:
        content = content[key]
    content[where[-1]] = value


BROKEN = {
    "empty": (b"", "truncated"),
    "no JSON": (b"accuracy,loss\n1,2\n", "malformed"),
    "truncated": (break_content(lambda c: None)[:-9], "truncated"),
    "a list": (b"[]", "Expected `object`, got `array`"),
    "another schema": (break_content(lambda c: put(c, "other/2", "schema")), "$.schema"),
    "a field missing": (break_content(lambda c: c.pop("runs")), "`runs`"),
    "a field of a run missing": (break_content(lambda c: c["runs"][0].pop("seed")), "`seed`"),
    "an unknown status": (
        break_content(lambda c: put(c, "fine", "runs", 0, "status")),
        "$.runs[0].status",
    ),
    "a number in words": (
        break_content(lambda c: put(c, "low", "runs", 0, "epochs", 0, "train_loss")),
        "$.runs[0].epochs[0].train_loss",
    ),
}


@pytest.mark.parametrize(("content", "named"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_result_is_refused(content, named, tmp_path):
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"is not a comparison's results\.json") as caught:
        load_results(path)
    assert str(caught.value).startswith(f"{path} ")
    assert named in str(caught.value)


def test_the_unbroken_content_is_accepted(tmp_path):
    path = tmp_path / "mine.json"
    path.write_bytes(break_content(lambda content: None))
    assert load_results(path) == make_result()


def test_text_in_another_encoding_is_refused_by_the_files_name(tmp_path):
    path = tmp_path / "latin.json"
    path.write_bytes('{"created": "März"}'.encode("latin-1"))
    with pytest.raises(ValueError) as caught:
        load_results(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("figure", [float("inf"), float("nan")])
def test_a_verification_that_failed_without_measure_can_be_read_again(figure, tmp_path):
    result = make_result()
    # A trace of the wrong shape is infinitely far off, and one without numbers not a number.
    result.verification.runs[0].figures["float64"]["loss"] = figure
    save_results(result, tmp_path / "results.json")
    assert not load_results(tmp_path / "results.json").verification.passed


@pytest.mark.parametrize(
    ("content", "expected"), [("größer\n", "größer\n".encode()), (b"\0", b"\0")]
)
def test_written_completely(content, expected, tmp_path):
    path = tmp_path / "file"
    for _ in range(2):
        write_atomically(path, content)
        assert path.read_bytes() == expected
        assert list(tmp_path.iterdir()) == [path]


def test_a_failure_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "results.json"
    save_results(make_result(), path)
    write_bytes = Path.write_bytes

    def disk_full(self: Path, content: bytes) -> None:
        write_bytes(self, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    changed = make_result()
    changed.command = "python compare.py all"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", disk_full)
        with pytest.raises(OSError, match="No space left"):
            save_results(changed, path)
    assert load_results(path) == make_result()
    # Nor does what is left of it stand in the way of the next.
    save_results(changed, path)
    assert load_results(path) == changed
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_never_sees_a_part(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, "old")
    seen = []
    replace = Path.replace

    def look_then_replace(self: Path, target: Path) -> Path:
        seen.append((path.read_text(), self.read_text()))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", look_then_replace)
    write_atomically(path, "new")
    assert seen == [("old", "new")]
    assert path.read_text() == "new"


@pytest.mark.parametrize(
    ("seconds", "expected"), [([9.0, 2, 4, 3], 3), ([9.0, 2, 4], 3), ([9.0], 8), ([], None)]
)
def test_speed_leaves_out_the_first_epoch(seconds, expected):
    run = RunResult("numpy/reference", "numpy", "reference", 0, 1, 64)
    run.epochs = [EpochResult(i, 1, 0.5, 1, 0.5, each, 7) for i, each in enumerate(seconds, 1)]
    run.set_speed(600, 1.0)
    assert run.epoch_seconds == expected
    assert run.samples_per_second == (expected and 600 / expected)


def test_the_first_failure_stands():
    verdict = RunVerification("numpy/reference")
    assert verdict.passed
    verdict.fail("first")
    verdict.fail("second")
    assert (verdict.passed, verdict.message) == (False, "first")


@pytest.mark.parametrize(
    ("passed", "expected"), [([True, True], True), ([True, False], False), ([False], False)]
)
def test_verification_passes_if_every_run_does(passed, expected):
    runs = [RunVerification(str(number), each) for number, each in enumerate(passed)]
    assert Verification("oracle", "exact", 1, 1, 1, runs).passed is expected
