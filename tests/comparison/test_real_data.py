"""The real datasets reach the accuracies that this project promises."""

import pytest

from shared.registry import DEFAULT_RUNS
from shared.results_file import load_results
from tests.support.commands import compare, real_data_dir

pytestmark = pytest.mark.skipif(
    real_data_dir() is None, reason="DATA_DIR names no folder with the real datasets"
)

# After so many epochs at least this.
PROMISED = {"mnist": ("2", 0.96), "fashion-mnist": ("5", 0.86)}


@pytest.mark.parametrize(
    ("dataset", "epochs", "accuracy"), [(name, *each) for name, each in PROMISED.items()]
)
def test_both_frameworks_learn(dataset, epochs, accuracy, tmp_path):
    done = compare(
        *DEFAULT_RUNS,
        *("--dataset", dataset, "--epochs", epochs, "--offline", "--no-verify"),
        *("--output-dir", "out"),
        cwd=tmp_path,
        DATA_DIR=str(real_data_dir()),
    )
    assert done.returncode == 0, done.stderr
    for run in load_results(tmp_path / "out" / "results.json").runs:
        assert run.status == "completed"
        assert run.test_accuracy >= accuracy
        assert run.parameters == 109386
