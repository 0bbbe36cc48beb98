"""Datasets arrive whole or not at all, load as what they are, and fail in one clear sentence."""

import gzip
import hashlib
import io
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shared import download
from shared.dataset_records import DATASETS, SIDE, PublishedFile
from shared.datasets import decode_idx, load_dataset, prepare_dataset
from shared.download import DataError, DownloadError, describe_stand_in
from tests.support.commands import run_command
from tests.support.limits import within
from tests.support.mirror_server import MirrorServer

ROOT = Path(download.__file__).parents[1]
TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = DATASETS["mnist"].files

# What a child process runs; it is told on the command line what to use instead of the real mirrors.
CHILD = """
import json, sys
from dataclasses import replace
from shared import datasets
from pathlib import Path
from shared.dataset_records import PublishedFile
files, mirrors, data_dir = map(json.loads, sys.argv[1:])
files = {name: PublishedFile(*known) for name, known in files.items()}
datasets.DATASETS["mnist"] = replace(datasets.DATASETS["mnist"], files=files, mirrors=mirrors)
datasets.prepare_dataset("mnist", data_dir)
"""


def encode_idx(array: np.ndarray) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return gzip.compress(header + array.tobytes(), mtime=0)


def make_files(train_size: int = 20, test_size: int = 10) -> dict[str, bytes]:
    """Four small files of noise, which gzip cannot shrink: about 16 kB of training images."""
    draw = np.random.default_rng(0).integers
    return {
        TRAIN_IMAGES: encode_idx(draw(0, 256, (train_size, 28, 28), np.uint8)),
        TRAIN_LABELS: encode_idx(np.arange(train_size, dtype=np.uint8) % 10),
        TEST_IMAGES: encode_idx(draw(0, 256, (test_size, 28, 28), np.uint8)),
        TEST_LABELS: encode_idx(np.arange(test_size, dtype=np.uint8) % 10),
    }


def sums_of(files: dict[str, bytes]) -> dict[str, PublishedFile]:
    """Size and SHA-256 of each file, zipped and unzipped."""
    return {
        file: PublishedFile(
            *(len(raw), hashlib.sha256(raw).hexdigest()),
            *(len(content := gzip.decompress(raw)), hashlib.sha256(content).hexdigest()),
        )
        for file, raw in files.items()
    }


def publish(monkeypatch, files: dict[str, bytes], name: str = "mnist") -> None:
    """Make these files the ones that the module expects."""
    monkeypatch.setitem(DATASETS, name, replace(DATASETS[name], files=sums_of(files)))


def use_mirrors(monkeypatch, *mirrors: str) -> None:
    """Make these the mirrors of MNIST."""
    monkeypatch.setitem(DATASETS, "mnist", replace(DATASETS["mnist"], mirrors=mirrors))


def place(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for file, raw in files.items():
        (folder / file).write_bytes(raw)


def visible(folder: Path) -> dict[str, bytes]:
    """All that is below a folder, except the lock file, which filelock leaves in place."""
    paths = [path for path in folder.rglob("*") if path.name != ".lock"]
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in paths
    }


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    paths = [folder, *folder.rglob("*")]
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in paths}


def unused_url() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/closed/"


def assert_one_sentence(error: BaseException) -> None:
    message = str(error)
    assert message.endswith(".")
    assert "\n" not in message
    assert "Error(" not in message
    assert "object at 0x" not in message


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def files(monkeypatch):
    files = make_files()
    publish(monkeypatch, files)
    return files


@pytest.fixture
def server(files, monkeypatch):
    with MirrorServer(files) as server:
        use_mirrors(monkeypatch, server.url("good"))
        yield server


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def start_child(data_dir: Path) -> subprocess.Popen:
    mnist = DATASETS["mnist"]
    arguments = map(json.dumps, (mnist.files, mnist.mirrors, str(data_dir)))
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background may have told them to ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


# Downloading


def test_downloads_each_file_once(server, files, tmp_path):
    assert prepare_dataset("mnist", tmp_path) == ("mnist", None)
    assert visible(tmp_path / "mnist") == files
    assert server.requests == {f"/good/{file}": 1 for file in files}
    prepare_dataset("mnist", tmp_path)
    assert server.requests.total() == 4


def test_downloaded_files_can_be_read_by_others(server, tmp_path):
    prepare_dataset("mnist", tmp_path)
    assert all(path.stat().st_mode & 0o044 for path in (tmp_path / "mnist").glob("*.gz"))


def test_downloads_only_what_is_missing(server, files, tmp_path):
    place(tmp_path / "mnist", {TRAIN_IMAGES: files[TRAIN_IMAGES]})
    before = snapshot(tmp_path / "mnist" / TRAIN_IMAGES)
    prepare_dataset("mnist", tmp_path)
    assert snapshot(tmp_path / "mnist" / TRAIN_IMAGES) == before
    assert visible(tmp_path / "mnist") == files
    assert f"/good/{TRAIN_IMAGES}" not in server.requests


@pytest.mark.parametrize("behaviour", ["without_length", "labelled_gzip"])
def test_harmless_oddities_of_a_mirror_are_accepted(
    behaviour, server, files, tmp_path, monkeypatch
):
    use_mirrors(monkeypatch, server.url(behaviour))
    prepare_dataset("mnist", tmp_path)
    assert visible(tmp_path / "mnist") == files


