"""The HTTP interface, over real connections, with a stand-in for the models."""

import asyncio
import gc
import json
import threading
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest
import tornado.httpserver
import tornado.ioloop
import tornado.web
from hypothesis import given, settings

from dashboard.api import MOST_BYTES, OPENAPI, PREDICT, api_routes
from dashboard.inference import InferencePool

BOUNDARY = "frontier"


@contextmanager
def serving(pool, *extra_hosts):
    """The routes on a free port of this computer; gives the port."""
    started, stop = threading.Event(), asyncio.Event
    port = []

    def run():
        async def serve():
            sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
            port.append(sockets[0].getsockname()[1])
            application = tornado.web.Application(api_routes(pool, [f"127.0.0.1:{port[0]}", *extra_hosts]))
            server = tornado.httpserver.HTTPServer(application)
            server.add_sockets(sockets)
            loop.append(asyncio.get_running_loop())
            ended.append(stop())
            started.set()
            await ended[0].wait()
            server.stop()
            await server.close_all_connections()

        asyncio.run(serve())

    loop, ended = [], []
    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(20)
    try:
        yield port[0]
    finally:
        loop[0].call_soon_threadsafe(ended[0].set)
        thread.join(20)


@pytest.fixture
def api(fake_predictor):
    pool = InferencePool(lambda: fake_predictor(faces=2))
    with serving(pool) as port:
        yield lambda *args, **options: call(port, *args, **options)
    pool.close()


