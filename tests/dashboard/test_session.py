"""A session's document, built as after its page was sent: it must ask no other host for anything."""

import pytest
from bokeh.document import Document
from bokeh.models import ImportedStyleSheet
from panel.io.state import set_curdoc

from dashboard.app import create_app


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
