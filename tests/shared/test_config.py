"""Every flag is validated, and a configuration survives the way through the command line."""

import os
import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shared
from shared import threads as threads_module
from shared.config import TrainConfig
from shared.errors import UsageError
from shared.flags import parse_flags
from shared.initial_weights import initial_weights, learned
from shared.presets import PRESETS
from shared.rules import NEEDS, choices_of, flag
from shared.threads import THREAD_VARIABLES, physical_cores, prepare_environment
from shared.visible import visible

# The same examples every time, however slow the machine.
REPEATABLE = settings(derandomize=True, deadline=None)

ROOT = Path(__file__).resolve().parents[2]

AT_LEAST_ONE = st.integers(1, 10**9)
TOO_FEW = st.integers(max_value=0)
FOLDER_NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20
).filter(lambda name: name not in (".", ".."))
FOLDERS = st.lists(FOLDER_NAMES, max_size=3).map(lambda names: Path("/", *names))

FRACTION = st.floats(0, 1, exclude_max=True)
NOT_A_FRACTION = st.floats(max_value=0, exclude_max=True) | st.floats(1)
POSITIVE = st.floats(0, exclude_min=True, allow_infinity=False)
NOT_POSITIVE = st.floats(max_value=0) | st.sampled_from([float("inf"), float("nan")])
NEGATIVE = st.floats(max_value=0, exclude_max=True) | st.sampled_from([float("inf"), float("nan")])

VALID = {
    **{name: st.sampled_from(choices) for name, choices in choices_of(TrainConfig).items()},
    "data_dir": FOLDERS,
    "offline": st.booleans(),
    "epochs": AT_LEAST_ONE,
    "batch_size": AT_LEAST_ONE,
    "learning_rate": POSITIVE,
    "hidden": st.lists(AT_LEAST_ONE, min_size=1, max_size=4).map(tuple),
    "seed": st.integers(0, 2**32 - 1),
    "limit": st.none() | AT_LEAST_ONE,
    "target_accuracy": st.floats(0, 1, exclude_min=True),
    "threads": AT_LEAST_ONE,
    "workers": AT_LEAST_ONE,
    "worker_timeout": POSITIVE,
    "dropout": FRACTION,
    "batch_norm": st.booleans(),
    "momentum": FRACTION,
    "nesterov": st.booleans(),
    "weight_decay": st.none() | st.floats(0, allow_infinity=False),
    "schedule_epochs": AT_LEAST_ONE,
    "schedule_factor": st.floats(0, 1, exclude_min=True, exclude_max=True),
    "warmup_steps": st.integers(0, 10**9),
    "clip_norm": st.none() | POSITIVE,
    "accumulate": AT_LEAST_ONE,
    "label_smoothing": FRACTION,
    "imbalance": st.none() | st.floats(0, 1, exclude_min=True),
    "validation": FRACTION,
    "patience": st.none() | AT_LEAST_ONE,
    "min_delta": st.floats(0, allow_infinity=False),
    "augment": st.booleans(),
    "checkpoint_dir": st.none() | FOLDERS,
    "checkpoint_steps": st.none() | AT_LEAST_ONE,
    "resume": st.booleans(),
}
# What a value of theirs may need beside it.
BESIDE = {
    "momentum": {"optimizer": "sgd"},
    "nesterov": {"optimizer": "sgd", "momentum": 0.9},
    "schedule": {"validation": 0.1},
    "patience": {"validation": 0.1},
    "min_delta": {"validation": 0.1, "patience": 2},
    "checkpoint_steps": {"checkpoint_dir": Path("kept")},
    "resume": {"checkpoint_dir": Path("kept")},
}

INVALID = {
    "epochs": TOO_FEW,
    "batch_size": TOO_FEW,
    "threads": TOO_FEW,
    "workers": TOO_FEW,
    "worker_timeout": NOT_POSITIVE,
    "limit": TOO_FEW,
    "learning_rate": NOT_POSITIVE,
    "hidden": st.tuples(TOO_FEW, AT_LEAST_ONE) | st.tuples(AT_LEAST_ONE, TOO_FEW),
    "dropout": NOT_A_FRACTION,
    "momentum": NOT_A_FRACTION,
    "weight_decay": NEGATIVE,
    "schedule_epochs": TOO_FEW,
    "schedule_factor": st.floats(max_value=0) | st.floats(1),
    "warmup_steps": st.integers(max_value=-1),
    "clip_norm": NOT_POSITIVE,
    "accumulate": TOO_FEW,
    "label_smoothing": NOT_A_FRACTION,
    "imbalance": st.floats(max_value=0) | st.floats(1, exclude_min=True),
    "validation": NOT_A_FRACTION,
    "patience": TOO_FEW,
    "min_delta": NEGATIVE,
    "checkpoint_steps": TOO_FEW,
    "target_accuracy": st.floats(max_value=0) | st.floats(1, exclude_min=True),
    "seed": st.integers(max_value=-1) | st.integers(min_value=2**32),
    **{
        name: st.text().filter(lambda text, choices=choices: text not in choices)
        for name, choices in choices_of(TrainConfig).items()
    },
}