FAILURES = {
    "refused": "refused the connection",
    "403": "answered 403 Forbidden",
    "404": "answered 404 Not Found",
    "503": "answered 503 Service Unavailable",
    "silent": "timed out",
    "stall": "timed out",
    "drip": "sent fewer than",
    "endless": "sent more than the expected",
    "truncated": "broke off the connection",
    "truncated_without_length": "sent 7859 bytes instead of 15719",
    "wrong": "sent wrong bytes (the checksum differs)",
    "page": "sent 75 bytes instead of 15719",
    "redirect": "redirected too often",
    "nonsense": "gave no usable answer",
    "tls": "offered no secure connection",
}


@pytest.fixture
def bad_mirror(request, server, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", (0.3, 0.3))
    monkeypatch.setattr(download, "PATIENCE", 0.3)
    behaviour = request.param
    if behaviour == "refused":
        return unused_url()
    if behaviour == "tls":  # asked of a server that does not speak it
        return server.url("tls").replace("http:", "https:")
    return server.url(behaviour)


@pytest.mark.parametrize("bad_mirror", FAILURES, indirect=True)
def test_any_failure_moves_on_to_the_next_mirror(bad_mirror, server, files, tmp_path, monkeypatch):
    use_mirrors(monkeypatch, bad_mirror, server.url("good"))
    prepare_dataset("mnist", tmp_path)
    assert visible(tmp_path / "mnist") == files
    # The bad mirror is not asked again for every file.
    assert {path for path in server.requests if "/good/" not in path} <= {
        f"/{bad_mirror.split('/')[-2]}/{TRAIN_IMAGES}"
    }


@pytest.mark.parametrize(
    ("bad_mirror", "cause"), FAILURES.items(), indirect=["bad_mirror"], ids=FAILURES
)
def test_when_all_mirrors_fail_each_is_named_with_its_cause(
    bad_mirror, cause, server, files, tmp_path, monkeypatch
):
    other = server.url("404")
    use_mirrors(monkeypatch, other, bad_mirror)
    place(tmp_path / "mnist", {TEST_LABELS: files[TEST_LABELS]})
    with pytest.raises(DownloadError) as caught:
        prepare_dataset("mnist", tmp_path)
    message = str(caught.value)
    assert f"{other} answered 404 Not Found" in message
    assert f"{bad_mirror} {cause}" in message
    assert f"place {TRAIN_IMAGES}, {TRAIN_LABELS}, {TEST_IMAGES} in {tmp_path / 'mnist'}" in message
    assert_one_sentence(caught.value)
    assert visible(tmp_path / "mnist") == {TEST_LABELS: files[TEST_LABELS]}


def test_a_mirror_that_is_slow_but_steady_is_accepted(server, files, tmp_path, monkeypatch):
    place(tmp_path / "mnist", {file: files[file] for file in files if file != TRAIN_IMAGES})
    use_mirrors(monkeypatch, server.url("slow"))
    monkeypatch.setattr(download, "PATIENCE", 0.08)
    monkeypatch.setattr(download, "LEAST", 1000)
    prepare_dataset("mnist", tmp_path)
    assert visible(tmp_path / "mnist") == files


def test_without_a_network_no_mirror_can_be_found(server, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(DownloadError, match="/good/ could not be found"):
        prepare_dataset("mnist", tmp_path)


def test_a_failing_proxy_is_named(server, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("http_proxy", unused_url())
    with pytest.raises(DownloadError, match="/good/ could not be reached through the proxy"):
        prepare_dataset("mnist", tmp_path)


def test_without_a_terminal_there_is_one_line_per_file(server, files, tmp_path, capfd):
    prepare_dataset("mnist", tmp_path)
    out, err = capfd.readouterr()
    assert out == ""
    assert [line.split()[1] for line in err.splitlines()] == [f"mnist/{file}" for file in files]


def test_a_terminal_shows_rate_and_remaining_time(server, tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    use_mirrors(monkeypatch, server.url("slow"))
    prepare_dataset("mnist", tmp_path)
    shown = terminal.getvalue()
    assert f"mnist/{TRAIN_IMAGES}" in shown
    assert "B/s" in shown
    assert "0 s left" in shown


# Interruptions and company


@pytest.mark.parametrize("interruption", [signal.SIGINT, signal.SIGKILL], ids=["SIGINT", "SIGKILL"])
def test_an_interrupted_download_leaves_nothing_in_the_way(
    interruption, server, files, tmp_path, monkeypatch
):
    good = DATASETS["mnist"].mirrors
    folder = tmp_path / "mnist"
    place(folder, {TRAIN_LABELS: files[TRAIN_LABELS]})
    use_mirrors(monkeypatch, server.url("stall"))
    child = start_child(tmp_path)
    try:
        assert server.half_sent.wait(30)
        deadline = time.monotonic() + 10
        while not any(path.stat().st_size for path in folder.glob(".partial/*")):
            assert time.monotonic() < deadline, "nothing was written before the interruption"
            time.sleep(0.01)
    finally:
        child.send_signal(interruption)
        _, err = child.communicate(timeout=20)
    assert child.returncode != 0
    assert [path.name for path in folder.glob("*") if not path.name.startswith(".")] == [
        TRAIN_LABELS
    ]
    if interruption == signal.SIGINT:
        assert err.endswith("interrupted before anything was done.\n")
        assert visible(folder) == {TRAIN_LABELS: files[TRAIN_LABELS]}

    use_mirrors(monkeypatch, *good)
    prepare_dataset("mnist", tmp_path)
    assert visible(folder) == files


def test_eight_processes_share_one_download(server, files, tmp_path, monkeypatch):
    use_mirrors(monkeypatch, server.url("slow"))
    children = [start_child(tmp_path) for _ in range(8)]
    errors = [child.communicate(timeout=60)[1] for child in children]
    assert [child.returncode for child in children] == [0] * 8, errors
    assert len("".join(errors).splitlines()) == 4  # one line per file, from whoever downloaded it
    assert visible(tmp_path / "mnist") == files
    assert server.requests == {f"/slow/{file}": 1 for file in files}


# Files that are already there, and files that are not


@pytest.mark.parametrize("offline", [False, True])
def test_present_files_are_used_without_writing(offline, server, files, tmp_path, no_network):
    place(tmp_path / "mnist", files)
    before = snapshot(tmp_path)
    assert prepare_dataset("mnist", tmp_path, offline=offline) == ("mnist", None)
    load_dataset("mnist", tmp_path)
    assert snapshot(tmp_path) == before
    assert server.requests.total() == 0


def test_offline_never_uses_the_network(server, files, tmp_path, no_network):
    place(tmp_path / "mnist", {TRAIN_IMAGES: files[TRAIN_IMAGES]})
    before = snapshot(tmp_path)
    with pytest.raises(DownloadError) as caught:
        prepare_dataset("mnist", tmp_path, offline=True)
    assert f"{TRAIN_LABELS}, {TEST_IMAGES}, {TEST_LABELS} in {tmp_path / 'mnist'}" in str(
        caught.value
    )
    assert TRAIN_IMAGES not in str(caught.value)
    assert_one_sentence(caught.value)
    assert snapshot(tmp_path) == before
    assert server.requests.total() == 0


def test_without_a_name_mnist_is_used_where_it_is(files, tmp_path, no_network):
    place(tmp_path / "mnist", files)
    assert prepare_dataset(None, tmp_path) == ("mnist", None)


@pytest.mark.parametrize("offline", [False, True])
def test_without_a_name_digits_step_in_and_the_notice_says_why(
    offline, server, tmp_path, monkeypatch
):
    use_mirrors(monkeypatch, server.url("503"))
    name, missing = prepare_dataset(None, tmp_path, offline=offline)
    assert name == "digits"
    assert (missing.dataset, len(missing.files), bool(missing.mirrors)) == ("mnist", 4, not offline)
    notice = describe_stand_in(missing)
    assert "mnist is not in" in notice
    assert "Using scikit-learn's digits instead." in notice
    assert ("offline" if offline else "503 Service Unavailable") in notice


def test_without_a_name_only_a_failed_download_leads_to_digits(files, tmp_path, no_network):
    place(tmp_path / "mnist", files | {TEST_LABELS: b"damaged"})
    with pytest.raises(DataError, match=TEST_LABELS):
        prepare_dataset(None, tmp_path)


def test_digits_need_no_files(tmp_path, no_network):
    assert prepare_dataset("digits", tmp_path / "absent") == ("digits", None)
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize("function", [prepare_dataset, load_dataset])
@pytest.mark.parametrize("damage", ["size", "content"])
def test_a_damaged_file_is_reported_and_left_alone(function, damage, server, files, tmp_path):
    raw = files[TEST_IMAGES]
    damaged = raw + b"!" if damage == "size" else raw[:-1] + bytes([raw[-1] ^ 1])
    place(tmp_path / "mnist", files | {TEST_IMAGES: damaged})
    (tmp_path / "mnist" / TEST_LABELS).unlink(missing_ok=function is prepare_dataset)
    before = snapshot(tmp_path)
    with pytest.raises(DataError) as caught:
        function("mnist", tmp_path)
    assert not isinstance(caught.value, DownloadError)
    message = str(caught.value)
    assert str(tmp_path / "mnist" / TEST_IMAGES) in message
    assert f"{len(damaged)} bytes" in message
    assert f"instead of {len(raw)} bytes" in message
    assert hashlib.sha256(damaged).hexdigest()[:12] in message
    assert "delete it to have it downloaded again" in message
    assert_one_sentence(caught.value)
    assert snapshot(tmp_path) == before
    assert server.requests.total() == 0


@pytest.mark.parametrize("function", [prepare_dataset, load_dataset])
@pytest.mark.parametrize("kind", ["pipe", "device", "30 gigabytes"])
def test_what_cannot_be_the_published_file_is_not_read(function, kind, files, tmp_path, no_network):
    place(tmp_path / "mnist", files)
    path = tmp_path / "mnist" / TEST_IMAGES
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        with path.open("wb") as file:
            file.truncate(30 * 10**9)
    expected = f"{path} is not the published file of {len(files[TEST_IMAGES])} bytes"
    with within(10), pytest.raises(DataError, match=re.escape(expected)) as caught:
        function("mnist", tmp_path)
    assert "delete it to have it downloaded again" in str(caught.value)
    assert_one_sentence(caught.value)


def test_loading_a_missing_file_names_it(files, tmp_path, no_network):
    with pytest.raises(DataError, match=f"{TRAIN_IMAGES} in .*mnist by hand") as caught:
        load_dataset("mnist", tmp_path)
    assert_one_sentence(caught.value)


@pytest.mark.parametrize("case", ["is a file", "below a file", "not allowed", "/proc"])
def test_an_unusable_data_folder_is_one_clear_sentence(case, server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    data_dir = {
        "is a file": tmp_path / "file",
        "below a file": tmp_path / "file" / "below",
        "not allowed": tmp_path,
        "/proc": Path("/proc"),
    }[case]
    if case == "/proc" and not data_dir.is_dir():
        pytest.skip("there is no /proc here")
    if case == "not allowed":  # by patching, as the superuser may write everywhere

        def deny(*_, **__):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "mkdir", deny)
    with pytest.raises(DataError) as caught:
        prepare_dataset(None, data_dir)
    assert not isinstance(caught.value, DownloadError)
    assert str(data_dir / "mnist") in str(caught.value)
    assert "--data-dir" in str(caught.value)
    assert_one_sentence(caught.value)
    assert (tmp_path / "file").read_text() == "in the way"
    assert server.requests.total() == 0


@pytest.mark.parametrize("below", ["", "below"])
@pytest.mark.parametrize("use", [partial(prepare_dataset, offline=True), load_dataset])
def test_a_file_in_place_of_the_data_folder_is_not_to_be_filled(use, below, tmp_path, no_network):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="file is a file instead of a folder") as caught:
        use("mnist", tmp_path / "file" / below)
    assert not isinstance(caught.value, DownloadError)
    assert "--data-dir" in str(caught.value)
    assert "by hand" not in str(caught.value)
    assert_one_sentence(caught.value)


def test_digits_need_no_working_directory(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert len(load_dataset("digits", Path("data")).test_labels) == 360


def test_a_full_disk_is_not_blamed_on_the_mirrors(server, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download, "_stream", fail)
    with pytest.raises(DataError, match="No space left on device") as caught:
        prepare_dataset("mnist", tmp_path)
    assert not isinstance(caught.value, DownloadError)
    assert visible(tmp_path / "mnist") == {}


# Decoding

image_arrays = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=9))
label_arrays = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=1, max_dims=1, max_side=50), elements=st.integers(0, 9)
)


