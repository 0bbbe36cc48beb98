"""Folders for results: new or empty, claimed once, with the command that was typed."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared import outputs
from shared.errors import UsageError
from shared.outputs import claim_output_dir, current_command


@pytest.fixture
def one_moment(tmp_path, monkeypatch):
    """An empty folder to work in, at one moment of time."""

    class Frozen(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    monkeypatch.setattr(outputs, "datetime", Frozen)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_default_folders_are_unique(one_moment):
    folders = [claim_output_dir(None, "the command") for _ in range(3)]
    names = ["2026-01-02T03-04-05Z", "2026-01-02T03-04-05Z-2", "2026-01-02T03-04-05Z-3"]
    assert folders == [Path("results", name) for name in names]
    for folder in folders:
        assert (one_moment / folder / "command.txt").read_text() == "the command\n"


def test_default_folder_where_there_can_be_none(one_moment):
    (one_moment / "results").write_text("mine")
    with pytest.raises(UsageError, match="results"):
        claim_output_dir(None, "the command")
    assert (one_moment / "results").read_text() == "mine"


@pytest.mark.parametrize("exists", [True, False])
def test_requested_folder_new_or_empty(exists, tmp_path):
    folder = tmp_path / "deep" / "out"
    if exists:
        folder.mkdir(parents=True)
    assert claim_output_dir(folder, "the command") == folder
    assert [path.name for path in folder.iterdir()] == ["command.txt"]


def test_a_folder_is_claimed_only_once(tmp_path):
    claim_output_dir(tmp_path / "out", "first")
    with pytest.raises(UsageError, match=r"--output-dir .*not empty"):
        claim_output_dir(tmp_path / "out", "second")
    assert (tmp_path / "out" / "command.txt").read_text() == "first\n"


def test_a_folder_claimed_at_the_same_moment(tmp_path, monkeypatch):
    claim_output_dir(tmp_path / "out", "first")
    # Both found it empty.
    monkeypatch.setattr(Path, "iterdir", lambda self: iter(()))
    with pytest.raises(UsageError, match=r"--output-dir .*taken by another run"):
        claim_output_dir(tmp_path / "out", "second")
    assert (tmp_path / "out" / "command.txt").read_text() == "first\n"


@pytest.mark.parametrize("inside", ["", "deeper"])
def test_a_file_is_no_folder(inside, tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(UsageError, match=r"^--output-dir .*taken.*\.$"):
        claim_output_dir(tmp_path / "taken" / inside, "the command")
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["/some/compare.py", "a b", "--seed", "1"], "python compare.py 'a b' --seed 1"),
        (["/some/numpy_impl/__main__.py", "--offline"], "python -m numpy_impl --offline"),
    ],
)
def test_command_as_typed(arguments, command, monkeypatch):
    monkeypatch.setattr("sys.argv", arguments)
    assert current_command() == command


def test_the_command_can_be_pasted_into_the_shell_of_the_system(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["compare.py", "--data-dir", r"C:\My data", "--epochs", "3"])
    assert current_command() == r"python compare.py --data-dir 'C:\My data' --epochs 3"
    monkeypatch.setattr(sys, "platform", "win32")
    assert current_command() == r'python compare.py --data-dir "C:\My data" --epochs 3'
