"""`results.json` keeps everything, refuses what it is not, and is never half written."""

import json
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Meta

from report.sentences import in_words
from report.verification import describe_verification
from shared.checkpoint_events import CheckpointEvent, Difference
from shared.clock import PHASES
from shared.config import TrainConfig
from shared.download import MirrorFailure, MissingFiles
from shared.environment import Environment
from shared.pairs import Comparison, MeanInterval, Pair, RatioInterval
from shared.results import (
    FIGURES,
    ComparisonResult,
    DatasetFacts,
    EpochResult,
    Floor,
    InferenceResult,
    Plan,
    Probe,
    RunResult,
    completed,
    pool,
    write_atomically,
)
from shared.results_file import encode_json, load_results, save_results, whole_runs
from shared.run_ends import RunEnd
from shared.verified import RunVerification, Verification, VerificationFailure
from shared.visible import spell_out
from tests.support.commands import run_command

# The same examples every time, however slow the machine.
REPEATABLE = settings(derandomize=True, deadline=None)

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
PLAIN = {
    **{int: INTEGERS, float: NUMBERS, str: st.text(max_size=10), bool: st.booleans()},
    **{NoneType: st.none()},
    TrainConfig: st.sampled_from(
        [TrainConfig(), TrainConfig(hidden=(5,), checkpoint_dir=Path("kept"), seed=7)]
    ),
}


def values_of(kind: Any) -> st.SearchStrategy:
    """Any value of a type, dataclasses field by field."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind in PLAIN:
        return PLAIN[kind]
    if origin is Annotated:
        return values_within(*inner)
    if is_dataclass(kind):
        hints = get_type_hints(kind, include_extras=True)
        names = (item.name for item in fields(kind))
        return st.builds(kind, **{name: values_of(hints[name]) for name in names})
    if origin is Literal:
        return st.sampled_from(inner)
    if origin in (UnionType, Union):
        return st.one_of(*map(values_of, inner))
    if origin is tuple:
        return st.tuples(*map(values_of, inner))
    if origin is list:
        return st.lists(values_of(inner[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(*map(values_of, inner), max_size=2)
    raise TypeError(kind)


def values_within(kind: Any, limits: Meta) -> st.SearchStrategy:
    """Any value of a type, within msgspec's limits."""
    if kind is str:
        return st.text(min_size=limits.min_length or 0, max_size=limits.max_length or 10)
    if get_origin(kind) is list:
        least = limits.min_length or 0
        return st.lists(values_of(get_args(kind)[0]), min_size=least, max_size=max(2, least))
    highest = limits.le if limits.lt is None else limits.lt - 1
    return (st.integers if kind is int else st.floats)(limits.ge, highest)


def put_right(result: ComparisonResult) -> ComparisonResult:
    """The same with settings that there are, and all that a run that completed has."""
    result.plan = replace(result.plan, settings=[{}, {"batch_size": 16}])
    result.created = "2026-01-02T03:04:05+00:00"
    result.dataset = replace(result.dataset, name="mnist", missing=None)
    pairs = [replace(pair, setting=pair.setting % 2) for pair in result.comparison.pairs]
    result.comparison = replace(result.comparison, pairs=pairs)
    result.floors = [replace(each, setting=each.setting % 2) for each in result.floors]
    result.probes = [replace(each, setting=each.setting % 2) for each in result.probes]
    for place, run in enumerate(result.runs):
        run.setting = place % 2
        run.phases = dict.fromkeys(PHASES, 1.0) if run.phases else {}
        run.epochs = [replace(each, epoch=k) for k, each in enumerate(run.epochs, 4)]
        if run.status == "completed":
            run.phases = dict.fromkeys(PHASES, 2.0)
            run.epochs = run.epochs or [EpochResult(1, 0.5, 0.75, 0.25, 0.875, 2.0, 0.125)]
            for name in FIGURES:
                known = getattr(run, name)
                setattr(run, name, known or ("file" if name == "predictions" else 1.0))
    return result


