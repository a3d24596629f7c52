"""The HTTP interface on a thread of this process, with a stand-in for the models."""

import asyncio
import logging
import threading
from typing import Any

import numpy as np
import tornado.httpserver
import tornado.netutil
import tornado.web

from dashboard.api import PREDICT as PREDICT_PATH
from dashboard.api import api_routes
from dashboard.inference import InferencePool
from fusion_model.answers import PicturePrediction

__all__ = ["PREDICT_PATH", "serve_forever"]


class NoFaces:
    """Finds none."""

    def predict(self, rgb: np.ndarray, *_: Any) -> PicturePrediction:
        return PicturePrediction(rgb.shape[1], rgb.shape[0], (), {"find": 1.0})

    def close(self) -> None:
        pass


def serve_forever() -> int:
    """Serve until the process ends; the port."""
    logging.getLogger("tornado").setLevel(logging.ERROR)
    sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
    port = int(sockets[0].getsockname()[1])

    async def serve() -> None:
        pool = InferencePool(NoFaces, workers=1)  # type: ignore[arg-type]
        application = tornado.web.Application(api_routes(pool, [f"127.0.0.1:{port}"]))
        tornado.httpserver.HTTPServer(application).add_sockets(sockets)
        await asyncio.Event().wait()

    threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()
    return port
