"""The pages on the tables that are shipped: every model there is, and groups that a model estimated."""

import pytest
from playwright.sync_api import expect

from fusion_model.catalogue import catalogue
from fusion_model.estimated_groups import SHORT

PATIENCE_MS = 60_000


@pytest.fixture(autouse=True)
def _patience():
    expect.set_options(timeout=PATIENCE_MS)


def test_estimated_groups_are_off_until_chosen_and_then_always_called_so(open_shipped):
    page = open_shipped("/?page=fairness")
    switch = page.get_by_role("switch", name="Groups estimated by a model")
    expect(switch).not_to_be_checked()
    expect(page.get_by_text("never sees a photo or a camera picture")).to_be_visible()
    expect(page.get_by_text("Equal opportunity").first).to_be_visible()
    assert page.get_by_text(SHORT.strip()).count() == 0
    switch.check()
    page.wait_for_url("**estimated=yes**", timeout=PATIENCE_MS)
    expect(page.get_by_role("heading", name="Groups estimated by a model, often wrongly")).to_be_visible()
    expect(page.get_by_role("heading", name="Accuracy by estimated gender presentation")).to_be_visible()
    expect(
        page.get_by_role(
            "heading", name="What the classifier's errors do to the gaps, by estimated gender presentation"
        )
    ).to_be_visible()
    # How often it errs is there without a click, and groups carry the mark wherever they are named.
    expect(page.get_by_text("labelled faces; most often for").first).to_be_visible()
    expect(page.get_by_role("columnheader", name=f"→ {SHORT}female")).to_be_visible()
    switch.uncheck()
    expect(page.get_by_role("heading", name="Groups estimated by a model, often wrongly")).to_have_count(0)
    assert "estimated" not in page.url


def test_all_models_that_are_shipped_are_compared(open_shipped):
    page = open_shipped("/?page=compare")
    expect(page.get_by_text("Who is right", exact=True)).to_be_visible()
    for entry in catalogue().values():
        expect(page.get_by_text(entry.title, exact=True).first).to_be_attached()
