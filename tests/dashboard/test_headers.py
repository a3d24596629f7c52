"""Headers of every answer, errors included."""

import pytest
from tornado.httputil import HTTPHeaders
from tornado.web import Application

from dashboard.headers import HEADERS, POLICY, SecureHeaders


def test_every_answer_of_an_application_gets_them():
    application = Application()
    application.add_transform(SecureHeaders)
    (made,) = [kind for kind in application.transforms if kind is SecureHeaders]
    given = HTTPHeaders({"Server": "Tornado", "Content-Type": "text/html", "X-Frame-Options": "ALLOWALL"})
    status, headers, chunk = made(None).transform_first_chunk(404, given, b"body", True)
    assert (status, chunk) == (404, b"body")
    assert "Server" not in headers and headers["Content-Type"] == "text/html"
    assert {name: headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize("directive", ["default-src", "script-src", "style-src", "img-src", "connect-src"])
def test_the_policy_names_no_other_host(directive):
    for source in POLICY[directive].split():
        assert source.startswith("'") or source in {"data:", "blob:", "ws:", "wss:"}
