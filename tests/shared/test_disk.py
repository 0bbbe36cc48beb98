"""Files are written in spite of scanners that hold them, and reach the disk, on every system."""

import errno
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from shared import checkpoint_files, disk
from shared.results import write_atomically


@pytest.fixture
def held(monkeypatch):
    """A system on which the next so many renamings are refused, because somebody looks on."""
    left, pauses = [0], []

    def refused(rename):
        def attempt(path, target):
            if left[0]:
                left[0] -= 1
                raise PermissionError(errno.EACCES, "used by another process", str(path))
            return rename(path, target)

        return attempt

    for name in ("replace", "rename"):
        monkeypatch.setattr(Path, name, refused(getattr(Path, name)))
    monkeypatch.setattr(disk.time, "sleep", pauses.append)
    monkeypatch.setattr(sys, "platform", "win32")

    def hold(times):
        left[0] = times
        return pauses

    return hold


def test_a_file_that_is_held_for_a_moment_is_replaced(held, tmp_path):
    pauses = held(3)
    write_atomically(tmp_path / "results.json", "{}")
    assert (tmp_path / "results.json").read_text("utf-8") == "{}"
    assert pauses == list(disk.PAUSES[:3])


def test_a_checkpoint_that_is_looked_at_is_written(held, tmp_path):
    held(len(disk.PAUSES))
    assert checkpoint_files.write_checkpoint(tmp_path, {"a": b"b"}) == 1
    assert (tmp_path / "000001" / "a").read_bytes() == b"b"


def test_a_file_that_stays_held_is_an_error(held, tmp_path):
    held(100)
    with pytest.raises(PermissionError):
        write_atomically(tmp_path / "results.json", "{}")
    assert list(tmp_path.iterdir()) == []


def test_elsewhere_a_refusal_is_final(held, tmp_path, monkeypatch):
    pauses = held(1)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(PermissionError):
        write_atomically(tmp_path / "results.json", "{}")
    assert pauses == []


@pytest.mark.parametrize("known", [True, False])
def test_on_a_mac_the_disk_empties_its_cache_too(known, monkeypatch, tmp_path):
    asked = []

    def ask(descriptor, request):
        asked.append(request)
        if not known:
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    fcntl = ModuleType("fcntl")
    fcntl.F_FULLFSYNC, fcntl.fcntl = 51, ask
    monkeypatch.setitem(sys.modules, "fcntl", fcntl)
    monkeypatch.setattr(sys, "platform", "darwin")
    checkpoint_files.write_durably(tmp_path / "a", b"b")
    checkpoint_files.sync_folder(tmp_path)
    assert asked == [51, 51]
    assert (tmp_path / "a").read_bytes() == b"b"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("kind", ["pipe", "folder", "link"])
def test_what_is_no_file_is_not_replaced(kind, tmp_path):
    path, there = tmp_path / "results.json", tmp_path / "there"
    os.mkfifo(there)
    make = {"pipe": os.mkfifo, "folder": Path.mkdir, "link": lambda it: it.symlink_to(there)}
    make[kind](path)
    with pytest.raises(OSError, match="it is no regular file"):
        write_atomically(path, "{}")
    assert not path.is_file()
    assert not list(tmp_path.glob("*.partial"))


def test_a_link_stays_one(tmp_path):
    path, there = tmp_path / "link", tmp_path / "there"
    there.write_text("old")
    path.symlink_to(there)
    write_atomically(path, "new")
    assert (path.is_symlink(), there.read_text()) == (True, "new")
