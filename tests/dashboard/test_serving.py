"""Two real servers as others would be served: login, a proxy with TLS, a prefix; killed, and told to end."""

import asyncio
import base64
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from dashboard.headers import HEADERS
from dashboard.login import COOKIE, hashed_password

ROOT = Path(__file__).parents[2]
PREFIX, NAME, PASSWORD = "/lens", "ada", "correct horse"
START_S = 280  # generous: a loaded machine may be ten times slower than usual
PUBLIC = "lens.example.org"
# Two servers start, and one of them once more.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Ports of two servers with one supervisor, and its process."""
    users = tmp_path_factory.mktemp("login") / "users"
    users.write_text(f"{NAME}:{hashed_password(PASSWORD)}\n")
    ports = two_ports()
    command = [sys.executable, "-m", "dashboard", "--num-procs", "2", "--port", str(ports[0])]
    command += ["--login", str(users), "--prefix", PREFIX, "--behind-proxy", "--allow-origin", PUBLIC]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for port in ports:
            wait_for(lambda port=port: alive(port))
        yield ports, process
    finally:
        process.terminate()
        process.wait(60)


def two_ports():
    for _ in range(50):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port, port + 1
    pytest.fail("There are no two free ports in a row.")


def wait_for(condition, seconds=START_S):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.2)


def alive(port):
    try:
        return call(port, "/healthz")[0] == 200
    except OSError:
        return False


