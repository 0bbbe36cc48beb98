"""A folder of results is read without leaving it, and nothing in it is waited for."""

import json
import os

import numpy as np
import pytest
from safetensors.numpy import save_file

from report.read import read_folder
from report.series import read_tensor
from shared.errors import UsageError
from shared.inputs import LARGEST_PREDICTIONS
from tests.support.folders import make_dataset, make_folder
from tests.support.limits import within
from tests.support.results import make_run


@pytest.fixture
def folder(tmp_path):
    """What a comparison of one run leaves."""
    make_folder(tmp_path / "results", make_dataset(), make_run("pytorch/eager"))
    return tmp_path / "results"


def rename(folder, kind, name):
    """Let results.json name another file."""
    path = folder / "results.json"
    content = json.loads(path.read_bytes())
    content["runs"][0][kind] = name
    path.write_text(json.dumps(content))


OUTSIDE = ["/etc/hostname", "/dev/zero", "../secret", "a/../../secret", "a/../b", "link", "a\0b"]


@pytest.mark.parametrize("kind", ["weights", "predictions"])
@pytest.mark.parametrize("name", OUTSIDE)
def test_names_lead_nowhere_else(folder, kind, name, tmp_path):
    (tmp_path / "secret").write_bytes(b"")
    (folder / "link").symlink_to(tmp_path / "secret")
    rename(folder, kind, name)
    with pytest.raises(UsageError) as refusal:
        read_folder(folder)
    assert str(folder / "results.json") in str(refusal.value)
    assert f"$.runs[0].{kind}" in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["other.safetensors", "below/it", "link", None])
def test_names_within_the_folder_are_fine(folder, name):
    (folder / "link").symlink_to(folder / "results.json")
    rename(folder, "weights", name)
    assert read_folder(folder).runs[0].weights == name


@pytest.mark.parametrize("kind", ["pipe", "device", "30 gigabytes", "nested"])
def test_results_that_cannot_be_ones_are_refused_at_once(folder, kind):
    path = folder / "results.json"
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "nested":
        path.write_bytes(b'{"x":' * 100_000)
    else:
        with path.open("wb") as file:
            file.truncate(30 * 10**9)
    with within(10), pytest.raises(UsageError, match=r"results\.json .*\.$"):
        read_folder(folder)


def test_tensors_are_read_from_regular_files_only(tmp_path):
    save_file({"logits": np.ones((2, 10), np.float32)}, tmp_path / "good")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "other").write_bytes(b"hello")
    (tmp_path / "header").write_bytes((2**26).to_bytes(8, "little") + b" " * 2**26)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(30 * 10**9)
    read = {
        path.name: read_tensor(str(path), "logits", (2, 10), LARGEST_PREDICTIONS)
        for path in tmp_path.iterdir()
    }
    assert read.pop("good").shape == (2, 10)
    assert all(str(tmp_path / name) in why for name, why in read.items())
    assert len(read) == 5
