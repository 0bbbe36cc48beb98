"""Running the project's commands as a user does, in another folder and a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_command(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run `python ARGUMENTS` in `cwd` with the project importable; returns its output as text.

    DATA_DIR is not passed on unless given here.
    """
    known = {name: value for name, value in os.environ.items() if name != "DATA_DIR"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=known | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=240,
    )


def compare(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run `python compare.py ARGUMENTS` in `cwd`."""
    return run_command(str(ROOT / "compare.py"), *arguments, cwd=cwd, **environment)


def fake_interpreter(path: Path, script: str) -> Path:
    """Write an executable shell script that can stand in for a Python interpreter."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def real_data_dir() -> Path | None:
    """The folder of the real datasets, if DATA_DIR names one."""
    folder = os.environ.get("DATA_DIR")
    return Path(folder).resolve() if folder and Path(folder, "mnist").is_dir() else None
