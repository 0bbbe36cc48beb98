"""What the machine did meanwhile: other processes, and energy."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True)
class CpuReading:
    """Seconds at one moment: of the clock, of all cores' work, of this process's and the child's.

    Work of the host on a virtual machine's cores (steal) counts as work of others.
    """

    clock: float
    all_cores: float
    ours: float

    @classmethod
    def take(cls, child: float) -> Self:
        """Read the counters; the child's own reads `child` seconds."""
        system = psutil.cpu_times()
        idle = system.idle + getattr(system, "iowait", 0)
        # Linux counts the time of guests twice.
        guests = getattr(system, "guest", 0) + getattr(system, "guest_nice", 0)
        ours = child + time.process_time()
        return cls(time.perf_counter(), sum(system) - idle - guests, ours)

    def foreign_cpus(self, later: Self) -> float:
        """How many cores, on average, others kept busy between this reading and a later one."""
        foreign = (later.all_cores - self.all_cores) - (later.ours - self.ours)
        return max(0.0, foreign / (later.clock - self.clock))


def energy_joules(powercap: Path = POWERCAP) -> float | None:
    """The processors' energy counters so far, summed; None where the platform hides or lacks them.

    Linux's powercap interface to the running average power limit: one zone a processor package.
    """
    try:
        zones = [
            int((zone / "energy_uj").read_text("ascii")) for zone in powercap.glob("intel-rapl:?")
        ]
    except OSError:
        return None
    return sum(zones) / 1e6 if zones else None
