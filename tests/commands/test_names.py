"""Names that are no text, or more than text, end no command and reach no terminal as they are."""

import os

import pytest
from PIL import Image, ImageDraw

from shared.results_file import load_results
from tests.support.commands import run_warm

NUMPY = ("-m", "numpy_impl")
FLAGS = ("--dataset", "digits", "--threads", "1", "--epochs", "1", "--hidden", "8")
ODD = os.fsdecode(b"caf\xe9\x1b[31m\xe2\x80\xae")
SHOWN = r"caf\xe9\x1b[31m\u202e"


def assert_plain(done, status=0):
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    lines = (done.stdout + done.stderr).splitlines()
    assert [line for line in lines if not line.isprintable()] == []


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with one of an odd name, in which a network was trained."""
    folder = tmp_path_factory.mktemp("names")
    flags = ("--output-dir", ODD, "--data-dir", f"data{ODD}", "--checkpoint-dir", f"kept{ODD}")
    done = run_warm(*NUMPY, *FLAGS, *flags, cwd=folder)
    assert_plain(done)
    assert f"Written to {SHOWN}: " in done.stdout
    return folder


def test_results_can_be_read_and_drawn_again(trained):
    result = load_results(trained / ODD / "results.json")
    assert str(result.config.data_dir) == f"data{SHOWN}"
    assert SHOWN in result.command
    for words in (("-m", "report", ODD), ("-m", "commands.tensorboard", ODD)):
        done = run_warm(*words, cwd=trained)
        assert_plain(done)
        assert SHOWN in done.stdout
    for name in ("report.html", "summary.md", "command.txt"):
        text = (trained / ODD / name).read_text(encoding="utf-8")
        assert not {"\x1b", "\u202e"} & set(text), name


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
def test_a_picture_of_an_odd_name_is_drawn(encoding, trained, tmp_path):
    name = f"$x^$\n{ODD}Jürgen.png"
    picture = Image.new("L", (40, 48), 255)
    ImageDraw.Draw(picture).line([(12, 10), (28, 10), (18, 40)], fill=0, width=4)
    with (tmp_path / name).open("wb") as file:
        picture.save(file, "PNG")
    weights = str(trained / ODD / "numpy-reference.safetensors")
    words = ("predict", "--weights", weights, name, "--draw", f"{ODD}.png")
    done = run_warm(*NUMPY, *words, cwd=tmp_path, PYTHONIOENCODING=encoding)
    assert_plain(done)
    assert SHOWN.replace("[31m", "") in done.stdout.replace("[31m", "")
    assert (tmp_path / f"{ODD}.png").stat().st_size > 1000


@pytest.mark.parametrize("name", [ODD, "x" * 100_000, f"a\nb{ODD}"], ids=["odd", "long", "lines"])
@pytest.mark.parametrize("words", [("evaluate", "--weights"), ("--output-dir", "/dev/null/x")])
def test_a_complaint_about_an_odd_name_is_one_plain_sentence(words, name, tmp_path):
    done = run_warm(*NUMPY, *words, name, cwd=tmp_path)
    assert_plain(done, status=2)
    assert len(done.stderr.splitlines()) == 1
    assert len(done.stderr) < 1000
