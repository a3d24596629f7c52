"""Take the README's pictures anew: ``python tools/screenshots.py CHROMIUM``, from the repository's root."""

import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

PORT = 5093
FOLDER = Path("docs/images")


def look(page: Page) -> None:
    """The example, answered."""
    page.get_by_role("button", name="Try the example").click()
    expect(page.get_by_text("Face 1 of 1")).to_be_visible()


def seen(page: Page) -> None:
    """What its answers depend on."""
    look(page)
    page.get_by_role("button", name="Show what the models saw").click()
    expect(page.get_by_text("Which parts of the mesh")).to_be_visible()
    page.get_by_text("What the models saw").first.scroll_into_view_if_needed()
    page.mouse.move(640, 500)
    page.mouse.wheel(0, 560)


def evaluate(page: Page) -> None:
    """The figures of one model."""
    page.get_by_role("tab", name="Evaluate").click()
    expect(page.get_by_text("Macro F1").first).to_be_visible()


def compare(page: Page) -> None:
    """The two models."""
    page.get_by_role("tab", name="Compare").click()
    expect(page.get_by_text("Who is right")).to_be_visible()


def fairness(page: Page) -> None:
    """The London set by gender."""
    page.goto(page.url.partition("?")[0] + "?page=fairness&data=london")
    expect(page.get_by_text("Accuracy by gender")).to_be_visible()


def main(chromium: str) -> None:
    """Serve the dashboard, visit its pages, and write a picture of each."""
    command = [sys.executable, "-m", "dashboard", "--port", str(PORT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as play:
        assert server.stdout is not None
        server.stdout.readline()
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            for act in (look, seen, evaluate, compare, fairness):
                page = browser.new_page(viewport={"width": 1280, "height": 1000})
                page.set_default_timeout(60_000)
                expect.set_options(timeout=60_000)
                page.goto(f"http://localhost:{PORT}/")
                act(page)
                page.wait_for_timeout(3_000)
                page.screenshot(path=FOLDER / f"{act.__name__}.png")
        finally:
            browser.close()
            server.terminate()


if __name__ == "__main__":
    main(sys.argv[1])