@given(image_arrays | label_arrays)
def test_decoding_inverts_encoding(array):
    decoded = decode_idx(encode_idx(array), "source")
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, array, strict=True)


@given(st.binary(max_size=200), st.booleans())
def test_random_bytes_are_a_data_error(content, zipped):
    with pytest.raises(DataError):
        decode_idx(gzip.compress(content) if zipped else content, "source")


@given(image_arrays | label_arrays, st.data())
def test_one_changed_byte_is_noticed_or_harmless(array, data):
    raw = bytearray(encode_idx(array))
    position = data.draw(st.integers(0, len(raw) - 1))
    raw[position] ^= data.draw(st.integers(1, 255))
    try:
        decoded = decode_idx(bytes(raw), "source")
    except DataError as error:
        assert_one_sentence(error)
    else:  # a byte of the gzip header that means nothing: time, system, compression level
        np.testing.assert_array_equal(decoded, array, strict=True)


@given(image_arrays | label_arrays, st.data())
def test_one_changed_byte_inside_never_gives_a_wrong_shape(array, data):
    content = bytearray(gzip.decompress(encode_idx(array)))
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    try:
        decoded = decode_idx(gzip.compress(bytes(content)), "source")
    except DataError:
        return
    assert position >= 4 + 4 * array.ndim, "a changed header was accepted"
    assert decoded.shape == array.shape
    assert (decoded != array).sum() == 1


