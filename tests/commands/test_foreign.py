"""Weights of other programs mean here what they mean there, and nothing in them is ever run.

The files are written by plain programs of each framework that import nothing of this project, and
predictions are compared with the framework's own.
"""

import os
import subprocess
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from commands.foreign import weights as foreign
from commands.foreign.child import Unreadable
from commands.foreign.mapping import to_weights
from commands.foreign.weights import open_network
from numpy_impl.predict import restore
from shared.errors import UsageError
from tests.support.commands import run_command, run_warm
from tests.support.limits import within

TORCH = """
import os
import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

torch.manual_seed(0)
images = torch.from_numpy(np.load("images.npy"))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 20)
        self.again = nn.Linear(20, 20)
        self.end = nn.Linear(20, 10)

    def forward(self, x):
        return self.end(torch.relu(self.again(torch.relu(self.hidden(x)))))


def deep(units, activation=nn.ReLU, **options):
    layers = []
    for before, after in zip([784, *units], units):
        layers += [nn.Linear(before, after, **options), activation()]
    return nn.Sequential(*layers, nn.Linear(units[-1], 10, **options))


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def predict(name, model):
    with torch.no_grad():
        np.save(name, model(images).numpy())


plain, own, long = deep([20, 20]), Net(), deep([12] * 12)
torch.save(plain.state_dict(), "plain.pt")
torch.save(plain.state_dict(), "old.pth", _use_new_zipfile_serialization=False)
torch.save(own.state_dict(), "own.pt")
torch.save(long.state_dict(), "long.pt")
prefixed = {f"module.{name}": value for name, value in own.state_dict().items()}
training = torch.optim.Adam(own.parameters())
own(images).sum().backward()
training.step()
predict("own.npy", own)
prefixed = {f"module.{name}": value for name, value in own.state_dict().items()}
torch.save(own.state_dict(), "own.pt")
torch.save({"epoch": 3, "state_dict": prefixed, "optimizer": training.state_dict()}, "nested.ckpt")
torch.save({"mine": own.state_dict(), "optimizer": training.state_dict()}, "mine.pt")
save_file(own.state_dict(), "own.safetensors")
save_file(long.state_dict(), "long.safetensors")
predict("plain.npy", plain), predict("long.npy", long)
for name, kind in (("tanh", nn.Tanh), ("gelu", nn.GELU), ("leaky-relu", nn.LeakyReLU)):
    model = deep([30], kind, bias=False)
    torch.save(model.state_dict(), f"{name}.pt")
    predict(f"{name}.npy", model)
half = deep([20]).to(torch.bfloat16)
torch.save(half.state_dict(), "half.pt"), save_file(half.state_dict(), "half.safetensors")
save_file({"a.weight": torch.zeros(10, 784).to(torch.float8_e4m3fn)}, "eighth.safetensors")
predict("half.npy", half.float())

torch.save(plain, "whole.pt")
torch.save({"state_dict": plain.state_dict(), "extra": Malicious()}, "malicious.pt")
torch.save([1, 2], "list.pt")
torch.save({"a": own.state_dict(), "b": own.state_dict()}, "two.pt")
torch.save({"x.weight": torch.zeros(1).expand(10**6, 10**6)}, "repeated.pt")
torch.save({"x.weight": torch.eye(20).to_sparse()}, "sparse.pt")
torch.save(nn.Sequential(nn.Conv2d(1, 4, 3), nn.Linear(784, 10)).state_dict(), "conv.pt")
normed = nn.Sequential(nn.Linear(784, 9), nn.BatchNorm1d(9), nn.Linear(9, 10))
torch.save(normed.state_dict(), "normed.pt")
torch.save(deep([20])[:2].state_dict(), "short.pt")
torch.save(nn.Linear(784, 10).state_dict(), "single.pt")
torch.save({**plain.state_dict(), "0.bias": torch.zeros(3)}, "bias.pt")
torch.save({**plain.state_dict(), "0.bias": torch.zeros(20, dtype=torch.int64)}, "ints.pt")
torch.save({k: v * float("nan") for k, v in plain.state_dict().items()}, "nan.pt")
torch.jit.save(torch.jit.script(nn.Sequential(nn.Linear(784, 10))), "script.pt")
"""

