"""Both frameworks' own objects tell the same network."""

import pytest

from shared.config import TrainConfig
from tests.support.commands import run_warm
from tests.support.sentences import assert_one_sentence

NAMES = ("pytorch", "tensorflow")


@pytest.fixture(scope="module")
def printed(warm, tmp_path_factory):
    """What each framework's command prints for a network with layers of all kinds."""
    folder = tmp_path_factory.mktemp("summary")
    flags = ("--hidden", "32", "16", "8", "--batch-norm", "--dropout", "0.1")
    done = [warm(each).run("-m", f"{each}_impl", "summary", *flags, cwd=folder) for each in NAMES]
    assert [each.returncode for each in done] == [0, 0], done[0].stderr + done[1].stderr
    assert not done[0].stderr + done[1].stderr
    return [each.stdout for each in done]


def test_the_frameworks_print_identical_text(printed):
    pytorch, tensorflow = printed
    assert pytorch == tensorflow


def test_layers_and_total_are_those_of_the_network(printed):
    rows = [line.split() for line in printed[0].splitlines() if line.strip()]
    assert ["dense_1", "[batch,", "32]", "25,088"] in rows
    assert ["batch_norm_2", "[batch,", "16]", "32"] in rows
    assert ["dropout_3", "[batch,", "8]", "0"] in rows
    assert ["relu_2", "[batch,", "16]", "0"] in rows
    parameters = TrainConfig(hidden=(32, 16, 8), batch_norm=True).parameters()
    assert rows[-1] == ["total", f"{parameters:,}"]


@pytest.mark.parametrize("activation", ["leaky-relu", "gelu"])
def test_an_activation_has_the_same_name_in_both(activation, warm, tmp_path):
    flags = ("--activation", activation)
    done = [warm(each).run("-m", f"{each}_impl", "summary", *flags, cwd=tmp_path) for each in NAMES]
    assert [each.returncode for each in done] == [0, 0], done[0].stderr + done[1].stderr
    assert done[0].stdout == done[1].stdout
    rows = [line.split()[0] for line in done[0].stdout.splitlines() if line.strip()]
    name = activation.replace("-", "_")
    assert [row for row in rows if name in row] == [f"{name}_1", f"{name}_2"]


@pytest.mark.parametrize("name", NAMES)
def test_the_graph_can_be_read_back(name, warm, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    flags = ("--hidden", "32", "16", "8", "--output-dir", "log")
    done = warm(name).run("-m", f"{name}_impl", "summary", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    # As of a second framework that is imported beside the first.
    assert not done.stderr
    graph = EventAccumulator(str(tmp_path / "log")).Reload().Graph()
    products = [node for node in graph.node if node.op in ("MatMul", "aten::linear")]
    assert len(products) == 4
    done = warm(name).run("-m", f"{name}_impl", "summary", *flags, cwd=tmp_path)
    assert_one_sentence(done, "--output-dir log", tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_size_of_zero_is_refused(name, tmp_path):
    done = run_warm("-m", f"{name}_impl", "summary", "--hidden", "0", "64", cwd=tmp_path)
    assert_one_sentence(done, "--hidden 0 64", tmp_path)