@given(image_arrays | label_arrays, st.data())
def test_cut_off_bytes_are_a_data_error(array, data):
    raw = encode_idx(array)
    with pytest.raises(DataError):
        decode_idx(raw[: data.draw(st.integers(0, len(raw) - 1))], "source")


def header(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)


MALFORMED = {
    "empty": b"",
    "zlib instead of gzip": b"\x78\x9c\x03\0\0\0\0\1",
    "empty inside": gzip.compress(b""),
    "magic only": gzip.compress(header(0x801)),
    "wrong magic": gzip.compress(header(0x901, 1) + b"\1"),
    "two dimensions": gzip.compress(header(0x802, 1, 1) + b"\1"),
    "no rows": gzip.compress(header(0x801, 0)),
    "no pixels, many rows": gzip.compress(header(0x803, 2**32 - 1, 2**32 - 1, 0)),
    "huge dimensions": gzip.compress(header(0x803, 2**32 - 1, 2**32 - 1, 2**32 - 1)),
    "huge number": gzip.compress(header(0x801, 2**32 - 1) + b"\1"),
    "too short": gzip.compress(header(0x801, 3) + b"\1\2"),
    "trailing bytes": gzip.compress(header(0x801, 2) + b"\1\2\3"),
    "label 10": gzip.compress(header(0x801, 2) + b"\1\x0a"),
    "garbage after gzip": gzip.compress(header(0x801, 1) + b"\1") + b"garbage",
    "zeros after gzip": gzip.compress(header(0x801, 1) + b"\1") + b"\0\0",
    "two gzip streams": gzip.compress(header(0x801, 1)) + gzip.compress(b"\1"),
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED)
def test_malformed_files_are_a_data_error(raw):
    with pytest.raises(DataError, match=r"^the/source ") as caught:
        decode_idx(raw, "the/source")
    assert_one_sentence(caught.value)


