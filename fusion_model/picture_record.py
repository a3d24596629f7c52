"""An answer as plain JSON values: what the command line prints and the HTTP interface sends."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # at run time it imports PyTorch and MediaPipe, which `--help` need not wait for
    from fusion_model.predictor import FacePrediction, PicturePrediction


def picture_record(picture: "PicturePrediction | None", error: str | None = None) -> dict[str, Any]:
    """One picture's answer, or why there is none.

    Returns
    -------
    dict
        ``width`` and ``height`` in px or None, ``faces`` (largest first; each with ``box`` x, y, width,
        height in px, ``landmarks_found``, and by model its ``label`` and calibrated ``probabilities``), and
        ``error``, a sentence or None.
    """
    return {
        "width": picture.width if picture else None,
        "height": picture.height if picture else None,
        "faces": [_face_record(face) for face in picture.faces] if picture else [],
        "error": error,
    }


def _face_record(face: "FacePrediction") -> dict[str, Any]:
    return {
        "box": [int(side) for side in face.box],
        "landmarks_found": bool(face.landmarks_found),
        "models": {
            name: {
                "label": answer.label,
                "probabilities": {label: round(float(p), 6) for label, p in answer.probabilities.items()},
            }
            for name, answer in face.models.items()
        },
    }