KERAS = """
import os
import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(0)
images = np.load("images.npy")


def deep(units, activation="relu", last=None):
    hidden = [layers.Dense(each, activation=activation) for each in units]
    return keras.Sequential([keras.Input((784,)), *hidden, layers.Dense(10, activation=last)])


def save(name, model, kinds=("keras", "h5", "weights.h5")):
    for variable in model.trainable_variables:
        variable.assign(np.random.default_rng(len(variable.shape)).normal(0, 0.2, variable.shape))
    for kind in kinds:
        path = f"{name}.{kind}"
        (model.save_weights if kind == "weights.h5" else model.save)(path)
    np.save(f"{name}.npy", model(images).numpy())


plain, long = deep([20, 20]), deep([12] * 12)
plain.compile("adam", "mse")
plain.optimizer.build(plain.trainable_variables)
save("kplain", plain), save("klong", long)
save("ktanh", deep([30], "tanh"))
save("kgelu", deep([30], "gelu"), ("keras", "h5"))
save("kleaky", deep([30], "leaky_relu"), ("keras", "h5"))
arrays = {each.path: each.numpy() for each in plain.variables}
np.savez("arrays.npz", **arrays)

entry = keras.Input((28, 28))
x = layers.Flatten(name="c")(entry)
x = layers.Dropout(0.5)(layers.Dense(15, name="b", use_bias=False)(x))
x = layers.LeakyReLU(negative_slope=0.1)(x)
x = layers.LeakyReLU(negative_slope=0.1)(layers.Dense(15, name="a")(x))
functional = keras.Model(entry, layers.Dense(10, name="0")(x))
flat, images = images, images.reshape(-1, 28, 28)
save("kfunctional", functional, ("keras", "h5"))
images = flat
ends = deep([20], "relu", "softmax")
save("ksoftmax", ends, ("keras", "h5"))
images = 255 * flat.reshape(-1, 28, 28, 1)
first = keras.Input((28, 28, 1)), layers.Rescaling(1 / 255), layers.Flatten()
save("krescaled", keras.Sequential([*first, *deep([20]).layers]), ("keras", "h5"))
first = keras.Input((28, 28, 1)), layers.Reshape((784,)), layers.Rescaling(np.float32(1 / 255))
save("kreshaped", keras.Sequential([*first, *deep([20]).layers]), ("keras", "h5"))
images = flat


@keras.saving.register_keras_serializable()
class Own(layers.Dense):
    pass


def dangerous(x):
    os.makedirs("executed", exist_ok=True)
    return x


def refused(name, *hidden):
    model = keras.Sequential([keras.Input((784,)), *hidden, layers.Dense(10)])
    model.save(f"{name}.keras"), model.save(f"{name}.h5")


os.chdir("made")
refused("lambda", layers.Dense(20, activation="relu"), layers.Lambda(dangerous))
refused("custom", Own(20, activation="relu"))
refused("sigmoid", layers.Dense(20, activation="sigmoid"))
refused("linear", layers.Dense(20))
refused("mixed", layers.Dense(20, activation="relu"), layers.Dense(20, activation="tanh"))
refused("signed", layers.Rescaling(1 / 127.5, -1), layers.Dense(20, activation="relu"))
twice = layers.Rescaling(1 / 255), layers.Rescaling(1 / 255)
refused("twice", *twice, layers.Dense(20, activation="relu"))
refused("late", layers.Dense(20, activation="relu"), layers.Rescaling(1 / 255))
first = layers.Reshape((16, 49)), layers.Flatten("channels_first")
refused("turned", *first, layers.Dense(20, activation="relu"))
refused("parted", layers.Reshape((16, 49)), layers.Dense(20, activation="relu"), layers.Flatten())
refused("normed", layers.Dense(20, activation="relu"), layers.BatchNormalization())
refused("limited", layers.Dense(20), layers.ReLU(max_value=6))
refused("within", keras.Sequential([layers.Dense(20, activation="relu")]))
x = layers.Dense(20, activation="relu")(entry := keras.Input((784,)))
keras.Model(entry, [layers.Dense(10)(x), layers.Dense(10)(x)]).save("branched.keras")
keras.Model(entry, layers.Dense(10)(layers.Add()([x, x]))).save("added.keras")
"""