def call(port, path, data=None, **headers):
    """Status, headers and body of one request, as a proxy passes it on."""
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    told = {"Host": PUBLIC, "X-Forwarded-Proto": "https"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    connection.request("GET" if data is None else "POST", PREFIX + path, data, told)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


def basic(password):
    return "Basic " + base64.b64encode(f"{NAME}:{password}".encode()).decode()


def cookie_of(port):
    form = f"name={NAME}&password={PASSWORD.replace(' ', '+')}"
    status, headers, _ = call(port, "/login", form, Content_Type="application/x-www-form-urlencoded")
    assert status == 302
    return headers


def server_pids(process):
    """By port."""
    children = psutil.Process(process.pid).children()
    return {int(child.cmdline()[-1]): child.pid for child in children}


def test_whether_it_is_well_anyone_may_ask_and_nothing_else(servers):
    for port in servers[0]:
        assert call(port, "/healthz")[0] == 200 and call(port, "/readyz")[0] in (200, 503)
        status, headers, _ = call(port, "/")
        assert status == 302 and "/login" in headers["Location"]
        assert call(port, "/camera")[0] == 302
        status, headers, body = call(port, "/api/v1/predict", b"x")
        assert status == 401 and headers["WWW-Authenticate"].startswith("Basic") and json.loads(body)["error"]


def test_the_interface_takes_name_and_password_or_the_pages_cookie(servers):
    port = servers[0][0]
    assert call(port, "/api/v1/predict", b"x", Authorization=basic("wrong"))[0] == 401
    assert call(port, "/api/v1/predict", b"x", Authorization="Basic nonsense")[0] == 401
    assert call(port, "/api/v1/predict", b"", Authorization=basic(PASSWORD))[0] == 400
    given = cookie_of(port)["Set-Cookie"]
    assert all(word in given for word in ("HttpOnly", "Secure", "SameSite=Strict"))
    cookie = given.partition(";")[0]
    for each in servers[0]:  # signed by one, known to both
        assert call(each, "/api/v1/predict", b"", Cookie=cookie)[0] == 400
        assert call(each, "/", Cookie=cookie)[0] == 200
    assert call(port, "/", Cookie=f"{COOKIE}=forged")[0] == 302


def test_a_wrong_password_is_a_sentence_and_takes_its_time(servers):
    began = time.monotonic()
    form = f"name={NAME}&password=wrong"
    status, _, body = call(servers[0][0], "/login", form, Content_Type="application/x-www-form-urlencoded")
    assert status == 401 and b"do not belong together" in body and time.monotonic() - began >= 1


def test_every_answer_has_the_headers_errors_too(servers):
    port = servers[0][0]
    cookie = cookie_of(port)["Set-Cookie"].partition(";")[0]
    statuses = {
        path: call(port, path, data, Cookie=cookie)
        for path, data in [
            ("/", None),
            ("/login", None),
            ("/nothing", None),
            ("/api/v1/predict", None),
            ("/api/v1/predict?", b"words"),
            ("/healthz", None),
            ("/static/js/bokeh.min.js", None),
            ("/static/../../setup.cfg", None),
            ("/ws", None),
            ("/autoload.js", None),
        ]
    }
    for path, (_, headers, _) in statuses.items():
        for name, value in HEADERS.items():
            assert headers[name] == value, (path, name)
        assert "Server" not in headers, path
    assert {answer[0] for answer in statuses.values()} >= {200, 404, 405, 422}


def test_a_page_of_another_site_cannot_open_the_websocket(servers):
    port = servers[0][0]
    cookie = cookie_of(port)["Set-Cookie"].partition(";")[0]

    async def status(origin, **headers):
        asked = HTTPRequest(
            f"ws://127.0.0.1:{port}{PREFIX}/ws",
            headers={"Host": PUBLIC, "Cookie": cookie, "Origin": origin} | headers,
        )
        try:
            (await websocket_connect(asked, subprotocols=["bokeh", "none"])).close()
        except HTTPClientError as error:
            return error.code
        return 101

    assert asyncio.run(status("https://evil.example")) == 403
    assert asyncio.run(status(f"https://{PUBLIC}", Cookie="")) in (401, 403)
    assert call(port, "/healthz", Host="evil.example")[0] == 403


def test_sessions_live_on_both_and_a_killed_server_comes_again(servers, monkeypatch):
    ports, process = servers
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "benchmarks"))
    visitors = importlib.import_module("visitors")
    cookie = cookie_of(ports[0])["Set-Cookie"].partition(";")[0]
    headers = {"Cookie": cookie, "Host": PUBLIC, "X-Forwarded-Proto": "https"}
    picture = (ROOT / "fusion_model" / "assets" / "example_astronaut.jpg").read_bytes()

    async def visit():
        both = [visitors.Visitor(f"http://127.0.0.1:{port}{PREFIX}", headers) for port in ports]
        for one in both:
            await one.open()
            assert (await one.drop(picture)).said == "answered"
        # The connection is lost, and comes again: the answer is still there.
        both[0].leave()
        assert "Answered in" in json.dumps(await both[0].connect())
        killed = server_pids(process)[ports[1]]
        os.kill(killed, signal.SIGKILL)
        # The other one's visitor is not disturbed.
        assert (await both[0].drop(picture)).said == "answered"
        for one in both:
            one.leave()
        return killed

    killed = asyncio.run(visit())
    wait_for(lambda: alive(ports[1]))
    assert server_pids(process)[ports[1]] != killed


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_few_threads_whatever_the_cores(servers):
    # MediaPipe keeps some of its own, which wait; PyTorch, OpenCV and BLAS add none to a worker's two.
    _, process = servers
    for pid in server_pids(process).values():
        family = psutil.Process(pid).children()
        workers = [threads(child.pid) for child in family if "spawn_main" in str(child.cmdline())]
        assert workers and max(workers) <= 3, workers
        assert threads(pid) <= 8, threads(pid)  # the loop, its pages, figures, record, and one a worker


def threads(pid):
    """Of a process, but for MediaPipe's."""
    names = [task.joinpath("comm").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return sum(not name.startswith("mediapipe") for name in names)


def test_told_to_end_all_end(servers):
    _, process = servers
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 4  # two servers, a worker each
    process.terminate()
    assert process.wait(60) == 0
    _, left = psutil.wait_procs(family, 10)
    assert left == []
