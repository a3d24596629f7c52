"""The side of `fer` from PyPI for `run.py`: ``python fer_peer.py KIND THREADS REPEATS PHOTO...``.

KIND is "haar", its default detector, or "mtcnn". A JSON line as node_peer.cjs's. It runs in an environment
of its own, and nothing of this project is imported.
"""

import json
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

STARTED = time.perf_counter()


def main() -> None:
    """Measure and print."""
    kind, threads, repeats, *photos = sys.argv[1:]
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[name] = threads
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import cv2
    import torch
    from fer.fer import FER

    cv2.setNumThreads(int(threads))
    torch.set_num_threads(int(threads))  # of its MTCNN
    detector = FER(mtcnn=kind == "mtcnn")

    def answer(photo):
        return detector.detect_emotions(cv2.imread(photo))

    answer(photos[0])
    result = {"version": version("fer"), "start_s": time.perf_counter() - STARTED, "photos": []}
    for photo in photos:
        found, ms = answer(photo), []
        for _ in range(int(repeats)):
            since = time.perf_counter()
            found = answer(photo)
            ms.append(1000 * (time.perf_counter() - since))
        shares = found[0]["emotions"] if found else {}
        label = max(shares, key=shares.get) if shares else ""
        result["photos"].append({"photo": Path(photo).name, "faces": len(found), "answer": label, "ms": ms})
    print("\n" + json.dumps(result))


if __name__ == "__main__":
    main()
