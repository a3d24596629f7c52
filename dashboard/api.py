"""The HTTP interface: ``POST /api/v1/predict``, ``/healthz``, ``/readyz``, and its OpenAPI description.

A picture comes as the body itself or as a part of a multipart form, is answered by the same workers as the
page's, and is gone with the answer: nothing of it is kept, logged or cached. Every refusal is JSON with a
sentence in ``error`` and has the status that HTTP means for it.

References
----------
RFC 9110, "HTTP semantics", for the statuses; OpenAPI 3.1.
"""

import asyncio
import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from tornado import httputil
from tornado.web import HTTPError, RequestHandler, stream_request_body

from dashboard.api_description import description
from dashboard.inference import BusyError, InferencePool, outcome
from fusion_model.catalogue import available_models, unknown_models
from fusion_model.errors import ExpressionLensError
from fusion_model.images import (
    DEFAULT_LIMITS,
    EmptyImageError,
    ImageError,
    TooManyBytesError,
    TooManyPixelsError,
    UnsupportedFormatError,
)
from fusion_model.records import picture_record

PREDICT, OPENAPI = "/api/v1/predict", "/api/v1/openapi.json"
FIELD = "image"  # of a multipart form
#: A picture, and what a form's own lines may add to it.
MOST_BYTES = DEFAULT_LIMITS.max_bytes + 10_000
TOO_LARGE = f"The file is larger than {DEFAULT_LIMITS.max_bytes / 1e6:g} MB: save the picture smaller."
MOST_MODELS = 5
#: Which status says what is wrong with a picture; any other `ImageError` is a 422.
STATUS = (
    (EmptyImageError, HTTPStatus.BAD_REQUEST),
    (TooManyBytesError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (TooManyPixelsError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (UnsupportedFormatError, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (ImageError, HTTPStatus.UNPROCESSABLE_ENTITY),
)

Route = tuple[str, type[RequestHandler], dict[str, Any]]


def api_routes(pool: InferencePool, hosts: Sequence[str]) -> list[Route]:
    """What the server answers beside its pages.

    Parameters
    ----------
    pool : InferencePool
        Of the server.
    hosts : sequence of str
        Names (``host:port``) under which it may be called; another ``Host`` is refused, so that a page of
        another site cannot reach a server on its visitor's computer under a name of its own.
    """
    shared = {"pool": pool, "hosts": frozenset(hosts)}
    return [
        (PREDICT, PredictHandler, shared),
        (OPENAPI, DescriptionHandler, shared),
        ("/healthz", HealthHandler, shared),
        ("/readyz", ReadyHandler, shared),
    ]


class JsonHandler(RequestHandler):
    """JSON in all cases, errors included."""

    def initialize(self, pool: InferencePool, hosts: frozenset[str]) -> None:
        """Take what all requests share."""
        self._pool, self._hosts = pool, hosts

    def prepare(self) -> None:
        """Refuse hosts that are not ours."""
        if "*" not in self._hosts and self.request.host not in self._hosts:
            raise HTTPError(HTTPStatus.FORBIDDEN, reason="This server is not called that name here.")

    def set_default_headers(self) -> None:
        """Nobody keeps an answer, and no browser takes it for something else."""
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.clear_header("Server")

    def refuse(self, status: int, sentence: str) -> None:
        """An error as JSON."""
        self.set_status(status)
        self.finish(json.dumps({"error": sentence}))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """What Tornado itself refuses; never a traceback."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        told = error.reason if isinstance(error, HTTPError) and error.reason else None
        if status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            methods = ("GET", "POST", "HEAD")
            allowed = [name for name in methods if name.lower() in type(self).__dict__]
            self.set_header("Allow", ", ".join(allowed))
        self.finish(
            json.dumps({"error": told or HTTPStatus(status_code).description or "It cannot be done."})
        )


class HealthHandler(JsonHandler):
    """Whether the process answers at all."""

    def get(self) -> None:
        """200."""
        self.finish(json.dumps({"status": "ok"}))


class ReadyHandler(JsonHandler):
    """Whether the models are loaded, so that a picture would be answered at once."""

    def get(self) -> None:
        """200 or 503."""
        if self._pool.ready:
            self.finish(json.dumps({"status": "ready"}))
        else:
            self.set_header("Retry-After", "5")
            self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "The models are being loaded.")


class DescriptionHandler(JsonHandler):
    """The OpenAPI description."""

    def get(self) -> None:
        """200."""
        self.finish(json.dumps(description(available_models())))


@stream_request_body
class PredictHandler(JsonHandler):
    """``POST``: a picture's faces and what they look like, in the command line's JSON."""

    def prepare(self) -> None:
        """Begin with nothing."""
        self._parts: list[bytes] = []
        self._size = 0
        super().prepare()

    def data_received(self, chunk: bytes) -> None:
        """A piece of the body.

        What is too much is read and dropped: a client that is cut off while it sends never reads why.
        """
        self._size += len(chunk)
        if self._size > MOST_BYTES:
            self._parts.clear()
        else:
            self._parts.append(chunk)

    async def post(self) -> None:
        """200, or why not."""
        asked = self.get_query_argument("models", "").replace(",", " ").split()
        models = tuple(dict.fromkeys(asked))
        trouble = unknown_models(models) if models else ""
        if len(models) > MOST_MODELS:
            trouble = f"Ask at most {MOST_MODELS} models at once."
        if trouble:
            self.refuse(HTTPStatus.BAD_REQUEST, trouble)
            return
        try:
            data = self._picture()
            future = self._pool.submit(data, models)
        except BusyError as error:
            self.set_header("Retry-After", "3")
            self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
            return
        except ExpressionLensError as error:
            self.refuse(_status(error), str(error))
            return
        finally:
            self._parts.clear()
        awaited = asyncio.wrap_future(future)
        await asyncio.wait([awaited])
        awaited.exception()  # fetched, else asyncio logs it and its traceback once more
        self._answer(future)

    def _answer(self, future: Any) -> None:
        error = future.exception()
        if error is None:
            record = picture_record("", future.result().prediction)
            del record["file"]  # a body has no name
            self.finish(json.dumps(record))
        else:
            status = _status(error) if isinstance(error, ExpressionLensError) else 500
            self.refuse(status, str(outcome(future)))

    def _picture(self) -> bytes:
        """The bytes of the picture: the body, or the form's file."""
        if self._size > MOST_BYTES:
            raise TooManyBytesError(TOO_LARGE)
        body = b"".join(self._parts)
        kind = self.request.headers.get("Content-Type", "")
        if not kind.lower().startswith("multipart/form-data"):
            return body
        files: dict[str, list[httputil.HTTPFile]] = {}
        try:
            httputil.parse_body_arguments(kind, body, {}, files)
        except Exception as error:  # Tornado raises several kinds for forms that are none
            raise EmptyImageError("The form cannot be read.") from error
        sent = files.get(FIELD) or [file for some in files.values() for file in some]
        if not sent:
            raise EmptyImageError(f"The form has no file: send the picture as the field {FIELD!r}.")
        return bytes(sent[0].body)


def _status(error: Exception) -> int:
    return next((status for kind, status in STATUS if isinstance(error, kind)), HTTPStatus.BAD_REQUEST)
