"""Exported networks predict what the trained one does, whoever reads the files."""

import json
import textwrap
from dataclasses import replace
from functools import partial
from itertools import product
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from rich.console import Console
from safetensors.numpy import save_file

import numpy_impl.predict
from commands import export
from commands.export import Measured, export_one, show
from commands.requests import ExportRequest
from numpy_impl.evaluate import predict
from numpy_impl.predict import restore
from shared.errors import UsageError
from shared.initial_weights import initial_weights
from shared.results import InferenceResult
from shared.trained import Exporter
from shared.weights_file import METADATA, TrainedNetwork, Training
from tests.support.commands import run_warm
from tests.support.folders import make_dataset
from tests.support.terminals import assert_fits

HIDDEN = (24, 12, 8)
FILES = {
    "pytorch": ["pytorch.pt", "pytorch.onnx", "pytorch.pt2", "pytorch-int8.pt"],
    "tensorflow": [
        *("tensorflow.keras", "tensorflow.onnx", "tensorflow.tflite", "tensorflow-int8.tflite"),
    ],
}

# Exports as the command does, then reads the native file as somebody else would.
EXPORT = """
import json, sys
from pathlib import Path
from commands.entry import main
from commands.twin import import_twin
from shared.weights_file import load_network

name, weights, folder = sys.argv[1:]
flags = ["--weights", weights, "--output-dir", folder, "--dataset", "digits"]
sys.argv[1:] = ["export", *flags]
status = main(f"{name}_impl")
from shared.datasets import load_dataset
images = load_dataset("digits", Path()).test_images
evaluate, twin = import_twin(name, "evaluate"), import_twin(name, "predict")
network = load_network(Path(weights))
_, model = twin.restore(network, "cpu")
"""
READ = {
    "pytorch": """
        import torch
        options = 0.0, True, "matched"
        said = network.training.activation, network.training.activation_parameters
        make = import_twin(name, "techniques.activations").choose_activation(*said, "matched")
        loaded = import_twin(name, "techniques.layers").build_network((24, 12, 8), make, *options)
        loaded.load_state_dict(torch.load(f"{folder}/pytorch.pt", weights_only=True))
    """,
    "tensorflow": """
        import keras
        loaded = keras.models.load_model(f"{folder}/tensorflow.keras")
    """,
}
SAME = """
same = bool((evaluate.predict(loaded, images) == evaluate.predict(model, images)).all())
print(json.dumps({"status": status, "same": same}))
"""


@pytest.fixture(scope="module")
def weights():
    """Of a deep network with batch normalization that has seen something."""
    weights = initial_weights(HIDDEN, seed=3, batch_norm=True)
    random = np.random.default_rng(3)
    for name, array in weights.items():
        if name.startswith("batch_norm"):
            array += random.uniform(0, 1, array.shape).astype(np.float32)
    return weights


# What a translator may not know: GELU is made of an operation that ONNX has not.
TRAINING = {"relu": Training(), "gelu": Training(activation="gelu")}