@pytest.mark.parametrize(
    ("filename", "array"),
    [
        (TRAIN_LABELS, np.zeros(19, np.uint8)),
        (TEST_IMAGES, np.zeros((11, 28, 28), np.uint8)),
        (TEST_IMAGES, np.zeros((10, 28, 27), np.uint8)),
        (TRAIN_LABELS, np.zeros((20, 28, 28), np.uint8)),
        (TEST_IMAGES, np.zeros(10, np.uint8)),
    ],
    ids=[
        "labels missing",
        "images left over",
        "image size",
        "images as labels",
        "labels as images",
    ],
)
def test_files_that_do_not_belong_together_are_a_data_error(filename, array, tmp_path, monkeypatch):
    files = make_files() | {filename: encode_idx(array)}
    publish(monkeypatch, files)
    place(tmp_path / "mnist", files)
    with pytest.raises(DataError, match="do not match") as caught:
        load_dataset("mnist", tmp_path)
    assert ("train" if filename == TRAIN_LABELS else "test") in str(caught.value)
    assert_one_sentence(caught.value)


# Loading


@pytest.mark.parametrize("float_type", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "mean", "deviation"),
    [("mnist", 0.1307, 0.3081), ("fashion-mnist", 0.2860, 0.3530)],
)
def test_pixels_are_scaled_and_standardized(
    name, mean, deviation, float_type, tmp_path, monkeypatch
):
    files = make_files()
    publish(monkeypatch, files, name)
    place(tmp_path / name, files)
    dataset = load_dataset(name, tmp_path, float_type=float_type)
    for images, labels, kind in (
        (dataset.train_images, dataset.train_labels, (TRAIN_IMAGES, TRAIN_LABELS)),
        (dataset.test_images, dataset.test_labels, (TEST_IMAGES, TEST_LABELS)),
    ):
        pixels = decode_idx(files[kind[0]], "").reshape(-1, 784)
        assert images.dtype == float_type
        assert images.flags.c_contiguous
        tolerance = 1e-6 if float_type == "float32" else 1e-14
        np.testing.assert_allclose(images, (pixels / 255 - mean) / deviation, atol=tolerance)
        assert labels.dtype == np.int64
        np.testing.assert_array_equal(labels, decode_idx(files[kind[1]], ""))
    assert (dataset.name, dataset.mean, dataset.deviation) == (name, mean, deviation)
    assert dataset.sha256 == {file: hashlib.sha256(raw).hexdigest() for file, raw in files.items()}


def test_class_names(files, tmp_path, monkeypatch):
    publish(monkeypatch, files, "fashion-mnist")
    for name in ("mnist", "fashion-mnist"):
        place(tmp_path / name, files)
    assert load_dataset("mnist", tmp_path).class_names == tuple("0123456789")
    fashion = load_dataset("fashion-mnist", tmp_path).class_names
    assert len(fashion) == 10
    assert (fashion[0], fashion[5], fashion[9]) == ("T-shirt/top", "Sandal", "Ankle boot")


# What a child process runs that has one dataset more, told on the command line.
ADDED = """
import json, sys
from shared.dataset_records import DATASETS, DatasetRecord, PublishedFile, Style
folder, files, names = sys.argv[1], *map(json.loads, sys.argv[2:])
files = {name: PublishedFile(*known) for name, known in files.items()}
style = Style(canvas=28, box=14, by_mass=False, faintest=0.1)
DATASETS["shapes"] = DatasetRecord("Shapes", names, style, files, standardization=(0.5, 0.25))

from PIL import Image, ImageDraw
from commands.pictures import prepare
from report.sentences import describe_job
from shared.clock import Clock
from shared.config import TrainConfig
from shared.flags import parse_flags
from shared.sampling import load
flags = ["--dataset", "shapes", "--data-dir", folder]
config = parse_flags(TrainConfig, "program", flags)
dataset = load(config, Clock())
print(dataset.class_names == names, dataset.mean, dataset.deviation)
print(describe_job(config, dataset, None).partition(":")[0])
picture = Image.new("L", (90, 90))
ImageDraw.Draw(picture).rectangle((10, 20, 49, 79), fill=255)
print(prepare(picture, "shapes").any(axis=1).sum())
"""
SHAPES = (
    *("circle", "square", "star", "cross", "moon", "heart"),
    *("arrow", "drop", "ring", "bow"),
)


def test_a_record_is_all_that_another_dataset_takes(tmp_path):
    files = make_files()
    place(tmp_path / "shapes", files)
    told = (json.dumps(sums_of(files)), json.dumps(SHAPES))
    done = run_command("-c", ADDED, str(tmp_path), *told, cwd=tmp_path)
    assert done.stdout.splitlines() == ["True 0.5 0.25", "Shapes", "14"], done.stderr


