"""Evaluate and Compare show the figures of the table, which are known by construction.

49 pictures a split. CNN: 7 x 5 right = 35, 71.4 %. Fusion: 7 x 6 - 1 right = 41, 83.7 %. Both right 34,
only the CNN 1 (the third of angry), only the fusion 7, both wrong 7. One in seven is a copy: 42 without.
"""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

PATIENCE_MS = 60_000
# Elements that reach past the right edge, but for wide tables in a box of their own that scrolls, and for the
# parts of a canvas and of a progress bar, which clip them.
TOO_WIDE = """() => {
  const all = root => [...root.querySelectorAll('*')].flatMap(
    e => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])])
  const fine = ['scroll', 'bk-GlyphRenderer', 'MuiLinearProgress-bar']
  const may = e => {
    for (let n = e; n; n = n.parentElement ?? n.getRootNode().host)
      if (fine.some(name => n.classList?.contains(name))) return true
    return false
  }
  return all(document.body)
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && e.getBoundingClientRect().width > 1)
    .filter(e => e.checkVisibility() && !may(e))
    .map(e => e.tagName + '.' + e.className)
}"""


@pytest.fixture(autouse=True)
def _patience():
    expect.set_options(timeout=PATIENCE_MS)


def card(page, name):
    return page.locator(".card", has=page.get_by_text(name, exact=True))


def choose(page, selector, option):
    page.get_by_role("combobox", name=re.compile(rf"^{selector}\b")).first.click()
    page.get_by_role("listbox").get_by_text(option, exact=True).click()


def counted(page, words):
    return expect(page.get_by_text(f"n = {words}", exact=True).first)


def test_evaluate_shows_the_figures_of_the_chosen_model_and_rows(page):
    page.get_by_role("tab", name="Evaluate").click()
    expect(card(page, "Accuracy")).to_contain_text("83.7 %")
    expect(card(page, "Pictures")).to_contain_text("49")
    counted(page, "49 pictures").to_be_visible()
    expect(page.locator(".bk-Figure")).to_have_count(4)
    expect(page.get_by_text("29 % of the pictures labelled angry (2 of 7)")).to_be_visible()
    page.get_by_text("The numbers as a table").first.click()
    happy = page.locator("tbody tr", has=page.get_by_role("rowheader", name="happy", exact=True)).first
    expect(happy).to_contain_text("0.857")
    choose(page, "Model", "CNN")
    expect(card(page, "Accuracy")).to_contain_text("71.4 %")
    counts = page.get_by_role("button", name="Counts").element_handle()
    page.get_by_role("switch", name="Without copies of training pictures").click()
    counted(page, "42 of 49 pictures").to_be_visible()
    expect(card(page, "Accuracy")).to_contain_text("66.7 %")
    counts.click()  # the same button still, although the page is drawn anew around it
    page.wait_for_url("**cells=count**", timeout=PATIENCE_MS)
    expect(page.locator(".bk-Figure")).to_have_count(4)
    page.wait_for_timeout(1500)  # drawn anew: on a slow machine later, and the next line tells less
    assert counts.evaluate("e => e.isConnected && e.getRootNode().activeElement === e")
    page.get_by_role("button", name="Curves").click()
    expect(page.get_by_text("Each expression against the rest", exact=True)).to_be_visible()


def test_compare_shows_the_four_cells_and_mcnemar(open_page):
    page = open_page("/?page=compare")
    expect(card(page, "CNN accuracy")).to_contain_text("71.4 %")
    expect(card(page, "Fusion accuracy")).to_contain_text("83.7 %")
    expect(card(page, "Difference, in points")).to_contain_text("+12.2")
    # Exact: at most one of eight, twice, is 2 (1 + 8) / 256.
    expect(card(page, "McNemar's test")).to_contain_text("p = .070")
    page.get_by_text("The numbers as a table").first.click()
    cells = page.locator("table").first.locator("tbody td").all_inner_texts()
    assert cells == ["34", "1", "35", "7", "7", "14", "41", "8", "49"]
    expect(page.get_by_text("can well be chance")).to_be_visible()
    choose(page, "Split", "PublicTest")
    expect(card(page, "Same answer")).to_contain_text("of 49 pictures")


def test_the_address_shares_a_view(page, open_page):
    page.get_by_role("tab", name="Fairness").click()
    choose(page, "Data", "London set")
    counted(page, "204 pictures").to_be_visible()
    page.wait_for_timeout(1000)
    choose(page, "Crossed with", "age band")
    page.wait_for_url("**cross=age_band**", timeout=PATIENCE_MS)
    assert "page=fairness" in page.url and "data=london" in page.url and "split" not in page.url
    shared = open_page("/?" + page.url.partition("?")[2])
    expect(shared.get_by_text("Accuracy by gender and age band")).to_be_visible()
    counted(shared, "204 pictures").to_be_visible()


