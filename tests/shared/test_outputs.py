"""Folders for results: new or empty, claimed once, with the command that was typed."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared import outputs
from shared.errors import UsageError
from shared.outputs import (
    NOTHING_KEPT,
    abandon_output_dir,
    claim_output_dir,
    claimed_output_dir,
    current_command,
)
from shared.program import Interrupted


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
    with pytest.raises(UsageError, match=r"--output-dir .*in use by another run"):
        claim_output_dir(tmp_path / "out", "second")
    assert (tmp_path / "out" / "command.txt").read_text() == "first\n"


@pytest.mark.parametrize("inside", ["", "deeper"])
def test_a_file_is_no_folder(inside, tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(UsageError, match=r"^--output-dir .*taken.*\.$"):
        claim_output_dir(tmp_path / "taken" / inside, "the command")
    assert (tmp_path / "taken").read_text() == "mine"


def fill(folder: Path) -> None:
    """What a command may have written before it was given up."""
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "trace.json").write_text("{}")
    (folder / "link").symlink_to(folder.parent)


@pytest.mark.parametrize("name", ["out", "a/b/out"])
def test_of_a_folder_that_is_given_up_nothing_is_left(name, tmp_path):
    folder = claim_output_dir(tmp_path / name, "the command")
    fill(folder)
    abandon_output_dir(folder)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "link", "."])
def test_a_folder_that_was_there_is_left_empty(kind, tmp_path, monkeypatch):
    there = tmp_path / "there"
    there.mkdir()
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "link").symlink_to(there)
    monkeypatch.chdir(there)
    folder = {"folder": there, "link": tmp_path / "link", ".": Path()}[kind]
    claim_output_dir(folder, "the command")
    fill(there)
    abandon_output_dir(folder)
    assert list(there.iterdir()) == []
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "mine").read_text() == "mine"
    # So it does not stand in the way of the next try.
    claim_output_dir(folder, "the command")


def test_what_was_never_claimed_is_not_given_up(tmp_path):
    fill(tmp_path)
    abandon_output_dir(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_cannot_be_marked_is_left_empty(tmp_path, monkeypatch):
    def fail(self, *_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(UsageError, match=r"out: cannot be written \(No space left on device\)"):
        claim_output_dir(tmp_path / "out", "the command")
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(
        UsageError, match=r"--output-dir .*: cannot be written \(File name too long"
    ):
        claim_output_dir(tmp_path / ("a" * 300), "the command")


@pytest.mark.parametrize("error", [KeyboardInterrupt, UsageError("no"), RuntimeError])
def test_without_a_result_nothing_is_kept(error, tmp_path):
    kind = Interrupted if error is KeyboardInterrupt else Exception
    with pytest.raises(kind) as raised, claimed_output_dir(tmp_path / "o", "c", "results.json"):
        raise error
    assert not (tmp_path / "o").exists()
    assert error is not KeyboardInterrupt or str(raised.value) == NOTHING_KEPT


@pytest.mark.parametrize("written", [[], ["summary.md"]])
def test_a_folder_of_nothing_but_the_command_does_not_stay(written, tmp_path):
    with claimed_output_dir(tmp_path / "o", "c", "results.json") as folder:
        for name in written:
            (folder / name).touch()
    assert folder.exists() == bool(written)


@pytest.mark.parametrize("error", [KeyboardInterrupt, UsageError("no"), RuntimeError])
def test_with_a_result_all_is_kept(error, tmp_path):
    folder = tmp_path / "an o"
    kind = Interrupted if error is KeyboardInterrupt else Exception
    with pytest.raises(kind) as raised, claimed_output_dir(folder, "c", "results.json"):
        (folder / "results.json").write_text("{}")
        raise error
    assert sorted(path.name for path in folder.iterdir()) == ["command.txt", "results.json"]
    assert error is not KeyboardInterrupt or str(raised.value) == (
        f"interrupted; {folder}/results.json holds what was finished; draw it with: "
        f"python -m report '{folder}'"
    )


COMMAND = "python compare.py --checkpoint-dir 'a b' --output-dir out"


@pytest.mark.parametrize("again", [COMMAND, f"{COMMAND} --resume"])
def test_who_goes_on_may_use_its_own_folder(again, tmp_path):
    folder = claim_output_dir(tmp_path / "out", COMMAND)
    (folder / "numpy.log").write_text("")
    assert claim_output_dir(folder, again, lambda _: True) == folder
    # It is not what this attempt has made.
    abandon_output_dir(folder)
    with pytest.raises(UsageError, match="not empty"):
        claim_output_dir(folder, again, lambda _: False)
    with pytest.raises(UsageError, match="not empty"):
        claim_output_dir(folder, f"{again} --epochs 8", lambda _: True)
    with pytest.raises(UsageError, match="not empty"):
        claim_output_dir(folder, again)


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