def test_every_record_is_complete():
    for record in DATASETS.values():
        assert len(record.class_names) == 10
        assert bool(record.files) != bool(record.embedded)
        assert not record.files or (len(record.files) == 4 and record.mirrors)
        assert 0 < record.style.box <= record.style.canvas <= SIDE


def test_the_limit_keeps_the_first_training_images(files, tmp_path):
    place(tmp_path / "mnist", files)
    whole = load_dataset("mnist", tmp_path)
    part = load_dataset("mnist", tmp_path, limit=7)
    np.testing.assert_array_equal(part.train_images, whole.train_images[:7])
    np.testing.assert_array_equal(part.train_labels, whole.train_labels[:7])
    np.testing.assert_array_equal(part.test_images, whole.test_images)
    assert len(load_dataset("mnist", tmp_path, limit=20).train_images) == 20


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "cifar"}, "'cifar' is unknown: choose one of mnist, fashion-mnist, digits"),
        ({"limit": 21}, "--limit 21: expected a number from 1 to 20"),
        ({"limit": 0}, "--limit 0: expected a number from 1 to 20"),
        ({"limit": -1}, "--limit -1: expected a number from 1 to 20"),
        ({"float_type": "float16"}, "'float16' but must be float32 or float64"),
    ],
)
def test_impossible_requests_are_one_clear_sentence(arguments, words, files, tmp_path):
    place(tmp_path / "mnist", files)
    with pytest.raises(DataError, match=words) as caught:
        load_dataset(**{"name": "mnist", "data_dir": tmp_path, **arguments})
    assert_one_sentence(caught.value)


def test_an_unknown_name_is_refused_before_anything_is_done(tmp_path, no_network):
    with pytest.raises(DataError, match="'cifar' is unknown"):
        prepare_dataset("cifar", tmp_path)
    assert not any(tmp_path.iterdir())


def test_digits_look_like_mnist(tmp_path):
    digits = load_dataset("digits", tmp_path, float_type="float64")
    assert digits.train_images.shape == (1437, 784)
    assert digits.test_images.shape == (360, 784)
    assert digits.train_labels.dtype == digits.test_labels.dtype == np.int64
    assert digits.train_images.mean() == pytest.approx(0, abs=1e-12)
    assert digits.train_images.std() == pytest.approx(1, abs=1e-12)
    counts = np.bincount(digits.train_labels) / 1437, np.bincount(digits.test_labels) / 360
    np.testing.assert_allclose(*counts, atol=0.003)  # stratified
    assert digits.class_names == tuple("0123456789")
    assert list(digits.sha256) == ["sklearn digits"]

    pixels = digits.train_images * digits.deviation + digits.mean
    assert pixels.min() == pytest.approx(0, abs=1e-12)
    assert pixels.max() <= 1 + 1e-12
    again = load_dataset("digits", tmp_path)
    assert again.train_images.dtype == np.float32
    np.testing.assert_allclose(again.train_images, digits.train_images, atol=1e-6)
    np.testing.assert_array_equal(again.train_labels, digits.train_labels)


def test_each_digit_is_an_enlarged_original_under_its_own_label(tmp_path):
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    originals = load_digits()
    digits = load_dataset("digits", tmp_path, float_type="float64")
    images = np.concatenate([digits.train_images, digits.test_images])
    labels = np.concatenate([digits.train_labels, digits.test_labels])
    pixels = images * digits.deviation + digits.mean

    enlarged = zoom(originals.images / 16, (1, 3.5, 3.5), order=1, mode="nearest", grid_mode=True)
    expected = enlarged.reshape(-1, 784)
    squares = (pixels**2).sum(1)[:, None] + (expected**2).sum(1) - 2 * pixels @ expected.T
    origin = squares.argmin(1)
    assert sorted(origin) == list(range(1797))
    np.testing.assert_allclose(pixels, expected[origin], atol=0.5 / 255 + 1e-9)
    np.testing.assert_array_equal(labels, originals.target[origin])


def test_importing_the_module_imports_no_heavy_library():
    heavy = ("pooch", "requests", "rich", "filelock", "sklearn", "scipy", "torch", "tensorflow")
    code = f"import sys, shared.datasets; print([m for m in {heavy} if m in sys.modules])"
    shown = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert shown.strip() == "[]"


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_real_files(name, no_network):
    data_dir = os.environ.get("DATA_DIR", "")
    if not data_dir or not (Path(data_dir) / name).is_dir():
        pytest.skip(f"DATA_DIR does not name a folder that holds the real {name} files")
    assert prepare_dataset(name, Path(data_dir), offline=True) == (name, None)
    dataset = load_dataset(name, Path(data_dir))
    assert dataset.train_images.shape == (60_000, 784)
    assert dataset.test_images.shape == (10_000, 784)
    assert dataset.train_images.dtype == dataset.test_images.dtype == np.float32
    if name == "fashion-mnist":
        assert np.bincount(dataset.train_labels).tolist() == [6000] * 10
        assert np.bincount(dataset.test_labels).tolist() == [1000] * 10
    else:
        train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
        test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
        assert np.bincount(dataset.train_labels).tolist() == train
        assert np.bincount(dataset.test_labels).tolist() == test
    assert dataset.train_images.mean() == pytest.approx(0, abs=1e-3)
    assert dataset.train_images.std() == pytest.approx(1, abs=1e-3)
    assert dataset.sha256 == {
        file: sha256 for file, (_, sha256, *_) in DATASETS[name].files.items()
    }


