"""What is said of the machine, on systems that tell it in other ways, played here."""

import os
import platform
import subprocess
import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import psutil
import pytest

from report.sentences import describe_machine
from shared import environment, threads
from shared.environment import accelerators, load_average, processor_name
from shared.threads import physical_cores, sysctl
from tests.support.commands import ROOT, run_warm
from tests.support.results import ENVIRONMENT


def missing(*_, **__):
    raise FileNotFoundError


@pytest.fixture
def answers(monkeypatch):
    """A Mac whose sysctl answers from this dictionary, and has no other names."""
    known: dict[str, str] = {}

    def run(command, **_):
        told = known.get(command[-1])
        return SimpleNamespace(returncode=told is None, stdout=f"{told or ''}\n")

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", run)
    sysctl.cache_clear()
    yield known
    sysctl.cache_clear()


def test_a_mac_tells_its_processor_by_sysctl(answers):
    answers["machdep.cpu.brand_string"] = "Apple M2"
    assert processor_name() == "Apple M2"


def test_only_the_fast_cores_of_a_mac_compute(answers, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 8)
    answers["hw.perflevel0.physicalcpu"] = "4"
    assert physical_cores() == 4
    sysctl.cache_clear()
    # As on one with a processor by Intel.
    del answers["hw.perflevel0.physicalcpu"]
    assert physical_cores() == 8


def test_a_system_without_sysctl_is_asked_otherwise(answers, monkeypatch):
    monkeypatch.setattr(threads.subprocess, "run", missing)
    assert sysctl("hw.perflevel0.physicalcpu") == ""


class Key(str):
    __enter__ = str.__str__

    def __exit__(self, *_):
        pass


def test_windows_tells_its_processor_in_the_registry(monkeypatch):
    registry = ModuleType("winreg")
    registry.HKEY_LOCAL_MACHINE = "machine"
    registry.OpenKey = lambda *path: Key("\\".join(path))
    names = {"machine\\" + environment.PROCESSOR_KEY: "12th Gen Intel(R) Core(TM) i7-1260P  "}
    registry.QueryValueEx = lambda key, name: (names[str(key)], 1)
    monkeypatch.setitem(sys.modules, "winreg", registry)
    monkeypatch.setattr(sys, "platform", "win32")
    assert processor_name() == "12th Gen Intel(R) Core(TM) i7-1260P"
    registry.OpenKey = missing
    monkeypatch.setattr(environment, "Path", lambda *_: ROOT / "no" / "cpuinfo")
    monkeypatch.setattr(platform, "processor", lambda: "Intel64 Family 6")
    assert processor_name() == "Intel64 Family 6"


def test_on_windows_the_load_is_what_is_busy_at_the_moment(monkeypatch):
    monkeypatch.delattr(os, "getloadavg", raising=False)
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: 75.0)
    monkeypatch.setattr(psutil, "cpu_count", lambda: 8)
    assert load_average() == (6.0, 6.0, 6.0)


@pytest.mark.parametrize("error", [OSError, RuntimeError, psutil.AccessDenied])
def test_a_load_that_cannot_be_had_is_left_out(error, monkeypatch):
    def refuse(*_):
        raise error

    monkeypatch.setattr(psutil, "cpu_percent", refuse)
    monkeypatch.setattr(os, "getloadavg", refuse, raising=False)
    if error is not OSError:
        monkeypatch.delattr(os, "getloadavg")
    assert load_average() is None
    unknown = describe_machine(replace(ENVIRONMENT, load_average=None))
    assert "load average" in describe_machine(ENVIRONMENT)
    assert unknown.endswith("numpy 2.4.6")


def test_a_gpu_whose_name_is_no_utf_8_is_named(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nprintf 'NVIDIA caf\\351\\n'\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert accelerators() == ["NVIDIA caf\N{REPLACEMENT CHARACTER}"]


# Apple's library learns its number of threads from a variable, when NumPy is imported.
PINNED = """
import os, sys, comparison
from types import SimpleNamespace
fake = SimpleNamespace(compare=lambda request: print(os.environ["VECLIB_MAXIMUM_THREADS"]) or 0)
comparison.run = sys.modules["comparison.run"] = fake
import compare
sys.argv = ["compare.py", "--threads", "3"]
sys.exit(compare.main())
"""


def test_a_comparison_pins_its_own_threads_before_it_imports_numpy(tmp_path):
    done = run_warm("-c", PINNED, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr
