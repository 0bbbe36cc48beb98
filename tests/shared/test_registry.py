"""The registry holds every run that there is, and is the only place that lists them."""

import ast
import os
import re
from itertools import pairwise
from pathlib import Path

import pytest

from commands.entry import requests_of
from comparison import verification
from comparison.plan import plan_jobs
from shared import registry
from shared.activations import ACTIVATIONS
from shared.config import BATCH_NORM_EPSILON, TrainConfig
from shared.environment import PACKAGES
from shared.errors import UsageError
from shared.registry import (
    DEFAULT_RUNS,
    ENTRIES,
    IMPLEMENTATIONS,
    LABELS,
    REFERENCE,
    RUNS,
    TWINS,
    Run,
    has_file,
    implementation_of,
    required_modules,
)

ROOT = Path(__file__).resolve().parents[2]


def test_implementations_are_the_folders():
    folders = {path.parent.name for path in ROOT.glob("*_impl/__main__.py")}
    assert {run.package for run in ENTRIES} == folders
    assert all(implementation_of(run.package) == run.implementation for run in ENTRIES)


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_variants_are_the_loops_of_the_folder(name):
    first, *_ = runs = IMPLEMENTATIONS[name]
    # Read rather than imported, because importing takes the framework.
    tree = ast.parse((ROOT / first.package / "run.py").read_text(encoding="utf-8"))
    asked_for = {
        node.comparators[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) and ast.unparse(node.left) == "variant"
    }
    # One loop is the plain one, which none of the others was asked for.
    assert asked_for < {run.variant for run in runs}
    assert len(runs) == len(asked_for) + 1


def test_each_run_is_there_once_beside_those_of_its_implementation():
    assert len(RUNS) == len(ENTRIES)
    assert [run for runs in IMPLEMENTATIONS.values() for run in runs] == list(ENTRIES)
    names = [name.partition("/")[0] for name in RUNS]
    assert sum(a != b for a, b in pairwise(names)) == len(IMPLEMENTATIONS) - 1
    assert {*TWINS, REFERENCE.implementation} <= set(IMPLEMENTATIONS)
    assert set(DEFAULT_RUNS) <= set(RUNS)


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_the_runs_of_an_implementation_agree_about_it(name):
    first, *others = IMPLEMENTATIONS[name]
    for run in others:
        assert (run.requires, run.label) == (first.requires, first.label)
        assert run.batch_norm_epsilon == first.batch_norm_epsilon
        assert run.activation_defaults == first.activation_defaults
    for function, defaults in first.activation_defaults.items():
        # The names that the layers take, and other values, or the entry says nothing.
        known = ACTIVATIONS[function].parameters
        assert defaults.keys() <= known.keys()
        assert all(known[name] != value for name, value in defaults.items())


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_what_a_run_requires_is_what_its_code_imports(run):
    imported = set()
    for path in (ROOT / run.package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.partition(".")[0])
    frameworks = {module for each in ENTRIES for module in each.requires}
    # All but the reference may take NumPy, which is no framework there.
    own = imported & frameworks - ({"numpy"} if run.implementation != "numpy" else set())
    assert own == set(run.requires)


def test_nobody_is_told_of_a_package_that_is_not_registered():
    with pytest.raises(UsageError, match=r"^jax_impl: expected .*registry\.py"):
        implementation_of("jax_impl")


def test_files_are_found_without_importing_a_framework():
    assert has_file("pytorch", "floor") and has_file("tensorflow", "techniques.layers")
    assert not has_file("numpy", "export")


def test_a_run_is_available_where_all_that_it_requires_is():
    ours = {"package": "toy_impl", "variant": "x", "label": "Toy", "about": "a toy"}
    ours["color"] = "#000000"
    assert Run(requires=("json",), **ours).is_available()
    assert not Run(requires=("json", "no_such_module"), **ours).is_available()


def test_versions_are_recorded_of_all_that_is_required():
    assert set(required_modules()) < set(PACKAGES)
    assert len(set(PACKAGES)) == len(PACKAGES)
    assert required_modules("tensorflow") == ("tensorflow", "keras")


def test_a_single_command_trains_what_a_comparison_does():
    assert DEFAULT_RUNS == ("pytorch/eager", "tensorflow/fit")
    for name in DEFAULT_RUNS:
        implementation, _, variant = name.partition("/")
        assert requests_of(implementation)["train"](config=TrainConfig()).variant == variant


def test_the_readme_says_of_each_run_what_the_registry_says():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+/\w+)` \| (.+) \|$", text, re.MULTILINE)
    assert [(name, about.replace("`", "")) for name, about in rows] == [
        (run.name, run.about) for run in RUNS.values()
    ]


def test_colours_are_told_apart():
    colors = [run.color for run in ENTRIES]
    assert len(colors) == len(set(colors)) >= 7
    assert all(re.fullmatch("#[0-9A-F]{6}", color) for color in colors)


def keras_on(backend: str, **more: str) -> Run:
    return Run(
        package="keras_impl",
        variant=backend,
        requires=("keras", backend),
        label="Keras",
        about="another backend",
        color="#000000",
        environment={"KERAS_BACKEND": backend} | more,
    )


@pytest.fixture
def keras(monkeypatch):
    """Four registered runs of one implementation, two of which can share a process."""
    runs = [keras_on("jax"), keras_on("torch"), keras_on("tensorflow")]
    runs.append(Run(**vars(runs[0]) | {"variant": "jax-compiled"}))
    for run in runs:
        monkeypatch.setitem(registry.RUNS, run.name, run)
    return runs


