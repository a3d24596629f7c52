"""Marks of models: no two alike in a chart, and those of the two usual models never change."""

from dashboard.marks import OUTLINED, SOLID, mark_key, marks

FIVE = ("cnn", "fusion", "mobilenet_v2", "resnet50", "inception_v3")


def test_the_fusion_is_solid_and_the_cnn_outlined_in_every_company():
    for models in (FIVE, ("cnn", "fusion"), ("fusion", "resnet50"), ("cnn",)):
        made = marks(models)
        assert list(made) == list(models)
        assert made.get("fusion", SOLID) == SOLID and made.get("cnn", OUTLINED) == OUTLINED


def test_five_models_have_five_marks():
    assert len(set(marks(FIVE).values())) == 5
    assert len(set(marks(("a", "b", "c", "d", "e")).values())) == 5


def test_without_the_usual_models_the_last_is_solid():
    assert marks(("mine",)) == {"mine": SOLID}
    assert marks(("first", "last")) == {"first": OUTLINED, "last": SOLID}


def test_the_key_has_the_order_of_the_bars_and_escapes_names():
    made = mark_key(["cnn", "<mine>", "fusion"])
    assert made.index("Fusion") < made.index("&lt;mine&gt;") < made.index("CNN")
