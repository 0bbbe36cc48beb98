"""The twins agree: same files, definitions, order, arguments and first docstring lines."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TWINS = ("pytorch_impl", "tensorflow_impl")

# What only one framework has: a file, a definition in a file, or an argument of a definition.
EXCEPTIONS = {
    "tensorflow_impl/aligned.py": "For --alignment exact Keras comes to meet PyTorch.",
    "pytorch_impl/compiled.py:create_moments": "Keras creates them when it builds the optimizer.",
    "pytorch_impl/compiled.py:bias_corrections": "For Adam as written out in whole_step.",
    "pytorch_impl/compiled.py:whole_step": "torch.compile can't go through optimizer.step.",
    "pytorch_impl/compiled.py:repeat_step": "A CUDA graph can't contain a loop.",
    "pytorch_impl/compiled.py:add_bias_apart": "XLA parts and fuses as it likes.",
    "pytorch_impl/compiled.py:train_steps:corrections": "For Adam as written out in whole_step.",
    "tensorflow_impl/export.py:convert": "LiteRT's converter both translates and quantizes.",
    "tensorflow_impl/export.py:without_erfc": "PyTorch's GELU calls erf, which ONNX has.",
    "tensorflow_impl/profile.py:read_spans": "PyTorch's profiler sums up its events itself.",
    "pytorch_impl/techniques/accumulation.py:Accumulating": "Keras's optimizers bring it along.",
    "pytorch_impl/techniques/pipeline.py:SingleImages": "tf.data maps a function over row numbers.",
    "tensorflow_impl/techniques/schedule.py:Counted": "PyTorch's schedulers are moved on.",
    "tensorflow_impl/techniques/workers.py:wait_for_heartbeats": "PyTorch's takes a timeout.",
    "tensorflow_impl/techniques/workers.py:add_up": "DistributedDataParallel does it by itself.",
    "pytorch_impl/floor.py": "The faster of the two libraries is the floor.",
    "pytorch_impl/state_dict.py": "Keras's files are JSON and HDF5, which need no framework.",
    "tensorflow_impl/run.py:fit_rows": "Keras brings a training loop of its own.",
    "tensorflow_impl/fit.py": "Keras brings a training loop of its own; PyTorch leaves it to you.",
}


def outline(path: Path) -> list[tuple]:
    """Name, arguments, argument defaults and first docstring line of every definition, in order."""
    found = [("module", ast.get_docstring(ast.parse(path.read_text())).splitlines()[0])]
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            place = f"{path.relative_to(ROOT).as_posix()}:{node.name}"
            if place in EXCEPTIONS:
                continue
            docstring = ast.get_docstring(node) or ""
            signature = ()
            if isinstance(node, ast.FunctionDef):
                arguments = node.args
                names = [each.arg for each in arguments.args + arguments.kwonlyargs]
                names = [name for name in names if f"{place}:{name}" not in EXCEPTIONS]
                defaults = [ast.unparse(each) for each in arguments.defaults]
                signature = (tuple(names), tuple(defaults))
            found.append((node.name, signature, docstring.partition("\n")[0]))
    return found


def files(package: str) -> list[str]:
    """The Python files of a twin, relative to its folder, that are not listed as exceptions."""
    folder = ROOT / package
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.py"))
    return [name for name in names if f"{package}/{name}" not in EXCEPTIONS]


def test_twins_have_the_same_files():
    assert files(TWINS[0]) == files(TWINS[1])


# The package's own `__init__.py` names its framework.
@pytest.mark.parametrize("name", [name for name in files("pytorch_impl") if name != "__init__.py"])
def test_twins_have_the_same_outline(name):
    pytorch, tensorflow = (outline(ROOT / twin / name) for twin in TWINS)
    # The command is the same but for its own name.
    tensorflow[0] = ("module", tensorflow[0][1].replace("tensorflow_impl", "pytorch_impl"))
    assert pytorch == tensorflow


def test_exceptions_exist():
    for exception in EXCEPTIONS:
        path, *names = exception.split(":")
        scope = ast.parse((ROOT / path).read_text())
        for name in names:
            known = {
                getattr(node, "name", getattr(node, "arg", "")): node for node in ast.walk(scope)
            }
            scope = known[name]


@pytest.mark.parametrize("twin", TWINS)
def test_the_training_loop_fits_on_two_screens(twin):
    assert len((ROOT / twin / "train.py").read_text().splitlines()) < 100


def test_train_step_has_the_five_numbered_comments_in_both():
    for twin in TWINS:
        source = (ROOT / twin / "train.py").read_text()
        steps = [f"# {n}. {step}" for n, step in enumerate(STEPS, start=1)]
        positions = [source.find(step) for step in steps]
        assert -1 not in positions, f"{twin}: {steps[positions.index(-1)]} is missing"
        assert positions == sorted(positions)


STEPS = ("start", "forward", "loss", "backward", "update")


def imported_modules(path: Path) -> set[str]:
    """Top-level names of everything that a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.partition(".")[0])
    return names


FORBIDDEN = {
    "shared": {"torch", "torchvision", "tensorflow", "keras", *TWINS, "numpy_impl", "compare"},
    "numpy_impl": {"torch", "torchvision", "tensorflow", "keras", *TWINS, "compare"},
    "pytorch_impl": {"tensorflow", "keras", "tensorflow_impl", "numpy_impl", "compare"},
    "tensorflow_impl": {"torch", "torchvision", "pytorch_impl", "numpy_impl", "compare"},
}


@pytest.mark.parametrize("package", FORBIDDEN)
def test_nobody_imports_what_is_not_theirs(package):
    for path in (ROOT / package).rglob("*.py"):
        assert not imported_modules(path) & FORBIDDEN[package], path


def test_the_command_imports_no_framework():
    assert not imported_modules(ROOT / "compare.py") & {"torch", "tensorflow", "keras", *TWINS}


# NumPy compiles nothing, and has neither a format of its own nor a profiler; without gradients of
# its own it is no minimal program, its floor is `comparison.floor`, and no program left its files.
# What several workers learn is held against what it learns alone.
NOT_HERE = (
    *("minimal.py", "compiled.py", "export.py", "floor.py", "profile.py"),
    *("state_dict.py", "summary.py", "workers.py"),
)
TWIN_FILES = sorted(
    str(path.relative_to(ROOT / "pytorch_impl"))
    for path in (ROOT / "pytorch_impl").rglob("[!_]*.py")
    if path.name not in NOT_HERE
)


@pytest.mark.parametrize("name", TWIN_FILES)
def test_every_definition_of_the_twins_is_in_numpys_in_their_order(name):
    twin, oracle = (outline(ROOT / package / name) for package in ("pytorch_impl", "numpy_impl"))
    # Numbers of 16 bits NumPy refuses before anything is scaled.
    twin = [entry for entry in twin if entry[0] not in ("Scaling", "scale_gradients")]
    # A reader finds the same names; what NumPy needs besides stands among them.
    known = {entry[0] for entry in twin}
    # NumPy has no device to choose from, so there the sentence ends differently.
    shorten = {"choose_device": "The device of that name, or for `auto` the best here"}
    twin, oracle = (
        [(*rest, shorten.get(rest[0]) or first_line) for *rest, first_line in entries]
        for entries in (twin, [entry for entry in oracle if entry[0] in known])
    )
    assert oracle == twin