def make_result() -> ComparisonResult:
    """One of everything: no field has its default."""
    run = RunResult(
        run="numpy/reference",
        framework="numpy",
        variant="reference",
        seed=3,
        threads=2,
        batch_size=64,
        setting=1,
        repeat=2,
        workers=4,
        status="completed",
        end=RunEnd("signal", 1, "module", "python", 3, "SIGKILL"),
        error="none",
        error_output=["a line"],
        framework_version="2.4",
        device="cpu",
        parameters=109386,
        epochs=[EpochResult(1, 0.5, 0.75, 0.25, 0.875, 2.0, 0.125)],
        test_loss=0.25,
        test_accuracy=0.875,
        phases={phase: float(place) for place, phase in enumerate(PHASES)},
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
        resumed_from_step=7,
        checkpoints=[
            CheckpointEvent(
                *("foreign", "kept/000001", 5, "state.json", "No such file"),
                [Difference("hidden", [5], [6])],
            )
        ],
    )
    failures = {"http://a/": MirrorFailure("status", 503, "Busy", 1, 2, 3.0)}
    missing = MissingFiles("mnist", "/data/mnist", ["a.gz"], "a.gz", failures, "told")
    limits = (1.5, 1.25, 1.75)
    pair = Pair("other", 1, 5, RatioInterval(*limits), MeanInterval(*limits))
    arrays = ["dense_1/kernel", "dense_1/bias"]
    failure = VerificationFailure(
        *("off", "float64", 3, "step", "epoch", arrays, 0.5, 1e-12, "optimizer", "words")
    )
    return ComparisonResult(
        created="2026-01-02T03:04:05+00:00",
        command="python compare.py",
        config=TrainConfig(epochs=7, hidden=(5, 4), data_dir=Path("images")),
        plan=Plan([{"batch_size": 64}, {"batch_size": 16}], ["numpy/reference", "other"], 5),
        dataset=DatasetFacts("mnist", 60000, 10000, list("abcdefghij"), {"file": "ab"}, missing),
        environment=Environment(
            *("3.12", "Linux", "CPU", 2, 4, 2**34, (0.5, 0.25, 0.125), {"torch": "2"}),
            accelerators=["GPU"],
            on_battery=True,
        ),
        runs=[run, replace(run, setting=0)],
        comparison=Comparison("numpy/reference", [pair]),
        verification=Verification(
            "numpy/reference",
            "exact",
            20,
            10.0,
            1.5,
            [RunVerification("other", "cpu", {"float64": 3}, failure, {"float64": {"loss": 1e-9}})],
        ),
        floors=[Floor("a BLAS", 64, [0.25, 0.5], 1, 2)],
        probes=[Probe("numpy/reference", 1, 2, 0.005)],
    )


@given(result=values_of(ComparisonResult))
@settings(REPEATABLE, max_examples=50, suppress_health_check=list(HealthCheck))
def test_any_result_round_trips(result, tmp_path_factory):
    put_right(result)
    path = tmp_path_factory.getbasetemp() / "any-results.json"
    save_results(result, path)
    assert load_results(path) == spell_out(result)


def test_a_full_result_round_trips(tmp_path):
    save_results(make_result(), tmp_path / "results.json")
    assert load_results(tmp_path / "results.json") == make_result()


def test_keys(tmp_path):
    save_results(make_result(), tmp_path / "results.json")
    content = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert content["schema"] == "framework-comparison/2"
    assert content.keys() == {
        *("schema", "created", "command", "config", "plan", "dataset", "environment"),
        *("verification", "runs", "comparison", "floors", "probes"),
    }
    assert {"name", "train_size", "test_size", "classes", "sha256"} <= content["dataset"].keys()
    run, _ = content["runs"]
    assert run.keys() >= {
        *("run", "framework", "framework_version", "variant", "device", "seed", "threads"),
        *("status", "error", "parameters", "epochs", "test_loss", "test_accuracy", "phases"),
        *("wall_seconds", "samples_per_second", "peak_memory_bytes", "inference", "weights"),
    }
    assert run["epochs"][0].keys() == {
        *("epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy"),
        *("train_seconds", "evaluate_seconds"),
        *("validation_loss", "validation_accuracy", "learning_rate", "probe_seconds"),
    }
    assert run["inference"][0].keys() == {"batch_size", "median_seconds", "p99_seconds"}
    assert content["comparison"].keys() == {"baseline", "pairs"}
    assert content["comparison"]["pairs"][0].keys() >= {
        *("run", "setting", "train_time_ratio", "test_accuracy_difference"),
    }