# Data as other libraries and programs keep them


def arrays_of(files: dict[str, bytes]) -> dict[str, np.ndarray]:
    """The arrays of four files under Keras's names."""
    return dict(
        zip(
            ("x_train", "y_train", "x_test", "y_test"),
            (decode_idx(raw, "") for raw in files.values()),
            strict=True,
        )
    )


def archive_of(files: dict[str, bytes], save=np.savez) -> dict[str, bytes]:
    file = io.BytesIO()
    save(file, **arrays_of(files))
    return {"mnist.npz": file.getvalue()}


def unzipped(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name.removesuffix(".gz"): gzip.decompress(raw) for name, raw in files.items()}


def dotted(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name.replace("-idx", ".idx"): raw for name, raw in unzipped(files).items()}


# Of each layout the folder, and the files in it.
LAYOUTS = {
    "archive": ("", archive_of),
    "compressed archive": ("", partial(archive_of, save=np.savez_compressed)),
    "archive in the folder": ("mnist", archive_of),
    "torchvision": ("MNIST/raw", lambda files: files | unzipped(files)),
    "torchvision, unzipped": ("MNIST/raw", unzipped),
    "torchvision's folder": ("raw", unzipped),
    "torchvision below": ("mnist/MNIST/raw", unzipped),
    "zipped again": (
        "mnist",
        lambda files: {name: gzip.compress(gzip.decompress(raw), 1) for name, raw in files.items()},
    ),
    "unzipped by a browser": (
        "mnist",
        lambda files: {name: gzip.decompress(raw) for name, raw in files.items()},
    ),
    "folder of each file": (
        "",
        lambda files: {f"{n.replace('.', '-')}/{n}": raw for n, raw in dotted(files).items()},
    ),
    "directly": ("", dict),
    "directly, unzipped": ("", unzipped),
    "directly, dotted": ("", dotted),
}


def lay_out(data_dir: Path, layout: str, files: dict[str, bytes]) -> None:
    """Place the files below a folder as others do."""
    folder, kind = LAYOUTS[layout]
    for name, raw in kind(files).items():
        path = data_dir / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_data_are_found_as_others_keep_them(layout, files, tmp_path, no_network, capsys):
    place(tmp_path / "own" / "mnist", files)
    lay_out(tmp_path / "theirs", layout, files)
    before = snapshot(tmp_path)
    assert prepare_dataset("mnist", tmp_path / "theirs") == ("mnist", None)
    own, theirs = (load_dataset("mnist", tmp_path / each) for each in ("own", "theirs"))
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        np.testing.assert_array_equal(getattr(own, name), getattr(theirs, name), strict=True)
    assert own.sha256 == theirs.sha256
    assert snapshot(tmp_path) == before
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("data_dir", [".", "FashionMNIST", "FashionMNIST/raw"])
def test_fashion_is_found_in_its_own_folders(data_dir, files, tmp_path, monkeypatch, no_network):
    publish(monkeypatch, files, "fashion-mnist")
    place(tmp_path / "FashionMNIST" / "raw", files)
    assert prepare_dataset("fashion-mnist", tmp_path / data_dir) == ("fashion-mnist", None)


def flip(raw: bytes) -> bytes:
    return raw[:-1] + bytes([raw[-1] ^ 1])


@pytest.mark.parametrize("layout", ["archive", "torchvision, unzipped", "directly"])
def test_a_damaged_file_beside_a_good_one_is_told_and_not_used(
    layout, files, tmp_path, no_network, capsys
):
    place(tmp_path / "mnist", {TEST_LABELS: flip(files[TEST_LABELS])})
    lay_out(tmp_path, layout, files)
    assert prepare_dataset("mnist", tmp_path) == ("mnist", None)
    (notice,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path / "mnist" / TEST_LABELS) in notice
    assert notice.endswith(" is used instead.")
    labels = load_dataset("mnist", tmp_path).test_labels
    np.testing.assert_array_equal(labels, decode_idx(files[TEST_LABELS], ""))


def others(files: dict[str, bytes]) -> dict[str, bytes]:
    """Files of the same shapes that hold something else."""
    other = np.random.default_rng(1).integers(0, 256, (20, 28, 28), np.uint8)
    return files | {TRAIN_IMAGES: encode_idx(other)}


@pytest.mark.parametrize("layout", ["archive", "torchvision", "directly, unzipped", "zipped again"])
def test_the_files_of_another_dataset_are_named(layout, files, tmp_path, monkeypatch, no_network):
    publish(monkeypatch, others(files), "fashion-mnist")
    lay_out(tmp_path, layout, others(files))
    for function in (prepare_dataset, load_dataset):
        with pytest.raises(DataError, match=r"holds Fashion-MNIST's train.* instead of MNIST's"):
            function("mnist", tmp_path)
    with pytest.raises(DataError, match="or choose --dataset fashion-mnist") as caught:
        prepare_dataset(None, tmp_path)
    assert_one_sentence(caught.value)


