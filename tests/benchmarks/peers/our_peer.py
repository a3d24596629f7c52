"""Our side of `run.py`: ``python our_peer.py MODELS THREADS REPEATS PHOTO...``.

It prints a JSON line as node_peer.cjs does. More than the peers it tells how long each stage took.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

STARTED = time.perf_counter()


def main() -> None:
    """Measure and print."""
    models, threads, repeats, *photos = sys.argv[1:]
    import cv2
    import torch

    torch.set_num_threads(int(threads))
    cv2.setNumThreads(int(threads))
    import fusion_model.faces as faces
    from fusion_model.images import read_image
    from fusion_model.predictor import Predictor

    spent: dict[str, float] = defaultdict(float)
    timed(faces.FaceFinder, "_landmarks", spent, "landmarks")
    predictor = Predictor(models.split(","))

    def answer(photo: str) -> Any:
        spent.clear()
        since = time.perf_counter()
        with Path(photo).open("rb") as stream:
            pixels = read_image(stream)
        spent["decode"] = 1000 * (time.perf_counter() - since)
        found = predictor.predict(pixels)
        told = dict(found.milliseconds)
        spent["detect"] = told.pop("find") - spent["landmarks"]
        spent["align"] = told.pop("prepare")
        spent.update(told)
        return found

    answer(photos[0])
    result: dict[str, Any] = {"start_s": time.perf_counter() - STARTED, "photos": []}
    for photo in photos:
        found, ms, stages = answer(photo), [], []
        for _ in range(int(repeats)):
            since = time.perf_counter()
            found = answer(photo)
            ms.append(1000 * (time.perf_counter() - since))
            stages.append(dict(spent))
        label = next(iter(found.faces[0].models.values())).label if found.faces else ""
        result["photos"].append(
            {
                "photo": Path(photo).name,
                "faces": len(found.faces),
                "answer": label,
                "ms": ms,
                "stages": stages,
            }
        )
    print(json.dumps(result))


def timed(owner: Any, name: str, spent: dict[str, float], stage: str) -> None:
    """Add the time of a method's calls, ms, to a stage."""
    inner: Callable[..., Any] = getattr(owner, name)

    def outer(*given: Any, **named: Any) -> Any:
        since = time.perf_counter()
        try:
            return inner(*given, **named)
        finally:
            spent[stage] += 1000 * (time.perf_counter() - since)

    setattr(owner, name, outer)


if __name__ == "__main__":
    main()