def test_filters_narrow_and_no_rows_is_a_sentence(open_page):
    page = open_page("/?page=fairness&data=london&slices=age:18..20;gender:female")
    expect(page.get_by_role("button", name="age 18 to 20")).to_be_visible()
    page.get_by_role("button", name="gender: female").click()
    expect(page.get_by_role("button", name="gender: female")).to_have_count(0)
    page.get_by_role("button", name="More filters").click()
    choose(page, "Slice by", "gender")
    expect(page.get_by_role("button", name="Use", exact=True)).to_be_visible()
    page.get_by_role("button", name="Take all filters away").click()
    counted(page, "204 pictures").to_be_visible()
    nobody = open_page("/?page=evaluate&data=london&slices=age:1..2")
    expect(nobody.get_by_text("No picture is left by these filters.")).to_be_visible()


def test_a_click_on_a_cell_lists_its_rows(open_page):
    page = open_page("/?page=evaluate")
    matrix = page.locator(".bk-Figure").nth(3)
    matrix.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)
    box = matrix.bounding_box()
    page.mouse.click(box["x"] + 0.56 * box["width"], box["y"] + 0.56 * box["height"])
    expect(
        page.get_by_text(re.compile(r"(pictures|No picture is) labelled \w+, answered \w+")).last
    ).to_be_visible()
    # The same by keyboard: every mark is in a list.
    choose(page, "List the pictures", "angry wrongly answered or missed (3)")
    expect(page.get_by_text("3 pictures angry wrongly answered or missed, the surest")).to_be_visible()
    row = page.locator("tbody tr", has=page.get_by_role("rowheader", name="49", exact=True))
    expect(row).to_contain_text("disgust 70 %, label 5 %")


def test_the_page_is_saved_as_a_report_that_needs_no_host(open_page, browser, tmp_path):
    page = open_page("/?page=compare")
    expect(page.get_by_text("Who is right")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="This page as a report").click()
    path = tmp_path / "report.html"
    download.value.save_as(path)
    context = browser.new_context(offline=True)
    report, asked = context.new_page(), []
    report.on("request", lambda request: asked.append(request.url))
    report.goto(path.as_uri())
    expect(report.locator(".bk-Figure").first).to_be_visible()
    expect(report.get_by_text("+12.2").first).to_be_visible()
    context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    with page.expect_download() as saved:
        page.get_by_text("The numbers as a table").first.click()
        page.get_by_text("Save as CSV").first.click()
    assert "CNN right,34,1,35" in Path(saved.value.path()).read_text()


def test_a_table_of_ones_own_is_understood_or_refused(open_page, tmp_path):
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    lines = [
        f"{'cat' if i % 2 else 'dog'},{'cat' if i % 3 else 'dog'},{'old' if i < 60 else 'new'}"
        for i in range(120)
    ]
    good.write_text("\n".join(["label,prediction,lens", *lines]))
    bad.write_text("label,prediction\ncat,cat\ndog,\n")
    page = open_page("/?page=fairness")
    page.get_by_role("button", name="Use your own table").click()
    page.locator("input[type=file]").last.set_input_files(bad)
    expect(page.get_by_text("Column 'prediction', row 2 (line 3 of the file): is empty.")).to_be_visible()
    expect(page.get_by_role("button", name="Show its figures")).to_be_disabled()
    page.get_by_role("button", name="Another file").click()
    page.locator("input[type=file]").last.set_input_files(good)
    page.get_by_role("button", name="Show its figures").click()
    expect(page.get_by_text("Accuracy by lens")).to_be_visible()
    counted(page, "120 pictures").to_be_visible()
    page.get_by_role("tab", name="Evaluate").click()
    expect(card(page, "Pictures")).to_contain_text("120")
    page.get_by_role("button", name="Forget your table").click()
    expect(card(page, "Pictures")).to_contain_text("49")


def test_nothing_is_wider_than_a_phone(open_page, pictures):
    page = open_page("/?theme=dark", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.locator("input[type=file]").first.set_input_files(pictures("two.jpg"))
    expect(page.get_by_text("Face 1 of 2")).to_be_visible()
    for name, words in (
        ("Look", "Face 1 of 2"),
        ("Evaluate", "What is taken for what"),
        ("Compare", "Who is right"),
        ("Fairness", "Accuracy by copy in training"),
        ("About", "What it is not for"),
    ):
        page.get_by_role("tab", name=name).click()
        expect(page.get_by_text(words, exact=True)).to_be_visible()
        page.wait_for_timeout(500)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate(TOO_WIDE) == []