def test_a_file_of_the_same_dataset_under_another_name_is_named(files, tmp_path, no_network):
    place(tmp_path / "mnist", files | {TEST_LABELS: files[TRAIN_LABELS]})
    said = f"{TEST_LABELS} holds MNIST's {TRAIN_LABELS} instead of MNIST's {TEST_LABELS}: move it"
    with pytest.raises(DataError, match=said):
        prepare_dataset("mnist", tmp_path)


def test_each_place_is_named_where_nothing_is_found(files, tmp_path, no_network):
    said = "unzipped, as mnist.npz, in MNIST/raw, MNIST or directly in --data-dir"
    for function in (partial(prepare_dataset, offline=True), load_dataset):
        with pytest.raises(DataError, match=said) as caught:
            function("mnist", tmp_path)
        assert_one_sentence(caught.value)


def saved(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize("dtype", ["int64", "int8", ">u2", "float16", "float64"])
def test_labels_of_an_archive_may_be_numbers_of_any_type(dtype, files, tmp_path, no_network):
    good = arrays_of(files)
    labels = {name: good[name].astype(dtype) for name in ("y_train", "y_test")}
    (tmp_path / "mnist.npz").write_bytes(saved(**good | labels))
    assert prepare_dataset("mnist", tmp_path) == ("mnist", None)
    dataset = load_dataset("mnist", tmp_path)
    np.testing.assert_array_equal(dataset.train_labels, good["y_train"])
    # The same content is the same dataset.
    place(tmp_path / "other" / "mnist", files)
    assert dataset.sha256 == load_dataset("mnist", tmp_path / "other").sha256


WRONG_LABELS = {
    "others": np.array([3, 1] * 5, np.int64),
    "a fraction": np.arange(10) + 0.5,
    "too large": np.arange(10) + 256,
    "negative": np.arange(10) - 256.0,
    "no number": np.full(10, np.nan),
    "bools": np.ones(10, bool),
    "complex": np.arange(10) + 0j,
}


@pytest.mark.parametrize("labels", WRONG_LABELS.values(), ids=WRONG_LABELS)
def test_other_labels_are_refused_whatever_their_type(labels, files, tmp_path, no_network):
    (tmp_path / "mnist.npz").write_bytes(saved(**arrays_of(files) | {"y_test": labels}))
    with pytest.raises(DataError, match=r"mnist\.npz is not the published file \(") as caught:
        prepare_dataset("mnist", tmp_path)
    assert_one_sentence(caught.value)


class Malicious:
    def __reduce__(self):
        return print, ("executed",)


def bad_archives(files):
    good = arrays_of(files)
    header = b"\x93NUMPY\1\0" + struct.pack("<H", 118)
    huge = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({10**12},)}}".ljust(117) + "\n"
    yield "an array is missing", saved(**{k: v for k, v in good.items() if k != "y_test"})
    yield "pickled", saved(**good | {"x_train": np.array([Malicious()], object)})
    yield "floats", saved(**{k: v.astype(float) for k, v in good.items()})
    yield "by columns", saved(**{k: np.asfortranarray(v) for k, v in good.items()})
    yield "another shape", saved(**good | {"x_train": good["x_train"].reshape(20, 784)})
    yield "cut short", saved(**good)[:9000]
    for name, content in (("bomb", bytes(5 * 10**7)), ("huge", header + huge.encode())):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr("x_train.npy", content)
        yield name, file.getvalue()


def test_no_archive_is_taken_on_trust(files, tmp_path, no_network, capsys):
    for case, raw in bad_archives(files):
        (tmp_path / "mnist.npz").write_bytes(raw)
        tracemalloc.start()
        with pytest.raises(DataError, match=r"mnist\.npz is not the published file \(") as caught:
            prepare_dataset("mnist", tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 1.5e8, case
        tracemalloc.stop()
        assert_one_sentence(caught.value)
    assert capsys.readouterr().out == ""


def test_a_changed_byte_of_an_archive_is_noticed(files, tmp_path, no_network):
    whole = saved(**arrays_of(files))
    random = np.random.default_rng(0)
    for _ in range(100):
        raw = bytearray(whole)
        # Most of it are pixels; what surrounds them is at both ends.
        place = int(random.choice([random.integers(300), random.integers(-700, 0)]))
        raw[place] ^= int(random.integers(1, 256))
        (tmp_path / "mnist.npz").write_bytes(raw)
        try:
            dataset = load_dataset("mnist", tmp_path)
        except DataError as error:
            assert_one_sentence(error)
        else:
            np.testing.assert_array_equal(dataset.test_labels, np.arange(10))


def test_a_zip_bomb_is_not_unpacked(files, tmp_path, no_network):
    place(tmp_path / "mnist", files | {TEST_IMAGES: gzip.compress(bytes(6 * 10**7), 1)})
    tracemalloc.start()
    with pytest.raises(DataError, match="is not the published file"):
        prepare_dataset("mnist", tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 1.5e8
    tracemalloc.stop()
