"""Opening pages in a headless Chromium, as their readers do."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
WIDTHS = (375, 768, 1440)


@dataclass
class Visit:
    """An open page, with all that its console said and all that it asked others for."""

    page: object
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open_details(self) -> None:
        """Unfold all that is folded."""
        self.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )

    def violations(self) -> list[str]:
        """What axe-core objects to, each with the elements concerned."""
        from axe_playwright_python.sync_playwright import Axe

        options = {"resultTypes": ["violations"]}
        return [
            f"{each['id']}: {[node['target'] for node in each['nodes']][:5]}"
            for each in Axe().run(self.page, options=options).response["violations"]
        ]


Visitor = Callable[..., Visit]


@contextmanager
def chromium() -> Iterator[Visitor]:
    """Gives `visit(path, width=1440, dark=False)`, which opens a file; skips without a browser."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("NO BROWSER: pages are not tested; install chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))

        def visit(path: Path, width: int = 1440, dark: bool = False) -> Visit:
            page = browser.new_page(
                viewport={"width": width, "height": 900},
                color_scheme="dark" if dark else "light",
            )
            visited = Visit(page)
            page.on("console", lambda message: visited.complaints.append(message.text))
            page.on("pageerror", lambda error: visited.complaints.append(str(error)))
            address = path.resolve().as_uri()

            def note(request) -> None:
                if request.url != address and not request.url.startswith("data:"):
                    visited.requests.append(request.url)

            page.on("request", note)
            page.goto(address)
            return visited

        yield visit
        browser.close()