def test_a_process_is_shared_by_runs_with_one_environment(keras):
    names = ["numpy/reference", "pytorch/eager", *(run.name for run in keras), "pytorch/compiled"]
    groups = verification.group_by_process(names)
    assert [[run.name for run in group] for group in groups] == [
        ["pytorch/eager", "pytorch/compiled"],
        ["keras/jax", "keras/jax-compiled"],
        ["keras/torch"],
        ["keras/tensorflow"],
    ]


# Stands in for an interpreter, and notes the environment that it was given.
NOTE = '#!/bin/sh\necho "$KERAS_BACKEND $*" >> {path}\nexit 3\n'


@pytest.fixture
def noting(tmp_path, monkeypatch):
    """An interpreter's path, and a function for the lines that it noted."""
    monkeypatch.setenv("KERAS_BACKEND", "of the user")
    python, noted = tmp_path / "python", tmp_path / "noted"
    python.write_text(NOTE.format(path=noted))
    python.chmod(0o755)
    return str(python), lambda: sorted(noted.read_text().splitlines())


CONFIG = TrainConfig(dataset="digits", offline=True, hidden=(2, 2), limit=8, batch_size=8)


def test_each_traced_process_has_the_environment_of_its_runs(keras, noting):
    python, lines = noting
    interpreters = {"keras": python, "pytorch": python}
    names = [*(run.name for run in keras), "pytorch/eager"]
    verified = verification.verify(names, interpreters, CONFIG, train_size=8)
    assert [run.passed for run in verified.runs] == [False] * 5
    # Asked first what is installed, then to trace; what shared a process that died is traced alone.
    traced = [" ".join(line.split(" --")[0].split()) for line in lines() if " -m " in line]
    assert traced == [
        "jax -m comparison.tracing keras_impl jax,jax-compiled float64,float32",
        "jax -m comparison.tracing keras_impl jax-compiled float64,float32",
        "of the user -m comparison.tracing pytorch_impl eager float64,float32",
        "tensorflow -m comparison.tracing keras_impl tensorflow float64,float32",
        "torch -m comparison.tracing keras_impl torch float64,float32",
    ]


def test_each_timed_process_has_the_environment_of_its_run(keras, noting, tmp_path):
    from comparison.jobs import run_job
    from report.progress import RunProgress
    from report.terminal import make_console
    from shared.sampling import load_configured

    python, lines = noting
    dataset = load_configured(CONFIG)
    interpreters = {"keras": python, "pytorch": python}
    runs = ["keras/torch", "keras/jax", "pytorch/eager"]
    with RunProgress(make_console(), CONFIG, dataset) as progress:
        for job in plan_jobs(runs, interpreters, [CONFIG], repeats=1):
            assert run_job(job, tmp_path, [], progress).status == "failed"
    assert [line.split(" --")[0] for line in lines() if " -m " in line] == [
        "jax -m keras_impl",
        "of the user -m pytorch_impl",
        "torch -m keras_impl",
    ]
    assert os.environ["KERAS_BACKEND"] == "of the user"


# Where names of frameworks stand for something else: presets are called after tutorials, and the
# schemes of initial weights after those whose default they are.
OTHER_MEANINGS = {
    ("shared/initial_weights.py", "pytorch"),
    ("shared/initial_weights.py", "keras"),
    ("comparison/ladder.py", "pytorch"),
    ("comparison/ladder.py", "keras"),
    # The library's own word for what it hands back.
    ("shared/weights_file.py", "numpy"),
    ("shared/inputs.py", "numpy"),
    ("commands/foreign/weights.py", "numpy"),
    # Who wrote a file that is of no implementation.
    ("commands/foreign/weights.py", "torch"),
    ("commands/foreign/weights.py", "PyTorch"),
    ("commands/foreign/torch_file.py", "pytorch"),
    ("commands/foreign/torch_file.py", "PyTorch"),
    ("commands/foreign/keras_config.py", "keras"),
    # A flag of `python -m study`.
    ("shared/help.py", "numpy"),
    # A library of everything here.
    ("shared/__init__.py", "numpy"),
    # NumPy's half of the floor, named as its results name it.
    ("comparison/floor.py", "numpy"),
}


def test_no_other_place_lists_frameworks():
    names = {*IMPLEMENTATIONS, *required_modules(), *LABELS.values(), *RUNS}
    rooms = ("shared", "report", "commands", "comparison", "study")
    found = set()
    for path in (path for room in rooms for path in (ROOT / room).rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in names:
                found.add((place, node.value))
    found -= {(place, name) for place, name in found if place == "shared/registry.py"}
    assert found <= OTHER_MEANINGS


def test_the_epsilon_of_a_framework_is_stored_only_where_it_was_its_own(tmp_path):
    from shared.initial_weights import initial_weights
    from shared.weights_file import dump_weights, load_network

    weights = initial_weights((3, 2), 0, batch_norm=True)
    for alignment, name, epsilon in (
        ("defaults", "tensorflow", 1e-3),
        ("matched", "tensorflow", BATCH_NORM_EPSILON),
        ("defaults", "pytorch", BATCH_NORM_EPSILON),
    ):
        config = TrainConfig(alignment=alignment, batch_norm=True, hidden=(3, 2))
        (tmp_path / "file").write_bytes(dump_weights(weights, name, config))
        assert load_network(tmp_path / "file").training.batch_norm_epsilon == epsilon
