"""Outputs that go away: the work goes on, and only what was printed is missing."""

from pathlib import Path

import pytest

from tests.support.commands import run_warm

PROGRAM = """
import os, sys
from pathlib import Path
from shared.program import run_program
{before}
def work():
    for number in range(20_000):
        print("a line that somebody may read", number)
    print("caf\\u00e9", file=sys.stderr, flush=True)
    Path("done").write_text(str(sys.stdout.isatty()))
    return 0
sys.exit(run_program("program", work, prints_only={prints_only}))
"""
TO_PIPE = "r, w = os.pipe(); os.close(r); os.dup2(w, {0})"
TO_FULL = "os.dup2(os.open('/dev/full', os.O_WRONLY), {0})"
CLOSED = "os.close({0}); sys.{1} = None"


def run(tmp_path: Path, before: str, prints_only: bool = False):
    done = run_warm("-c", PROGRAM.format(before=before, prints_only=prints_only), cwd=tmp_path)
    assert (tmp_path / "done").read_text() == "False", done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("way", [TO_PIPE, TO_FULL, CLOSED], ids=["pipe", "full", "closed"])
@pytest.mark.parametrize(("descriptor", "name"), [(1, "stdout"), (2, "stderr")])
def test_the_work_goes_on(way, descriptor, name, tmp_path):
    done = run(tmp_path, way.format(descriptor, name))
    assert done.returncode == 0
    assert done.stderr == ("" if descriptor == 2 else "caf\u00e9\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_what_only_prints_fails_where_it_could_not(tmp_path):
    done = run(tmp_path, TO_FULL.format(1), prints_only=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == [
        "program: standard output cannot be written (No space left on device), so some output is "
        "missing."
    ]


def test_whoever_reads_only_the_beginning_hears_no_complaint(tmp_path):
    done = run(tmp_path, TO_PIPE.format(1), prints_only=True)
    assert (done.returncode, done.stderr) == (0, "caf\u00e9\n")


def test_closed_outputs_are_not_taken_by_the_next_file(tmp_path):
    before = "os.close(1); os.close(2); sys.stdout = sys.stderr = None"
    program = PROGRAM.replace(
        '    Path("done")', "    assert Path('file').open('w').fileno() > 2\n    Path(\"done\")"
    )
    done = run_warm("-c", program.format(before=before, prints_only=False), cwd=tmp_path)
    assert (tmp_path / "done").exists(), done


def test_without_an_encoding_for_it_a_letter_is_spelled_out(tmp_path):
    script = (
        "import io, sys; sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding='ascii'); "
        "from shared.program import run_program; "
        "sys.exit(run_program('program', lambda: print('caf\\u00e9') or 0))"
    )
    done = run_warm("-c", script, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "caf\\xe9\n")
