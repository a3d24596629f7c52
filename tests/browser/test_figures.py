"""Evaluate and Compare show the figures of the table, which are known by construction.

49 pictures a split. CNN: 7 x 5 right = 35, 71.4 %. Fusion: 7 x 6 - 1 right = 41, 83.7 %. Both right 34,
only the CNN 1 (the third of angry), only the fusion 7, both wrong 7. One in seven is a copy: 42 without.
"""

import re

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
    page.get_by_role("combobox", name=re.compile(rf"^{selector}\b")).click()
    page.get_by_role("listbox").get_by_text(option, exact=True).click()


def test_evaluate_shows_the_figures_of_the_chosen_model_and_rows(page):
    page.get_by_role("tab", name="Evaluate").click()
    expect(card(page, "Accuracy")).to_contain_text("83.7 %")
    expect(card(page, "Pictures")).to_contain_text("49")
    expect(page.locator(".bk-Figure")).to_have_count(4)
    expect(
        page.get_by_text("The most common confusion: 29 % of the pictures labelled angry (2 of 7)")
    ).to_be_visible()
    page.get_by_text("The numbers as a table").first.click()
    happy = page.locator("tbody tr", has=page.get_by_role("rowheader", name="happy", exact=True)).first
    expect(happy).to_contain_text("0.857")
    choose(page, "Model", "CNN")
    expect(card(page, "Accuracy")).to_contain_text("71.4 %")
    page.get_by_role("switch", name="Without copies of training pictures").click()
    expect(card(page, "Pictures")).to_contain_text("42")
    expect(card(page, "Accuracy")).to_contain_text("66.7 %")
    page.get_by_role("button", name="Counts").click()
    expect(page.locator(".bk-Figure")).to_have_count(4)


def test_compare_shows_the_four_cells_and_mcnemar(open_page):
    page = open_page("/?page=compare")
    expect(card(page, "CNN accuracy")).to_contain_text("71.4 %")
    expect(card(page, "Fusion accuracy")).to_contain_text("83.7 %")
    expect(card(page, "Difference, in points")).to_contain_text("+12.2")
    # Exact: at most one of eight, twice, is 2 (1 + 8) / 256.
    expect(card(page, "McNemar's test")).to_contain_text("p = .070")
    cells = page.locator("table").first.locator("tbody td").all_inner_texts()
    assert cells == ["34", "1", "35", "7", "7", "14", "41", "8", "49"]
    expect(page.get_by_text("can well be chance")).to_be_visible()
    expect(page.locator(".bk-Figure")).to_have_count(2)
    choose(page, "Split", "PublicTest")
    expect(card(page, "Same answer")).to_contain_text("of 49 pictures")


def test_the_address_follows_the_page(page):
    page.get_by_role("tab", name="Compare").click()
    expect(card(page, "CNN accuracy")).to_be_visible()
    page.wait_for_url("**page=compare**", timeout=PATIENCE_MS)


def test_nothing_is_wider_than_a_phone(open_page, pictures):
    page = open_page("/?theme=dark", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.locator("input[type=file]").set_input_files(pictures("two.jpg"))
    expect(page.get_by_text("Face 1 of 2")).to_be_visible()
    for name, words in (
        ("Look", "Face 1 of 2"),
        ("Evaluate", "What is taken for what"),
        ("Compare", "Who is right"),
        ("About", "What it is not for"),
    ):
        page.get_by_role("tab", name=name).click()
        expect(page.get_by_text(words, exact=True)).to_be_visible()
        page.wait_for_timeout(500)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate(TOO_WIDE) == []
