"""Names in any script are drawn in letters, or escaped, and never as boxes."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from report import lettering
from report.lettering import drawable
from report.plotting import plot_pictures


@pytest.fixture
def fonts(monkeypatch):
    """Has the fonts of these names installed, each with these letters."""

    def install(**letters: str) -> None:
        listed = [SimpleNamespace(name=name.replace("_", " "), fname=name) for name in letters]
        monkeypatch.setattr(lettering, "fontManager", SimpleNamespace(ttflist=listed))
        font = {
            name: SimpleNamespace(get_charmap=lambda has=has: {ord(each): 1 for each in has})
            for name, has in letters.items()
        }
        monkeypatch.setattr(lettering, "get_font", font.get)
        lettering.letters.cache_clear()

    yield install
    lettering.letters.cache_clear()


def test_a_letter_is_drawn_by_any_font_that_has_it_and_escaped_otherwise(fonts):
    fonts(DejaVu_Sans="abü.png", Microsoft_YaHei="數", Wingdings="字")
    assert drawable("aü數字.png") == "aü數\\u5b57.png"
    assert list(lettering.letters()) == ["DejaVu Sans", "Microsoft YaHei"]
    fonts(DejaVu_Sans="abü.png")
    assert drawable("數a") == "\\u6578a"


def test_no_name_is_drawn_as_boxes(tmp_path):
    name, path = "數한\U0001f600$a_b$\x1b[31m.png", tmp_path / "x"
    pictures, prepared = [Image.new("L", (8, 8))], np.zeros((1, 28, 28), np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_pictures([name], pictures, prepared, np.full((1, 10), 0.1), "0123456789", path)
    assert path.stat().st_size > 1000
