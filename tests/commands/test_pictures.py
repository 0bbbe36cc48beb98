"""A picture becomes the same 28x28 pixels wherever, however large and on whatever it is drawn."""

import contextlib
import io
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageDraw, ImageOps

from commands.pictures import prepare, prepare_with_doubts, read_picture
from commands.predict import describe_doubts
from shared.datasets import load_dataset, standardize
from shared.errors import UsageError
from tests.support.commands import real_data_dir
from tests.support.limits import within

REPEATABLE = settings(derandomize=True, deadline=None, max_examples=20)
NEAR = Image.Resampling.NEAREST


def drawn(side=200, width=16):
    """A seven with a bar, light on dark: uneven in both directions."""
    picture = Image.new("L", (side, side))
    pen = ImageDraw.Draw(picture)
    for line in ((0.3, 0.2, 0.7, 0.2), (0.7, 0.2, 0.4, 0.85), (0.42, 0.5, 0.65, 0.5)):
        pen.line([round(side * each) for each in line], fill=255, width=width)
    return picture


SEVEN = prepare(drawn(), "mnist")


def off(pixels, others=SEVEN):
    """Mean absolute difference, from 0 to 255."""
    return np.abs(pixels.astype(float) - others).mean()


def as_file(picture, kind="PNG", **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    file.seek(0)
    return file


def test_a_digit_fits_20_pixels_with_its_mass_in_the_middle():
    rows, columns = (np.flatnonzero(SEVEN.any(axis=axis)) for axis in (1, 0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    assert (SEVEN.dtype, SEVEN.shape, SEVEN.max()) == (np.uint8, (28, 28), 255)
    for axis in (0, 1):
        middle = np.average(np.arange(28), weights=SEVEN.sum(axis=1 - axis, dtype=float))
        assert middle == pytest.approx(14, abs=0.51)


def test_clothing_fills_the_picture():
    pixels = prepare(drawn(), "fashion-mnist")
    assert pixels[0].any()
    assert pixels[-1].any()


@given(left=st.integers(-55, 300), top=st.integers(-30, 300))
@REPEATABLE
def test_the_place_does_not_matter(left, top):
    canvas = Image.new("L", (500, 500))
    canvas.paste(drawn(), (left, top))
    assert off(prepare(canvas, "mnist")) == 0


@given(scale=st.integers(1, 8))
@REPEATABLE
def test_the_size_does_not_matter(scale):
    large = drawn().resize((200 * scale, 200 * scale), NEAR)
    # Pillow counts a pixel that lies across the edge of a larger one to one side or the other.
    assert off(prepare(large, "mnist")) < 1


@given(scale=st.floats(0.4, 3))
@REPEATABLE
def test_an_odd_size_hardly_matters(scale):
    side = round(200 * scale)
    assert off(prepare(drawn().resize((side, side)), "mnist")) < 12


@given(
    ink=st.tuples(*[st.integers(0, 255)] * 3),
    ground=st.tuples(*[st.integers(0, 255)] * 3),
)
@REPEATABLE
def test_colours_do_not_matter(ink, ground):
    if max(abs(a - b) for a, b in zip(ink, ground, strict=True)) < 50:
        return
    picture = Image.composite(
        Image.new("RGB", (200, 200), ink), Image.new("RGB", (200, 200), ground), drawn()
    )
    assert off(prepare(picture, "mnist")) < 0.5


@given(
    quality=st.integers(40, 95),
    size=st.sampled_from([200, 300, 480]),
    invert=st.booleans(),
)
@REPEATABLE
def test_compression_hardly_matters(tmp_path_factory, quality, size, invert):
    picture = drawn().resize((size, size), NEAR)
    if invert:
        picture = picture.point(lambda value: 255 - value)
    path = tmp_path_factory.getbasetemp() / "compressed.jpg"
    picture.convert("RGB").save(path, quality=quality)
    whole = prepare(drawn().resize((size, size), NEAR), "mnist")
    assert off(prepare(read_picture(path), "mnist"), whole) < 6


def variants():
    """The same drawing in every form that a file may have."""
    grey = drawn()
    dark = grey.point(lambda value: 255 - value)
    clear_black, clear_white = (Image.new("RGBA", grey.size, (v, v, v, 0)) for v in (0, 255))
    for clear in (clear_black, clear_white):
        clear.putalpha(grey)
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "grey", grey, {}
    yield "dark on light", dark, {}
    yield "one bit", dark.convert("1"), {}
    yield "palette", dark.convert("P"), {}
    yield "transparent palette", dark.convert("P"), {"transparency": 255}
    yield "grey with alpha", Image.merge("LA", (dark, Image.new("L", grey.size, 255))), {}
    yield "black on nothing", clear_black, {}
    yield "white on nothing", clear_white, {}
    yield "16 bits", Image.fromarray(np.asarray(grey, np.uint16) * 257), {}
    yield "turned by the camera", grey.transpose(Image.Transpose.ROTATE_90), {"exif": exif}


@pytest.mark.parametrize(
    ("picture", "options"), [v[1:] for v in variants()], ids=[v[0] for v in variants()]
)
def test_every_kind_of_png_reads_alike(picture, options, tmp_path):
    path = tmp_path / "picture.png"
    picture.save(path, **options)
    assert off(prepare(read_picture(path), "mnist")) < 0.5


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_every_kind_of_jpeg_reads_alike(mode, tmp_path):
    drawn().convert(mode).save(tmp_path / "picture.jpg", quality=95)
    assert off(prepare(read_picture(tmp_path / "picture.jpg"), "mnist")) < 3


def test_grain_and_uneven_light_are_no_ink():
    random = np.random.default_rng(0)
    paper = 0.7 * np.linspace(0.8, 1.1, 600)[:, None] * np.linspace(0.9, 1, 600)
    ink = np.asarray(drawn().resize((600, 600), NEAR)) / 255
    photo = paper * (1 - 0.7 * ink) + random.normal(0, 0.02, ink.shape)
    picture = Image.fromarray(np.clip(255 * photo, 0, 255).astype(np.uint8))
    assert off(prepare(picture, "mnist")) < 6


@pytest.mark.parametrize("value", [0, 127, 255])
def test_a_blank_picture_is_refused(value):
    with pytest.raises(UsageError, match=r"^empty\.png is blank: .*\.$"):
        prepare(Image.new("RGB", (40, 40), (value,) * 3), "mnist", "empty.png")


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1)])
def test_a_picture_of_one_row_is_refused_or_prepared(size):
    with pytest.raises(UsageError, match="is blank"):
        prepare(Image.new("L", size), "mnist")
    picture = Image.new("L", (9, 9))
    picture.putpixel((8, 0), 255)
    assert prepare(picture, "mnist").any()