def break_content(change) -> bytes:
    """A full `results.json` with one change."""
    content = json.loads(encode_json(make_result()))
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
    "a completed run without figures": (
        break_content(lambda c: put(c, None, "runs", 0, "test_loss")),
        "a completed run lacks `test_loss` - at `$.runs[0].test_loss`",
    ),
    "a setting that is not planned": (
        break_content(lambda c: put(c, 2, "runs", 0, "setting")),
        "$.runs[0].setting",
    ),
    "a choice that there is not": (
        break_content(lambda c: put(c, "cifar", "config", "dataset")),
        "Invalid enum value 'cifar' - at `$.config.dataset`",
    ),
    "a setting out of its range": (
        break_content(lambda c: put(c, 0, "config", "epochs")),
        "$.config: --epochs 0: expected 1 or more",
    ),
    "a setting that lacks another": (
        break_content(lambda c: put(c, 2, "config", "patience")),
        "$.config: --patience 2: needs a --validation above 0",
    ),
    "settings missing": (
        break_content(lambda c: c["config"].pop("batch_size")),
        "$.config.batch_size",
    ),
    "a completed run without epochs": (
        break_content(lambda c: put(c, [], "runs", 0, "epochs")),
        "a completed run lacks `epochs` - at `$.runs[0].epochs`",
    ),
    "a phase that there is not": (
        break_content(lambda c: put(c, {"rest": 1.0}, "runs", 0, "phases")),
        "instead of rest - at `$.runs[0].phases`",
    ),
    "an epoch of no time": (
        break_content(lambda c: put(c, 0, "runs", 0, "epochs", 0, "train_seconds")),
        "at `$.runs[0].epochs[0].train_seconds`, found `0`",
    ),
    "an epoch twice": (
        break_content(lambda c: c["runs"][1]["epochs"].append(c["runs"][1]["epochs"][0])),
        "expected 2 instead of 1 - at `$.runs[1].epochs[1].epoch`",
    ),
    "a share above 1": (
        break_content(lambda c: put(c, 1.5, "runs", 0, "test_accuracy")),
        "`float` <= 1.0 - at `$.runs[0].test_accuracy`, found `1.5`",
    ),
    "a number beyond all": (
        break_content(lambda c: put(c, 1e301, "runs", 0, "test_loss")),
        "$.runs[0].test_loss",
    ),
    "batches of nothing": (
        break_content(lambda c: put(c, 0, "runs", 0, "batch_size")),
        "`int` >= 1 - at `$.runs[0].batch_size`, found `0`",
    ),
    "nine classes": (
        break_content(lambda c: c["dataset"]["classes"].pop()),
        "length >= 10 - at `$.dataset.classes`, found",
    ),
    "another dataset": (
        break_content(lambda c: put(c, "cifar", "dataset", "name")),
        "instead of cifar - at `$.dataset.name`",
    ),
    "no load": (
        break_content(lambda c: put(c, [], "environment", "load_average")),
        "$.environment.load_average`, found `[]`",
    ),
    "no versions": (break_content(lambda c: c["environment"].pop("versions")), "`versions`"),
    "no target": (
        break_content(lambda c: put(c, None, "config", "target_accuracy")),
        "$.config.target_accuracy",
    ),
    "no date": (
        break_content(lambda c: put(c, "2026-13-45", "created")),
        "instead of 2026-13-45 - at `$.created`",
    ),
    "a date without a zone": (
        break_content(lambda c: put(c, "2026-01-02T03:04:05", "created")),
        "$.created",
    ),
    "no run of the first setting": (
        break_content(lambda c: put(c, 1, "runs", 1, "setting")),
        "expected a run of the setting 0 - at `$.runs`",
    ),
    "more runs than fit on a page": (
        break_content(
            lambda c: put(c, [{**c["runs"][1], "run": f"numpy#{k}"} for k in range(129)], "runs")
        ),
        "expected at most 128 different runs instead of 129 - at `$.runs`",
    ),
    "a pair of no setting": (
        break_content(lambda c: put(c, 2, "comparison", "pairs", 0, "setting")),
        "$.comparison.pairs[0].setting",
    ),
    "a setting of nothing": (
        break_content(lambda c: put(c, {"colour": 1}, "plan", "settings", 1)),
        "instead of colour - at `$.plan.settings[1]`",
    ),
    "a setting that cannot be": (
        break_content(lambda c: put(c, {"hidden": "abc"}, "plan", "settings", 1)),
        "$.plan.settings[1]",
    ),
    "a floor never timed": (
        break_content(lambda c: put(c, [], "floors", 0, "epoch_seconds")),
        "$.floors[0].epoch_seconds`, found `[]`",
    ),
    "a slow mirror of no time": (
        break_content(
            lambda c: put(c, {"m": {"kind": "too_slow"}}, "dataset", "missing", "mirrors")
        ),
        "$.dataset.missing.mirrors",
    ),
    "a name of a million letters": (
        break_content(lambda c: put(c, "x" * 10**6, "runs", 0, "run")),
        "$.runs[0].run",
    ),
    "nested without end": (b'{"schema":' + b"[" * 100_000, "nested too deeply"),
    "no path": (break_content(lambda c: put(c, 3, "config", "data_dir")), "$.config.data_dir"),
    "the first schema in name only": (b'{"schema": "framework-comparison/1"}', "`runs`"),
    "the first schema with a list for a run": (
        b'{"schema": "framework-comparison/1", "runs": [[]], "config": {}}',
        "framework-comparison/1",
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
    assert len(str(caught.value)) < 500


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
    ("seconds", "first", "expected"),
    [
        ([9.0, 2, 4, 3], (1.0, 1), 3),
        ([9.0, 2, 4], (1.0, 1), 3),
        # 8 s for 536 of 600 images.
        ([9.0], (1.0, 1), 8 * 600 / 536),
        # 8 s for the 24 images of the last batch.
        ([9.0], (1.0, 9), 8 * 600 / 24),
        ([9.0], (9.0, 10), None),
        ([9.0, 2.0], (9.0, 10), 2),
        ([], (0.0, 0), None),
    ],
)
def test_speed_leaves_out_the_first_epoch_or_the_images_of_the_first_steps(
    seconds, first, expected
):
    run = RunResult("numpy/reference", "numpy", "reference", 0, 1, 64)
    run.epochs = [EpochResult(i, 1, 0.5, 1, 0.5, each, 7) for i, each in enumerate(seconds, 1)]
    run.set_speed(600, first)
    assert run.epoch_seconds == (expected and pytest.approx(expected))
    assert run.samples_per_second == (expected and pytest.approx(600 / expected))


