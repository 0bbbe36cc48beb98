"""The side-by-side page in a browser: quiet, in bounds, accessible, and led by the keyboard."""

import pytest

from study.page import render_page
from study.twins import read_chapters
from tests.support.browser import WIDTHS


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The page as `python -m study` writes it."""
    path = tmp_path_factory.mktemp("page") / "whole.html"
    path.write_text(render_page(read_chapters()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def excerpt(tmp_path_factory):
    """A page of few chapters, because axe looks at every token; the code makes the same of all."""
    path = tmp_path_factory.mktemp("page") / "excerpt.html"
    wanted = (
        "minimal.py",
        "data.py",
        "loss.py",
        "techniques/clipping.py",
        "aligned.py",
        "layers.py",
    )
    path.write_text(render_page([each for each in read_chapters() if each.file in wanted]))
    return path


@pytest.fixture
def reading(visit, excerpt):
    """The page of few chapters, open."""
    visited = visit(excerpt)
    yield visited.page
    assert not visited.complaints
    visited.page.close()


def here(page) -> str:
    """The step that has the focus."""
    return page.evaluate("document.activeElement.id")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_page_is_quiet_and_in_bounds(visit, whole, width, dark):
    visited = visit(whole, width, dark)
    assert visited.overflow() == 0
    visited.page.check("#numpy")
    assert visited.overflow() == 0
    sides = "#train\\.train_step .side"
    left, right = (visited.page.locator(f"{sides}.{side}") for side in ("pytorch", "tensorflow"))
    assert (left.bounding_box()["y"] == right.bounding_box()["y"]) is (width > 700)
    assert not visited.complaints
    assert not visited.requests
    visited.page.close()


@pytest.mark.parametrize(("width", "dark"), [(375, False), (1440, True)])
def test_axe_finds_no_violation(visit, excerpt, width, dark):
    visited = visit(excerpt, width, dark)
    assert not visited.violations()
    visited.page.check("#numpy")
    visited.page.check("[value=tensorflow]")
    visited.page.locator("a.diff:visible").first.click()
    assert not visited.violations()
    visited.page.close()


def test_lines_of_a_row_are_on_equal_height(reading):
    tops = """side => [...document.querySelectorAll(`#loss\\\\.compute_loss .${side} .line`)]
        .filter(line => line.offsetParent).map(line => line.getBoundingClientRect().top)"""
    assert reading.evaluate(tops, "pytorch") == reading.evaluate(tops, "tensorflow")
    reading.check("#numpy")
    assert reading.evaluate(tops, "pytorch") == reading.evaluate(tops, "numpy")


def test_code_begins_on_the_same_column_in_every_line(reading):
    """With something in the gutter or nothing."""
    lefts = reading.evaluate(
        """() => [...document.querySelectorAll("[id='minimal.data'] .pytorch .line")].map(line => {
            const text = document.createTreeWalker(line, NodeFilter.SHOW_TEXT, node =>
                node.parentElement.closest(".gutter") || !node.length
                    ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT).nextNode();
            if (!text) return null;
            const range = document.createRange();
            range.setStart(text, 0);
            range.setEnd(text, 1);
            return range.getBoundingClientRect().left;
        }).filter(left => left !== null)"""
    )
    assert len(lefts) > 5
    assert len({round(left) for left in lefts}) == 1


def test_steps_follow_each_other_by_keyboard(reading):
    walk = []
    for key in ("j", "n", "ArrowRight", "k", "p", "j"):
        reading.keyboard.press(key)
        walk.append(here(reading))
    first, second, third = "minimal.imports", "minimal.data", "minimal.model"
    assert walk == [first, second, third, second, first, second]
    assert "2 of " in reading.text_content("#here")
    assert reading.url.endswith("#minimal.data")
    reading.uncheck("#single")
    reading.locator("[id='minimal.data']").focus()
    reading.keyboard.press("j")
    assert here(reading) == second


def test_steps_of_numpy_come_with_its_column(reading):
    step = reading.locator("[id='loss.loss_gradient']")
    assert step.is_hidden()
    reading.keyboard.press("3")
    assert step.is_visible()


def test_a_mark_opens_its_row_and_escape_closes_it(reading):
    mark = reading.locator("[id='loss.compute_loss'] .tensorflow .diff").first
    mark.focus()
    reading.keyboard.press("Enter")
    opened = reading.locator("#opened")
    assert opened.is_visible()
    assert opened.locator("dt").all_text_contents() == [
        "PyTorch",
        "Keras",
        "Here",
        "How much",
        "Pinned by",
    ]
    assert opened.locator("h3").text_content().startswith(mark.text_content() + ":")
    reading.keyboard.press("Escape")
    assert opened.is_hidden()
    assert reading.evaluate("document.activeElement.className") == "diff"


def test_a_side_can_be_guessed_and_revealed(reading):
    code = {
        side: reading.locator(f"[id='loss.compute_loss'] .{side} .code")
        for side in ("pytorch", "tensorflow")
    }

    def seen() -> tuple[bool, bool]:
        return code["pytorch"].is_visible(), code["tensorflow"].is_visible()

    reading.keyboard.press("s")
    assert seen() == (True, False)
    reading.locator("[id='loss.compute_loss']").focus()
    reading.keyboard.press("r")
    assert seen() == (True, True)
    reading.locator("[id='loss.compute_loss'] .tensorflow .reveal").click()
    assert seen() == (True, False)
    reading.keyboard.press("s")
    assert seen() == (False, True)
    reading.keyboard.press("s")
    assert seen() == (True, True)


def test_columns_scroll_together(reading):
    boxes = reading.locator("[id='data.make_batches'] .code")
    reading.set_viewport_size({"width": 768, "height": 900})
    boxes.nth(1).hover()
    boxes.nth(1).evaluate("box => { box.scrollLeft = 60 }")
    reading.wait_for_function(
        "document.querySelector(\"[id='data.make_batches'] .code\").scrollLeft === 60"
    )
    assert boxes.nth(1).get_attribute("tabindex") == "0"


def test_theme_can_be_chosen(reading):
    background = "getComputedStyle(document.body).backgroundColor"
    light = reading.evaluate(background)
    reading.keyboard.press("d")
    assert reading.evaluate(background) != light
    reading.click("#theme")
    assert reading.evaluate(background) == light
