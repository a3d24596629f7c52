from io import BytesIO

from PIL import Image

from dashboard.app import EXAMPLE
from dashboard.examples import group, seven_ways


def test_the_examples_are_pictures_made_of_the_one_that_comes_along():
    portrait = EXAMPLE.read_bytes()
    with Image.open(BytesIO(group(portrait))) as picture:
        assert picture.size == (1500, 1250)
    ways = seven_ways(portrait)
    assert len({data for _, data in ways}) == len({name for name, _ in ways}) == 7