@pytest.mark.parametrize(("resumed", "expected"), [(1, None), (2, None), (3, 4)])
def test_the_time_of_the_epoch_that_was_resumed_does_not_count(resumed, expected):
    run = RunResult("numpy/reference", "numpy", "reference", 0, 1, 64)
    times = [9.0, 4.0, 1.0][:resumed]
    run.epochs = [EpochResult(i, 1, 0.5, 1, 0.5, each, 7) for i, each in enumerate(times, 1)]
    run.set_speed(600, (0.5, 1), resumed)
    assert run.epoch_seconds == expected


def test_the_first_failure_stands():
    verdict = RunVerification("numpy/reference")
    assert verdict.passed
    first = VerificationFailure("off", step=1)
    verdict.fail(first)
    verdict.fail(VerificationFailure("unavailable"))
    assert (verdict.passed, verdict.available, verdict.failure) == (False, True, first)


@pytest.mark.parametrize(
    ("passed", "expected"), [([True, True], True), ([True, False], False), ([False], False)]
)
def test_verification_passes_if_every_run_does(passed, expected):
    failures = {True: None, False: VerificationFailure("off")}
    runs = [
        RunVerification(str(number), failure=failures[each]) for number, each in enumerate(passed)
    ]
    assert Verification("oracle", "exact", 1, 1, 1, runs).passed is expected


def test_completed_runs_are_told_apart():
    runs = [RunResult("a", "a", "a", 0, 1, 64, status=s) for s in ("completed", "failed")]
    assert completed(runs) == runs[:1]


def test_floors_of_all_repeats_are_pooled_by_library_and_setting():
    floors = [
        *(Floor("a", 64, [1.0], 0, 0), Floor("b", 64, [2.0], 0, 0), Floor("a", 16, [9.0], 1, 0)),
        Floor("a", 64, [3.0], 0, 1),
    ]
    assert pool(floors) == [
        *(Floor("a", 64, [1.0, 3.0]), Floor("b", 64, [2.0]), Floor("a", 16, [9.0], 1)),
    ]


def test_each_run_has_its_configuration():
    result = make_result()
    run = result.runs[0]
    assert result.config_of(run) == replace(result.config, batch_size=16, seed=3)
    result.plan.settings[1]["hidden"] = [9, 8]
    assert result.config_of(run).hidden == (9, 8)


