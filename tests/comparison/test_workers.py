"""A comparison of runs that several workers train."""

import pytest

from shared.results_file import load_results
from tests.support.commands import compare, run_warm


def test_two_workers_are_verified_trained_and_reported(tmp_path):
    flags = ("--dataset", "digits", "--epochs", "2", "--hidden", "20", "12", "--output-dir", "out")
    done = compare("pytorch/eager", *flags, "--workers", "1", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = load_results(tmp_path / "out" / "results.json")
    assert result.verification.passed
    assert min(result.verification.runs[0].steps.values()) >= 200
    alone, together = result.runs
    assert (alone.workers, together.workers) == (1, 2)
    assert together.peak_memory_bytes > 1.5 * alone.peak_memory_bytes
    # The same but for rounding.
    for epoch, other in zip(alone.epochs, together.epochs, strict=True):
        assert other.train_loss == pytest.approx(epoch.train_loss, rel=1e-4)
        assert other.train_accuracy == pytest.approx(epoch.train_accuracy, abs=0.003)
    assert "What more workers gain" in done.stdout
    assert "speed-up" in (tmp_path / "out" / "summary.md").read_text("utf-8")
    assert "Throughput against workers" in (tmp_path / "out" / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("command", "variables", "sentence"),
    [
        ("compare.py pytorch/eager --workers 2", {"RANK": "0"}, "RANK: expected unset"),
        (
            "-m pytorch_impl --workers 2",
            {"RANK": "0", "WORLD_SIZE": "3"},
            "--workers 2: expected 3",
        ),
        ("-m pytorch_impl", {"RANK": "1", "WORLD_SIZE": "2"}, "--workers 1: expected 2"),
        ("-m tensorflow_impl", {"TF_CONFIG": "none"}, "TF_CONFIG: expected JSON"),
    ],
)
def test_what_disagrees_with_a_launcher_is_refused(command, variables, sentence, tmp_path):
    words = command.split()
    if words[0] == "compare.py":
        done = compare(*words[1:], "--dataset", "digits", cwd=tmp_path, cold=True, **variables)
    else:
        done = run_warm(*words, "--dataset", "digits", cwd=tmp_path, **variables)
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert not [*tmp_path.iterdir()]
