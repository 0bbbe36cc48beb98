"""The probe measures what it says, on a clock that the tests set by hand."""

import importlib
import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from shared import probe
from shared.probe import find_blas, probe_after_epoch, probe_seconds
from tests.support.commands import ROOT


@pytest.fixture
def rounds(monkeypatch):
    """Lets rounds take as long as it is told; returns the products that were made."""
    made = []

    def take(*seconds):
        moments = iter([moment for each in seconds for moment in (0, each)])
        monkeypatch.setattr(probe.time, "perf_counter", lambda: next(moments))
        monkeypatch.setattr(np, "ones", lambda shape, _: Counting(shape))
        return made

    class Counting:
        """A matrix that notes what it is multiplied with, and by how many threads."""

        def __init__(self, shape):
            self.shape = shape

        @property
        def T(self):
            return Counting(self.shape[::-1])

        def __matmul__(self, other):
            threads = {each["num_threads"] for each in find_blas().info()}
            made.append((self.shape, other.shape, *threads))
            return Counting((self.shape[0], other.shape[1]))

    return take


def test_the_probe_is_the_median_of_its_rounds(rounds):
    made = rounds(9, 1, 3, 2, 5)
    assert probe_seconds(1) == 3
    assert len(made) == 2 * 5 * 20
    assert made[:2] == [((64, 784), (784, 128), 1), ((784, 64), (64, 128), 1)]


def test_a_slow_machine_is_not_kept_longer_than_it_takes_to_know(rounds):
    made = rounds(0.002, 0.004)
    assert probe_after_epoch() == 0.004
    assert len(made) == 2 * 2 * 5
    made.clear()
    rounds(0.001, 0.003, 0.0005)
    assert probe_after_epoch() == 0.001
    assert len(made) == 2 * 3 * 5


def test_nothing_looks_for_work_after_an_epochs_probe():
    """As OpenBLAS's threads do, for tens of milliseconds after they had some."""
    child = """
import os
os.environ["OPENBLAS_NUM_THREADS"] = "2"
import time
from shared.probe import probe_after_epoch
probe_after_epoch()
used = time.process_time()
time.sleep(0.2)
print(time.process_time() - used)
"""
    done = subprocess.run(
        [sys.executable, "-c", child], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 0.01


def test_only_blas_gets_other_threads():
    # Brings OpenMP along, as frameworks do.
    importlib.import_module("sklearn.utils._openmp_helpers")
    assert {each["user_api"] for each in threadpool_info()} == {"blas", "openmp"}
    assert {each["user_api"] for each in find_blas.__wrapped__().info()} == {"blas"}
