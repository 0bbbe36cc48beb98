"""Every command at a terminal: no line too long, no word cut, no noise, the right exit status."""

import re
import shlex
from importlib.metadata import version

import numpy as np
import pytest
from PIL import Image

from tests.support.commands import split, warm
from tests.support.terminals import (
    WIDTHS,
    assert_fits,
    assert_whole_words,
    lines_of,
    run_in_terminal,
)

SMALL = "--dataset digits --limit 300 --hidden 8 8 --epochs 2 --threads 1"
NETWORK = "--weights net/numpy-reference.safetensors"
PICTURE = "a_picture_of_a-seven-and_nothing-else.png"

# What a terminal can do, and may, at each width.
DRESSED = {60: {}, 80: {"NO_COLOR": "1"}, 100: {"TERM": "dumb"}}

# A command and its implementation, or none of them; OUT is a folder that there is not yet.
EVERYWHERE = [
    ("numpy", f"-m numpy_impl {SMALL} --validation 0.2 --schedule step --output-dir OUT"),
    ("numpy", f"-m numpy_impl evaluate {NETWORK} --output-dir OUT"),
    ("numpy", f"-m numpy_impl predict {PICTURE} {PICTURE} {NETWORK} --draw OUT.png"),
    ("numpy", f"compare.py numpy/reference --no-verify {SMALL} --output-dir OUT"),
    ("numpy", f"compare.py numpy/reference --verify-only {SMALL}"),
    ("numpy", f"compare.py --attribute {SMALL} --repeats 2 --output-dir OUT"),
    ("numpy", "-m report net --output OUT.html"),
    ("numpy", "-m commands.tensorboard net --output-dir OUT"),
    ("numpy", "-m study --terminal"),
]

# Each at one width of each framework, for what they print differs in names only.
BY_FRAMEWORK = [
    f"{SMALL} --output-dir OUT",
    f"evaluate {NETWORK}",
    f"predict {PICTURE} {NETWORK}",
    f"export {NETWORK} --output-dir OUT",
    "summary --hidden 8 8",
    f"profile {SMALL} --steps 2 --output-dir OUT",
]

CASES = [(*each, width) for each in EVERYWHERE for width in WIDTHS]
CASES += [
    ("numpy", "-m study --output OUT.html", 60),
    ("numpy", f"compare.py numpy/reference numpy/reference {SMALL} --output-dir OUT", 60),
    (
        "numpy",
        f"compare.py numpy/reference --no-verify {SMALL} --batch-size 32 64 --repeats 2 --details "
        "--output-dir OUT",
        60,
    ),
    *(("pytorch", f"-m pytorch_impl {each}", 60) for each in BY_FRAMEWORK),
    *(("tensorflow", f"-m tensorflow_impl {each}", 80) for each in BY_FRAMEWORK),
    *(("pytorch", f"-m pytorch_impl {each}", 100) for each in BY_FRAMEWORK[3:]),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a trained network and a picture."""
    folder = tmp_path_factory.mktemp("terminal")
    done = warm("numpy").run(*split(f"-m numpy_impl {SMALL} --output-dir net"), cwd=folder)
    assert done.returncode == 0, done.stderr
    picture = np.full((60, 60), 255, np.uint8)
    picture[10:50, 28:34] = 0
    Image.fromarray(picture).save(folder / PICTURE)
    return folder


@pytest.mark.parametrize(("implementation", "command", "width"), CASES)
def test_a_command_is_at_home_in_a_terminal(implementation, command, width, made):
    name = f"out{CASES.index((implementation, command, width))}"
    words = split(command.replace("OUT", name))
    environment = DRESSED[width]
    status, text = run_in_terminal(
        *words, cwd=made, width=width, implementation=implementation, **environment
    )
    assert status == 0, text
    assert_fits(text, width)
    # Names of operators have hundreds of letters.
    if " profile " not in command:
        assert_whole_words(text, command, str(made), version("torch"))
    # The confusion matrix has all its columns.
    digits = re.compile(f"\n *{' +'.join('0123456789')} *\n")
    assert " evaluate " not in command or digits.search("\n".join(lines_of(text)))
    is_dumb = environment.get("TERM") == "dumb"
    assert not (is_dumb and "\x1b" in text)
    # Seconds of silence otherwise.
    is_drawn = (made / name / "report.html").exists()
    assert ("drawing the pictures and report.html" in text) == (is_drawn and not is_dumb)


# Wrong in ways that are likely, beside those in tests/shared/test_flags.py.
WRONG = {
    "compare.py all pytorch": "pytorch: expected all or one of: ",
    "compare.py --batch-size 64 64": "--batch-size 64 64: expected one or more different sizes",
    "compare.py --repeats": "--repeats: expected a whole number after the flag",
    "compare.py --attribute --verify-only": "--attribute cannot be combined with --verify-only",
    "-m numpy_impl train evaluate": "evaluate: unexpected argument",
    "-m numpy_impl export --weights x": "export: the NumPy implementation has no such command",
    "-m numpy_impl --variant fit": "--variant fit: expected one of reference",
    "-m numpy_impl --epochs 1.5": "--epochs 1.5: expected a whole number",
    "-m numpy_impl --nesterov": "--nesterov: needs --optimizer sgd and a --momentum above 0",
    "-m numpy_impl evaluate --weights net": "--weights net",
    "-m numpy_impl evaluate net/numpy-reference.safetensors": "unexpected argument",
    f"-m numpy_impl evaluate {NETWORK} --dataset cifar10": "--dataset cifar10: expected one of",
    f"-m numpy_impl predict {NETWORK}": "IMAGE is missing",
    f"-m numpy_impl predict nowhere.png {NETWORK}": "nowhere.png cannot be read as an image",
    f"-m numpy_impl predict {PICTURE} {NETWORK} --top 0": "--top 0: expected a number from 1 to 10",
    "-m pytorch_impl profile --output-dir x --steps 0": "--steps 0: expected 1 or more",
    "-m pytorch_impl profile --steps 5": "--output-dir PATH is missing",
    "-m pytorch_impl summary --hidden": "--hidden: expected one or more sizes, each at least 1",
    "-m pytorch_impl summary --dropout 1.5": "--dropout 1.5: expected at least 0 and below 1",
    f"-m pytorch_impl export {NETWORK} --output-dir net": "--output-dir net",
    f"-m pytorch_impl export {NETWORK} --output-dir x --format tflite": "--format tflite",
    "-m report": "FOLDER",
    "-m report net/results.json": "net/results.json",
    "-m report net --output net": "--output net",
    "-m commands.tensorboard nowhere": "nowhere",
    "-m commands.tensorboard": "FOLDER is missing",
    "-m commands.tensorboard net --output-dir net": "--output-dir net",
    "-m study --numpy": "--numpy: needs --terminal",
    "-m study --terminal --open": "--open: cannot be combined with --terminal",
    "-m study --output net": "--output net",
    "-m benchmarks.alarms --count -1": "--count -1: expected 0 or more",
    "-m benchmarks.tried --only nothing-like-it": "--only nothing-like-it: expected part of one",
    "-m benchmarks.null --pairs 1": "--pairs 1: expected",
}


@pytest.mark.parametrize("command", WRONG)
def test_a_wrong_request_gets_one_sentence(command, made):
    before = sorted(made.rglob("*"))
    width = WIDTHS[[*WRONG].index(command) % len(WIDTHS)]
    status, text = run_in_terminal(*split(command), cwd=made, width=width, **DRESSED[width])
    assert status == 2, text
    assert_fits(text, width)
    assert_whole_words(text, command, str(made))
    sentence = " ".join(text.split())
    assert WRONG[command] in sentence
    assert sentence.startswith(f"python {shlex.split(command)[0]}")
    assert sentence.count("python") == 1 + sentence.count("; see python")
    assert sentence.endswith(".")
    assert sorted(made.rglob("*")) == before
