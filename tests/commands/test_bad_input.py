"""Bad input gets one clear sentence and exit status 2, and leaves nothing behind."""

import gzip

import pytest

from tests.support.commands import ROOT, compare, run_command, run_warm
from tests.support.sentences import assert_one_sentence

BAD_FLAGS = {
    "unknown dataset": (["--dataset", "nope"], "nope"),
    "no epochs": (["--epochs", "0"], "--epochs 0"),
    "epochs in words": (["--epochs", "five"], "five"),
    "negative batch": (["--batch-size", "-1"], "--batch-size -1"),
    "learning rate nan": (["--learning-rate", "nan"], "--learning-rate nan"),
    "learning rate zero": (["--learning-rate", "0"], "--learning-rate 0"),
    "hidden without sizes": (["--hidden"], "--hidden"),
    "unknown preset": (["--preset", "resnet"], "resnet"),
    "dropout of all": (["--dropout", "1"], "--dropout 1"),
    "momentum of Adam": (["--momentum", "0.9"], "--momentum 0.9"),
    "patience without validation": (["--patience", "2"], "--patience 2"),
    "validation of nearly nothing": (["--dataset", "digits", "--validation", "0.001"], "0.001"),
    "normalization of one image": (
        ["--dataset", "digits", "--batch-norm", "--batch-size", "1"],
        "--batch-size 1",
    ),
    "hidden of size zero": (["--hidden", "64", "0"], "--hidden 64 0"),
    "a network beyond all memory": (
        ["--dataset", "digits", "--hidden", "2000000000"],
        "--hidden 2000000000",
    ),
    "hidden layers that multiply": (
        ["--dataset", "digits", "--hidden", "9000000", "9000000"],
        "--hidden 9000000 9000000",
    ),
    "negative seed": (["--seed", "-1"], "--seed -1"),
    "limit zero": (["--limit", "0"], "--limit 0"),
    "limit beyond the dataset": (["--dataset", "digits", "--limit", "9999"], "9999"),
    "no threads": (["--threads", "0"], "--threads 0"),
    "unknown device": (["--device", "tpu"], "tpu"),
    "unknown alignment": (["--alignment", "perfect"], "perfect"),
    "unknown float type": (["--float-type", "float16"], "float16"),
    "unknown flag": (["--optimiser", "sgd"], "--optimiser"),
    "data folder that can't be": (["--data-dir", "/proc", "--dataset", "mnist"], "/proc"),
}


@pytest.mark.parametrize(("flags", "names"), BAD_FLAGS.values(), ids=BAD_FLAGS)
def test_compare_refuses(flags, names, tmp_path):
    assert_one_sentence(compare("--offline", *flags, cwd=tmp_path), names, tmp_path)


@pytest.mark.parametrize("package", ["pytorch_impl", "tensorflow_impl", "numpy_impl"])
@pytest.mark.parametrize(
    "case",
    ["unknown dataset", "no epochs", "data folder that can't be", "a network beyond all memory"],
)
def test_one_implementation_refuses(package, case, tmp_path):
    flags, names = BAD_FLAGS[case]
    done = run_warm("-m", package, "--offline", *flags, cwd=tmp_path)
    assert_one_sentence(done, names, tmp_path)


COMPARE_ONLY = {
    "seeds beyond the last": (["--seed", "4294967295", "--repeats", "2"], "--repeats 2"),
    "attribution of runs": (["--attribute", "pytorch/eager"], "RUN"),
    "attribution with techniques": (["--attribute", "--clip-norm", "1"], "--clip-norm 1"),
    "attribution on a GPU": (["--attribute", "--device", "cuda"], "--device"),
    "verification, timed": (["--verify-only", "--floor"], "--floor"),
    "verification, repeated": (["--verify-only", "--repeats", "1"], "--repeats"),
    "verification, kept": (["--verify-only", "--output-dir", "out"], "--output-dir"),
    "unknown variant": (["tensorflow/nope"], "tensorflow/nope"),
    "unknown implementation": (["jax/eager"], "jax/eager"),
    "no repeats": (["--repeats", "0"], "--repeats 0"),
    "no precision": (["--ratio-precision", "0"], "--ratio-precision 0: expected a percentage"),
    "precision that is no number": (["--ratio-precision", "fine"], "--ratio-precision"),
    "precision of few repeats": (["--ratio-precision", "2", "--repeats", "5"], "--repeats 5"),
    "precision of one run": (
        ["numpy/reference", "--ratio-precision", "2"],
        "expected at least two runs",
    ),
    "precision of defaults": (["--attribute", "--ratio-precision", "2"], "--ratio-precision"),
    "verification, precise": (["--verify-only", "--ratio-precision", "2"], "--ratio-precision"),
    "interpreter without name": (["--python", "/bin/sh"], "/bin/sh"),
    "interpreter that is not there": (["--python", "tensorflow=/none/python"], "/none/python"),
    "interpreter of a stranger": (["--python", "jax=/bin/sh"], "jax=/bin/sh"),
}


