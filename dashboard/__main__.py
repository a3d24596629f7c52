"""``python -m dashboard``: serve the page on this computer."""

import argparse
import os
import secrets
import socket
import sys
from pathlib import Path

from dashboard.cores import tame_threads
from fusion_model.native_logs import drop_native_logs

PORT = 5006
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
        Exit status: 0 after an interrupt or SIGTERM, 1 when a port is taken or a file that was named cannot
        be used, 2 for a wrong command line.
    """
    told = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(told)
    for port in range(options.port, options.port + options.num_procs):
        if not _is_free(options.address, port):
            print(
                f"Port {port} on {options.address} is taken: "
                "stop what runs there, or choose another with --port.",
                file=sys.stderr,
            )
            return 1
    if options.num_procs > 1:
        return _supervise(options.port, options.num_procs, told)
    return _serve(options)


def _serve(options: argparse.Namespace) -> int:
    # After the ports were checked: these imports take seconds. The workers load their models meanwhile.
    from dashboard.inference import InferencePool

    pool = InferencePool(workers=options.workers, apart=True)
    try:
        pool.warm()
        from dashboard.server import serve

        return serve(options, pool)
    finally:
        pool.close()


def _supervise(port: int, processes: int, told: list[str]) -> int:
    from dashboard.processes import supervise

    # Whatever else was asked for, each server is asked for: it reads the last of an option given twice.
    ports = range(port, port + processes)
    os.environ.setdefault("EXPRESSION_LENS_COOKIE_SECRET", secrets.token_urlsafe(32))
    return supervise(ports, [*told, "--num-procs", "1"])


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
    parser.add_argument(
        "--behind-proxy",
        action="store_true",
        help="believe X-Forwarded-Proto and X-Real-IP: only where a proxy of your own sets them",
    )
    parser.add_argument("--prefix", type=_path, default="", help="path before all others: /lens")
    parser.add_argument(
        "--login",
        type=Path,
        metavar="FILE",
        help="ask for a name and a password of this file; python -m dashboard.login writes its lines",
    )
    parser.add_argument(
        "--num-procs",
        type=_count,
        default=1,
        metavar="N",
        help="servers, on N ports in a row, for a balancer that sends a visitor always to the same one",
    )
    parser.add_argument(
        "--workers",
        type=_count,
        metavar="N",
        help="processes that answer pictures, for each server; one for each two of its cores unless told",
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


def _path(text: str) -> str:
    """A prefix as Bokeh wants it, ``/lens``; empty for none."""
    return f"/{text.strip('/')}" if text.strip("/") else ""


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError("expected a number from 1 to 64")
    return int(text)


if __name__ == "__main__":
    tame_threads()
    drop_native_logs()
    sys.exit(main())
