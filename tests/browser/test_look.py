"""Look, as a visitor uses it."""

import re

import pytest
from playwright.sync_api import Page, expect

from dashboard.app import EXAMPLE
from dashboard.examples import seven_ways
from dashboard.theme import DARK

PATIENCE_MS = 60_000  # the first answer waits for the models to load
PHOTO = ".bk-Figure:visible"
# Pictures that the browser still holds: in a chart's data, or as an image of the page.
KEPT = """() => {
  const all = root => [...root.querySelectorAll('*')].flatMap(
    e => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])])
  const models = Bokeh.documents.flatMap(document_ => [...document_._all_models.values()])
  const urls = models.filter(model => model.data?.url).flatMap(model => [...model.data.url])
  return [...urls, ...all(document.body).filter(e => e.tagName === 'IMG').map(e => e.src)]
}"""

# Colours of the words in charts.
INKS = """Bokeh.documents.flatMap(document_ => [...document_._all_models.values()])
  .filter(model => model.type === 'GlyphRenderer' && model.tags.length)
  .map(model => model.glyph.text_color.value)"""


@pytest.fixture(autouse=True)
def _patience():
    expect.set_options(timeout=PATIENCE_MS)


def upload(page: Page, path) -> None:
    page.get_by_label("Drop photos here").set_input_files(path)


def looks(page: Page, label: str) -> None:
    expect(page.get_by_text(re.compile(rf"Looks\s+{label}"))).to_be_visible()


def test_purpose_and_limits_are_told_before_the_first_picture(page):
    for words in (
        "does not know what anyone",
        "never for judging people",
        "Art. 5(1)(f)",
        "memory of your session",
    ):
        expect(page.get_by_text(words)).to_be_visible()


def test_an_upload_becomes_a_chart_with_both_models_numbers(page, pictures):
    upload(page, pictures("one.jpg"))
    looks(page, "happy")
    expect(page.get_by_text("Face 1 of 1")).to_be_visible()
    expect(
        page.get_by_text(re.compile(r"Fusion gives happy \d+ %; the CNN says the same, \d+ %"))
    ).to_be_visible()
    expect(page.get_by_text(re.compile(r"Answered in \d+ ms: .*CNN \d+, Fusion \d+"))).to_be_visible()
    expect(page.locator(PHOTO)).to_have_count(2)
    expect(page.get_by_alt_text("The face as the models saw it")).to_be_visible()
    page.get_by_text("The numbers as a table").click()
    rows = page.locator("table tbody tr")
    expect(rows).to_have_count(7)
    for column in (0, 1):
        shares = [float(row.locator("td").nth(column).inner_text().rstrip(" %")) for row in rows.all()]
        assert sum(shares) == pytest.approx(100, abs=0.5)


@pytest.mark.parametrize("name", ["one.png", "one.webp"])
def test_png_and_webp_are_answered_too(page, pictures, name):
    upload(page, pictures(name))
    looks(page, "happy")


def test_two_faces_are_chosen_by_clicking_and_by_buttons(page, pictures):
    upload(page, pictures("two.jpg"))
    expect(page.get_by_text("2 faces found")).to_be_visible()
    expect(page.get_by_text("Face 1 of 2")).to_be_visible()
    photo = page.locator(PHOTO).first
    box = photo.bounding_box()
    assert box is not None and abs(box["width"] / box["height"] - 900 / 540) < 0.05
    # The smaller portrait's face lies around this point of the picture.
    photo.click(position={"x": 741 / 900 * box["width"], "y": 256 / 540 * box["height"]})
    expect(page.get_by_text("Face 2 of 2")).to_be_visible()
    page.get_by_role("button", name="Next face").click()
    expect(page.get_by_text("Face 1 of 2")).to_be_visible()
    page.get_by_role("button", name="Previous face").click()
    expect(page.get_by_text("Face 2 of 2")).to_be_visible()


def test_the_example_is_answered_and_forgotten(page):
    page.get_by_role("button", name="Try the example").click()
    looks(page, "happy")
    page.get_by_role("button", name="Forget this picture").click()
    expect(page.get_by_text("No picture yet.")).to_be_visible()
    expect(page.locator(PHOTO)).to_have_count(0)
    expect(page.get_by_text("Looks happy")).to_have_count(0)
    page.wait_for_function(f"() => ({KEPT})().length === 0")  # the chart stays, the picture does not


