"""Many pictures at once, as a visitor drops, pastes, saves and forgets them."""

import base64
import csv
import json
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

PATIENCE_MS = 120_000  # the first answer waits for the models to load
ALL_IMAGES = """() => {
  const all = root => [...root.querySelectorAll('*')].flatMap(
    e => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])])
  return all(document.body).filter(e => e.tagName === 'IMG').length
}"""
# What the browser does when somebody presses Ctrl+V with a picture in the clipboard.
PASTE = """async (data) => {
  const blob = await (await fetch('data:image/jpeg;base64,' + data)).blob()
  const clipboard = new DataTransfer()
  clipboard.items.add(new File([blob], 'image.jpg', {type: 'image/jpeg'}))
  document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: clipboard, bubbles: true}))
}"""


@pytest.fixture(autouse=True)
def _patience():
    expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def archive(pictures, tmp_path_factory) -> Path:
    """Two pictures, words, and an archive within."""
    path = tmp_path_factory.mktemp("archive") / "many.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.write(pictures("one.jpg"), "../../one.jpg")
        made.write(pictures("two.jpg"), "folder/two.jpg")
        made.write(pictures("text.jpg"), "text.jpg")
        made.writestr("inner.zip", b"PK\x03\x04")
    return path


# What the browser does when somebody lets go of files over an element.
DROP = """async (zone, files) => {
  const carried = new DataTransfer()
  for (const [name, type, data] of files) {
    const blob = await (await fetch(`data:${type};base64,` + data)).blob()
    carried.items.add(new File([blob], name, {type}))
  }
  for (const kind of ['dragenter', 'dragover', 'drop'])
    zone.dispatchEvent(new DragEvent(kind, {dataTransfer: carried, bubbles: true, cancelable: true}))
}"""


def choose(page: Page, *paths: Path) -> None:
    page.get_by_label("Drop photos here").set_input_files(list(paths))


def saved(page: Page, label: str) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name=label).click()
    return Path(download.value.path())


def test_files_and_archives_become_an_album_that_is_saved_and_forgotten(page, pictures, archive):
    choose(page, pictures("one.png"), pictures("cut.jpg"), archive)
    expect(page.get_by_text("3 pictures, 4 faces")).to_be_visible()
    expect(page.get_by_text("3 files could not be answered")).to_be_visible()
    for words in (
        "cut.jpg: The picture",
        "many.zip/text.jpg: This file",
        "many.zip/inner.zip: This is an archive",
    ):
        expect(page.get_by_text(words)).to_be_visible()
    page.get_by_role("button", name=re.compile("^Open .*two.jpg")).click()
    expect(page.get_by_text("Face 1 of 2")).to_be_visible()
    rows = list(csv.DictReader(saved(page, "Album as CSV").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 4 and {row["fusion"] for row in rows} == {"happy"}
    records = [json.loads(line) for line in saved(page, "Album as JSON lines").read_text().splitlines()]
    assert len(records) == 6 and sum(record["error"] is not None for record in records) == 3
    assert saved(page, "Picture with boxes").read_bytes().startswith(b"\xff\xd8\xff")
    page.get_by_role("button", name="Forget everything").click()
    expect(page.get_by_text("No picture yet.")).to_be_visible()
    expect(page.get_by_text("two.jpg")).to_have_count(0)
    assert page.evaluate(ALL_IMAGES) == 0


def test_a_group_of_thirty_is_chosen_from_by_keyboard(page):
    page.get_by_role("button", name="A group of 30").click()
    expect(page.get_by_text("30 faces found")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Face 12:")).press("Enter")
    expect(page.get_by_text("Face 12 of 30")).to_be_visible()


def test_a_picture_is_pasted_from_the_clipboard(page, pictures):
    page.locator(".filepond--root").first.wait_for(state="attached")  # it is what listens
    page.evaluate(PASTE, base64.b64encode(pictures("one.jpg").read_bytes()).decode())
    expect(page.get_by_text("Face 1 of 1")).to_be_visible()


def test_files_of_any_kind_are_dropped_and_each_wrong_one_gets_its_sentence(page, pictures):
    one = base64.b64encode(pictures("one.jpg").read_bytes()).decode()
    page.locator("label", has_text="Drop photos here").evaluate(
        DROP, [["one.jpg", "image/jpeg", one], ["report.pdf", "application/pdf", "JVBERi0xLjcK"]]
    )
    expect(page.get_by_text("Face 1 of 1")).to_be_visible()
    expect(page.get_by_text("report.pdf: This is a PDF document")).to_be_visible()
