"""Answers as plain records: the one shape that the command line prints and the dashboard saves as JSON."""

from typing import TYPE_CHECKING, Any

from fusion_model.trust import known_trust

if TYPE_CHECKING:  # at run time it would import PyTorch, which `--help` need not wait for
    from fusion_model.answers import FacePrediction, PicturePrediction


def picture_record(
    name: str, prediction: "PicturePrediction | None" = None, error: str | None = None
) -> dict[str, Any]:
    """What came of one picture, ready for `json.dumps`.

    Parameters
    ----------
    name : str
        The file's name, as the user knows it.
    prediction : PicturePrediction, optional
        The answer; without one, `error` says why.
    error : str, optional
        A sentence.

    Returns
    -------
    dict
        ``file``, ``width`` and ``height`` in px, ``faces`` (see `face_record`) and ``error``.
    """
    return {
        "file": name,
        "width": prediction.width if prediction else None,
        "height": prediction.height if prediction else None,
        "faces": [face_record(face) for face in prediction.faces] if prediction else [],
        "error": error,
    }


def face_record(face: "FacePrediction") -> dict[str, Any]:
    """One face: ``box`` (x, y, width, height, px), ``landmarks_found``, ``warnings``, each model's answer.

    ``warnings`` are the names of what lowers trust in the answers, see `fusion_model.trust.KINDS`.
    """
    doubts = known_trust().doubts(face.measures, mesh_found=face.landmarks_found)
    return {
        "box": [int(side) for side in face.box],
        "landmarks_found": bool(face.landmarks_found),
        "warnings": [doubt.kind for doubt in doubts],
        "models": {
            name: {
                "label": answer.label,
                "probabilities": {label: round(float(p), 6) for label, p in answer.probabilities.items()},
            }
            for name, answer in face.models.items()
        },
    }
