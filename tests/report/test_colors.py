"""Each colour means one thing: blue and orange are PyTorch and TensorFlow, and nothing else."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from report import colors, plotting, series, write
from report.page.page import TEMPLATES
from shared.clock import PHASES
from shared.registry import IMPLEMENTATIONS, RUNS
from tests.support.folders import make_dataset, make_folder
from tests.support.results import make_run

ROOT = Path(__file__).resolve().parents[2]

# Hues of OKLCH in degrees, and the chroma from which a colour is more than a grey.
BLUES, ORANGES, LEAST_CHROMA = (215, 275), (30, 87), 0.05

HEX = re.compile(r"#[0-9A-Fa-f]{6}\b")


def lch(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lightness, chroma and hue of colours [..., 3] from 0 to 1, as CSS's oklch() counts them:
    Björn Ottosson, "A perceptual color space for image processing" (2020)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_lms = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    lab = np.cbrt(linear @ np.transpose(to_lms)) @ np.transpose(to_lab)
    lightness, a, b = np.moveaxis(lab, -1, 0)
    return lightness, np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360


def is_a_frameworks(rgb: np.ndarray) -> np.ndarray:
    """Which colours [..., 3] are blue or orange."""
    _, chroma, hue = lch(rgb)
    between = [(low <= hue) & (hue <= high) for low, high in (BLUES, ORANGES)]
    return (chroma > LEAST_CHROMA) & np.any(between, axis=0)


def of(color: str) -> np.ndarray:
    return np.array(to_rgb(color))


def test_the_frameworks_are_blue_and_orange():
    for implementation, (low, high) in {"pytorch": BLUES, "tensorflow": ORANGES}.items():
        for run in IMPLEMENTATIONS[implementation]:
            _, chroma, hue = lch(of(run.color))
            assert chroma > LEAST_CHROMA and low <= hue <= high, run.name


@pytest.mark.parametrize("file", ["report", "comparison", "commands", "benchmarks"])
def test_no_file_names_a_blue_or_an_orange(file):
    paths = [*ROOT.glob(f"{file}/**/*.py"), *ROOT.glob(f"{file}/**/*.css")]
    paths += ROOT.glob(f"{file}/**/*.j2")
    named = {color for path in paths for color in HEX.findall(path.read_text(encoding="utf-8"))}
    assert not [color for color in named if is_a_frameworks(of(color))]
    assert not named & {run.color for run in RUNS.values()}


def test_the_style_sheet_says_the_same():
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8").upper()
    for name, color in (("GOOD", colors.RIGHT), ("WRONG", colors.WRONG)):
        assert f"--{name}: LIGHT-DARK({color.upper()}," in style


def test_each_phase_has_its_own_colour():
    assert tuple(colors.PHASES) == PHASES
    found = [*colors.PHASES.values(), *(run.color for run in RUNS.values())]
    found += [colors.RIGHT, colors.WRONG, colors.DISAGREE, *colors.FLOORS]
    assert len(set(found)) == len(found)
    lightness = [lch(of(color))[0] for color in colors.PHASES.values()]
    assert np.abs(np.diff(lightness)).min() > 0.08, "neighbours differ without colour vision"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["tensorflow/fit", "pytorch/eager"], ["#D55E00", "#0072B2"]),
        (["pytorch/eager", "pytorch/eager#2"], ["#0072B2", "#56B4E9"]),
        # What is its own comes before what is left over.
        (
            ["pytorch/eager", "pytorch/eager#2", "pytorch/compiled"],
            ["#0072B2", colors.SPARE[0], "#56B4E9"],
        ),
        (
            ["A 1: pytorch/eager", "B 2: pytorch/eager", "B 2: tensorflow/fit"],
            ["#0072B2", "#56B4E9", "#D55E00"],
        ),
        (["a/a", "b/b"], [*colors.SPARE[:2]]),
        (list(RUNS), [run.color for run in RUNS.values()]),
    ],
)
def test_a_run_has_its_frameworks_colour(names, expected):
    assert colors.run_colors(names) == expected


def test_more_runs_than_colours_share_them():
    found = colors.run_colors([f"x/{k}" for k in range(20)])
    assert set(found) == set(colors.SPARE)


# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision
# Deficiency" (2009), severity 1, on linear RGB.
DEFICIENCIES = {
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_better_and_worse_differ_with_every_colour_vision(deficiency):
    """Also as the page mixes them with its white ground for small differences."""
    seen = []
    for color in (colors.RIGHT, colors.WRONG):
        mixed = 1 - 0.3 * (1 - of(color))
        linear = ((mixed + 0.055) / 1.055) ** 2.4 @ np.transpose(DEFICIENCIES[deficiency])
        rgb = 1.055 * np.clip(linear, 0, 1) ** (1 / 2.4) - 0.055
        lightness, chroma, hue = lch(rgb)
        turn = np.radians(hue)
        seen.append(np.array([lightness, chroma * np.cos(turn), chroma * np.sin(turn)]))
    assert np.linalg.norm(seen[0] - seen[1]) > 0.05


def test_no_picture_but_of_runs_is_blue_or_orange(tmp_path):
    dataset = make_dataset()
    result = make_folder(tmp_path, dataset, make_run("pytorch/eager"), make_run("tensorflow/fit"))
    write.draw_pictures(result, dataset, tmp_path, [])
    counts = np.arange(100).reshape(10, 10)
    plotting.plot_confusion(counts, list("0123456789"), "Title", tmp_path / "confusion.png")
    picture = Image.new("L", (28, 28))
    chances = np.eye(10)[:1]
    seen = np.zeros((1, 28, 28))
    path = tmp_path / "pictures.png"
    plotting.plot_pictures(["a.png"], [picture], seen, chances, list("0123456789"), path)
    for name in ("time.png", "predictions.png", "confusion.png", "pictures.png"):
        assert not is_a_frameworks(pixels(tmp_path / name)).any(), name
    assert is_a_frameworks(pixels(tmp_path / "curves.png")).any()


def pixels(path: Path) -> np.ndarray:
    """The colours of a picture, each once: [n, 3]."""
    content = np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("RGB"))
    return np.unique(content.reshape(-1, 3), axis=0) / 255


def test_lines_have_the_colours_of_their_runs():
    groups = {name: [make_run(name)] for name in ("tensorflow/fit", "pytorch/eager")}
    lines = series.curves(groups)["loss"]
    assert [line.color for line in lines] == ["#D55E00"] * 2 + ["#0072B2"] * 2
