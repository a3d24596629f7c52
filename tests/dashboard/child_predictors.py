"""A stand-in for the models that a child process can import: what it does is told by the picture's width."""

import os
import signal
import time
from dataclasses import dataclass

FAULT, DEADLY, ENDLESS = 66, 77, 88  # px


@dataclass(frozen=True)
class Prediction:
    """What the tests look at of a `PicturePrediction`, which would import PyTorch."""

    width: int
    height: int


class Obedient:
    """Answers, fails, dies, or hangs."""

    def predict(self, rgb, models=None):
        width = rgb.shape[1]
        if width == FAULT:
            raise ZeroDivisionError("a fault")
        if width == DEADLY:
            os.kill(os.getpid(), signal.SIGKILL)
        if width == ENDLESS:
            time.sleep(60)
        return Prediction(width, rgb.shape[0])

    def close(self):
        pass


def make():
    return Obedient()


def make_none():
    raise AssertionError
