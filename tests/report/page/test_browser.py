"""report.html in a browser, at the widths of a phone, a tablet and a desk, light and dark."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from report.page import page as page_module
from tests.support.browser import WIDTHS, Visit, Visitor
from tests.support.folders import HOSTILE, make_dataset, make_folder, make_whole
from tests.support.results import make_run, make_unfinished

FIRST_CHART = "#curves svg[role=img] >> nth=0"


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    """A page with everything, and one of many runs with long and hostile names."""
    dataset = make_dataset()
    whole, many = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("many")
    result = make_whole(whole, dataset)
    runs = [make_run(f"framework{k}/with-a-long-name", speed=k) for k in range(1, 5)]
    broken = make_unfinished("tensorflow/fit", "failed", HOSTILE, epochs=2)
    broken.error_output = [HOSTILE, "x" * 300]
    strange = make_folder(many, dataset, *runs, broken)
    for run in strange.runs:
        run.run += HOSTILE
    strange = replace(strange, command=HOSTILE + "y" * 300)
    return {
        "whole": page_module.write_page(result, dataset, whole),
        "many": page_module.write_page(strange, dataset, many),
    }


@pytest.fixture
def visited(visit: Visitor, pages: dict[str, Path]) -> Iterator[Visit]:
    """The page with everything, on a desk."""
    visited = visit(pages["whole"])
    yield visited
    assert visited.complaints == visited.requests == []
    visited.page.close()


@pytest.mark.parametrize("name", ["whole", "many"])
@pytest.mark.parametrize("width", WIDTHS)
def test_at_every_width(name, width, visit, pages):
    visited = visit(pages[name], width)
    assert visited.overflow() <= 0
    visited.open_details()
    assert visited.overflow() <= 0
    assert visited.page.locator("img:not([alt])").count() == 0
    assert visited.complaints == []
    assert visited.requests == []
    visited.page.close()


@pytest.mark.parametrize(
    ("name", "width", "dark"),
    [("whole", 375, False), ("whole", 1440, True), ("many", 768, False)],
)
def test_axe_finds_nothing(name, width, dark, visit, pages):
    visited = visit(pages[name], width, dark)
    visited.open_details()
    assert visited.violations() == []
    visited.page.close()


def test_axe_would_find_something(visited):
    visited.page.evaluate("document.querySelector('img').removeAttribute('alt')")
    visited.page.evaluate("document.querySelector('.verdict').style.color = '#bbb'")
    found = {each.partition(":")[0] for each in visited.violations()}
    assert {"image-alt", "color-contrast"} <= found


def test_an_overflow_and_a_request_would_be_seen(visit, pages, tmp_path):
    content = pages["whole"].read_text(encoding="utf-8")
    bad = content.replace("default-src 'none'; ", "").replace("img-src data:; ", "")
    bad = bad.replace(
        "<main>", '<main><img alt="" src="missing.png"><div style="width: 2000px">-</div>'
    )
    path = tmp_path / "bad.html"
    path.write_text(bad, encoding="utf-8")
    visited = visit(path)
    assert visited.overflow() > 0
    assert visited.requests == [(tmp_path / "missing.png").as_uri()]
    assert visited.complaints
    visited.page.close()


def test_a_click_on_a_legend_entry_hides_a_run_everywhere(visited):
    page = visited.page
    entry = page.locator("#curves .legend button", has_text="pytorch/eager")
    marks = page.locator('.chart [data-run="0"]')
    others = page.locator('.chart [data-run="1"]')
    seen = len([each for each in marks.all() if each.is_visible()])
    assert seen > 6
    entry.click()
    assert not any(each.is_visible() for each in marks.all())
    assert all(each.is_visible() for each in others.all())
    pressed = page.locator('.legend button[data-run="0"]')
    assert {each.get_attribute("aria-pressed") for each in pressed.all()} == {"false"}
    # What is hidden is not told either.
    page.locator("#curves .hit").first.hover()
    assert "tensorflow/fit" in page.locator("#tip").inner_text()
    assert "pytorch/eager" not in page.locator("#tip").inner_text()
    entry.focus()
    page.keyboard.press("Space")
    assert len([each for each in marks.all() if each.is_visible()]) == seen
    assert entry.get_attribute("aria-pressed") == "true"


def test_pointing_shows_values(visited):
    page = visited.page
    tip = page.locator("#tip")
    assert tip.is_hidden()
    page.locator("#curves .hit").nth(1).hover()
    assert tip.inner_text().splitlines() == [
        *("Epoch 2", "pytorch/eager, training: 0.5000", "pytorch/eager, test: 0.5500"),
        *("tensorflow/fit, training: 0.5000", "tensorflow/fit, test: 0.5500"),
    ]
    page.mouse.move(0, 0)
    assert tip.is_hidden()
    page.locator("#time .hit").first.hover()
    assert "start: 0.250 s, 2 %" in tip.inner_text()


def test_arrow_keys_read_the_values(visited):
    page = visited.page
    page.locator(FIRST_CHART).focus()
    for key, told in (
        *(("ArrowRight", "Epoch 1,"), ("ArrowRight", "Epoch 2,"), ("ArrowLeft", "Epoch 1,")),
        *(("ArrowLeft", "Epoch 1,"), ("ArrowDown", "Epoch 2,")),
    ):
        page.keyboard.press(key)
        assert page.locator("#live").inner_text().startswith(told)
        assert page.locator("#tip").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()


def test_the_keyboard_reaches_everything(visited):
    page = visited.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.wait_for_url("**#verdict")
    reached = set()
    for _ in range(120):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.closest('section')?.id"))
    shown = {each.get_attribute("id") for each in page.locator("section").all()}
    assert shown - reached <= {"verification", "images", "weights"}, "there is only to read"


def test_the_theme_button(visit, pages):
    for dark in (False, True):
        visited = visit(pages["whole"], dark=dark)
        page = visited.page
        ground = "getComputedStyle(document.body).backgroundColor"
        button = page.get_by_role("button", name="Dark theme")
        assert button.get_attribute("aria-pressed") == str(dark).lower()
        before = page.evaluate(ground)
        button.click()
        assert button.get_attribute("aria-pressed") == str(not dark).lower()
        assert page.evaluate(ground) != before
        button.click()
        assert page.evaluate(ground) == before
        page.close()


def test_print_is_light_and_fits_the_paper(visit, pages):
    visited = visit(pages["whole"], width=718, dark=True)
    page = visited.page
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("#theme").is_hidden()
    assert visited.overflow() <= 0
    wide = page.evaluate(
        "[...document.querySelectorAll('table')].filter(t => t.offsetWidth > 718).length"
    )
    assert wide == 0
    page.close()
