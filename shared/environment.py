"""The machine and the software that a result was measured on."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from shared.kinds import Count, NotNegative
from shared.registry import required_modules

# Whose versions are recorded.
PACKAGES = (*required_modules(), "scipy", "matplotlib")


@dataclass(frozen=True)
class Environment:
    """Machine, versions and load at one moment; what the system does not tell is None."""

    python: str
    platform: str
    processor: str
    physical_cores: Count | None
    logical_cores: Count | None
    memory_bytes: Count
    load_average: tuple[NotNegative, NotNegative, NotNegative]
    """Over the last 1, 5 and 15 minutes."""
    versions: dict[str, str | None]
    """Of each package that matters; None where it is not installed."""
    accelerators: list[str] = field(default_factory=list)
    on_battery: bool = False


def describe_environment() -> Environment:
    """This machine at this moment."""
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(),
        processor=processor_name(),
        physical_cores=psutil.cpu_count(logical=False),
        logical_cores=psutil.cpu_count(),
        memory_bytes=psutil.virtual_memory().total,
        load_average=psutil.getloadavg(),
        versions={package: _version(package) for package in PACKAGES},
        accelerators=accelerators(),
        on_battery=on_battery(),
    )


def processor_name() -> str:
    """The processor's model, or its architecture where the system does not tell."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def accelerators() -> list[str]:
    """Names of the GPUs that the system reports, without asking any framework."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return ["Apple GPU"]
    if not shutil.which("nvidia-smi"):
        return []
    listed = subprocess.run(
        ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        check=False,
    )
    return listed.stdout.splitlines() if listed.returncode == 0 else []


def peak_memory_bytes() -> int:
    """Most memory that this process has had resident, in bytes."""
    if os.name == "nt":
        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def on_battery() -> bool:
    """Whether the machine is known to run on its battery, which lowers most processors' speed."""
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return battery is not None and battery.power_plugged is False
