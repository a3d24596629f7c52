"""The webcam, with Chromium's fake device: from a click to a chart, and the device's release."""

import contextlib
import re

import pytest
from playwright.sync_api import Frame, Page, expect

PATIENCE_MS = 60_000
# The page may look into its frame, as both come from one server: keep the camera's track in the page's hand.
KEEP_TRACK = """() => {
  const videos = root => [...root.querySelectorAll('*')].flatMap(
    e => [...(e.tagName === 'VIDEO' ? [e] : []), ...(e.shadowRoot ? videos(e.shadowRoot) : [])])
  const frames = root => [...root.querySelectorAll('*')].flatMap(
    e => [...(e.tagName === 'IFRAME' ? [e] : []), ...(e.shadowRoot ? frames(e.shadowRoot) : [])])
  window.kept = videos(frames(document)[0].contentDocument)[0].srcObject.getTracks()[0]
  return window.kept.readyState
}"""


@pytest.fixture(autouse=True)
def _patience():
    expect.set_options(timeout=PATIENCE_MS)


def camera_frames(page: Page) -> list[Frame]:
    return [frame for frame in page.frames if "/camera" in frame.url]


def switch_on(page: Page) -> None:
    page.get_by_role("button", name="Switch camera on").click()
    expect(page.get_by_text("Camera on.")).to_be_visible()


def wait_for_end(page: Page) -> None:
    page.wait_for_function("() => window.kept.readyState === 'ended'", timeout=PATIENCE_MS)
    assert camera_frames(page) == []


def test_nothing_opens_the_camera_before_the_click(page):
    assert camera_frames(page) == []
    expect(page.get_by_text("Your browser asks first.")).to_be_visible()


def test_a_still_becomes_a_chart_and_off_releases_the_device(page):
    switch_on(page)
    assert page.evaluate(KEEP_TRACK) == "live"
    for _ in range(2):
        page.get_by_role("button", name="Take the picture").click()
        expect(page.get_by_text(re.compile(r"Looks\s+happy"))).to_be_visible()
        expect(page.get_by_text("Face 1 of 1")).to_be_visible()
    page.get_by_role("button", name="Camera off").click()
    wait_for_end(page)
    expect(page.get_by_text("Camera on.")).not_to_be_visible()
    switch_on(page)
    assert page.evaluate(KEEP_TRACK) == "live"


def test_leaving_the_page_releases_the_device(page):
    switch_on(page)
    page.evaluate(KEEP_TRACK)
    page.get_by_role("tab", name="About").click()
    wait_for_end(page)


def test_forgetting_releases_the_device_too(page):
    switch_on(page)
    page.evaluate(KEEP_TRACK)
    page.get_by_role("button", name="Take the picture").click()
    page.get_by_role("button", name="Forget this picture").click()
    wait_for_end(page)
    expect(page.get_by_text("No picture yet.")).to_be_visible()


def test_without_a_camera_a_sentence_says_what_to_do(playwright, chromium, server):
    # No fake device: asking for a camera fails, as on a machine without one.
    arguments = ["--no-sandbox", "--disable-gpu", "--use-fake-ui-for-media-stream"]
    browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
    with contextlib.closing(browser):
        page = browser.new_page()
        page.goto(server.url)
        page.get_by_role("button", name="Switch camera on").click(timeout=PATIENCE_MS)
        expect(page.get_by_text("No picture has come from the camera yet.")).to_be_visible()
        expect(page.get_by_role("button", name="Take the picture")).to_be_disabled()
        page.get_by_role("button", name="Camera off").click()
        expect(page.get_by_text("No picture has come from the camera yet.")).not_to_be_visible()


def test_the_camera_document_alone_opens_no_camera(open_page):
    alone = open_page("/camera?token=guessed")
    expect(alone.get_by_text("The camera opens from the Look page.")).to_be_visible()
    assert alone.locator("video").count() == 0
