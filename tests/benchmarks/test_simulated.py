"""How often the report's rules claim too much, simulated."""

import math

import pytest
from scipy import stats

from benchmarks import verdicts
from report import intervals
from tests.support.commands import run_warm

SMALL = verdicts.Request(replicates=1000)


@pytest.mark.parametrize("name", verdicts.NOISE)
@pytest.mark.parametrize("runs", verdicts.RUNS)
def test_few_claims_are_false(name, runs):
    for n in (5, 8):
        rates = verdicts.rates_of(name, runs, n, SMALL)
        # The one-sided speeds are the exception, which is printed.
        if name != verdicts.ONE_SIDED:
            # Four standard errors of a thousand comparisons above the limits.
            assert rates.different < verdicts.MOST_DIFFERENT[name] + 0.03
        assert rates.same < verdicts.MOST_SAME + 0.03


def test_below_five_repeats_the_simulation_claims_nothing():
    rates = verdicts.rates_of("quiet", 7, 3, SMALL)
    assert (rates.different, rates.same, rates.found) == (0, 0, 0)
    assert 0.92 < rates.covered < 0.98


def test_the_simulated_power_is_that_of_a_t_test():
    limit, spread = stats.t.ppf(0.975, 4), 0.02 * math.sqrt(2)
    power = 1 - stats.nct.cdf(limit, 4, math.log1p(0.05) / spread * math.sqrt(5))
    found = verdicts.rates_of("quiet", 2, 5, verdicts.Request(replicates=5000)).found
    assert found == pytest.approx(power, abs=0.02)


def test_rules_that_claim_too_much_are_told(monkeypatch):
    """Without Holm's correction, seven runs have a false claim in about one of five."""
    monkeypatch.setattr(intervals, "holm", lambda p, _: p <= 0.05)
    rates = {("quiet", 7): [verdicts.rates_of("quiet", 7, n, SMALL) for n in verdicts.REPEATS]}
    told = verdicts.exceptions(rates)
    assert len(told) == 3
    assert all(sentence.startswith("quiet, 7 runs, n = ") for sentence in told)


def test_the_simulation_prints_four_tables(tmp_path):
    done = run_warm("-m", "benchmarks.verdicts", "--replicates", "50", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| two speeds of one")]
    assert len(rows) == 4 * len(verdicts.RUNS)