@dataclass(frozen=True)
class Request:
    weights: Path
    activation: str = "auto"
    pixels: str = "auto"


@pytest.fixture(scope="module")
def written(warm, tmp_path_factory):
    """A folder with the files of both frameworks."""
    folder = tmp_path_factory.mktemp("written")
    images = np.random.default_rng(0).normal(0, 1, (30, 784)).astype(np.float32)
    np.save(folder / "images.npy", images)
    (folder / "made").mkdir()
    for name, program in (("pytorch", TORCH), ("tensorflow", KERAS)):
        done = warm(name).run("-c", program, cwd=folder, PYTHONPATH=str(foreign.ROOT))
        assert done.returncode == 0, done.stderr
    (folder / "executed").rmdir() if (folder / "executed").exists() else None
    (folder / "made" / "executed").rmdir() if (folder / "made" / "executed").exists() else None
    arrays = dict(np.load(folder / "arrays.npz"))
    names = {name.replace("/", "."): array for name, array in arrays.items()}
    save_file(names, folder / "kplain.safetensors")
    return folder


@pytest.fixture(autouse=True)
def quick_children(warm, monkeypatch):
    """Children are forked from a process that has imported PyTorch already."""

    monkeypatch.setattr(foreign, "run_child", partial(warm("pytorch").run, cwd=foreign.ROOT))


def assert_one_sentence(said):
    assert said.endswith("that this project wrote.") or said.endswith(
        ("NAME.", "eager.safetensors.", "it there.")
    )
    assert "\n" not in said
    assert "Traceback" not in said


def assert_predicts(path, expected, activation="auto", probabilities=False):
    network = open_network(Request(path, activation))
    _, model = restore(network, "cpu")
    logits = model(np.load(path.parent / "images.npy"))
    if probabilities:
        logits = np.exp(logits - logits.max(axis=1, keepdims=True))
        logits /= logits.sum(axis=1, keepdims=True)
    theirs = np.load(path.parent / expected)
    assert np.ptp(theirs) > 0.1
    np.testing.assert_allclose(logits, theirs, atol=2e-5 * np.abs(theirs).max())


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        *(("plain.pt", "plain.npy"), ("old.pth", "plain.npy"), ("own.pt", "own.npy")),
        *(("nested.ckpt", "own.npy"), ("mine.pt", "own.npy"), ("long.pt", "long.npy")),
        *(("own.safetensors", "own.npy"), ("long.safetensors", "long.npy")),
        *(("half.pt", "half.npy"), ("half.safetensors", "half.npy")),
        *(("tanh.pt", "tanh.npy"), ("gelu.pt", "gelu.npy")),
        ("leaky-relu.pt", "leaky-relu.npy"),
    ],
)
def test_a_state_dict_predicts_as_in_pytorch(file, expected, written, capsys):
    stem = file.partition(".")[0]
    known = stem in ("tanh", "gelu", "leaky-relu")
    assert_predicts(written / file, expected, stem if known else "auto")
    said = capsys.readouterr().out
    assert f"NOTICE: {written / file}: " in said
    assert ("the activation function of the hidden layers: assuming " in said) != known
    assert "(--pixels unit chooses the other way)" in said


