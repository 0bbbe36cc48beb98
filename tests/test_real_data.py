"""The real datasets reach the accuracies that this project promises."""

import pytest

from shared.results import load_results
from tests.commands import compare, real_data_dir

pytestmark = pytest.mark.skipif(
    real_data_dir() is None, reason="DATA_DIR names no folder with the real datasets"
)

LEAST_ACCURACY = {"mnist": 0.965, "fashion-mnist": 0.86}


@pytest.mark.parametrize("dataset", LEAST_ACCURACY)
def test_both_frameworks_learn(dataset, tmp_path):
    done = compare(
        *("--dataset", dataset, "--offline", "--output-dir", "out", "--no-verify"),
        cwd=tmp_path,
        DATA_DIR=str(real_data_dir()),
    )
    assert done.returncode == 0, done.stderr
    for run in load_results(tmp_path / "out" / "results.json").runs:
        assert run.status == "completed"
        assert run.test_accuracy >= LEAST_ACCURACY[dataset]
        assert run.parameters == 109386