@pytest.fixture(scope="module", params=product(FILES, TRAINING), ids=" ".join)
def exported(request, weights, warm, tmp_path_factory):
    """Name, folder, what the command printed, what the child found out, and the network."""
    name, activation = request.param
    folder = tmp_path_factory.mktemp(name)
    said = msgspec.json.encode(TRAINING[activation]).decode()
    save_file(weights, folder / "trained.safetensors", {METADATA: said})
    script = EXPORT + textwrap.dedent(READ[name]) + SAME
    arguments = ("-c", script, name, "trained.safetensors", "out")
    done = warm(name).run(*arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    *printed, found = done.stdout.strip().splitlines()
    network = TrainedNetwork(weights, TRAINING[activation])
    return name, folder / "out", "\n".join(printed), json.loads(found), network


def test_all_formats_pass_their_own_check(exported):
    name, folder, printed, found, _ = exported
    assert found["status"] == 0
    assert {path.name for path in folder.iterdir()} == {"command.txt", *FILES[name]}
    rows = {line.split()[0]: line for line in printed.splitlines() if line.strip()}
    for file in FILES[name]:
        assert f"{(folder / file).stat().st_size:,}" in rows[file]


def test_the_native_file_gives_bit_identical_logits(exported):
    assert exported[3]["same"]


def test_int8_takes_less_room(exported):
    name, folder, *_ = exported
    full, small = ((folder / file).stat().st_size for file in FILES[name][2:])
    assert small < full / 2


@pytest.mark.parametrize("batch", [1, 7])
def test_onnx_has_the_same_ends_and_logits_as_the_oracle(exported, batch):
    onnxruntime = pytest.importorskip("onnxruntime")
    name, folder, *_, network = exported
    session = onnxruntime.InferenceSession(folder / f"{name}.onnx")
    ends = [(end.name, end.shape, end.type) for end in session.get_inputs() + session.get_outputs()]
    assert ends == [
        ("images", ["batch", 784], "tensor(float)"),
        ("logits", ["batch", 10], "tensor(float)"),
    ]
    images = np.random.default_rng(0).normal(size=(batch, 784)).astype(np.float32)
    _, oracle = restore(network, "cpu")
    (logits,) = session.run(None, {"images": images})
    np.testing.assert_allclose(logits, predict(oracle, images), atol=1e-5)


def make_measured(file="a.onnx", error=0.0):
    """Logits of fifty images, the first of them off by `error` tenths of the largest."""
    logits = 10 * np.eye(10, dtype=np.float32)[np.arange(50) % 10]
    logits[0, 1] += error
    return Measured(file, 1234, logits, InferenceResult(1, 1e-3, 2e-3))


@pytest.mark.parametrize(("error", "status"), [(5e-5, 0), (5e-4, 1), (np.nan, 1)])
def test_a_file_that_predicts_otherwise_is_reported(error, status, capsys):
    files = {"onnx": make_measured(error=error)}
    assert show(make_measured("trained.safetensors"), files, make_dataset()) == status
    printed = capsys.readouterr().out
    assert ("do not use a.onnx" in printed) == bool(status)
    assert " 1.000 " in printed and " 2.000 " in printed


@pytest.mark.parametrize("width", [60, 80, 100])
def test_the_table_fits_a_terminal_and_cuts_nothing(width, capsys, monkeypatch):
    monkeypatch.setattr(export, "make_console", lambda: Console(width=width))
    original = replace(make_measured("pytorch-eager.safetensors"), size=438_128)
    show(original, {"int8": make_measured("tensorflow-int8.tflite")}, make_dataset())
    table, _, _ = capsys.readouterr().out.partition("scikit-learn")
    assert_fits(table, width)
    assert "…" not in table
    whole = {"438,128", "1.000", "100.00", "0.0e+00", "accuracy", "changed", "largest"}
    assert whole <= {*table.split()}
    body = [line.split()[0] for line in table.splitlines()[4:] if line.strip()]
    assert "".join(body) == "pytorch-eager.safetensorstensorflow-int8.tflite"


def test_changed_predictions_and_accuracy_are_counted(capsys):
    dataset = make_dataset()
    changed = make_measured("a.pt", error=11.0)
    show(make_measured("trained.safetensors"), {"int8": changed}, dataset)
    printed = capsys.readouterr().out
    assert "100.00 %" in printed and "98.00 %" in printed and "2.00 %" in printed


def test_a_missing_package_is_one_sentence_and_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")

    def write(model, path):
        path.write_text("begun")
        raise ModuleNotFoundError("No module named 'onnxruntime'", name="onnxruntime")

    with pytest.raises(UsageError, match=r"--format onnx .*onnxruntime.*\[export\]"):
        export_one("onnx", Exporter("a.onnx", write), None, make_dataset(), tmp_path)
    assert not list(tmp_path.iterdir())


def write_some(model, path):
    path.write_text("whole")
    return partial(predict, model)


def cannot(model, path):
    path.write_text("begun")
    raise RuntimeError("no such operator: Erf\n  in a graph of many lines")


@pytest.fixture
def exporting(tmp_path, weights, monkeypatch):
    """A function that exports with made-up exporters, and returns the exit status."""
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    save_file(weights, tmp_path / "trained.safetensors", {METADATA: "{}"})
    request = ExportRequest(
        weights=tmp_path / "trained.safetensors",
        dataset="digits",
        output_dir=tmp_path / "out",
        format=("native", "onnx", "program"),
    )

    def run(**writers):
        exporters = {kind: Exporter(f"a.{kind}", write) for kind, write in writers.items()}
        twins = {"export": SimpleNamespace(EXPORTERS=exporters), "predict": numpy_impl.predict}
        monkeypatch.setattr(export, "import_twin", lambda _, part: twins[part])
        return export.export("numpy", request)

    return run


def test_a_format_that_fails_costs_no_other(exporting, tmp_path, capsys):
    assert exporting(native=write_some, onnx=cannot, program=write_some) == 1
    kept = {path.name for path in (tmp_path / "out").iterdir()}
    assert kept == {"command.txt", "a.native", "a.program"}
    printed = capsys.readouterr()
    assert "a.native, a.program" in printed.out and "a.onnx" not in printed.out
    assert printed.err == (
        "--format onnx: a.onnx cannot be made (RuntimeError: no such operator: Erf); name other "
        "formats.\n"
    )


def test_a_file_that_cannot_be_written_costs_no_other(exporting, tmp_path, capsys, monkeypatch):
    write = export.write_atomically

    def fail(path, content):
        if path.name == "a.native":
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(export, "write_atomically", fail)
    assert exporting(native=write_some, onnx=write_some, program=write_some) == 1
    words = "cannot be written (No space left on device); choose another --output-dir."
    assert capsys.readouterr().err.endswith(f"{tmp_path}/out/a.native {words}\n")


def test_an_interrupt_costs_no_file_that_is_whole(exporting, tmp_path):
    def interrupt(model, path):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exporting(native=write_some, onnx=interrupt, program=write_some)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"command.txt", "a.native"}


def test_where_all_fail_no_folder_is_left(exporting, tmp_path):
    with pytest.raises(UsageError, match=r"--format native: .* --format program: .*\."):
        exporting(native=cannot, onnx=cannot, program=cannot)
    assert not (tmp_path / "out").exists()


BAD = {
    "no such file": (["--weights", "none.safetensors"], "none.safetensors"),
    "no formats": (["--weights", "none.safetensors", "--format"], "--format"),
    "unknown format": (["--weights", "none.safetensors", "--format", "gguf"], "gguf"),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("flags", "names"), BAD.values(), ids=BAD)
def test_bad_requests_are_refused(name, flags, names, tmp_path):
    words = ("-m", f"{name}_impl", "export", "--output-dir", "out", *flags)
    done = run_warm(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert names in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_logits_that_are_all_zero_do_not_differ(capsys):
    dataset = make_dataset()
    logits = np.zeros((len(dataset.test_labels), 10), np.float32)
    same = Measured("file", 100, logits, InferenceResult(1, 0.001, 0.002))
    assert show(same, {"native": same}, dataset) == 0
    assert "nan" not in capsys.readouterr().out