def call(port, path, data=None, *, kind="image/png", method=None, host=None):
    """Status, headers and JSON of one request."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"Content-Type": kind} if data is not None else {}
    if host:
        headers["Host"] = host
    connection.request(method or ("GET" if data is None else "POST"), path, data, headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, json.loads(body) if body else None


def form(name, data, *, file="a.png"):
    lines = [
        f"--{BOUNDARY}",
        f'Content-Disposition: form-data; name="{name}"; filename="{file}"',
        "Content-Type: image/png",
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


def test_a_picture_as_the_body_or_in_a_form_gets_the_command_lines_json(api, make_picture):
    status, headers, plain = api(PREDICT, make_picture(64, 48))
    assert status == 200 and headers["Cache-Control"] == "no-store"
    assert (plain["width"], plain["height"], plain["error"]) == (64, 48, None)
    assert len(plain["faces"]) == 2 and plain["faces"][0]["models"]["fusion"]["label"] == "happy"
    assert sum(plain["faces"][0]["models"]["cnn"]["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    for field in ("image", "another"):
        status, _, sent = api(PREDICT, form(field, make_picture(64, 48)), kind=kind)
        assert status == 200 and sent == plain


@pytest.mark.parametrize(
    ("data", "kind", "status", "word"),
    [
        (b"", "image/png", 400, "empty"),
        (b"these are words", "image/png", 422, "not a picture"),
        (b"\x89PNG\r\n\x1a\n cut", "image/png", 422, "damaged"),
        (b"%PDF-1.7", "application/pdf", 415, "PDF"),
        (b"nothing", "multipart/form-data", 400, "form"),
        (f"--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}", 400, "image"),
    ],
)
def test_what_is_wrong_has_its_status_and_a_sentence(api, data, kind, status, word):
    told, _, body = api(PREDICT, data, kind=kind)
    assert told == status and word in body["error"]


def test_too_many_bytes_are_refused(api):
    status, _, body = api(PREDICT, bytes(MOST_BYTES + 1))
    assert status == 413 and "25 MB" in body["error"]


def test_unknown_and_too_many_models(api, make_picture):
    status, _, body = api(f"{PREDICT}?models=cnn,nonsense", make_picture())
    assert status == 400 and "nonsense" in body["error"]
    status, _, _ = api(f"{PREDICT}?models=,", make_picture())
    assert status == 200


def test_another_host_name_is_refused(api, make_picture):
    for path in ("/healthz", OPENAPI):
        assert api(path, host="evil.example")[0] == 403
    assert api(PREDICT, make_picture(), host="evil.example")[0] == 403


def test_the_wrong_method_is_told_the_right_one(api):
    status, headers, body = api(PREDICT)
    assert (status, headers["Allow"]) == (405, "POST") and body["error"]


def test_a_full_queue_is_503_with_a_time_to_try_again(fake_predictor, make_picture):
    gate = threading.Event()
    pool = InferencePool(lambda: fake_predictor(gate=gate), workers=1, waiting=1)
    with serving(pool) as port:
        held = [pool.submit(make_picture()) for _ in range(2)]
        status, headers, body = call(port, PREDICT, make_picture())
        assert (status, headers["Retry-After"]) == (503, "3") and "waiting" in body["error"]
        gate.set()
        assert all(future.result(20) for future in held)
        assert call(port, PREDICT, make_picture())[0] == 200
    pool.close()


def test_one_sender_leaves_room_for_others(fake_predictor, make_picture):
    gate = threading.Event()
    pool = InferencePool(lambda: fake_predictor(gate=gate), workers=1, waiting=12)
    with serving(pool) as port:
        held = [pool.on_behalf_of(("http", "127.0.0.1")).submit(make_picture()) for _ in range(3)]
        assert call(port, PREDICT, make_picture())[0] == 503
        held.append(pool.on_behalf_of("a page").submit(make_picture()))
        gate.set()
        assert all(future.result(20) for future in held)
    pool.close()


def test_a_fault_in_the_program_is_500_without_its_words(make_picture, caplog):
    class Broken:
        def predict(self, rgb):
            raise RuntimeError("secret words")

        def close(self):
            pass

    pool = InferencePool(Broken)
    with serving(pool) as port:
        status, _, body = call(port, PREDICT, make_picture())
    pool.close()
    assert status == 500 and "secret" not in body["error"] and "secret words" in caplog.text


def test_ready_means_that_the_models_are_loaded(fake_predictor, make_picture):
    pool = InferencePool(fake_predictor, workers=1)
    with serving(pool) as port:
        assert call(port, "/healthz")[::2] == (200, {"status": "ok"})
        status, headers, _ = call(port, "/readyz")
        assert status == 503 and headers["Retry-After"]
        assert call(port, PREDICT, make_picture())[0] == 200
        assert call(port, "/readyz")[::2] == (200, {"status": "ready"})
    pool.close()


def test_the_description_names_what_there_is(api):
    status, _, body = api(OPENAPI)
    assert status == 200 and body["openapi"].startswith("3.1")
    assert set(body["paths"]) == {PREDICT, "/healthz", "/readyz"}
    example = body["paths"][PREDICT]["post"]["parameters"][0]["example"]
    assert example == "cnn,fusion"


def test_schemathesis_finds_every_answer_as_described(fake_predictor, wait_until):
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed (extra: test)")
    # Which bytes are a picture, no schema can say.
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    pool = InferencePool(fake_predictor, workers=1)
    asked = []
    pool.warm()
    with serving(pool) as port:
        wait_until(lambda: pool.ready)
        schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{port}{OPENAPI}")
        for found in schema.get_all_operations():
            operation = found.ok()

            @settings(max_examples=25)
            @given(case=operation.as_strategy())
            def holds(case):
                asked.append(case.method)
                case.call_and_validate(timeout=20, excluded_checks=[positive_data_acceptance])

            holds()
    pool.close()
    assert asked.count("POST") >= 20 and "GET" in asked


def test_every_answer_fits_the_schema_that_describes_it(api, make_picture):
    described = api(OPENAPI)[2]
    shapes = described["components"]["schemas"]
    answers = described["paths"][PREDICT]["post"]["responses"]
    for data, kind in [(make_picture(), "image/png"), (b"", "image/png"), (b"words", "text/plain")]:
        status, _, body = api(PREDICT, data, kind=kind)
        shape = answers[str(status)]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert fits(body, shapes[shape]), (status, body)


def fits(value, schema):
    """Whether a value is what a schema of the few kinds in our description says."""
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
    kind = schema["type"]
    if kind == "null":
        return value is None
    if kind == "number":
        return schema["minimum"] <= value <= schema["maximum"]
    if not isinstance(value, kinds[kind]):
        return False
    if kind == "array":
        return all(fits(part, schema["items"]) for part in value)
    if kind == "object":
        known, more = schema.get("properties", {}), schema.get("additionalProperties")
        return set(schema.get("required", ())) <= set(value) and all(
            fits(part, known.get(name) or more) for name, part in value.items() if name in known or more
        )
    return True


def test_a_bad_picture_leaves_no_traceback_in_the_log(api, caplog):
    assert api(PREDICT, b"these are words")[0] == 422
    gc.collect()  # asyncio would tell of an error that nobody fetched
    assert "never retrieved" not in caplog.text and "Traceback" not in caplog.text
