"""A training that goes on in its own folder."""

from pathlib import Path

from shared.results_file import load_results
from tests.support.commands import run_warm

FULL = """
import sys
from commands import single_run
from commands.entry import main
def fail(path, content):
    raise OSError(28, "No space left on device")
single_run.write_atomically = fail
sys.exit(main("numpy_impl"))
"""

COMMAND = (
    *("-m", "numpy_impl", "--dataset", "digits", "--limit", "300", "--hidden", "8", "8"),
    *("--epochs", "2", "--checkpoint-dir", "kept", "--output-dir", "out"),
)


def test_the_command_that_was_killed_goes_on(tmp_path):
    folder = tmp_path / "out"
    assert run_warm(*COMMAND, cwd=tmp_path).returncode == 0
    first = load_results(folder / "results.json").runs[0]

    # Killed while the page was drawn: nothing is trained again.
    (folder / "report.html").unlink()
    again = run_warm(*COMMAND, "--resume", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert load_results(folder / "results.json").runs == [first]
    assert (folder / "report.html").exists()

    # Over: nothing is overwritten.
    refused = run_warm(*COMMAND, "--resume", cwd=tmp_path)
    assert (refused.returncode, "not empty" in refused.stderr) == (2, True)

    # Killed before anything but the command was written.
    for path in folder.iterdir():
        if path.name != "command.txt":
            Path(path).unlink()
    resumed = run_warm(*COMMAND, "--resume", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    run = load_results(folder / "results.json").runs[0]
    assert (run.resumed_from_step, len(run.epochs)) == (10, 2)
    assert run.test_loss == first.test_loss


def test_without_weights_the_command_fails(tmp_path):
    done = run_warm("-c", FULL, *COMMAND[2:], cwd=tmp_path)
    assert (done.returncode, done.stdout.count("could not be written")) == (1, 2), done.stderr
    assert load_results(tmp_path / "out" / "results.json").runs[0].status == "completed"
