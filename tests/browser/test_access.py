"""axe-core finds nothing serious on any page; headings are in order."""

from itertools import pairwise

import pytest
from playwright.sync_api import expect

axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed (extra: test)"
)

# Read through shadow roots, which a page of Panel is made of.
HEADINGS = """() => {
  const all = root => [...root.querySelectorAll('*')].flatMap(
    e => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])])
  return all(document.body).filter(e => /^H[1-6]$/.test(e.tagName))
    .filter(e => e.checkVisibility()).map(e => [Number(e.tagName[1]), e.innerText.trim()])
}"""
# Made inside panel-material-ui, where no setting of ours reaches.
NOT_OURS = ()

PAGES = [
    ("/", "No picture yet."),
    ("/?page=evaluate", "What is taken for what"),
    ("/?page=evaluate&section=confidence", "Does it promise what it holds?"),
    ("/?page=evaluate&section=curves", "Each expression against the rest"),
    ("/?page=compare", "Who is right"),
    ("/?page=fairness&data=london&theme=dark", "Accuracy by gender"),
    ("/?page=about", "What it is not for"),
]


@pytest.mark.parametrize(("path", "words"), PAGES)
def test_nothing_serious_is_found(open_page, path, words):
    page = open_page(path)
    expect(page.get_by_text(words, exact=False).first).to_be_visible(timeout=60_000)
    page.wait_for_timeout(1500)
    check(page)


def test_nothing_serious_is_found_in_an_album_with_a_group(open_page):
    page = open_page()
    page.get_by_role("button", name="One face, seven ways").click()
    expect(page.get_by_text("7 pictures, ")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="A group of 30").click()
    expect(page.get_by_text("30 faces found")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("8 pictures, ")).to_be_visible(timeout=60_000)
    page.wait_for_timeout(1500)
    check(page)


def check(page):
    found = axe.Axe().run(page).response["violations"]
    serious = {
        item["id"]: [node["html"] for node in item["nodes"]]
        for item in found
        if item["impact"] in ("serious", "critical") and item["id"] not in NOT_OURS
    }
    assert serious == {}
    levels, texts = zip(*page.evaluate(HEADINGS), strict=True)
    assert all(texts)
    assert levels[0] == 1 and all(after - before <= 1 for before, after in pairwise(levels))
