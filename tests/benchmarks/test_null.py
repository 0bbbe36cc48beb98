"""The null benchmark: its series, its pool, and what would bias it."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from benchmarks import null
from comparison.jobs import Measured
from shared.config import TrainConfig
from shared.results import RunResult


def test_the_null_series_alternates_and_slows_down_one_side(tmp_path):
    config = TrainConfig(dataset="digits", epochs=2, seed=3, threads=1)
    plain = null.plan(null.Request(config, pairs=10))
    assert [job.config.seed for job in plain[:4]] == [3, 3, 4, 4]
    assert [job.run for job in plain[:4]] == [*null.SIDES, *reversed(null.SIDES)]
    assert all("benchmarks.slowed" not in job.command(tmp_path) for job in plain)
    for job in null.plan(null.Request(config, pairs=10, slowdown=5)):
        start = job.command(tmp_path)[1:4]
        if job.run == "pytorch/eager#2":
            assert start == ["-m", "benchmarks.slowed", "5"]
        else:
            assert start == ["-m", "pytorch_impl", "--variant"]


def null_results(label: float = 0.0, order: float = 0.0, memory: float = 0.0) -> list[RunResult]:
    """A series of 60 pairs in which the second side, the later run, or the pair before tells."""
    random, before, runs = np.random.default_rng(0), 0.0, []
    for repeat in range(60):
        before = memory * before + random.normal(0, 0.02)
        sides = null.SIDES if repeat % 2 == 0 else null.SIDES[::-1]
        for later, side in enumerate(sides):
            log = (label + before) * (side == null.SIDES[1]) + order * later
            seconds = math.exp(log)
            facts = side, "PyTorch", "eager", repeat, 1, 64
            runs.append(RunResult(*facts, epoch_seconds=seconds))
    return runs


@pytest.mark.parametrize(
    ("planted", "failing"),
    [
        ({}, set()),
        ({"label": 0.02}, {"one label is slower than the other"}),
        ({"order": 0.02}, {"the later run of a pair is slower or faster"}),
        ({"memory": 0.8}, {"a pair is like the one before"}),
    ],
)
def test_a_bias_of_the_null_series_is_found(planted, failing):
    tests = null.tests_of_the_series(*null.differences(null_results(**planted)))
    assert {name for name, p in tests.items() if p < null.LEAST_P} == failing


def test_the_null_pool_claims_5_of_100_and_finds_what_is_added():
    pool, _ = null.differences(null_results())
    for n in (5, 10):
        different, same = null.claimed(pool, n, 0.0)
        assert 0.035 < different < 0.065
        assert same > 0.8
    # Powers of a t test with this spread, by its noncentral distribution.
    for n in (5, 7):
        spread, limit = pool.std(), stats.t.ppf(0.975, n - 1)
        distance = math.log1p(0.05) / spread * math.sqrt(n)
        power = 1 - stats.nct.cdf(limit, n - 1, distance)
        assert null.claimed(pool, n, 0.05)[0] == pytest.approx(power, abs=0.06)


def test_the_null_benchmark_prints_its_table_and_its_tests(monkeypatch, capsys):
    config = TrainConfig(dataset="digits", epochs=2, threads=1)
    for planted, status in (({}, 0), ({"label": 0.02}, 1)):
        results = [replace(run, status="completed") for run in null_results(**planted)]
        monkeypatch.setattr(null, "run_jobs", lambda *_, found=results: Measured(found))
        assert null.measure(null.Request(config, pairs=60)) == status
        printed = capsys.readouterr().out
        assert "| 5 % |" in printed
        told = [line for line in printed.splitlines() if " found (p = 0." in line]
        assert [": found" in line for line in told] == [bool(planted), False, False]
