"""The order of the expressions is that of FER-2013's codes: everything trained depends on it."""

from fusion_model.labels import EXPRESSIONS


def test_expressions_are_in_the_order_of_fer2013() -> None:
    assert EXPRESSIONS == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
