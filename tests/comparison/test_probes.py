"""What the machine did meanwhile is read right, on counters that the tests set by hand."""

from collections import namedtuple

import psutil
import pytest

from comparison import probes
from comparison.probes import CpuReading, energy_joules
from shared import environment

Times = namedtuple("Times", "user system idle iowait steal guest guest_nice")


def test_work_of_others_is_all_work_but_ours():
    earlier, later = CpuReading(10.0, 100.0, 5.0), CpuReading(14.0, 107.0, 6.0)
    assert earlier.foreign_cpus(later) == (7 - 1) / 4


def test_rounding_of_the_counters_is_not_less_than_nothing():
    assert CpuReading(0.0, 0.0, 0.0).foreign_cpus(CpuReading(1.0, 0.99, 1.0)) == 0


def test_idle_cores_do_no_work_and_guests_count_once(monkeypatch):
    monkeypatch.setattr(psutil, "cpu_times", lambda: Times(10, 5, 1000, 50, 3, 4, 1))
    assert CpuReading.take(0).all_cores == 10 + 5 + 3


def test_ours_is_what_the_child_says_and_what_this_process_took(monkeypatch):
    monkeypatch.setattr(probes.time, "process_time", lambda: 2.5)
    assert CpuReading.take(40.0).ours == 42.5


@pytest.mark.parametrize(
    ("zones", "joules"),
    [
        ({}, None),
        ({"intel-rapl:0": 2_500_000}, 2.5),
        ({"intel-rapl:0": 1, "intel-rapl:1": 2}, 3e-6),
    ],
)
def test_energy_is_summed_over_the_packages(zones, joules, tmp_path):
    for zone, energy in zones.items():
        for name in (zone, f"{zone}:0"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "energy_uj").write_text(f"{energy}\n")
    assert energy_joules(tmp_path) == joules


def test_hidden_energy_is_unknown(tmp_path):
    (tmp_path / "intel-rapl:0").mkdir()
    assert energy_joules(tmp_path) is None


def test_a_desktop_is_not_on_battery(monkeypatch):
    battery = namedtuple("Battery", "power_plugged")
    for state, expected in ((None, False), (battery(True), False), (battery(False), True)):
        monkeypatch.setattr(psutil, "sensors_battery", lambda state=state: state, raising=False)
        assert environment.on_battery() is expected