def test_what_the_models_saw_comes_on_demand(page):
    page.get_by_role("button", name="Try the example").click()
    looks(page, "happy")
    page.get_by_role("button", name="Show what the models saw").click()
    expect(page.get_by_text("The mesh, to turn")).to_be_visible()
    expect(page.get_by_alt_text(re.compile("What the answer happy of .* depends on"))).to_have_count(2)
    expect(
        page.get_by_text(re.compile(r"Shown neither, Fusion gives happy \d+\s%; the pixels add"))
    ).to_be_visible()
    # Photo, probabilities, shares, mesh, regions.
    expect(page.locator(PHOTO)).to_have_count(5)
    turn = page.get_by_role("slider").first
    turn.focus()
    turn.press("ArrowRight")
    expect(turn).to_have_value("5")


def test_no_face_is_a_sentence_that_helps(page, pictures):
    upload(page, pictures("none.png"))
    expect(page.get_by_text("No face was found in this picture.")).to_be_visible()


def test_bad_files_are_sentences_and_break_nothing(page, pictures):
    for name, sentence in (
        ("text.jpg", "This file is not a picture"),
        ("cut.jpg", "damaged or was cut short"),
        ("large.jpg", "The file is larger than 25 MB"),
    ):
        upload(page, pictures(name))
        expect(page.get_by_text(sentence).first).to_be_visible()
    upload(page, pictures("one.jpg"))
    looks(page, "happy")


def test_dark_and_light_show_the_same(page, pictures):
    upload(page, pictures("one.jpg"))
    looks(page, "happy")
    paper = "() => getComputedStyle(document.querySelector('main') ?? document.body).backgroundColor"
    before = page.evaluate(paper)
    page.get_by_role("button", name="Toggle theme").click()
    page.wait_for_function(f"old => ({paper})() !== old", arg=before)
    looks(page, "happy")
    expect(page.locator(PHOTO)).to_have_count(2)


def test_the_theme_is_switched_quickly_and_slowly_and_charts_take_its_colours(page, pictures):
    upload(page, pictures("two.jpg"))
    looks(page, "happy")
    toggle = page.get_by_role("button", name="Toggle theme")
    for pause in (0, 0, 50, 100, 200, 400, 0, 100, 200, 400, 800):  # ms; errors fail the page when it closes
        toggle.click()
        page.get_by_role("button", name="Next face").click()
        page.wait_for_timeout(pause)
    expect(page.get_by_text("Face 2 of 2")).to_be_visible()
    page.wait_for_function(f"ink => {INKS}.includes(ink)", arg=DARK.text)
    assert set(page.evaluate(f"() => {INKS}")) == {DARK.text, DARK.muted}
    expect(page.locator(PHOTO)).to_have_count(2)


def test_a_picture_is_its_sessions_own(page, open_page, pictures):
    upload(page, pictures("one.jpg"))
    looks(page, "happy")
    other = open_page()
    expect(other.get_by_text("No picture yet.")).to_be_visible()
    assert other.locator(PHOTO).count() == 0


def test_file_names_stay_out_of_the_log(page, pictures, server):
    upload(page, pictures("text.jpg"))
    expect(page.get_by_text("This file is not a picture").first).to_be_visible()
    assert not any("text.jpg" in line for line in server.lines)


def test_words_follow_the_level_and_a_dark_picture_is_warned_of(page, tmp_path):
    dark = tmp_path / "dark.jpg"
    dark.write_bytes(dict(seven_ways(EXAMPLE.read_bytes()))["portrait, dark.jpg"])
    upload(page, dark)
    looks(page, "happy")
    level = re.compile(r"labelled expression 9 times in 10\. Measured: [\d.]+ %")
    expect(page.get_by_text(level)).to_be_visible()
    page.get_by_role("button", name="80 %").click()
    expect(page.get_by_text("labelled expression 8 times in 10")).to_be_visible()
    warning = page.get_by_text(re.compile(r"Dark: \d+ of 255 levels of grey · −\d+ points"))
    cost = page.get_by_text(re.compile(r"On FER-2013 faces darkened to \d+ .* instead of \d+ %"))
    expect(cost).to_be_hidden()
    warning.click()
    expect(cost).to_be_visible()
