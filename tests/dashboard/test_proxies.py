"""The proxies' own programs, where they are installed, with the configurations of docs/serving.md."""

import asyncio
import functools
import importlib
import re
import shutil
import socket
import subprocess
import sys
import time
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

ROOT = Path(__file__).parents[2]
PUBLIC = "lens.example.org"
START_S = 280  # generous: a loaded machine may be ten times slower than usual
VISITORS = 4
HEADING = {"nginx": "nginx, by address", "haproxy": "HAProxy"}
pytestmark = pytest.mark.timeout(600)


def free_ports(n):
    """So many in a row, hopefully: what lies between is taken by nobody a moment later."""
    for start in range(21_000 + time.monotonic_ns() % 20_000, 60_000):
        with socket.socket() as first, socket.socket() as last:
            try:
                first.bind(("127.0.0.1", start))
                last.bind(("127.0.0.1", start + n - 1))
            except OSError:
                continue
            return list(range(start, start + n))
    pytest.fail("There are no free ports.")


@pytest.fixture(scope="module")
def ports():
    """Of two servers, and one that is free."""
    found = free_ports(3)
    command = [sys.executable, "-m", "dashboard", "--num-procs", "2", "--port", str(found[0])]
    command += ["--behind-proxy", "--allow-origin", PUBLIC]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        for port in found[:2]:
            wait_for(port, process)
        yield found
        process.terminate()


def wait_for(port, process):
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            pytest.fail(f"it ended with status {process.returncode}: another program may have its port")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    pytest.fail("waited too long")


def configuration(name, ports, folder):
    """That of the documentation, with our ports and a certificate made for this test."""
    text = (ROOT / "docs" / "serving.md").read_text()
    block = re.search(rf"^{HEADING[name]}.*?^```\n(.*?)^```", text, re.M | re.S).group(1)
    block = block.replace("5006", str(ports[0])).replace("5007", str(ports[1]))
    key, certificate = folder / "lens.key", folder / "lens.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={PUBLIC}"]
    made += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    if name == "haproxy":
        both = folder / "both.pem"
        both.write_text(certificate.read_text() + key.read_text())
        block = block.replace("/etc/haproxy/lens.pem", str(both)).replace(":443", f"127.0.0.1:{ports[2]}")
        file = folder / "haproxy.cfg"
        file.write_text(block)
        return [name, "-db", "-f", str(file)]
    block = block.replace("/etc/nginx", str(folder)).replace("listen 443", f"listen 127.0.0.1:{ports[2]}")
    kept = "".join(
        f"{part}_temp_path {folder}/{part};" for part in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    around = f"daemon off; pid {folder}/pid; error_log stderr; events {{}}"
    file.write_text(f"{around} http {{ access_log off; {kept} {block} }}")
    return [name, "-e", "stderr", "-c", str(file)]


@pytest.mark.parametrize("name", list(HEADING))
def test_visitors_stay_with_their_server_through_the_proxy(name, ports, tmp_path, monkeypatch):
    if shutil.which(name) is None or shutil.which("openssl") is None:
        pytest.skip(f"{name} is not installed")
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "benchmarks"))
    visitors = importlib.import_module("visitors")
    monkeypatch.setattr(visitors, "HTTPRequest", functools.partial(HTTPRequest, validate_cert=False))
    url = f"https://127.0.0.1:{ports[2]}"
    picture = (ROOT / "fusion_model" / "assets" / "example_astronaut.jpg").read_bytes()

    async def asked(path, **headers):
        request = HTTPRequest(url + path, headers={"Host": PUBLIC} | headers, validate_cert=False)
        return await AsyncHTTPClient().fetch(request, raise_error=False)

    async def visit():
        """The servers that cookies name."""
        cookie = SimpleCookie((await asked("/healthz")).headers.get("Set-Cookie", ""))
        named = "; ".join(f"{key}={value.value}" for key, value in cookie.items())
        visitor = visitors.Visitor(
            url, {"Host": PUBLIC, "Origin": f"https://{PUBLIC}"} | ({"Cookie": named} if named else {})
        )
        await visitor.open()
        assert (await visitor.drop(picture)).said == "answered"
        visitor.leave()
        assert "Answered in" in str(await visitor.connect())  # on the same server: its answer is there
        stranger = visitors.Visitor(url, {"Host": PUBLIC, "Origin": "https://evil.example"})
        with pytest.raises(HTTPClientError, match="403"):
            await stranger.open()
        return visitor, named

    async def visits():
        assert (await asked("/healthz")).code == 200
        came = [await visit() for _ in range(VISITORS)]
        for visitor, _ in came:
            visitor.leave()
        return {named for _, named in came}

    with subprocess.Popen(configuration(name, ports, tmp_path), stderr=subprocess.PIPE) as proxy:
        try:
            wait_for(ports[2], proxy)
            names = asyncio.run(visits())
        finally:
            proxy.terminate()
    assert len(names) == (2 if name == "haproxy" else 1)