@st.composite
def configs(draw):
    """Any configuration; what lacks something beside it is left at its default."""
    values = {name: draw(strategy) for name, strategy in VALID.items()}
    defaults = {item.name: item.default for item in fields(TrainConfig)}
    for name, is_asked, _, holds in NEEDS:
        if is_asked(values[name]) and not holds(SimpleNamespace(**values)):
            values[name] = defaults[name]
    return TrainConfig(**values)


def test_every_field_is_covered_here():
    names = {item.name for item in fields(TrainConfig)}
    assert set(VALID) == names
    # Every folder is a folder and every bool is a bool; all else can be wrong.
    free = {"data_dir", "checkpoint_dir", "offline", "batch_norm", "nesterov", "augment", "resume"}
    assert set(INVALID) == names - free


@pytest.mark.parametrize("name", VALID)
@given(data=st.data())
@settings(REPEATABLE, max_examples=25)
def test_valid_values_are_taken_as_they_are(name, data):
    value = data.draw(VALID[name])
    assert getattr(TrainConfig(**BESIDE.get(name, {}) | {name: value}), name) == value


@pytest.mark.parametrize(
    "fields_given",
    [
        {"momentum": 0.9},
        {"momentum": 0.9, "optimizer": "adagrad"},
        {"nesterov": True, "optimizer": "sgd"},
        {"nesterov": True, "optimizer": "rmsprop", "momentum": 0.9},
        {"schedule": "plateau"},
        {"schedule": "plateau", "validation": 0.1, "warmup_steps": 5},
        {"patience": 2},
        {"min_delta": 0.1, "validation": 0.1},
        {"precision": "bfloat16", "float_type": "float64"},
        {"precision": "float16", "float_type": "float64"},
        {"precision": "float16", "accumulate": 2},
        {"pipeline": "per-sample", "float_type": "float64"},
        {"pipeline": "per-sample", "augment": True},
        {"checkpoint_steps": 5},
        {"resume": True},
    ],
    ids=str,
)
def test_what_needs_something_beside_it_is_refused_without(fields_given):
    name = next(iter(fields_given))
    with pytest.raises(UsageError, match=rf"^{flag(name)}.*: (needs|works|does not work) .*\.$"):
        TrainConfig(**fields_given)
    given = {other for _, _, _, holds in NEEDS for other in holds.__code__.co_names}
    assert given <= {item.name for item in fields(TrainConfig)}


@pytest.mark.parametrize("more", [{"optimizer": "sgd"}, {"warmup_steps": 1}, {"accumulate": 2}])
def test_what_is_more_than_an_update_by_adam(more):
    assert TrainConfig(precision="bfloat16").plain_updates
    assert not TrainConfig(precision="float16").plain_updates
    assert not TrainConfig(**more).plain_updates


@pytest.mark.parametrize("name", INVALID)
@given(data=st.data())
@settings(REPEATABLE, max_examples=25)
def test_invalid_values_are_refused_by_the_flags_name(name, data):
    value = data.draw(INVALID[name])
    shown = " ".join(map(str, value)) if isinstance(value, tuple) else value
    with pytest.raises(UsageError) as caught:
        TrainConfig(**{name: value})
    assert str(caught.value).startswith(f"{flag(name)} {visible(shown)}: expected ")
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("name", "last_valid", "first_invalid"),
    [
        ("epochs", 1, 0),
        ("batch_size", 1, 0),
        ("threads", 1, 0),
        ("limit", 1, 0),
        ("learning_rate", 5e-324, 0.0),
        ("target_accuracy", 1.0, 1.0000001),
        ("seed", 0, -1),
        ("seed", 2**32 - 1, 2**32),
        ("hidden", (1, 1), (1, 0)),
        ("hidden", (1, 1), (0, 1)),
    ],
)
def test_limits(name, last_valid, first_invalid):
    assert getattr(TrainConfig(**{name: last_valid}), name) == last_valid
    with pytest.raises(UsageError, match=f"^{flag(name)} "):
        TrainConfig(**{name: first_invalid})


def test_choices_are_listed_in_the_message():
    with pytest.raises(UsageError) as caught:
        TrainConfig(dataset="cifar")
    assert str(caught.value) == (
        "--dataset cifar: expected one of auto, mnist, fashion-mnist, digits."
    )


@given(config=configs())
@settings(REPEATABLE, max_examples=40)
def test_flags_round_trip(config):
    assert parse_flags(TrainConfig, "program", config.as_flags()) == config


