"""One server: the pages, the HTTP interface, who may reach them, and how long a session is kept."""

import argparse
import contextlib
import logging
import os
import secrets
import signal
import sys
import warnings

import panel as pn
from bokeh.server.connection import ServerConnection
from bokeh.server.tornado import BokehTornado
from bokeh.settings import settings
from bokeh.util.warnings import BokehUserWarning
from panel.io import document as panel_document

from dashboard.api import api_routes
from dashboard.app import TITLE, ExpressionLens, create_app
from dashboard.building import pages
from dashboard.forgetting import overwrite_what_is_freed, settle
from dashboard.headers import SecureHeaders
from dashboard.inference import InferencePool
from dashboard.login import Login, Users
from dashboard.record import TABLE, TABLE_UNMIRRORED
from dashboard.views.camera import ROUTE
from fusion_model.errors import ExpressionLensError

#: A page that was left is forgotten so soon, and its picture with it; a phone that lost its connection for a
#: moment finds its session again.
LEFT_MS, LOOK_MS = 15_000, 5_000
#: For so long a page may come back with the token that it was given; Bokeh's own limit is five minutes, after
#: which a page that loses its connection could not come back at all.
TOKEN_S = 86_400
#: These quote messages of pages, whole, when they cannot be read or handled.
BOKEH_LOGS = ("bokeh.server.protocol_handler", "bokeh.server.views.ws", "bokeh.server.session")
#: The secret that signs cookies: the same for all servers behind one balancer.
SECRET = "EXPRESSION_LENS_COOKIE_SECRET"


def serve(options: argparse.Namespace, pool: InferencePool) -> int:
    """Serve until told to end; 1 with a sentence where a file that was named cannot be used."""
    # The browser describes a drop zone that the server knows already: harmless, and not ours to mend.
    warnings.filterwarnings("ignore", "reference already known", BokehUserWarning)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    overwrite_what_is_freed()
    for name in BOKEH_LOGS:
        logging.getLogger(name).addFilter(without_contents)
    logging.getLogger("tornado.access").addFilter(but_for_busy)
    # For those who write pages: it looks through each before it is sent, and warns of empty places.
    settings.perform_document_validation.set_value(False)
    if options.fer2013 is not None:
        print(f"Reading the pictures of {options.fer2013} ...", flush=True)
    try:
        login = Login(Users(options.login)) if options.login else None
        app = create_app(
            table=options.table or TABLE,
            unmirrored=options.table_unmirrored or TABLE_UNMIRRORED,
            fer2013=options.fer2013,
            pool=pool,
        )
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    app.warm()
    _run(app, options, login)
    return 0


def _run(app: ExpressionLens, options: argparse.Namespace, login: Login | None) -> None:
    origins = allowed_origins(options.address, options.port, options.allow_origin)
    guarded = {} if login is None else {"auth_provider": login, "cookie_secret": _secret()}
    applications = pages(app.routes, {"/": TITLE, f"/{ROUTE}": f"{TITLE}: camera"})
    server = pn.serve(
        applications,
        port=options.port,
        address=options.address,
        websocket_origin=origins,
        extra_patterns=api_routes(app.pool, origins, login),
        prefix=options.prefix,
        use_xheaders=options.behind_proxy,
        show=False,
        start=False,
        verbose=False,
        unused_session_lifetime_milliseconds=LEFT_MS,
        check_unused_sessions_milliseconds=LOOK_MS,
        session_token_expiration=TOKEN_S,
        # What a page tells of its request is in its source: no cookies, and of the headers none is needed.
        include_headers=[],
        include_cookies=[],
        **guarded,
    )
    server._tornado.add_transform(SecureHeaders)
    lose_once(server._tornado)
    host = "localhost" if options.address in {"127.0.0.1", "::1", "0.0.0.0"} else options.address
    print(f"{TITLE} is ready: http://{host}:{options.port}{server.prefix}", flush=True)
    # Panel ends the loop at an interrupt; here, as well when the machine or a supervisor asks for the end.
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    try:
        with contextlib.suppress(KeyboardInterrupt):
            settle()
            # Panel runs the collector itself after every session, however long that takes.
            panel_document._garbage_collect = _left_to_ours
            applications["/"].warm()
            server.start()
            server.io_loop.start()
    finally:
        server.stop()


def lose_once(application: BokehTornado) -> None:
    """Let a page whose websocket is just being closed be lost by its end alone.

    Bokeh's ping, which finds it closing, would give it up before; its end then fails, with a traceback in the
    log, for want of the session that was given up.
    """
    lose = application.client_lost

    def client_lost(connection: ServerConnection) -> None:
        if connection._socket._on_close_called:  # ended; before that its end is still to come
            lose(connection)

    application.client_lost = client_lost


def _left_to_ours() -> None:
    """The application's `Collector` does it."""


def without_contents(record: logging.LogRecord) -> bool:
    """Let a line of Bokeh's log through without the page's message that it quotes: it may hold a picture."""
    if record.args or record.exc_info:
        error = record.exc_info[1] if record.exc_info else None
        record.msg = f"A page sent what could not be handled ({type(error).__name__})"
        record.args, record.exc_info, record.exc_text = (), None, None
    return True


def but_for_busy(record: logging.LogRecord) -> bool:
    """Leave out of the log that there was no place for a picture: under load it would say nothing else."""
    return not (isinstance(record.args, tuple) and record.args[:1] == (503,))


def allowed_origins(address: str, port: int, allowed: list[str]) -> list[str]:
    """Hosts whose pages may open the websocket: this computer, the address, and what was allowed."""
    # Bokeh takes no IPv6 literals here; such a page is opened by a name given with --allow-origin.
    hosts = [host for host in ("localhost", "127.0.0.1", address) if ":" not in host]
    return list(dict.fromkeys([*(f"{host}:{port}" for host in hosts), *allowed]))


def _secret() -> str:
    return os.environ.get(SECRET) or secrets.token_urlsafe(32)
