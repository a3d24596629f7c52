"""Checkpoints as ONNX: the same answers, of any batch, and nothing left where they differ."""

import json

import numpy as np
import pytest

from fusion_model import export as exporting
from fusion_model.checkpoint import ASSETS, Card, save_checkpoint
from fusion_model.classifier import Classifier
from fusion_model.export import ExportError, export, made_up_inputs, main
from fusion_model.labels import EXPRESSIONS
from fusion_model.network import build_network
from fusion_model.preprocess import FaceInputs

onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (extra: onnx)")

PIXELS = {"stem": 4, "stages": [8, 16, 32], "blocks": 1, "face_only": True, "side": 56}
LANDMARKS = {"hidden": 64, "features": 32, "dropout": 0.0}
SMALL = {
    "cnn": {"pixels": PIXELS},
    "landmarks": {"landmarks": LANDMARKS},
    "fusion": {"pixels": PIXELS, "landmarks": LANDMARKS, "hidden": 32},
    "wider": {"pixels": PIXELS, "extra": LANDMARKS, "hidden": 32},
}
INPUTS = {
    "cnn": ("crops",),
    "wider": ("crops",),
    "landmarks": ("landmarks", "mesh_found"),
    "fusion": ("crops", "landmarks", "mesh_found"),
}


def small(kind, folder, labels=EXPRESSIONS):
    network = build_network(kind, len(labels), SMALL[kind])
    save_checkpoint(
        folder / f"{kind}.safetensors", network, Card(kind, kind, SMALL[kind], tuple(labels), temperature=1.4)
    )
    return folder / f"{kind}.safetensors"


def faces_of(inputs):
    return [FaceInputs(*each) for each in zip(*(inputs[name] for name in INPUTS["fusion"]), strict=True)]


@pytest.mark.parametrize(
    ("kind", "mirrored"),
    [("cnn", True), ("landmarks", True), ("fusion", True), ("wider", True), ("fusion", False)],
)
def test_the_file_answers_as_the_program_does_for_batches_of_any_size(kind, mirrored, tmp_path):
    weights = small(kind, tmp_path)
    made = export(weights, tmp_path / "made" / "x.onnx", mirrored=mirrored)
    assert made.inputs == INPUTS[kind] and made.difference <= exporting.TOLERANCE
    session = onnxruntime.InferenceSession(str(made.path), providers=["CPUExecutionProvider"])
    classifier = Classifier.load(weights)
    for count in (1, 2, 7):
        inputs = made_up_inputs(count, seed=count)
        (found_BK,) = session.run(["probabilities"], {name: inputs[name] for name in made.inputs})
        known_BK = classifier.probabilities(faces_of(inputs), mirrored=mirrored)
        # The program's convolutions may be in bfloat16: what shows here is preparing, mirror and temperature.
        assert found_BK == pytest.approx(known_BK, abs=0.02)
        assert found_BK.sum(axis=1) == pytest.approx(np.ones(count), abs=1e-5)


def test_the_shipped_fusion_model_and_what_its_file_says_of_itself(tmp_path, capsys):
    out = tmp_path / "fusion.onnx"
    assert main(["fusion", "--out", str(out)]) == 0
    assert "takes crops, landmarks, mesh_found" in capsys.readouterr().out
    told = onnxruntime.InferenceSession(str(out)).get_modelmeta().custom_metadata_map
    assert told["labels"].split(",") == list(EXPRESSIONS) and told["mirrored"] == "true"
    assert json.loads(told["card"])["name"] == "fusion"
    assert [path.name for path in tmp_path.iterdir()] == ["fusion.onnx"]


def test_a_checkpoint_of_other_classes_takes_its_labels_along(tmp_path):
    made = export(small("cnn", tmp_path, ("no", "yes")), tmp_path / "own.onnx")
    session = onnxruntime.InferenceSession(str(made.path))
    assert session.get_modelmeta().custom_metadata_map["labels"] == "no,yes"
    assert session.run(None, {"crops": made_up_inputs(4)["crops"]})[0].shape == (4, 2)


def test_a_file_that_answers_otherwise_is_not_kept(tmp_path, monkeypatch):
    weights = small("cnn", tmp_path)
    monkeypatch.setattr(exporting, "TOLERANCE", -1.0)
    with pytest.raises(ExportError, match=r"was not written: its probabilities differ"):
        export(weights, tmp_path / "x.onnx")
    assert not list(tmp_path.glob("*.onnx*"))


def test_what_is_missing_is_told_in_a_sentence(tmp_path, monkeypatch, capsys):
    assert main(["no-such-model", "--out", str(tmp_path / "x.onnx")]) == 1
    assert "There is no model at" in capsys.readouterr().err
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    assert main([str(ASSETS / "cnn.safetensors"), "--out", str(tmp_path / "x.onnx")]) == 1
    assert "pip install 'expression-lens[onnx]'" in capsys.readouterr().err
