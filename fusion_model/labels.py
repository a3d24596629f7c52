"""The seven expressions of FER-2013, in the order of its emotion codes: the one place that lists them.

Source: Goodfellow et al. 2013, "Challenges in Representation Learning", https://arxiv.org/abs/1307.0414.
"""

EXPRESSIONS: tuple[str, ...] = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
