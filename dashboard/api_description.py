"""The OpenAPI 3.1 description of the HTTP interface."""

from collections.abc import Sequence
from typing import Any

from fusion_model.images import DEFAULT_LIMITS
from fusion_model.trust import KINDS

_SENTENCES = {
    "400": "The request is wrong: no picture, an unknown model, a form that cannot be read.",
    "401": "The server asks for a name and a password (basic authentication).",
    "403": "The server is not called by that host name.",
    "413": "The picture has too many bytes or pixels.",
    "415": "A kind of file that is not read.",
    "422": "The file is no picture, is damaged, or too small.",
    "503": "Too many pictures are waiting, or the answer was lost: try again after Retry-After, s.",
}


def description(models: Sequence[str]) -> dict[str, Any]:
    """The description, for these models."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Expression Lens",
            "version": "1",
            "description": "What the faces in a picture look like to several models; they do not know "
            "what anyone feels. Not for judging people; inferring emotions at work or in education is "
            "prohibited in the EU (AI Act, Art. 5(1)(f)). Pictures are not kept.",
        },
        "paths": {
            "/api/v1/predict": {"post": _predict(models)},
            "/healthz": {"get": _status("Whether the process answers.", {})},
            "/readyz": {"get": _status("Whether the models are loaded.", {"503": "They are being loaded."})},
        },
        "components": {"schemas": {"Answer": _answer(), "Error": _error()}},
    }


def _predict(models: Sequence[str]) -> dict[str, Any]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    form = {
        "schema": {
            "type": "object",
            "required": ["image"],
            "properties": {"image": {"type": "string", "format": "binary"}},
        }
    }
    kinds = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
    return {
        "summary": "Answer for one picture",
        "parameters": [
            {
                "name": "models",
                "in": "query",
                "description": f"Names with commas between, of {', '.join(models)}; default: the usual ones.",
                "schema": {"type": "string"},
                "example": ",".join(models[:2]),
            }
        ],
        "requestBody": {
            "required": True,
            "description": "JPEG, PNG, WebP, GIF, BMP or TIFF, told by content, up to "
            f"{DEFAULT_LIMITS.max_bytes / 1e6:g} MB and {DEFAULT_LIMITS.max_pixels / 1e6:g} megapixels.",
            "content": {**dict.fromkeys(kinds, binary), "multipart/form-data": form},
        },
        "responses": {
            "200": {
                "description": "The faces, largest first.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}},
            },
            **{status: _refusal(sentence) for status, sentence in _SENTENCES.items()},
        },
    }


def _status(summary: str, refusals: dict[str, str]) -> dict[str, Any]:
    told = {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}}
    return {
        "summary": summary,
        "responses": {
            "200": {"description": "Yes.", "content": {"application/json": {"schema": told}}},
            "403": _refusal(_SENTENCES["403"]),
            **{status: _refusal(sentence) for status, sentence in refusals.items()},
        },
    }


def _refusal(sentence: str) -> dict[str, Any]:
    return {
        "description": sentence,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


def _error() -> dict[str, Any]:
    return {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}


def _answer() -> dict[str, Any]:
    probabilities = {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}}
    model = {
        "type": "object",
        "required": ["label", "probabilities"],
        "properties": {"label": {"type": "string"}, "probabilities": probabilities},
    }
    face = {
        "type": "object",
        "required": ["box", "landmarks_found", "warnings", "models"],
        "properties": {
            "box": {
                "type": "array",
                "description": "x, y, width, height, px",
                "items": {"type": "integer"},
                "minItems": 4,
                "maxItems": 4,
            },
            "landmarks_found": {"type": "boolean"},
            "warnings": {
                "type": "array",
                "description": "What lowers trust in the answers",
                "items": {"type": "string", "enum": list(KINDS)},
            },
            "models": {"type": "object", "additionalProperties": model},
        },
    }
    return {
        "type": "object",
        "required": ["width", "height", "faces", "error"],
        "properties": {
            "width": {"type": "integer"},
            "height": {"type": "integer"},
            "faces": {"type": "array", "items": face},
            "error": {"type": "null"},
        },
    }
