"""A session's document: it asks no other host for anything, is filled in steps, and takes its turn."""

import asyncio
import threading
from itertools import pairwise

import panel as pn
import panel_material_ui as pmui
import pytest
from bokeh.document import Document
from bokeh.models import ImportedStyleSheet
from panel.io.state import set_curdoc
from tornado.ioloop import IOLoop

from dashboard.app import create_app
from dashboard.views.session import AT_ONCE, Piecemeal, Turns


@pytest.mark.parametrize("name", ["/", "/camera"])
def test_a_document_that_comes_late_loads_its_style_sheets_from_this_server(
    name, fake_predictor, table_files
):
    app = create_app(predictor_factory=fake_predictor, table=table_files[0], unmirrored=table_files[1])
    document = Document()
    with set_curdoc(document):
        app.routes[name]().server_doc(document)
    app.close()
    urls = {str(sheet.url) for sheet in document.select({"type": ImportedStyleSheet})}
    assert urls
    assert all(url.startswith("static/extensions/") for url in urls)


def test_a_layout_is_filled_little_by_little_with_all_that_it_held():
    small = pn.Column(*(pn.pane.HTML(f"{number}") for number in range(3)))
    inner = pn.Column(*(pn.pane.HTML(f"{number}") for number in range(2 * AT_ONCE)))
    large = pn.Column(small, pmui.Grid(pmui.Grid(inner), container=True), "last")
    told = str(large)
    place = pn.Column("first")
    filling = Piecemeal(place, [large])
    assert len(place) == 1 and not large.objects and not inner.objects
    filling.finish()
    assert str(place[1]) == told
    filling.finish()
    assert len(place) == 2


def test_changes_of_many_pages_leave_rounds_of_the_event_loop_between():
    made, rounds = [], 0

    async def run():
        nonlocal rounds
        turns, loop = Turns(), IOLoop.current()

        def put():
            for number in range(5):
                turns.put(loop, lambda number=number: made.append((number, rounds)))

        other = threading.Thread(target=put)  # as a worker's thread does
        other.start()
        while len(made) < 5:
            rounds += 1
            await asyncio.sleep(0)
        other.join()

    asyncio.run(asyncio.wait_for(run(), 10))
    assert [number for number, _ in made] == list(range(5))
    at = [when for _, when in made]
    assert min(later - sooner for sooner, later in pairwise(at)) >= 3


def test_a_change_that_fails_costs_other_pages_no_turn(caplog):
    made = []

    async def run():
        turns, loop = Turns(), IOLoop.current()
        turns.put(loop, lambda: 1 / 0)
        turns.put(loop, lambda: made.append("next"))
        while not made:
            await asyncio.sleep(0.001)
        turns.put(loop, lambda: made.append("later"))
        while len(made) < 2:
            await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(run(), 10))
    assert made == ["next", "later"]
    assert "ZeroDivisionError" in caplog.text