@pytest.mark.parametrize(
    "file",
    [
        *("kplain.keras", "kplain.h5", "kplain.weights.h5", "kplain.safetensors"),
        *("klong.keras", "klong.h5", "klong.weights.h5", "kfunctional.keras", "kfunctional.h5"),
        *("ktanh.keras", "ktanh.h5", "kgelu.keras", "kgelu.h5", "kleaky.keras", "kleaky.h5"),
        *("ksoftmax.keras", "ksoftmax.h5"),
        *("krescaled.keras", "krescaled.h5", "kreshaped.keras", "kreshaped.h5"),
    ],
)
def test_keras_files_predict_as_in_keras(file, written, capsys):
    stem = file.partition(".")[0]
    assert_predicts(written / file, f"{stem}.npy", probabilities=stem == "ksoftmax")
    said = capsys.readouterr().out
    whole = not file.endswith((".weights.h5", ".safetensors"))
    assert ("activation function" in said) != whole
    assert ("how to scale pixels" in said) == (stem not in ("krescaled", "kreshaped"))


def test_whoever_rescales_pixels_sees_them_from_0_to_1(written, capsys):
    for asked in ("auto", "unit"):
        network = open_network(Request(written / "krescaled.keras", pixels=asked))
        assert network.training.pixels == "unit"
        assert capsys.readouterr().out == ""
    with pytest.raises(
        UsageError, match=r"--pixels standardized: .* says unit; leave the flag out"
    ):
        open_network(Request(written / "krescaled.h5", pixels="standardized"))


def test_what_was_asked_for_is_no_guess(written, capsys):
    open_network(Request(written / "plain.pt", pixels="unit"))
    said = capsys.readouterr().out
    assert "activation" in said and "pixels" not in said
    open_network(Request(written / "plain.pt", "relu", "standardized"))
    assert capsys.readouterr().out == ""


def test_the_flag_is_obeyed_where_keras_says_no_activation(written, capsys):
    path = written / "ktanh.weights.h5"
    guessed = open_network(Request(path))
    said = capsys.readouterr().out
    assert "assuming ReLU (--activation" in said and "tanh" in said
    assert guessed.training.activation == "relu"
    assert_predicts(path, "ktanh.npy", "tanh")


REFUSED = {
    "whole.pt": r"nothing in it is run: save model.state_dict\(\)",
    "malicious.pt": "nothing in it is run",
    "script.pt": "holds compressed entries, as programs do",
    "list.pt": "holds a list instead of a state dict",
    "two.pt": "holds a, b instead of one state dict",
    "repeated.pt": r"holds x.weight, whose shape .* needs more numbers than it has",
    "sparse.pt": "holds x.weight, which is sparse",
    "conv.pt": r"holds 0 with weight of shape \[4, 1, 3, 3\]",
    "normed.pt": r"holds 1.running_mean of shape \[9\]",
    "short.pt": r"holds the layers 0 \[784, 20\] instead of two or more",
    "single.pt": r"holds the layers a layer without a name \[784, 10\] instead of",
    "bias.pt": r"holds 0's bias of shape \[3\] instead of \[20\]",
    "ints.pt": "holds numbers of type float32, int64",
    "nan.pt": "holds numbers in dense_1/kernel that are not finite",
    "made/lambda.keras": "a layer of the kind Lambda instead of Dense",
    "made/lambda.h5": "a layer of the kind Lambda instead of Dense",
    "made/custom.keras": "a layer that is not Keras's own",
    "made/custom.h5": "of the kind Custom>Own|not Keras's own|of the kind Own",
    "made/sigmoid.keras": "with the activation sigmoid, which is not known",
    "made/linear.h5": "do not all have one activation",
    "made/mixed.keras": "do not all have one activation",
    "made/signed.keras": r"rescaling by 0.0078\d+ and -1 instead of 1/255 and 0",
    "made/signed.h5": r"rescaling by 0.0078\d+ and -1 instead of 1/255 and 0",
    "made/twice.keras": "a rescaling of what is no longer pixels",
    "made/late.h5": "a rescaling of what is no longer pixels",
    "made/turned.keras": "flatten.*, which turns images before it makes vectors of them",
    "made/parted.keras": r"holds the layers .* \[49, 20\]",
    "made/normed.h5": "a layer of the kind BatchNormalization instead of Dense",
    "made/limited.keras": "a ReLU with a limit",
    "made/within.keras": "a layer of the kind Sequential instead of Dense",
    "made/branched.keras": "does not follow the layer before it",
    "made/added.keras": "of the kind Add instead of Dense",
}


