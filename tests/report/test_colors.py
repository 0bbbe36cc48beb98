"""Each colour means one thing: blue and orange are PyTorch and TensorFlow, and nothing else."""

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
from tests.support.colors import BLUES, LEAST_CHROMA, ORANGES, is_a_frameworks, lch, pixels
from tests.support.folders import make_dataset, make_folder
from tests.support.results import make_run

ROOT = Path(__file__).resolve().parents[2]

HEX = re.compile(r"#[0-9A-Fa-f]{6}\b")


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
        assert not is_a_frameworks(pixels((tmp_path / name).read_bytes())).any(), name
    assert is_a_frameworks(pixels((tmp_path / "curves.png").read_bytes())).any()


def test_lines_have_the_colours_of_their_runs():
    groups = {name: [make_run(name)] for name in ("tensorflow/fit", "pytorch/eager")}
    lines = series.curves(groups)["loss"]
    assert [line.color for line in lines] == ["#D55E00"] * 2 + ["#0072B2"] * 2
