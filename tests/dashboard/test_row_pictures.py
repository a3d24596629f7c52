"""Cells of the list of rows: contours of the mesh, and pictures where the user has them."""

import base64
import re
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from dashboard.row_pictures import HOW, WITH_PICTURES, RowPictures, mesh_svg
from fusion_model.contours import CONTOURS, POINTS
from fusion_model.mesh_drawings import MeshDrawings, MeshError, digest_of
from fusion_model.sources import DataError

ROWS = [10, 11]


@pytest.fixture
def files(tmp_path):
    """Drawings of two rows, of which the second has no mesh, and the pictures of both."""
    images_NHW = np.random.default_rng(0).integers(0, 256, (2, 48, 48), np.uint8)
    digests_N = np.array([digest_of(image_HW) for image_HW in images_NHW], np.uint64)
    landmarks_NLD = np.random.default_rng(1).uniform(4, 44, (2, 478, 3))
    meshes = tmp_path / "meshes.npz"
    MeshDrawings.of(np.array(ROWS), digests_N, landmarks_NLD, np.array([True, False])).write(meshes)
    rows = [f"0,{' '.join(map(str, image_HW.ravel()))},PublicTest" for image_HW in images_NHW]
    copy = tmp_path / "fer2013.csv"
    copy.write_text("\n".join(["emotion,pixels,Usage", *rows]))
    return meshes, copy, images_NHW


def test_a_mesh_is_drawn_and_a_missing_one_is_a_dash(files):
    pictures = RowPictures(files[0])
    columns = pictures.columns(ROWS, ["sad", "<fear>"])
    assert list(columns) == ["landmarks"] and columns["landmarks"][1] == "–"
    drawing = columns["landmarks"][0]
    assert drawing.startswith("<svg") and 'aria-label="Row 10, labelled sad: contours' in drawing
    assert drawing.count("M") == len(CONTOURS) and drawing.count(",") >= len(POINTS)
    assert pictures.note == HOW and "--fer2013" in HOW
    assert pictures.columns([11, 999], ["sad", "sad"]) == {}


def test_pictures_are_those_of_the_users_copy(files):
    meshes, copy, images_NHW = files
    pictures = RowPictures(meshes, copy)
    columns = pictures.columns(ROWS, ["sad", "<fear>"])
    assert list(columns) == ["picture", "landmarks"] and pictures.note == WITH_PICTURES
    for cell, image_HW in zip(columns["picture"], images_NHW, strict=True):
        source = re.search(r'src="data:image/png;base64,([^"]+)"', cell)
        shown = np.asarray(Image.open(BytesIO(base64.b64decode(source[1]))))
        np.testing.assert_array_equal(shown, image_HW)
    assert 'alt="Row 11, labelled &lt;fear&gt;"' in columns["picture"][1]


def test_a_wrong_copy_is_refused_and_missing_drawings_are_no_trouble(files, tmp_path):
    meshes, copy, _ = files
    copy.write_text("emotion,pixels,Usage\n0," + "7 " * 48 * 48 + ",PublicTest\n")
    with pytest.raises(DataError, match="0 of the 2 different test pictures"):
        RowPictures(meshes, copy)
    assert RowPictures(tmp_path / "none.npz").columns(ROWS, ["sad", "sad"]) == {}
    with pytest.raises(MeshError):
        RowPictures(tmp_path / "none.npz", copy)


def test_a_drawing_is_in_the_frame_of_the_picture():
    points_PD = np.tile([12.25, 30.0], (len(POINTS), 1))
    drawing = mesh_svg(points_PD, "a face")
    assert 'viewBox="0 0 48 48"' in drawing and "M12.25,30 12.25,30" in drawing
