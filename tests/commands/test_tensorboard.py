"""What TensorBoard is given reads back as what the comparison measured."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file

from commands.tensorboard import SCALARS, Request, log_names, main, write_logs
from shared.errors import UsageError
from shared.results_file import load_results
from tests.support.commands import run_command
from tests.support.folders import make_dataset, make_folder
from tests.support.results import make_run
from tests.support.sentences import assert_one_sentence

pytest.importorskip("tensorboard")


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """A folder of results with two runs, of which one has more to tell, and its logs."""
    folder = tmp_path_factory.mktemp("results")
    runs = [make_run("pytorch/eager", 0, 0.5), make_run("tensorflow/fit", 0, 1.0)]
    more = {"validation_loss": 0.25, "validation_accuracy": 0.75, "learning_rate": 0.125}
    runs[1].epochs = [replace(epoch, **more) for epoch in runs[1].epochs]
    make_folder(folder, make_dataset(), *runs)
    logs, left_out = write_logs(Request(folder))
    assert not left_out
    return folder, logs


def read_events(path):
    """Every event of a file whose checksums are right."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.tensorflow_stub import errors
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New

    reader, events = PyRecordReader_New(str(path)), []
    while True:
        try:
            reader.GetNext()
        except errors.OutOfRangeError:
            return events
        events.append(Event.FromString(reader.record()))


def read_log(logs, name):
    """(tag, step, array) of each summary of a run, hyper-parameters left out."""
    from tensorboard.util.tensor_util import make_ndarray

    (path,) = (logs / name).iterdir()
    first, *events = read_events(path)
    assert first.file_version == "brain.Event:2"
    assert events == sorted(events, key=lambda event: event.wall_time)
    values = [(event, value) for event in events for value in event.summary.value]
    return [
        (value.tag, event.step, make_ndarray(value.tensor))
        for event, value in values
        if not value.tag.startswith("_hparams_")
    ]


@pytest.mark.parametrize("number", [0, 1])
def test_the_scalars_of_every_epoch_read_back_equal(number, logged):
    folder, logs = logged
    run = load_results(folder / "results.json").runs[number]
    read = {
        (tag, step): float(array)
        for tag, step, array in read_log(logs, log_names([run])[0])
        if tag in SCALARS
    }
    expected = {
        (tag, epoch.epoch): np.float32(getattr(epoch, field))
        for epoch in run.epochs
        for tag, field in SCALARS.items()
        if getattr(epoch, field) is not None
    }
    assert read == expected
    assert len(read) == len(run.epochs) * (6 + 3 * number)


def test_histograms_count_every_weight_at_the_last_epoch(logged):
    folder, logs = logged
    run = load_results(folder / "results.json").runs[0]
    read = {tag: (step, array) for tag, step, array in read_log(logs, "pytorch-eager")}
    for name, weights in load_file(folder / run.weights).items():
        step, buckets = read[name]
        assert step == run.epochs[-1].epoch
        assert buckets[:, 2].sum() == weights.size
        np.testing.assert_allclose(
            (buckets[0, 0], buckets[-1, 1]), (weights.min(), weights.max()), rtol=1e-6
        )


def test_hyper_parameters_and_command_are_told(logged):
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    folder, logs = logged
    result = load_results(folder / "results.json")
    (path,) = (logs / "tensorflow-fit").iterdir()
    values = [value for event in read_events(path) for value in event.summary.value]
    (content,) = [v.metadata.plugin_data.content for v in values if v.tag.startswith("_hparams_")]
    session = HParamsPluginData.FromString(content).session_start_info
    assert session.hparams["run"].string_value == "tensorflow/fit"
    assert session.hparams["batch_size"].number_value == result.config.batch_size
    assert not {"data_dir", "offline"} & set(session.hparams)
    (text,) = [array for tag, _, array in read_log(logs, "tensorflow-fit") if tag == "run"]
    assert result.command in text.item().decode()


def test_runs_have_folders_of_their_own():
    runs = [
        make_run(name, seed, 1.0) for name in ("numpy/reference", "x/../y#2") for seed in (0, 1)
    ]
    assert log_names(runs) == [
        *("numpy-reference-seed-0", "numpy-reference-seed-1", "x-y-2-seed-0", "x-y-2-seed-1"),
    ]
    runs = [replace(runs[0], batch_size=size) for size in (16, 64)]
    assert log_names(runs) == ["numpy-reference-batch-16", "numpy-reference-batch-64"]


@pytest.fixture
def results(tmp_path):
    """A folder of results of one run."""
    make_folder(tmp_path / "results-1", make_dataset(), make_run("pytorch/eager", 0, 0.5))
    return tmp_path / "results-1"


def test_a_second_time_the_folder_is_named_and_no_flag_that_was_not_given(logged):
    folder, logs = logged
    with pytest.raises(UsageError, match=r"^\S+/tensorboard already holds logs; ") as refused:
        write_logs(Request(folder))
    assert str(refused.value).startswith(str(logs))


def test_the_command_imports_no_framework_and_says_what_it_leaves_out(results):
    (results / "pytorch-eager-0.safetensors").write_bytes(b"damaged")
    script = """
import json, sys
from commands.tensorboard import main
sys.argv[1:] = ["results-1"]
status = main()
frameworks = {"torch", "tensorflow", "keras"}
print(json.dumps([status, sorted(frameworks & set(sys.modules))]))
"""
    done = run_command("-c", script, cwd=results.parent)
    assert json.loads(done.stdout.splitlines()[-1]) == [0, []]
    assert "tensorboard --logdir results-1/tensorboard" in done.stdout.splitlines()[0]
    assert done.stderr.splitlines() == [
        "python -m commands.tensorboard: pytorch-eager has no histograms: "
        "pytorch-eager-0.safetensors cannot be read (a header of 28,258,992,361,660,772 bytes)."
    ]


BAD = {
    "no folder": ([], "FOLDER"),
    "a folder without results": (["none"], "none/results.json"),
    "a folder that is taken": (["results-1", "--output-dir", "results-1"], "--output-dir"),
}


@pytest.mark.parametrize(("words", "names"), BAD.values(), ids=BAD)
def test_bad_requests_are_refused(words, names, warm, results):
    before = sorted(results.parent.rglob("*"))
    done = warm("numpy").run("-m", "commands.tensorboard", *words, cwd=results.parent)
    assert_one_sentence(done, names, results.parent)
    assert sorted(results.parent.rglob("*")) == before


def test_without_the_package_one_sentence_says_how_to_install_it(results, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["tensorboard", str(results)])
    assert main() == 2
    assert "pip install '.[export]'" in capsys.readouterr().err
    assert not (results / "tensorboard").exists()
