"""What of a dataset a configuration leaves, and which configurations leave too little."""

from dataclasses import replace

import pytest

from comparison.verification import LEAST_UPDATES, shorten
from shared.batches import batch_sizes
from shared.config import TrainConfig
from shared.errors import UsageError
from shared.sampling import load_configured
from tests.support.commands import ROOT, run_command

# 5 batches an epoch, the last of them a partial one.
CONFIG = TrainConfig(dataset="digits", limit=150, batch_size=32, epochs=3, threads=1)


def test_a_training_without_a_single_update_is_refused():
    assert len(load_configured(replace(CONFIG, accumulate=15)).train_labels) == 150
    with pytest.raises(UsageError, match=r"^--accumulate 16: expected at most 15, .*--epochs 3"):
        load_configured(replace(CONFIG, accumulate=16))
    # Of what is left to train on, 4 batches an epoch.
    with pytest.raises(UsageError, match="at most 12"):
        load_configured(replace(CONFIG, accumulate=15, validation=0.2))


@pytest.mark.parametrize("more", [{}, {"validation": 0.8}, {"imbalance": 0.01}], ids=str)
@pytest.mark.parametrize("accumulate", [1, 5, 60, 1000])
@pytest.mark.parametrize("batch_size", [8, 64, 1437])
def test_verification_makes_updates_where_the_training_does(batch_size, accumulate, more):
    config = TrainConfig(dataset="digits", epochs=2000, batch_size=batch_size, threads=1)
    config = replace(config, accumulate=accumulate, **more)
    train_size = len(load_configured(config).train_labels)
    short = shorten(config, train_size)
    left = len(load_configured(short).train_labels)
    updates = short.epochs * len(batch_sizes(left, batch_size)) // short.accumulate
    assert updates >= LEAST_UPDATES
    assert short.accumulate == accumulate or short.accumulate > 1


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "numpy_impl", "--batch-size", "64"),
        ("compare.py", "numpy/reference", "--no-verify", "--batch-size", "32", "64"),
    ],
    ids=" ".join,
)
def test_the_command_says_so_and_leaves_nothing_behind(command, tmp_path):
    first, *words = command
    flags = ("--dataset", "digits", "--limit", "150", "--epochs", "2", "--accumulate", "8")
    script = str(ROOT / first) if first.endswith(".py") else first
    done = run_command(script, *words, *flags, "--output-dir", "out", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--accumulate 8: expected at most 6, the number of batches" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
