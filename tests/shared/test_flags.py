"""Wrong flags get one sentence, whatever the terminal; commands are tyro's subcommands."""

import re
import sys
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated

import pytest
import tyro
from tyro import _errors as events

from commands.entry import COMMANDS, OPTIONAL, requests_of
from comparison.plan import Request
from shared.complaints import explain, flags_of
from shared.config import TrainConfig
from shared.errors import UsageError
from shared.flags import parse_command, parse_flags
from shared.presets import PRESETS
from shared.registry import IMPLEMENTATIONS
from shared.rules import flag
from tests.support.commands import ROOT, run_command, split
from tests.support.terminals import COLOURS, assert_fits, run_in_terminal

COMPARE = "compare.py"
PATH_FLAGS = ("--data-dir", "--checkpoint-dir", "--output-dir", "--weights", "--draw")
NUMPY, PYTORCH = "-m numpy_impl", "-m pytorch_impl"

# The words of the command line, and what is said of them before the program whose help is named.
WRONG = {
    "typo of a flag": (
        f"{COMPARE} --epocs 3",
        "python compare.py: --epocs: there is no such flag (did you mean --epochs?)",
    ),
    "typo of a flag of one": (
        f"{PYTORCH} --bacth-size=3",
        "python -m pytorch_impl: --bacth-size: there is no such flag (did you mean --batch-size?)",
    ),
    "typo of a required flag": (
        f"{PYTORCH} evaluate --wieghts x",
        "python -m pytorch_impl evaluate: --wieghts: there is no such flag (did you mean "
        "--weights?)",
    ),
    "nothing like a flag": (f"{COMPARE} -q", "python compare.py: -q: there is no such flag"),
    "wrong choice": (
        f"{COMPARE} --device tpu",
        "python compare.py: --device tpu: expected one of auto, cpu, cuda, mps",
    ),
    "wrong choice of one": (
        f"{PYTORCH} profile --output-dir x --variant quick",
        "python -m pytorch_impl profile: --variant quick: expected one of eager, compiled",
    ),
    "missing value": (
        f"{COMPARE} --epochs",
        "python compare.py: --epochs: expected a whole number after the flag",
    ),
    "missing value of one": (
        f"{NUMPY} evaluate --weights",
        "python -m numpy_impl evaluate: --weights: expected a path after the flag",
    ),
    "missing required flag": (
        f"{NUMPY} evaluate",
        "python -m numpy_impl evaluate: --weights PATH is missing",
    ),
    "two missing required flags": (
        f"{PYTORCH} export",
        "python -m pytorch_impl export: --weights PATH and --output-dir PATH are missing",
    ),
    "unknown command": (
        f"{NUMPY} evalaute --weights x",
        "python -m numpy_impl: evalaute: there is no such command; expected one of train, "
        "evaluate, predict",
    ),
    "command behind a flag": (
        f"{NUMPY} --epochs 3 evaluate",
        "python -m numpy_impl: evaluate: put the command before all flags, such as --epochs",
    ),
    "word instead of a number": (
        f"{COMPARE} --epochs five",
        "python compare.py: --epochs five: expected a whole number",
    ),
    "fraction instead of a whole number": (
        f"{NUMPY} train --seed=1.5",
        "python -m numpy_impl train: --seed 1.5: expected a whole number",
    ),
    "words instead of numbers": (
        f"{NUMPY} --hidden 3 x --epochs 1",
        "python -m numpy_impl: --hidden 3 x: expected whole numbers",
    ),
    "number that may be none": (
        f"{NUMPY} --clip_norm x",
        "python -m numpy_impl: --clip-norm x: expected a number",
    ),
    "value of a flag that takes none": (
        f"{NUMPY} --offline yes",
        "python -m numpy_impl: yes: unexpected argument",
    ),
    "flag of another command": (
        f"{NUMPY} evaluate --weights x --preset two-layer",
        "python -m numpy_impl evaluate: --preset: there is no such flag",
    ),
    "flag of a profiler that is not there": (
        f"{NUMPY} --profile",
        "python -m numpy_impl: --profile: there is no such flag",
    ),
}


def sentence(said: str) -> str:
    """The whole line, with where to look for help."""
    program = said.partition(": ")[0]
    return f"{said}; see {program} --help.\n"