def test_flags_name_what_differs_from_the_defaults():
    flags = TrainConfig(offline=True, limit=7, hidden=(3, 2), data_dir=Path("/images")).as_flags()
    for expected in (["--offline"], ["--limit", "7"], ["--hidden", "3", "2"]):
        start = flags.index(expected[0])
        assert flags[start : start + len(expected)] == expected
    plain = TrainConfig().as_flags()
    assert not {"--offline", "--limit", "None", "False", "True"} & set(plain)


def test_flags_hold_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = TrainConfig(data_dir=Path("images"))
    (tmp_path / "elsewhere").mkdir()
    flags = config.as_flags()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = parse_flags(TrainConfig, "program", flags)
    assert again.data_dir == tmp_path / "images"


@given(config=configs())
@settings(REPEATABLE, max_examples=25)
def test_json_has_every_field(config):
    as_json = config.as_json()
    assert list(as_json) == [item.name for item in fields(TrainConfig)]
    assert as_json["data_dir"] == str(config.data_dir)
    assert as_json["hidden"] == list(config.hidden)
    assert as_json["epochs"] == config.epochs


@pytest.mark.parametrize(
    ("variable", "expected"), [("/somewhere/images", "/somewhere/images"), ("", "data")]
)
def test_the_environment_names_the_data_folder(variable, expected, monkeypatch):
    monkeypatch.setenv("DATA_DIR", variable)
    assert TrainConfig().data_dir == Path(expected)
    assert TrainConfig(data_dir=Path("other")).data_dir == Path("other")


@pytest.mark.parametrize("bad", [["--epochs", "five"], ["--hidden", "x"], ["--nope"], ["stray"]])
def test_what_cannot_be_parsed_is_one_sentence(bad):
    with pytest.raises(UsageError) as caught:
        parse_flags(TrainConfig, "program", bad)
    message = str(caught.value)
    assert bad[0] in message
    assert message.endswith("; see program --help.")
    assert "\n" not in message


def test_number_of_parameters():
    assert TrainConfig().parameters() == 109386


@given(
    hidden=st.lists(st.integers(1, 40), min_size=1, max_size=3).map(tuple), batch_norm=st.booleans()
)
@settings(REPEATABLE, max_examples=25)
def test_number_of_parameters_is_that_of_the_weights(hidden, batch_norm):
    weights = initial_weights(hidden, 0, batch_norm=batch_norm)
    expected = sum(weights[name].size for name in learned(weights))
    assert TrainConfig(hidden=hidden, batch_norm=batch_norm).parameters() == expected


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_sets_defaults_that_flags_override(name):
    config = parse_flags(TrainConfig, "program", ["--preset", name])
    assert config == TrainConfig(preset=name, **PRESETS[name])
    # Before it or behind, whichever way it is written.
    for flags in (["--epochs", "9", f"--preset={name}"], ["--preset", name, "--epochs", "9"]):
        assert parse_flags(TrainConfig, "program", flags) == replace(config, epochs=9)


def test_techniques_are_the_flags_that_ask_for_more():
    assert TrainConfig(epochs=9, hidden=(5,), seed=3, data_dir=Path("x")).techniques() == ""
    config = TrainConfig(optimizer="sgd", momentum=0.5, augment=True, patience=2, validation=0.1)
    assert config.techniques() == (
        "--optimizer sgd --momentum 0.5 --validation 0.1 --patience 2 --augment"
    )


@pytest.mark.parametrize(
    ("physical", "allowed", "expected"), [(4, {0, 1}, 2), (2, {0, 1, 2, 3}, 2), (None, {5}, 1)]
)
def test_physical_cores_that_may_be_used(physical, allowed, expected, monkeypatch):
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: physical)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: allowed, raising=False)
    assert physical_cores() == TrainConfig().threads == expected


def test_environment_of_the_frameworks(monkeypatch):
    environment = {"OMP_NUM_THREADS": "64", "TF_CPP_MIN_LOG_LEVEL": "0", "KERAS_BACKEND": "jax"}
    monkeypatch.setattr(threads_module.os, "environ", environment)
    prepare_environment(3, {"KERAS_BACKEND": "tensorflow"})
    assert {environment[variable] for variable in THREAD_VARIABLES} == {"3"}
    # Who wants to see TensorFlow's messages is not overruled.
    assert environment["TF_CPP_MIN_LOG_LEVEL"] == "0"
    assert environment["KERAS_BACKEND"] == "tensorflow"


def test_libraries_checked_are_the_dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    dependencies = {re.split("[=>]", each)[0] for each in project["dependencies"]}
    frameworks = {"torch", "torchvision", "tensorflow"}
    assert frameworks <= dependencies
    modules = {"scikit-learn": "sklearn", "markdown-it-py": "markdown_it", "pillow": "PIL"}
    imported = {modules.get(each, each) for each in dependencies}
    assert sorted(shared.LIBRARIES) == sorted(imported - frameworks)
