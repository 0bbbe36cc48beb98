"""`make` takes an interpreter that all frameworks support, and makes `.venv` anew for another."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import ROOT, fake_interpreter

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or not shutil.which("make"), reason="needs make and a shell"
)


def fake_python(path: Path, version: str) -> Path:
    """An interpreter of that version, which makes virtual environments of its kind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pretend = f"import sys; sys.version_info = tuple(map(int, '{version}'.split('.')))"
    script = f"""
    case "$1" in
    -V) echo "Python {version}" ;;
    -c) exec {sys.executable} -c "{pretend}; exec(sys.argv[1])" "$2" ;;
    -m) if [ "$2" = venv ]; then
        [ "$3" = --clear ] && rm -rf "$4"
        mkdir -p "$4/bin" && [ ! -e "$4/bin/python" ] && cp "$0" "$4/bin/python"
    fi ;;
    esac"""
    return fake_interpreter(path, script)


def make(folder: Path, *words: str, path: Path | None = None) -> subprocess.CompletedProcess:
    """Run make with the project's Makefile, with nothing but `path` to find an interpreter in."""
    for name in ("pyproject.toml", "requirements.lock"):
        (folder / name).touch()
    return subprocess.run(
        ["make", "-f", str(ROOT / "Makefile"), *words],
        cwd=folder,
        env={"PATH": f"{path}:/usr/bin:/bin" if path else "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("version", ["3.10.14", "3.14.0"])
@pytest.mark.parametrize("named", [True, False])
def test_a_python_that_no_framework_supports_is_refused_by_its_version(version, named, tmp_path):
    python = fake_python(tmp_path / "bin" / "python3", version)
    # Neither are the system's own.
    for other in ("python3.11", "python3.12", "python3.13"):
        fake_interpreter(tmp_path / "bin" / other, "exit 127")
    words = [f"PYTHON={python}"] if named else []
    done = make(tmp_path, "install", "INSTALLER=true", *words, path=tmp_path / "bin")
    assert done.returncode == 2
    assert f"expected Python 3.11 to 3.13, found Python {version}: name one" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_an_interpreter_that_is_not_there_is_refused(tmp_path):
    done = make(tmp_path, "install", "INSTALLER=true", "PYTHON=python3.99")
    assert done.returncode == 2
    assert "expected Python 3.11 to 3.13, found none: name one with PYTHON=..." in done.stderr


def test_the_newest_that_is_supported_is_taken(tmp_path):
    for version in ("3.14", "3.12", "3.11"):
        fake_python(tmp_path / "bin" / f"python{version}", f"{version}.1")
    fake_python(tmp_path / "bin" / "python3", "3.14.1")
    fake_interpreter(tmp_path / "bin" / "python3.13", "exit 127")
    done = make(tmp_path, "install", "INSTALLER=true", path=tmp_path / "bin")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / ".venv" / "comparing-3.12").exists()


def test_another_interpreter_begins_anew_and_a_wrong_one_changes_nothing(tmp_path):
    pythons = {each: fake_python(tmp_path / each, f"{each}.1") for each in ("3.10", "3.12", "3.13")}
    installed = tmp_path / ".venv" / "bin" / "python"
    for version, expected in (("3.12", "3.12"), ("3.10", "3.12"), ("3.13", "3.13")):
        done = make(tmp_path, "install", "INSTALLER=true", f"PYTHON={pythons[version]}")
        assert (done.returncode == 0) == (version == expected), done.stderr
        said = subprocess.check_output([installed, "-V"], text=True)
        assert said == f"Python {expected}.1\n"
    assert [each.name for each in installed.parents[1].glob("comparing-*")] == ["comparing-3.13"]


def test_windows_has_its_programs_in_another_folder(tmp_path):
    words = f"PYTHON={fake_python(tmp_path / 'python', '3.12.1')}", "OS=Windows_NT"
    done = make(tmp_path, "-n", "lint", *words)
    assert done.returncode == 0, done.stderr
    assert ".venv/Scripts/lint-imports" in done.stdout
    assert ".venv/bin" not in done.stdout