def bad_files():
    whole = as_file(drawn()).getvalue()
    yield "not a picture", b"hello"
    yield "empty", b""
    yield "cut short", whole[: len(whole) // 2]
    yield "damaged", whole[:60] + b"\xff" * 40 + whole[100:]
    yield "another kind", as_file(drawn(), "GIF").getvalue()


@pytest.mark.parametrize("content", [b[1] for b in bad_files()], ids=[b[0] for b in bad_files()])
def test_what_is_no_picture_is_refused(content, tmp_path):
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(UsageError, match=r"bad\.png cannot be read as an image .*\.$"):
        read_picture(tmp_path / "bad.png")


LOSSLESS = {"PNG": {}, "JPEG": {"quality": 95}}


def test_a_chunk_is_given_no_more_memory_than_it_has_bytes(tmp_path):
    content = as_file(drawn()).getvalue()
    start = content.index(b"IDAT") - 4
    path = tmp_path / "picture.png"
    path.write_bytes(content[:start] + b"\xff\xff\xff\xf0" + content[start + 4 :])
    tracemalloc.start()
    with contextlib.suppress(UsageError):
        read_picture(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 50_000_000


def damaged_exif(random):
    """EXIF of a camera in which some bytes are others."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 1
    exif[ExifTags.Base.ImageDescription] = "a seven"
    exif[ExifTags.Base.XResolution] = 72.0
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2020:02:02 20:20:20"
    content = bytearray(exif.tobytes())
    # Neither the six bytes that say it is EXIF, nor to one of the other orientations.
    for place in random.integers(6, len(content), random.integers(1, 5)):
        content[place] = random.choice([0, 1, 2, 5, 7, 10, 12, 255, random.integers(256)])
    return bytes(content)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_damaged_exif_does_not_keep_a_picture_from_being_read(kind, tmp_path, recwarn):
    random = np.random.default_rng(0)
    picture = drawn(40, 4)
    whole = np.asarray(picture.convert("RGB"), int)
    turned = 0
    for _ in range(400):
        picture.save(tmp_path / "file", kind, exif=damaged_exif(random), **LOSSLESS[kind])
        read = np.asarray(read_picture(tmp_path / "file"), int)
        # By chance the bytes may say one of the seven other orientations.
        turned += np.abs(read - whole).mean() > 3
    assert turned < 20
    assert not recwarn.list


def test_orientation_is_followed_in_every_direction(tmp_path):
    for number in range(1, 9):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = number
        drawn(40, 4).save(tmp_path / "file.png", exif=exif)
        expected = ImageOps.exif_transpose(Image.open(tmp_path / "file.png")).convert("RGB")
        assert (np.asarray(read_picture(tmp_path / "file.png")) == np.asarray(expected)).all()


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("invert", [False, True])
def test_16_bits_need_not_all_be_used(bits, invert, tmp_path):
    light = (np.asarray(drawn(), np.uint32) * (2**bits - 1) // 255).astype(np.uint16)
    Image.fromarray(2**bits - 1 - light if invert else light).save(tmp_path / "file.png")
    assert off(prepare(read_picture(tmp_path / "file.png"), "mnist")) < 0.5


@pytest.mark.parametrize("value", [0, 1, 4095, 65535])
def test_a_blank_picture_of_16_bits_is_still_blank(value, tmp_path):
    random = np.random.default_rng(0)
    grain = random.normal(0, 10, (300, 300))
    for noise in (0, grain):
        numbers = np.clip(value + noise + np.zeros((300, 300)), 0, 65535).astype(np.uint16)
        Image.fromarray(numbers).save(tmp_path / "file.png")
        with pytest.raises(UsageError, match="is blank"):
            prepare(read_picture(tmp_path / "file.png"), "mnist")


def test_pictures_are_regular_files_of_some_size(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    with (tmp_path / "large").open("wb") as file:
        file.write(as_file(drawn()).getvalue()[:50])
        file.truncate(30 * 10**9)
    for name in ("pipe", "zeros", "large"):
        with within(10), pytest.raises(UsageError, match=rf"{name} cannot be read as an image \("):
            read_picture(tmp_path / name)


MEASURE = """
import resource, sys
from pathlib import Path
from commands.pictures import read_picture
from shared.errors import UsageError
read_picture(Path(sys.argv[1]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_picture(Path(sys.argv[2]))
except UsageError as refusal:
    assert "million pixels" in str(refusal)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory is counted in other units")
@pytest.mark.parametrize("side", [6100, 9400])
@pytest.mark.parametrize("mode", ["L", "P", "RGB", "LA", "RGBA", "I;16"])
def test_no_picture_takes_much_memory(mode, side, tmp_path):
    drawn().save(tmp_path / "good.png")
    Image.new(mode, (side, side)).save(tmp_path / "large.png", compress_level=1)
    words = [sys.executable, "-c", MEASURE, tmp_path / "good.png", tmp_path / "large.png"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) < 500


def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    Image.new("1", (400, 300)).save(tmp_path / "bomb.png")
    for limit in (100_000, 10_000):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(UsageError, match=r"bomb\.png has more than .* million pixels"):
            read_picture(tmp_path / "bomb.png")


def test_a_large_picture_is_prepared_like_a_small_one(tmp_path):
    drawn().resize((3000, 3000), NEAR).save(tmp_path / "large.png")
    assert off(prepare(read_picture(tmp_path / "large.png"), "mnist")) < 6


# What does not belong to the digit


def as_array(dark=False):
    """The seven on a sheet of paper, from 0 to 1."""
    array = np.asarray(drawn(), float) / 255
    return 0.9 - 0.75 * array if dark else array


def framed():
    picture = as_array(dark=True)
    for place in (slice(3, 6), slice(-6, -3)):
        picture[place, 3:-3] = picture[3:-3, place] = 0.2
    return picture


def framed_on_the_edge():
    return np.pad(as_array(dark=True), 5, constant_values=0.1)


def light_on_dark_with_a_frame():
    return 1 - framed()


def ruled():
    picture = as_array(dark=True)
    lines = np.zeros((200, 1), bool)
    lines[9::30] = lines[10::30] = True
    return np.where(lines, np.minimum(picture, 0.6), picture)


def squared():
    picture = ruled()
    picture[:, 14::25] = np.minimum(picture[:, 14::25], 0.6)
    return picture


def shadowed():
    rows, columns = np.indices((200, 200))
    return as_array(dark=True) * np.where(rows + 2 * columns > 320, 0.55, 1)


def specked():
    picture = as_array(dark=True)
    picture[188:192, 186:190] = picture[6:9, 170:176] = 0.1
    return picture


def beside_another():
    picture = np.full((200, 360), 0.9)
    picture[:, :200] = as_array(dark=True)
    picture[80:120, 300:310] = 0.15
    return picture


def on_a_table():
    return np.pad(as_array(dark=True), ((9, 4), (14, 8)), constant_values=0.3)


LEFT_OUT = {
    framed: "lines across the image; ignored them",
    framed_on_the_edge: "a sheet of paper in front of something; used the sheet only",
    light_on_dark_with_a_frame: "lines across the image; ignored them",
    ruled: "lines across the image; ignored them",
    squared: "lines across the image; ignored them",
    shadowed: "uneven light; compared each pixel with its surroundings",
    specked: "several shapes found; used the largest",
    beside_another: "several shapes found; used the largest",
    on_a_table: "a sheet of paper in front of something; used the sheet only",
}


@pytest.mark.parametrize("side", [200, 600])
@pytest.mark.parametrize("make", LEFT_OUT)
def test_what_does_not_belong_to_the_digit_is_left_out_and_told(make, side):
    picture = Image.fromarray(np.rint(255 * make()).astype(np.uint8))
    width = side * picture.width // picture.height
    prepared = prepare_with_doubts(picture.resize((width, side), NEAR), "mnist")
    assert off(prepared.pixels) < 12
    assert LEFT_OUT[make] in prepared.doubts


@given(left=st.integers(0, 300), top=st.integers(0, 300), scale=st.floats(0.3, 1))
@REPEATABLE
def test_of_a_clear_picture_nothing_is_left_out(left, top, scale):
    canvas = Image.new("L", (500, 500))
    canvas.paste(drawn(), (left, top))
    side = round(500 * scale)
    assert prepare_with_doubts(canvas.resize((side, side)), "mnist").doubts == ()


def test_a_shape_of_lines_only_is_no_frame():
    picture = np.zeros((100, 100), np.uint8)
    picture[4:96, 48:52] = 255
    one = prepare_with_doubts(Image.fromarray(picture), "mnist")
    assert one.doubts == ()
    # An equals sign is all lines, and what would be left is nothing.
    picture = np.zeros((100, 100), np.uint8)
    picture[40:43, 5:95] = picture[60:63, 5:95] = 255
    assert prepare_with_doubts(Image.fromarray(picture), "mnist").pixels.sum(axis=1).any()


def test_clothing_may_have_edges_all_around():
    picture = np.zeros((100, 100), np.uint8)
    picture[8:92, 8:92] = 200
    picture[40:60, 40:60] = 90
    prepared = prepare_with_doubts(Image.fromarray(picture), "fashion-mnist")
    assert prepared.doubts == ()
    assert prepared.pixels.astype(bool).all()


def test_the_command_says_how_sure_it_is():
    paths = [Path("a.png"), Path("b.png")]
    doubts = "lines across the image; ignored them", "several shapes found; used the largest"
    lines = describe_doubts(paths, [doubts, ()])
    assert lines == [
        "a.png: lines across the image; ignored them.",
        "a.png: several shapes found; used the largest.",
        "Clear, nothing left out: 1 of 2 images.",
    ]


@pytest.mark.skipif(
    real_data_dir() is None, reason="DATA_DIR names no folder with the real datasets"
)
@pytest.mark.parametrize(
    ("name", "most", "same"), [("mnist", 0.5, 0.99), ("fashion-mnist", 4, 0.97)]
)
def test_real_images_come_back_from_larger_canvases(name, most, same):
    from sklearn.linear_model import SGDClassifier

    dataset = load_dataset(name, real_data_dir(), limit=6000)
    pixels = dataset.test_images[:300] * dataset.deviation + dataset.mean
    images = np.rint(255 * pixels).astype(np.uint8).reshape(-1, 28, 28)
    random = np.random.default_rng(0)
    back = []
    for number, image in enumerate(images):
        large = Image.fromarray(image if number % 2 else 255 - image).resize((140, 140), NEAR)
        canvas = Image.new("L", (400, 300), 0 if number % 2 else 255)
        canvas.paste(large, (int(random.integers(0, 261)), int(random.integers(0, 161))))
        back.append(prepare(canvas, name))
    assert off(np.array(back), images) < most
    # A network is not needed to notice a shift: any classifier of pixels is lost after one.
    classifier = SGDClassifier(max_iter=5, tol=None, random_state=0)
    classifier.fit(dataset.train_images, dataset.train_labels)
    shown = standardize(np.array(back), dataset.mean, dataset.deviation, "float32")
    agree = classifier.predict(shown) == classifier.predict(dataset.test_images[:300])
    assert agree.mean() >= same