@pytest.mark.parametrize(("flags", "names"), COMPARE_ONLY.values(), ids=COMPARE_ONLY)
def test_compare_refuses_what_only_it_takes(flags, names, tmp_path):
    assert_one_sentence(compare("--dataset", "digits", *flags, cwd=tmp_path), names, tmp_path)


def test_output_folder_that_is_a_file(tmp_path):
    (tmp_path / "taken").write_text("mine")
    done = compare("--dataset", "digits", "--output-dir", "taken", cwd=tmp_path)
    assert_one_sentence(done, "taken", tmp_path)
    assert (tmp_path / "taken").read_text() == "mine"


def test_output_folder_that_holds_something(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "results.json").write_text("{}")
    done = compare("--dataset", "digits", "--output-dir", "old", cwd=tmp_path)
    assert_one_sentence(done, "old", tmp_path)
    assert (tmp_path / "old" / "results.json").read_text() == "{}"


@pytest.mark.parametrize("flags", [[], ["--dataset", "mnist"]])
def test_truncated_file_in_the_data_folder(flags, tmp_path):
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    damaged = gzip.compress(b"\0\0\x08\x03")[:-5]
    (folder / "train-images-idx3-ubyte.gz").write_bytes(damaged)
    done = compare(*flags, cwd=tmp_path)
    assert_one_sentence(done, "train-images-idx3-ubyte.gz", tmp_path)
    assert (folder / "train-images-idx3-ubyte.gz").read_bytes() == damaged


def test_device_that_is_not_there(tmp_path):
    done = run_warm("-m", "numpy_impl", "--dataset", "digits", "--device", "cuda", cwd=tmp_path)
    assert_one_sentence(done, "--device cuda", tmp_path)
    done = compare(
        *("numpy/reference", "--dataset", "digits", "--device", "cuda", "--no-verify"), cwd=tmp_path
    )
    assert done.returncode == 2
    assert "--device cuda" in done.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("command", [["-m", "pytorch_impl"], [str(ROOT / "compare.py")]])
def test_without_the_libraries_one_sentence_says_how_to_install_them(command, tmp_path):
    done = run_command("-S", *command, cwd=tmp_path)
    assert_one_sentence(done, "pip install", tmp_path)
    assert "tyro" in done.stderr


def test_help_and_bad_flags_of_the_commands_import_no_framework(tmp_path):
    script = """
import sys
from commands.entry import COMMANDS, main

for command in ([], *([name] for name in COMMANDS)):
    sys.argv[1:] = [*command, "--help"]
    try:
        main("pytorch_impl")
    except SystemExit as stop:
        assert not stop.code
    sys.argv[1:] = [*command, "--device", "tpu"]
    assert main("tensorflow_impl") == 2
found = {"torch", "tensorflow", "keras", "numpy"} & set(sys.modules)
assert not found, found
"""
    done = run_command("-c", script, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == 7


def test_a_command_that_only_others_have_is_refused(tmp_path):
    done = run_warm("-m", "numpy_impl", "export", "--weights", "x", cwd=tmp_path)
    assert_one_sentence(done, "export: the NumPy implementation has no such command", tmp_path)
    assert done.stderr.endswith("expected one of train, evaluate, predict.\n")


def test_a_profile_of_numpy_is_refused(tmp_path):
    done = run_warm("-m", "numpy_impl", "--profile", "--dataset", "digits", cwd=tmp_path)
    assert_one_sentence(done, "--profile", tmp_path)
