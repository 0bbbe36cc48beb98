"""What a library prints on import is held back, unless it is wanted or explains a failure."""

import importlib
import sys

import pytest

from shared.chatter import import_quietly

# What a native library does, past Python's streams.
NOISY = 'import os\nos.write(2, b"no drivers\\n")\n'


@pytest.fixture
def noisy(tmp_path, monkeypatch):
    """Writes a module that prints, and has it imported quietly; returns its name."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    before = [*sys.meta_path]

    def write(name: str, more: str = "") -> str:
        (tmp_path / f"{name}.py").write_text(NOISY + more)
        importlib.invalidate_caches()
        import_quietly(name)
        return name

    yield write
    assert sys.meta_path == before


def test_nothing_is_seen(noisy, capfd):
    module = importlib.import_module(noisy("noisy_one", "value = 7"))
    assert module.value == 7
    assert module.__spec__.origin == module.__file__
    assert capfd.readouterr().err == ""


def test_a_failure_shows_what_was_printed_before(noisy, capfd):
    with pytest.raises(ZeroDivisionError):
        importlib.import_module(noisy("noisy_two", "1 / 0"))
    assert capfd.readouterr().err == "no drivers\n"


def test_whoever_wants_it_all_sees_it(noisy, capfd, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    importlib.import_module(noisy("noisy_three"))
    assert capfd.readouterr().err == "no drivers\n"


def test_what_is_not_there_is_missed_as_ever(noisy):
    import_quietly("no_such_module_at_all")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_module_at_all")
