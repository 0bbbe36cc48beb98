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
from shared.threads import sysctl

# Where Windows keeps the processor's name.
PROCESSOR_KEY = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
# Seconds.
MOMENT = 0.2
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
    load_average: tuple[NotNegative, NotNegative, NotNegative] | None
    """Over the last 1, 5 and 15 minutes; on Windows three times the busy cores of one moment."""
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
        load_average=load_average(),
        versions={package: _version(package) for package in PACKAGES},
        accelerators=accelerators(),
        on_battery=on_battery(),
    )


def processor_name() -> str:
    """The processor's model, or its architecture where the system does not tell."""
    if told := sysctl("machdep.cpu.brand_string") or _name_in_registry():
        return told
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _name_in_registry() -> str:
    if sys.platform != "win32":
        return ""
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, PROCESSOR_KEY) as key:
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
    except OSError:
        return ""


def load_average() -> tuple[float, float, float] | None:
    """What the system says of its load, if it does."""
    try:
        if hasattr(os, "getloadavg"):
            return os.getloadavg()
        # Of a load that psutil makes up nothing is known in its first five seconds.
        busy = psutil.cpu_percent(MOMENT) / 100 * (psutil.cpu_count() or 1)
    # Performance counters can be broken or forbidden, which Windows says in many ways.
    except (OSError, RuntimeError, psutil.Error):
        return None
    return busy, busy, busy


def accelerators() -> list[str]:
    """Names of the GPUs that the system reports, without asking any framework."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return ["Apple GPU"]
    if not shutil.which("nvidia-smi"):
        return []
    listed = subprocess.run(
        ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
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
