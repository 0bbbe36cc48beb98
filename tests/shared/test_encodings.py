"""Commands print what they have to say where standard output is not UTF-8, as when redirected."""

import pytest

from tests.support.commands import ROOT, run_warm

# As Python opens its streams on Windows, where they are no terminals.
IN_ENCODING = """
import io, sys
for name, descriptor in (("stdout", 1), ("stderr", 2)):
    file = open(descriptor, "wb", closefd=False)
    setattr(sys, name, io.TextIOWrapper(file, encoding="{encoding}", line_buffering=True))
sys.path.insert(0, "{root}")
{program}
"""

SAYS = """
from report.terminal import make_console, say
from rich.table import Table
from shared.program import run_program

def main():
    console = make_console()
    say(console, "數字.png 7")
    table = Table("image")
    table.add_row("數字.png")
    console.print(table)
    print("ü", file=sys.stderr)
    return 0

sys.exit(run_program("program", main))
"""

REFUSES = """
import compare
sys.argv = ["compare.py", "--dataset", "{word}"]
sys.exit(compare.main())
"""

ENCODINGS = ("cp1252", "cp437", "gbk", "ascii")


def run_in(encoding, program, folder):
    words = IN_ENCODING.format(encoding=encoding, root=ROOT, program=program)
    return run_warm("-c", words, cwd=folder)


@pytest.mark.parametrize("encoding", ("cp1252", "cp437", "ascii"))
def test_what_an_encoding_lacks_is_escaped(encoding, tmp_path):
    done = run_in(encoding, SAYS.replace("ü", "\\u03c9"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\\u6578\\u5b57.png 7" in done.stdout
    assert done.stdout.count("\\u6578\\u5b57.png") == 2


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_refusal_is_told_in_any_encoding(encoding, tmp_path):
    done = run_in(encoding, REFUSES.format(word="nothing"), tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("python compare.py: --dataset nothing: expected one of auto")