@pytest.mark.parametrize(("command", "said"), WRONG.values(), ids=WRONG)
def test_wrong_flags_get_one_sentence(command, said, tmp_path):
    done = run_command(*split(command), cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", sentence(said))
    assert list(tmp_path.iterdir()) == []


# Each width and each wish for colours with several kinds of mistakes.
IN_A_TERMINAL = [
    (case, width, colour)
    for k, case in enumerate(
        (
            *("typo of a flag", "wrong choice of one", "missing value", "missing required flag"),
            *("unknown command", "fraction instead of a whole number"),
        )
    )
    for width, colour in (
        ((60, "forced"), (100, "plain")) if k % 2 else ((60, "plain"), (80, "none"))
    )
] + [("typo of a required flag", 80, "forced"), ("wrong choice", 100, "forced")]


@pytest.mark.parametrize(("case", "width", "colour"), IN_A_TERMINAL)
def test_the_sentence_is_the_same_in_any_terminal(case, width, colour, tmp_path):
    command, said = WRONG[case]
    where = {"cwd": tmp_path, "width": width}
    status, text = run_in_terminal(*split(command), **where, **COLOURS[colour])
    assert (status, " ".join(text.split("\n"))) == (2, f"{sentence(said).strip()} ")
    assert_fits(text, width)


@pytest.mark.parametrize("request_type", [Request, *COMMANDS.values()])
def test_every_flag_of_a_request_is_known(request_type, capsys):
    known = flags_of(request_type)
    with pytest.raises(SystemExit):
        parse_flags(request_type, "program", ["--help"])
    printed = capsys.readouterr().out
    explained = re.findall(r"^\W{0,2}(--[a-z].*?)(?: |$)(--no-\S+)?", printed, re.MULTILINE)
    assert {word.rstrip(",") for pair in explained for word in pair if word} == set(known)
    assert len(set(known)) == len(known)


@dataclass(frozen=True)
class Small:
    """Whatever."""

    folder: Annotated[Path, tyro.conf.Positional]
    constant: tyro.conf.Fixed[int] = 3
    size: int = 1


def test_of_a_positional_argument_and_a_fixed_one():
    with pytest.raises(UsageError, match=r"^PATH is missing; see program --help\.$"):
        parse_flags(Small, "program", [])
    with pytest.raises(UsageError, match=r"^--constant: takes no value; see program --help\.$"):
        parse_flags(Small, "program", ["x", "--constant", "4"])
    assert parse_flags(Small, "program", ["x", "--size", "2"]) == Small(Path("x"), size=2)


def test_a_refusal_that_is_not_known_yet_is_one_sentence_too():
    event = events.ParseErrorEvent(prog="program")
    said = explain(event, "program", ["--new", "thing"], [])
    assert said == "--new thing: expected other flags or values; see program --help."


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_the_commands_are_those_that_there_are_files_for(name):
    folder = ROOT / IMPLEMENTATIONS[name][0].package
    assert {"train", "evaluate", "predict"} <= set(COMMANDS) - set(OPTIONAL)
    expected = [
        command
        for command in COMMANDS
        if command not in OPTIONAL or (folder / f"{command}.py").exists()
    ]
    assert list(requests_of(name)) == expected
    can_profile = (folder / "profile.py").exists()
    assert ("--profile" in flags_of(requests_of(name)["train"])) == can_profile


def asked(monkeypatch, *arguments):
    """The name of the request, and the request."""
    monkeypatch.setattr(sys, "argv", ["program", *arguments])
    found = parse_command(requests_of("tensorflow"), "python -m tensorflow_impl")
    return type(found).__name__, found


def test_train_is_the_default_command(monkeypatch):
    flags = ("--epochs", "3", "--variant", "fit", "--profile")
    kind, request = asked(monkeypatch, *flags)
    explicit, same = asked(monkeypatch, "train", *flags)
    assert (kind, vars(request)) == (explicit, vars(same))
    assert (kind, request.config.epochs, request.variant) == ("TrainRequest", 3, "fit")
    kind, request = asked(monkeypatch)
    assert (kind, request.config, request.variant) == ("TrainRequest", TrainConfig(), "fit")


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("command", [[], ["train"], ["profile", "--output-dir", "x"]])
def test_a_preset_sets_the_defaults_of_a_command(preset, command, monkeypatch):
    _, request = asked(monkeypatch, *command, "--seed", "7", f"--preset={preset}")
    assert request.config == TrainConfig(preset=preset, seed=7, **PRESETS[preset])


def test_each_command_takes_its_own_flags(monkeypatch):
    _, request = asked(monkeypatch, "predict", "a.png", "b.png", "--weights", "w", "--top", "1")
    assert request.images == (Path("a.png"), Path("b.png"))
    _, request = asked(monkeypatch, "summary", "--hidden", "5")
    assert request.hidden == (5,)
    _, request = asked(monkeypatch, "export", "--weights", "w", "--output-dir", "x")
    assert len(request.format) == 4


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_explains_every_flag_of_a_command(command, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit) as stop:
        asked(monkeypatch, *filter(None, [command]), "--help")
    assert not stop.value.code
    printed = capsys.readouterr().out
    for expected in flags_of(COMMANDS[command or "train"]):
        assert f"{expected} " in printed
    if command is None:
        listed, flags = printed.index("Commands:"), printed.index("--variant")
        assert all(listed < printed.index(f"\n  {name} ") < flags for name in COMMANDS)
        assert flag("schedule_epochs") in printed


def test_a_working_directory_that_was_deleted_is_named_as_such(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(UsageError, match=r"^the working directory cannot be used \(.*\.$"):
        parse_flags(Request, "python compare.py", [])


def paths_of(value):
    """Every path in a request, by field."""
    for item in fields(value):
        each = getattr(value, item.name)
        if is_dataclass(each):
            yield from paths_of(each)
        elif isinstance(each, Path | tuple):
            yield from ((item.name, path) for path in ([each] if isinstance(each, Path) else each))


@pytest.mark.parametrize("joined", [True, False])
def test_a_tilde_is_the_home_folder_in_every_path(joined, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "it.png").touch()
    requests = {**requests_of("pytorch"), "compare": Request}
    tried = 0
    for command, request in requests.items():
        names = [each for each in PATH_FLAGS if each in flags_of(request)]
        given = [
            word
            for each in names
            for word in ([f"{each}=~/it.png"] if joined else [each, "~/it.png"])
        ]
        pictures = ["~/in.png"] if command == "predict" else []
        parsed = parse_flags(request, "program", [*given, *pictures])
        found = [path for _, path in paths_of(parsed) if isinstance(path, Path)]
        assert len(found) == len(names) + len(pictures), command
        assert all(path.parent == tmp_path for path in found), command
        tried += len(found)
    assert tried >= 12


def test_the_name_of_an_unknown_user_stays(monkeypatch):
    config = parse_flags(TrainConfig, "program", ["--data-dir", "~nobody-of-this-name/data"])
    assert str(config.data_dir) == "~nobody-of-this-name/data"
    monkeypatch.setenv("HOME", "/home/of/someone")
    monkeypatch.setenv("DATA_DIR", "~/data")
    assert str(TrainConfig().data_dir) == str(Path("/home/of/someone/data"))
