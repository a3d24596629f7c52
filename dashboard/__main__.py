"""``python -m dashboard``: serve the page on this computer."""

import argparse
import contextlib
import logging
import os
import socket
import sys
import warnings
from pathlib import Path

from fusion_model.errors import ExpressionLensError
from fusion_model.native_logs import drop_native_logs

PORT = 5006
# A closed page is forgotten after seconds, and its picture with it; a phone that lost its connection for a
# moment finds it again.
UNUSED_MS, CHECK_MS = 15_000, 5_000
#: Variable of the environment that stands in for --fer2013.
COPY = "EXPRESSION_LENS_FER2013"


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted.

    Parameters
    ----------
    arguments : list of str, optional
        Instead of the command line's.

    Returns
    -------
    int
        Exit status: 0 after an interrupt, 1 when the port is taken or the copy of FER-2013 is none, 2 for
        a wrong command line.
    """
    options = _parser().parse_args(arguments)
    if not _is_free(options.address, options.port):
        print(
            f"Port {options.port} on {options.address} is taken: "
            "stop what runs there, or choose another with --port.",
            file=sys.stderr,
        )
        return 1
    return _serve(options)


def _serve(options: argparse.Namespace) -> int:
    # After the port was checked: these imports take a second.
    import panel as pn
    from bokeh.util.warnings import BokehUserWarning

    from dashboard.api import api_routes
    from dashboard.app import TITLE, create_app
    from dashboard.forgetting import overwrite_what_is_freed
    from dashboard.headers import SecureHeaders
    from dashboard.record import TABLE, TABLE_UNMIRRORED
    from dashboard.views.camera import ROUTE

    # The browser describes a drop zone that the server knows already: harmless, and not ours to mend.
    warnings.filterwarnings("ignore", "reference already known", BokehUserWarning)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    overwrite_what_is_freed()
    if options.fer2013 is not None:
        print(f"Reading the pictures of {options.fer2013} ...", flush=True)
    try:
        app = create_app(
            table=options.table or TABLE,
            unmirrored=options.table_unmirrored or TABLE_UNMIRRORED,
            fer2013=options.fer2013,
        )
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    app.pool.warm()
    origins = _origins(options.address, options.port, options.allow_origin)
    server = pn.serve(
        app.routes,
        port=options.port,
        address=options.address,
        websocket_origin=origins,
        extra_patterns=api_routes(app.pool, origins),
        title={"/": TITLE, f"/{ROUTE}": f"{TITLE}: camera"},
        show=False,
        start=False,
        verbose=False,
        unused_session_lifetime_milliseconds=UNUSED_MS,
        check_unused_sessions_milliseconds=CHECK_MS,
    )
    server._tornado.add_transform(SecureHeaders)
    host = "localhost" if options.address in {"127.0.0.1", "::1", "0.0.0.0"} else options.address
    print(f"{TITLE} is ready: http://{host}:{options.port}", flush=True)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            server.start()
            server.io_loop.start()
    finally:
        server.stop()
        app.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dashboard", description="Serve Expression Lens.")
    parser.add_argument("--port", type=int, default=PORT, help=f"port, {PORT} unless told")
    parser.add_argument(
        "--address", default="127.0.0.1", help="address to listen on; this computer only, unless told"
    )
    parser.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="host name under which the page may be opened as well; may be given several times",
    )
    parser.add_argument("--table", type=Path, help="prediction table for Evaluate, Compare and Fairness")
    parser.add_argument("--table-unmirrored", type=Path, help="the same without mirror images")
    parser.add_argument(
        "--fer2013",
        type=Path,
        default=os.environ.get(COPY) or None,
        metavar="FILE",
        help="your own fer2013.csv (plain, .gz, .zip, or its folder): its pictures are shown where rows are "
        f"listed, to all who can open the page; {COPY} in the environment says the same",
    )
    return parser


def _is_free(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        # As the server itself binds; else a port just left would count as taken for a minute.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _origins(address: str, port: int, allowed: list[str]) -> list[str]:
    """Hosts whose pages may open the websocket: this computer, the address, and what was allowed."""
    # Bokeh takes no IPv6 literals here; such a page is opened by a name given with --allow-origin.
    hosts = [host for host in ("localhost", "127.0.0.1", address) if ":" not in host]
    return list(dict.fromkeys([*(f"{host}:{port}" for host in hosts), *allowed]))


if __name__ == "__main__":
    drop_native_logs()
    sys.exit(main())
