"""What makes an implementation one: each has it, and a fourth that has it works everywhere."""

import ast
import re
import shutil

import pytest
from PIL import Image, ImageDraw

from commands.entry import COMMANDS, OPTIONAL
from shared.registry import IMPLEMENTATIONS
from shared.results_file import load_results
from tests.support.commands import ROOT, run_command

CHAPTER = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("# The contract")[2]
# A file, and what the next cell says that it defines.
ROWS = re.findall(r"^\| `(\w+\.py)` \| (.*?) \|", CHAPTER, re.MULTILINE)
OPTIONAL_FILES = {f"{command}.py" for command in OPTIONAL} | {"floor.py"}


def defined_in(source):
    """Names and parameters of a file's functions, and the names of its constants without any."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = ", ".join(each.arg for each in node.args.args)
        elif isinstance(node, ast.Assign):
            found |= {ast.unparse(target): "" for target in node.targets}
    return found


def test_the_tables_are_about_all_files_that_matter():
    files = [file for file, _ in ROWS]
    assert set(files) > OPTIONAL_FILES
    assert {"__main__.py", "run.py", "trace.py", "predict.py"} < set(files)


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
@pytest.mark.parametrize(("file", "definitions"), ROWS, ids=[file for file, _ in ROWS])
def test_each_implementation_has_what_the_tables_say(name, file, definitions):
    path = ROOT / IMPLEMENTATIONS[name][0].package / file
    if not path.exists():
        assert file in OPTIONAL_FILES
        return
    found = defined_in(path.read_text(encoding="utf-8"))
    for definition, parameters in re.findall(r"`([a-z_]+|[A-Z]+)(?:\((.*?)\))?`", definitions):
        if not definition.startswith("__"):
            assert found[definition] == parameters


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_main_does_not_name_itself(name):
    source = (ROOT / IMPLEMENTATIONS[name][0].package / "__main__.py").read_text(encoding="utf-8")
    assert source.count("main(__package__)") == 1


# An entry at the end of the registry's list.
LAST = '        color="#000000",\n    ),\n)\n'
TOY = """        color="#000000",
    ),
    Run(
        package="toy_impl",
        variant="reference",
        requires=("numpy",),
        label="Toy",
        about="a copy of NumPy's",
        color="#999999",
        environment={"TOY": "in its environment"},
    ),
)
"""


def replace_once(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, path
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The project with a fourth implementation, which says of itself what it is."""
    folder = tmp_path_factory.mktemp("project")
    leave = shutil.ignore_patterns("__pycache__")
    for room in ("commands", "comparison", "numpy_impl", "report", "shared"):
        shutil.copytree(ROOT / room, folder / room, ignore=leave)
    shutil.copytree(ROOT / "numpy_impl", folder / "toy_impl", ignore=leave)
    shutil.copy(ROOT / "compare.py", folder)
    device = folder / "toy_impl" / "device.py"
    replace_once(device, "import numpy as np", "import os\n\nimport numpy as np")
    replace_once(device, "    return device\n", "    return f\"{device}, {os.environ['TOY']}\"\n")
    replace_once(folder / "shared" / "registry.py", LAST, TOY)
    return folder


FLAGS = ("--dataset", "digits", "--limit", "300", "--epochs", "1", "--threads", "1")
DEVICE = "cpu, in its environment"


def run(project, *arguments):
    done = run_command(*arguments, cwd=project, PYTHONPATH=str(project))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def trained(project):
    """What the toy printed when it trained, its folder and its one result."""
    printed = run(project, "-m", "toy_impl", *FLAGS, "--output-dir", "trained")
    folder = project / "trained"
    (result,) = load_results(folder / "results.json").runs
    return printed, folder, result


def test_a_fourth_implementation_trains(trained):
    printed, folder, result = trained
    assert (result.run, result.status, result.device) == ("toy/reference", "completed", DEVICE)
    assert "\nepoch 1/1 " in printed
    assert (folder / "toy-reference.safetensors").exists()


def test_a_fourth_implementation_evaluates(project, trained):
    weights = ("--weights", "trained/toy-reference.safetensors")
    printed = run(project, "-m", "toy_impl", "evaluate", *weights)
    assert re.search(rf"computed by Toy [\d.]+ on {DEVICE} in float32", " ".join(printed.split()))
    accuracy = f"accuracy {100 * trained[2].test_accuracy:.2f} %"
    assert accuracy in " ".join(printed.split())


def test_a_fourth_implementation_predicts(project, trained):
    picture = Image.new("L", (40, 40))
    ImageDraw.Draw(picture).line((20, 5, 20, 35), fill=255, width=5)
    picture.save(project / "one.png")
    weights = ("--weights", "trained/toy-reference.safetensors")
    printed = run(project, "-m", "toy_impl", "predict", "one.png", *weights)
    assert f"on {DEVICE} in" in " ".join(printed.split())
    assert "one.png" in printed


def test_a_fourth_implementation_is_verified(project):
    flags = ("--dataset", "digits", "--hidden", "8", "8", "--threads", "1", "--verify-only")
    printed = run(project, "compare.py", "toy/reference", *flags)
    assert "toy/reference computes the same" in " ".join(printed.split())
    # What is wrong with the toy is found, so it is the toy that was traced.
    loss = project / "toy_impl" / "loss.py"
    sound = loss.read_text(encoding="utf-8")
    replace_once(loss, "return gradient / len(labels)", "return 1.01 * gradient / len(labels)")
    command = ("compare.py", "toy/reference", *flags)
    done = run_command(*command, cwd=project, PYTHONPATH=str(project))
    loss.write_text(sound, encoding="utf-8")
    assert done.returncode == 1, done.stderr
    assert "the backward pass differs" in " ".join(done.stdout.split())


def test_a_fourth_implementation_is_compared(project):
    out = ("--no-verify", "--output-dir", "compared")
    printed = run(project, "compare.py", "numpy/reference", "toy/reference", *FLAGS, *out)
    ours, toy = load_results(project / "compared" / "results.json").runs
    assert [ours.run, toy.run] == ["numpy/reference", "toy/reference"]
    assert [ours.status, toy.status] == ["completed"] * 2
    assert (ours.device, toy.device) == ("cpu", DEVICE)
    assert ours.test_loss == pytest.approx(toy.test_loss)
    assert "toy/reference" in printed


def test_a_fourth_implementation_has_the_commands_that_it_has_files_for(project):
    done = run_command("-m", "toy_impl", "export", cwd=project, PYTHONPATH=str(project))
    offered = ", ".join(command for command in COMMANDS if command not in OPTIONAL)
    assert done.returncode == 2
    assert done.stderr == (
        "python -m toy_impl: export: the Toy implementation has no such command; expected one of "
        f"{offered}.\n"
    )


def test_a_folder_that_is_not_registered_is_refused(project):
    shutil.copytree(project / "toy_impl", project / "stray_impl")
    done = run_command("-m", "stray_impl", *FLAGS, cwd=project, PYTHONPATH=str(project))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "python -m stray_impl: stray_impl: expected a folder with a run in "
        "shared/registry.py; add an entry there.\n"
    )