def test_of_a_whole_run_all_is_kept_that_was_measured_beside_it(tmp_path):
    result = make_result()
    whole = replace(result.runs[0], run="numpy/reference", setting=0, repeat=0)
    runs = [
        whole,
        replace(whole, setting=1),
        # Of these there is no file, or no result.
        replace(whole, repeat=1, weights="gone.safetensors"),
        replace(whole, setting=1, repeat=1, status="failed"),
    ]
    probes = [Probe(run.run, run.setting, run.repeat, 0.005 + k) for k, run in enumerate(runs)]
    floors = [Floor("a BLAS", 64, [0.25 + k], k % 2, k // 2) for k in range(4)]
    result = replace(result, runs=runs, probes=probes, floors=floors)
    save_results(result, tmp_path / "results.json")
    for name in (whole.weights, whole.predictions):
        (tmp_path / name).touch()
    assert whole_runs(tmp_path, result.config) == (runs[:2], probes[:2], floors[:2])
    other = replace(result.config, learning_rate=0.5)
    assert whole_runs(tmp_path, other) == whole_runs(tmp_path / "none", other) == ([], [], [])


# Results of the first schema

OLD = Path(__file__).parents[1] / "fixtures" / "results-schema-1.json"


def load_old(tmp_path: Path, change=lambda content: None) -> ComparisonResult:
    """The result that an earlier version wrote, with one change."""
    content = json.loads(OLD.read_text(encoding="utf-8"))
    change(content)
    (tmp_path / "results.json").write_text(json.dumps(content))
    return load_results(tmp_path / "results.json")


def test_an_old_result_is_upgraded(tmp_path):
    result = load_old(tmp_path)
    names = ["numpy/reference", "numpy/reference#2"]
    assert result.schema == "framework-comparison/2"
    assert result.plan == Plan([{}], names, 2)
    assert result.config.hidden == (128, 64)
    expected = [(names[0], 0), (names[1], 0), (names[1], 1), (names[0], 1)]
    assert [(run.run, run.repeat) for run in result.runs] == expected
    assert [(probe.run, probe.repeat) for probe in result.probes] == expected
    for run in result.runs:
        assert set(run.phases) == set(PHASES)
        assert sum(run.phases.values()) == pytest.approx(run.wall_seconds)
        assert (run.phases["start"], run.workers) == (0, 1)
    assert [floor.library for floor in result.floor] == ["torch", "numpy"]
    assert result.verification.passed
    (pair,) = result.comparison.pairs
    assert (pair.run, pair.setting, pair.repeats) == (names[1], 0, 2)


def test_an_upgraded_result_can_be_kept(tmp_path):
    result = load_old(tmp_path)
    save_results(result, tmp_path / "again.json")
    assert load_results(tmp_path / "again.json") == result


def test_what_an_old_result_tells_in_words_is_told_again(tmp_path):
    def tell(content):
        content["dataset"]["notice"] = "mnist is not in data/mnist. Digits are used."
        run = content["runs"][0]
        run.update(status="failed", error="ended with exit status 3")
        run["notices"] = ["The checkpoint kept/000002 is not used: state.json is damaged."]
        content["verification"]["runs"] = [
            {"run": "pytorch/eager", "passed": False, "message": "float64: it is off"},
            {
                **{"run": "tensorflow/fit", "passed": False, "available": False},
                "message": "is unavailable: no compiler",
            },
        ]

    result = load_old(tmp_path, tell)
    words = "\n".join(in_words(result))
    for said in (
        "NOTICE: mnist is not in data/mnist. Digits are used.",
        "numpy/reference (seed 0) failed: ended with exit status 3",
        "NOTICE: The checkpoint kept/000002 is not used: state.json is damaged.",
        "Verification FAILED",
    ):
        assert said in words
    assert describe_verification(result.verification, result.config)[1:] == [
        "  pytorch/eager float64: it is off",
        "  tensorflow/fit is unavailable: no compiler",
    ]


def test_an_old_sweep_has_settings(tmp_path):
    def sweep(content):
        for part in (content["runs"][:2], content["floor"][:1]):
            for each in part:
                each["batch_size"] = 16

    result = load_old(tmp_path, sweep)
    assert result.plan.settings == [{"batch_size": 64}, {"batch_size": 16}]
    assert [run.setting for run in result.runs] == [1, 1, 0, 0]
    assert [run.repeat for run in result.runs] == [0] * 4
    assert [floor.setting for floor in result.floors] == [1, 0]
    assert [run.batch_size for run in result.main_runs()] == [64, 64]


def test_settings_that_an_old_result_does_not_know_have_their_defaults(tmp_path):
    result = load_old(tmp_path, lambda content: content["config"].pop("precision"))
    assert result.config.precision == "full"


def test_an_old_result_is_drawn_again(tmp_path):
    load_old(tmp_path)
    done = run_command("-m", "report", str(tmp_path), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Observed twice, too few for an interval; --repeats 8 for a verdict." in page
    assert "detectable" not in page
    assert "It computes the same thing as the NumPy reference" in page
