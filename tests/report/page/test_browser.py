"""report.html in a browser, at the widths of a phone, a tablet and a desk, light and dark."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from report.page import page as page_module
from tests.support.browser import WIDTHS, Visit, Visitor
from tests.support.colors import is_a_frameworks, pixels
from tests.support.folders import HOSTILE, make_dataset, make_folder, make_whole
from tests.support.results import make_run, make_unfinished, make_verification

FIRST_CHART = "#curves svg[role=img] >> nth=0"


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    """A page with everything, and one of many runs with long and hostile names."""
    dataset = make_dataset()
    whole, many, two = map(tmp_path_factory.mktemp, ("whole", "many", "two"))
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
        "two": page_module.write_page(make_usual(two), dataset, two),
    }


def make_usual(folder: Path):
    """What most comparisons are: two runs in five repeats that share mistakes and disagree."""
    dataset, chance = make_dataset(), np.random.default_rng(0)
    runs = [
        replace(make_run(name, seed, speed * chance.lognormal(0, 0.1)), test_accuracy=accuracy)
        for seed in range(5)
        for name, speed in (("pytorch/eager", 1.0), ("tensorflow/fit", 1.3))
        for accuracy in [chance.normal(0.975, 0.001)]
    ]
    verification = make_verification(True)
    others = [replace(verification.runs[0], run="tensorflow/fit")]
    verification = replace(verification, runs=[*verification.runs, *others])
    result = make_folder(folder, dataset, *runs, verification=verification)
    for number, run in enumerate(runs):
        answers = dataset.test_labels.copy()
        # The first twelve are wrong in the same way, as many others in one run only.
        wrong = slice(0, 12 + 24 * (number % 2))
        answers[wrong] = (answers[wrong] + 1) % 10
        logits = 4 * np.eye(10, dtype=np.float32)[answers]
        save_file({"logits": logits}, folder / run.predictions)
    return result


@pytest.fixture
def visited(visit: Visitor, pages: dict[str, Path]) -> Iterator[Visit]:
    """The page with everything, on a desk."""
    visited = visit(pages["whole"])
    yield visited
    assert visited.complaints == visited.requests == []
    visited.page.close()


@pytest.mark.parametrize("name", ["whole", "many", "two"])
@pytest.mark.parametrize("width", [*WIDTHS, 1280])
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
    [("whole", 375, False), ("whole", 1440, True), ("many", 768, False), ("two", 375, True)],
)
def test_axe_finds_nothing(name, width, dark, visit, pages):
    visited = visit(pages[name], width, dark)
    visited.open_details()
    assert visited.violations() == []
    visited.page.close()


@pytest.mark.parametrize("width", [1280, 1440])
def test_the_page_of_two_runs_is_short(width, visit, pages):
    visited = visit(pages["two"], width)
    cards = visited.page.locator("#images .card")
    assert len([each for each in cards.all() if each.is_visible()]) == 12
    assert visited.page.evaluate("document.documentElement.scrollHeight") < 6000
    # In the charts and pictures of a real one there is nothing that takes more room.
    assert visited.page.locator("section").count() == 11
    visited.page.close()


def test_the_first_screen_answers_the_five_questions(visit, pages):
    visited = visit(pages["two"], 1280)
    page = visited.page
    for element in (".verdict", ".how", ".about div >> nth=2", ".figures .card >> nth=1"):
        box = page.locator(element).bounding_box()
        assert box["y"] + box["height"] < 800, element
    claim, about = page.locator(".verdict").inner_text(), page.locator(".about").inner_text()
    assert "times as long per epoch" in claim
    assert "test accuracy" in claim
    assert all(each in about for each in ("network", "Processor 9000", "compute the same thing"))
    page.close()


# Of every text, the places at which a number and its unit stand in different lines.
PARTED = r"""() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const unit = /\d([\s\u00a0]+)(%|(?:s|ms|k|MiB|GiB|J|points?|times|images?|epochs?|threads?)\b)/g;
  const seen = [], parted = [];
  const top = (node, place) => {
    const range = document.createRange();
    range.setStart(node, place);
    range.setEnd(node, place + 1);
    return range.getClientRects()[0]?.top;
  };
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    if (node.parentElement.closest("style, script, pre")) continue;
    for (const found of node.data.matchAll(unit)) {
      seen.push(found[0]);
      const after = found.index + 1 + found[1].length;
      if (Math.abs(top(node, found.index) - top(node, after)) > 4) parted.push(found[0]);
    }
  }
  return [seen.length, parted];
}"""


@pytest.mark.parametrize("name", ["whole", "two"])
def test_no_number_is_parted_from_its_unit(name, visit, pages):
    visited = visit(pages[name], 375)
    visited.open_details()
    seen, parted = visited.page.evaluate(PARTED)
    assert parted == []
    assert seen > 60
    # With plain blanks, some would be.
    visited.page.evaluate(
        r"document.body.innerHTML = document.body.innerHTML.replace(/&nbsp;/g, ' ')"
    )
    assert visited.page.evaluate(PARTED)[1]
    visited.page.close()


# Of each chart of lines or dots: its title, and by how much a point lies beyond the last mark.
BEYOND = """() => [...document.querySelectorAll("svg.chart:has(.dot)")].map((chart) => {
  const numbers = (of, name) => [...chart.querySelectorAll(of)].map((e) => +e.getAttribute(name));
  const rules = numbers("line.rule", chart.querySelector(".row") ? "x1" : "y1");
  const dots = numbers("circle.dot", chart.querySelector(".row") ? "cx" : "cy");
  const xs = chart.querySelector(".row") ? rules : numbers("text.middle", "x");
  return [
    chart.getAttribute("aria-label"),
    Math.max(...dots) - Math.max(...rules),
    Math.min(...rules) - Math.min(...dots),
    Math.max(...numbers("circle.dot", "cx")) - Math.max(...xs),
  ];
})"""


@pytest.mark.parametrize("name", ["whole", "two"])
def test_axes_reach_their_last_point(name, visit, pages):
    visited = visit(pages[name])
    charts = visited.page.evaluate(BEYOND)
    assert len(charts) >= 4
    for title, *beyond in charts:
        assert max(beyond) < 0.1, title
    visited.page.close()


@pytest.mark.parametrize("dark", [False, True])
def test_only_runs_are_blue_or_orange(dark, visit, pages):
    visited = visit(pages["two"], dark=dark)
    page = visited.page
    for element in (".matrix", ".matrix.difference", "img.weights", "#time svg", "nav", ".notices"):
        for each in page.locator(element).all()[:1]:
            assert not is_a_frameworks(pixels(each.screenshot())).any(), element
    for element in ("#images .chances", ".verdict", "#verification"):
        assert not is_a_frameworks(pixels(page.locator(element).first.screenshot())).any(), element
    assert is_a_frameworks(pixels(page.locator("#latency svg").first.screenshot())).any()
    page.close()


def test_paper_shows_what_a_screen_unfolds(visit, pages):
    visited = visit(pages["two"])
    page = visited.page
    facts = page.locator("#environment .facts").first
    assert not facts.is_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert all(each.is_visible() for each in page.locator("details.fold > :not(summary)").all())
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not facts.is_visible()
    page.close()


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
    visited.open_details()
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
    assert "start: 0.250\xa0s, 2\xa0%" in tip.inner_text()


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
