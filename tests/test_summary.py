"""Both frameworks' own objects tell the same network."""

import pytest

from shared.config import TrainConfig
from tests.commands import run_command

PACKAGES = ("pytorch_impl", "tensorflow_impl")


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What each framework's command prints for another network than usual."""
    folder = tmp_path_factory.mktemp("summary")
    flags = ("--hidden", "32", "16")
    done = [run_command("-m", f"{each}.summary", *flags, cwd=folder) for each in PACKAGES]
    assert [each.returncode for each in done] == [0, 0], done[0].stderr + done[1].stderr
    assert not done[0].stderr + done[1].stderr
    return [each.stdout for each in done]


def test_the_frameworks_print_identical_text(printed):
    pytorch, tensorflow = printed
    assert pytorch == tensorflow


def test_layers_and_total_are_those_of_the_network(printed):
    rows = [line.split() for line in printed[0].splitlines() if line.strip()]
    assert ["dense_1", "[batch,", "32]", "25,120"] in rows
    assert ["relu_2", "[batch,", "16]", "0"] in rows
    assert rows[-1] == ["total", f"{TrainConfig(hidden=(32, 16)).parameters():,}"]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_size_of_zero_is_refused(package, tmp_path):
    done = run_command("-m", f"{package}.summary", "--hidden", "0", "64", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"python -m {package}.summary: --hidden 0 64")
    assert len(done.stderr.splitlines()) == 1