@pytest.mark.parametrize("file", REFUSED)
def test_what_is_no_such_network_is_refused_by_name(file, written):
    with pytest.raises(UsageError, match=REFUSED[file]) as caught:
        open_network(Request(written / file))
    assert str(caught.value).startswith(f"--weights {written / file} ")
    assert_one_sentence(str(caught.value))
    assert not list(written.rglob("executed"))


def hostile(folder, written):
    """Files that lead elsewhere, say they are larger than they are, or are no files."""
    secret = folder / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["kernel"] = np.zeros((784, 10), np.float32)
    (folder / "raw").write_bytes(bytes(784 * 40))
    with h5py.File(folder / "link.h5", "w") as file:
        file["layers/dense/vars/0"] = h5py.ExternalLink("secret.h5", "/kernel")
    with h5py.File(folder / "elsewhere.h5", "w") as file:
        outside = [(str(folder / "raw"), 0, 784 * 40)]
        file.create_dataset("layers/dense/vars/0", (784, 10), "f4", external=outside)
    with h5py.File(folder / "sparse.h5", "w") as file:
        file.create_dataset("layers/dense/vars/0", (10**6, 10**6), "f4", chunks=(100, 100))
    with h5py.File(folder / "compressed.h5", "w") as file:
        file.create_dataset("layers/dense/vars/0", data=np.zeros((784, 10**5), "f4"), **ZIPPED)
    with h5py.File(folder / "circle.h5", "w") as file:
        file["layers/again"] = file["/"]
    for kind in ("keras", "pt"):
        with zipfile.ZipFile(folder / f"bomb.{kind}", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("config.json", bytes(10**8))
    (folder / "cut.keras").write_bytes((written / "kplain.keras").read_bytes()[:5000])
    for kind in ("pt", "keras", "h5"):
        (folder / f"text.{kind}").write_text("hello")
        (folder / f"empty.{kind}").touch()
        (folder / f"folder.{kind}").mkdir()
        os.mkfifo(folder / f"pipe.{kind}")
        with (folder / f"large.{kind}").open("wb") as file:
            file.truncate(30 * 10**9)
    yield from (folder / f"missing.{kind}" for kind in ("pt", "keras"))
    yield from sorted(path for path in folder.iterdir() if path.name not in ("secret.h5", "raw"))


ZIPPED = {"compression": "gzip", "chunks": (784, 1000)}


def test_no_file_is_taken_on_trust(written, tmp_path):
    tried = 0
    for path in hostile(tmp_path, written):
        with within(10), pytest.raises(UsageError) as caught:
            open_network(Request(path))
        assert str(caught.value).startswith(f"--weights {path} "), path
        assert "the process that opened it ended" not in str(caught.value), path
        assert_one_sentence(str(caught.value))
        tried += 1
    assert tried > 20


@pytest.mark.parametrize("file", ["plain.pt", "kplain.keras", "kplain.h5", "own.safetensors"])
def test_damaged_files_are_refused_or_read(file, written, tmp_path, capsys):
    whole = (written / file).read_bytes()
    random = np.random.default_rng(0)
    for _ in range(10):
        raw = bytearray(whole)
        # What surrounds the numbers is at both ends.
        for place in random.choice([*range(3000), *range(-3000, 0)], random.integers(1, 6)):
            raw[place] = random.choice([0, 1, 127, 255, random.integers(256)])
        path = tmp_path / file
        path.write_bytes(raw)
        try:
            with within(10):
                open_network(Request(path))
        except UsageError as error:
            assert_one_sentence(str(error))


def test_the_flags_say_what_the_file_does_not_and_never_otherwise(written):
    network = open_network(Request(written / "plain.pt", "leaky-relu", "unit"))
    assert network.training.activation == "leaky-relu"
    assert network.training.activation_parameters == {"negative_slope": 0.01}
    assert network.training.pixels == "unit"
    assert open_network(Request(written / "kgelu.keras", "gelu")).training.activation == "gelu"
    for request, said in (
        (Request(written / "kgelu.keras", "relu"), "--activation relu: .* says gelu"),
        (Request(written / "kleaky.h5", "tanh"), "--activation tanh: .* says leaky-relu"),
    ):
        with pytest.raises(UsageError, match=said):
            open_network(request)


def test_the_name_decides_how_a_square_layer_lies():
    random = np.random.default_rng(0)
    outer = random.normal(size=(784, 784)).astype(np.float32)
    last = random.normal(size=(784, 10)).astype(np.float32)
    torch = {"a.weight": outer.T, "b.weight": last.T}
    keras = {"a/kernel:0": outer, "b/kernel:0": last}
    for arrays in (torch, keras):
        weights = to_weights(arrays, list(arrays))
        np.testing.assert_array_equal(weights["dense_1/kernel"], outer)
        np.testing.assert_array_equal(weights["dense_2/kernel"], last)
        assert not weights["dense_1/bias"].any()


def test_numbers_that_numpy_lacks_are_named(written):
    with pytest.raises(
        UsageError, match=r"contains a tensor of the unsupported type 'F8_E4M3'"
    ) as caught:
        open_network(Request(written / "eighth.safetensors"))
    assert_one_sentence(str(caught.value))


def test_an_order_that_only_the_sizes_tell_is_found_and_a_doubtful_one_refused():
    shapes = {"hidden": (30, 20), "input": (784, 30), "output": (20, 10)}
    arrays = {f"{name}.kernel": np.ones(shape, np.float32) for name, shape in shapes.items()}
    weights = to_weights(arrays, list(arrays))
    assert [weights[f"dense_{n}/kernel"].shape[0] for n in (1, 2, 3)] == [784, 30, 20]
    arrays |= {f"z{n}.kernel": np.ones((30, 30), np.float32) for n in range(2)}
    with pytest.raises(Unreadable, match="instead of two or more that lead one by one"):
        to_weights(arrays, list(arrays))


def test_a_missing_framework_is_one_sentence(written, monkeypatch):
    monkeypatch.setattr(foreign.importlib.util, "find_spec", lambda name: None)
    for file, module in (("plain.pt", "torch"), ("kplain.keras", "h5py")):
        with pytest.raises(UsageError, match=f"needs {module}, which is not installed") as caught:
            open_network(Request(written / file))
        assert_one_sentence(str(caught.value))


def test_a_child_that_dies_is_one_sentence(written, monkeypatch):
    died = subprocess.CompletedProcess([], -11, "", "")
    monkeypatch.setattr(foreign, "run_child", lambda *_: died)
    with pytest.raises(UsageError, match=r"the process that opened it ended with -11"):
        open_network(Request(written / "plain.pt"))


# What a process says that has opened a file: which of the frameworks it has imported.
CHECK = """
import sys
from pathlib import Path
from types import SimpleNamespace
from commands.foreign.weights import open_network
open_network(SimpleNamespace(weights=Path(sys.argv[1]), activation="auto", pixels="auto"))
print([name for name in ("torch", "h5py", "keras", "tensorflow") if name in sys.modules])
"""


def test_whoever_asks_for_a_file_imports_no_framework_for_it(written):
    done = run_command("-c", CHECK, str(written / "plain.pt"), cwd=written)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr


def test_the_commands_read_them(written, tmp_path):
    command = ("-m", "numpy_impl", "evaluate", "--dataset", "digits", "--weights")
    done = run_warm(*command, str(written / "ktanh.keras"), "--output-dir", "out", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "network 784-30-10 with tanh, computed by NumPy" in done.stdout
    assert load_file(tmp_path / "out" / "ktanh.predictions.safetensors")["logits"].any()
    done = run_warm(*command, str(written / "ktanh.keras"), "--activation", "relu", cwd=tmp_path)
    assert done.returncode == 2
    assert "--activation relu: " in done.stderr


def test_a_file_that_no_child_opens_is_told_as_before(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        open_network(Request(tmp_path / "missing.safetensors"))
