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


@pytest.fixture(scope="module")
def window(visit, excerpt):
    """A window in which the page of few chapters was opened."""
    visited = visit(excerpt)
    yield visited
    visited.page.close()


@pytest.fixture
def reading(window, excerpt):
    """The page of few chapters, opened anew."""
    page = window.page
    window.complaints.clear()
    page.set_viewport_size({"width": 1440, "height": 900})
    # From another page, because the same one would only be scrolled to its top.
    page.goto("about:blank")
    page.goto(excerpt.as_uri())
    yield page
    assert not window.complaints


def here(page) -> str:
    """The step that has the focus."""
    return page.evaluate("document.activeElement.id")


# Lines that are wider than their box; lines that are on more than one line.
CUT = """[...document.querySelectorAll(".line")]
    .filter(line => line.offsetParent && line.scrollWidth > line.clientWidth + 1).length"""
WRAPPED = """[...document.querySelectorAll(".line:not(.gap)")].filter(line => {
    const text = document.createRange();
    text.selectNodeContents(line);
    const { top, bottom } = text.getBoundingClientRect();
    return line.offsetParent && bottom - top > 1.6 * parseFloat(getComputedStyle(line).lineHeight);
}).length"""


@pytest.mark.parametrize("width", [1280, 1440])
def test_no_line_of_two_columns_is_cut_or_wrapped(visit, whole, width):
    visited = visit(whole, width)
    visited.open_details()
    assert visited.page.evaluate(CUT) == 0
    assert visited.page.evaluate(WRAPPED) == 0
    visited.page.check("#numpy")
    assert visited.page.evaluate(CUT) == 0
    assert visited.page.evaluate(WRAPPED) > 0, "three columns wrap"
    visited.page.close()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_page_is_quiet_and_in_bounds(visit, whole, width, dark):
    visited = visit(whole, width, dark)
    assert visited.overflow() == 0
    assert visited.page.evaluate(CUT) == 0
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
    visited.open_details()
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
    reading.uncheck("#numpy")
    reading.set_viewport_size({"width": 768, "height": 900})
    assert reading.evaluate(WRAPPED) > 0
    assert reading.evaluate(tops, "pytorch") == reading.evaluate(tops, "tensorflow")


def test_code_begins_on_the_same_column_in_every_line(reading):
    """With something in the gutter or nothing."""
    lefts = reading.evaluate(
        """() => [...document.querySelectorAll("[id='minimal.data'] .pytorch .line")].map(line => {
            const text = document.createTreeWalker(line, NodeFilter.SHOW_TEXT, node =>
                node.parentElement.closest(".gutter, .marks") || !node.length
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
    first, second, third = "minimal.data", "minimal.model", "minimal.learning"
    assert walk == [first, second, third, second, first, second]
    assert "2 of " in reading.text_content("#here")
    assert reading.url.endswith("#minimal.model")
    reading.uncheck("#single")
    reading.locator("[id='minimal.model']").focus()
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


def test_revealing_moves_nothing(reading):
    reading.keyboard.press("s")
    places = """[...document.querySelectorAll("body *")]
        .map(each => each.getBoundingClientRect())
        .map(box => [box.x, box.y, box.width, box.height])"""
    before = reading.evaluate(places)
    button = reading.locator("[id='loss.compute_loss'] .tensorflow .reveal")
    button.evaluate("each => each.click()")
    assert button.get_attribute("aria-expanded") == "true"
    assert reading.locator("[id='loss.compute_loss'] .tensorflow .code").is_visible()
    assert reading.evaluate(places) == before


def test_imports_are_unfolded_by_their_link(reading):
    code = reading.locator("[id='loss.imports'] .code").first
    assert code.is_hidden()
    reading.evaluate("location.hash = 'loss.imports'")
    code.wait_for(state="visible")
    # Then it is a step like others.
    reading.locator("[id='loss.imports']").focus()
    reading.keyboard.press("j")
    assert here(reading) == "loss.compute_loss"
    reading.keyboard.press("k")
    assert here(reading) == "loss.imports"


def test_a_docstring_is_unfolded_on_both_sides(reading):
    folds = reading.locator("[id='loss.compute_loss'] .side:not(.numpy) .fold")
    folds.first.locator("summary").click()
    reading.wait_for_function(
        """[...document.querySelectorAll("[id='loss.compute_loss'] .fold")]
            .every(each => each.open)"""
    )
    assert folds.nth(1).get_by_text("before softmax").is_visible()


def test_words_are_found_even_where_they_are_folded(reading):
    reading.keyboard.press("/")
    reading.keyboard.type("Before SOFTMAX")
    assert reading.text_content("#found") == "1 step: Enter"
    hidden = reading.locator("[id='loss.compute_loss'] .pytorch").get_by_text("before softmax")
    assert hidden.is_hidden()
    reading.keyboard.press("Enter")
    hidden.wait_for(state="visible")
    assert reading.url.endswith("#loss.compute_loss")
    assert reading.text_content("#found") == "1 of 1"
    reading.fill("#search", "no such words")
    assert reading.text_content("#found") == "nothing"


def test_a_file_has_a_link(reading):
    reading.locator("[id='loss.py'] h2 a").click()
    assert reading.url.endswith("#loss.py")


def test_theme_can_be_chosen(reading):
    background = "getComputedStyle(document.body).backgroundColor"
    light = reading.evaluate(background)
    reading.keyboard.press("d")
    assert reading.evaluate(background) != light
    reading.click("#theme")
    assert reading.evaluate(background) == light
