"""What others wrote is read only from regular files, and only as much as is expected of it."""

import os
from pathlib import Path

import msgspec
import pytest

from shared.inputs import UnfitFile, decode_json, open_regular, read_regular
from tests.support.limits import within

IRREGULAR = {
    "pipe": lambda path: os.mkfifo(path),
    "link to a pipe": lambda path: (os.mkfifo(f"{path}.pipe"), path.symlink_to(f"{path}.pipe")),
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("read", [read_regular, open_regular])
@pytest.mark.parametrize("make", IRREGULAR.values(), ids=IRREGULAR)
def test_what_is_no_regular_file_is_refused_at_once(read, make, tmp_path):
    make(tmp_path / "file")
    with within(10), pytest.raises(UnfitFile, match="no regular file") as refusal:
        read(tmp_path / "file", 10)
    assert refusal.value.filename == str(tmp_path / "file")


@pytest.mark.parametrize("read", [read_regular, open_regular])
@pytest.mark.parametrize(("name", "kind"), [(".", IsADirectoryError), ("no", FileNotFoundError)])
def test_what_cannot_be_opened_keeps_its_reason(read, name, kind, tmp_path):
    with pytest.raises(kind) as refusal:
        read(tmp_path / name, 10)
    assert refusal.value.strerror


def test_a_file_is_read_up_to_the_size_it_may_have(tmp_path):
    (tmp_path / "file").write_bytes(b"0123456789")
    assert read_regular(tmp_path / "file", 10) == b"0123456789"
    with pytest.raises(UnfitFile, match="it has 10 bytes instead of at most 9"):
        read_regular(tmp_path / "file", 9)


def test_a_file_that_says_it_is_empty_is_bounded_too():
    path = Path("/proc/self/status")
    if not path.exists():
        pytest.skip("there is no /proc here")
    assert path.stat().st_size == 0
    assert read_regular(path, 100_000).startswith(b"Name:")
    with pytest.raises(UnfitFile, match="more than 100 bytes"):
        read_regular(path, 100)


def test_descriptors_are_closed_after_a_refusal(tmp_path):
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("there is no /proc here")
    (tmp_path / "file").write_bytes(b"0123456789")
    before = len(list(descriptors.iterdir()))
    for _ in range(20):
        with pytest.raises(UnfitFile):
            read_regular(tmp_path / "file", 9)
    assert len(list(descriptors.iterdir())) == before


@pytest.mark.parametrize("content", [b"[" * 100_000, '{"a":' * 100_000, b'"\xff"', b"1e999", b""])
def test_json_that_cannot_be_decoded_is_a_value_error(content):
    with pytest.raises(ValueError):
        decode_json(content)


def test_json_of_another_type_is_refused():
    assert decode_json(b'{"a": "b"}', dict[str, str]) == {"a": "b"}
    with pytest.raises(msgspec.ValidationError):
        decode_json(b'{"a": 1}', dict[str, str])
