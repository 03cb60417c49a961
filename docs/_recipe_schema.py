"""Generate docs/recipe.schema.json, the JSON Schema of recipes, from the operations' descriptions.

Run `python docs/_recipe_schema.py` with Dioptre installed. A test compares the file with the source.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dioptre_link.catalogue import OPERATIONS
from dioptre_link.operation import Kind, Operation, Parameter
from dioptre_link.parsers import MOST_POINTS
from dioptre_link.recipe import PRECISIONS, VERSION
from dioptre_link.strokes import LEAST_RADIUS, MOST_RADIUS, MOST_STROKES

_TYPES = {Kind.FLOAT: "number", Kind.INTEGER: "integer", Kind.BOOLEAN: "boolean", Kind.CHOICE: "string"}
_SHA256 = "^[0-9a-f]{64}$"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of recipes (draft 2020-12).

    Every recipe that matches the schema is accepted, and every recipe that Dioptre writes matches it.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:dioptre:recipe:{VERSION}",
        "title": "Dioptre recipe",
        "description": "Operations to apply to a picture, in order, with their options.",
        "type": "object",
        "required": ["version", "steps"],
        "additionalProperties": False,
        "properties": {
            "$schema": {
                "type": "string",
                "description": "Address of this schema, for editors that use it to check the file.",
            },
            "version": {"const": VERSION, "description": "Version of the recipe format."},
            "title": {"type": "string", "description": "Title of the recipe."},
            "description": {"type": "string", "description": "Purpose of the recipe."},
            "dioptre_version": {"type": "string", "description": "Version of the program that wrote the recipe."},
            "steps": {
                "type": "array",
                "minItems": 1,
                "items": {"oneOf": [_step(operation) for operation in OPERATIONS.values()]},
            },
            "models": {
                "type": "object",
                "description": "SHA-256 of each network that was used, by id.",
                "additionalProperties": {"type": "string", "pattern": _SHA256},
            },
            "precision": {
                "enum": ["", *PRECISIONS],
                "description": "Precision of the depth network's matrix products: float32 or bfloat16.",
            },
            "input_sha256": {
                "type": "string",
                "pattern": f"{_SHA256}|^$",
                "description": "SHA-256 of the input file; empty if the recipe is for any picture.",
            },
            "depth_range_per_m": {
                "type": ["array", "null"],
                "items": {"type": "number"},
                "minItems": 2,
                "maxItems": 2,
                "description": "Inverse depth (1/m) at the depth values 0 and 1, if the depth is in metres.",
            },
            "depth_in_file": {
                "type": "boolean",
                "description": "Put the depth into the picture's file, which must be a JPEG.",
            },
            "private": {"type": "boolean", "description": "Leave the photo's metadata out of the results."},
            "files": {
                "type": "object",
                "description": "Files that were written with the recipe, by name.",
                "additionalProperties": {
                    "type": "object",
                    "required": ["bytes", "sha256"],
                    "properties": {
                        "bytes": {"type": "integer", "minimum": 0},
                        "sha256": {"type": "string", "pattern": _SHA256},
                    },
                },
            },
        },
    }


def text() -> str:
    """Return the schema as text, formatted as in the published file."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _step(operation: Operation) -> dict[str, Any]:
    return {
        "type": "object",
        "title": operation.title,
        "description": operation.help,
        "required": ["operation"],
        "additionalProperties": False,
        "properties": {
            "operation": {"const": operation.name},
            "options": {
                "type": "object",
                "additionalProperties": False,
                "properties": {parameter.name: _value(parameter) for parameter in operation.parameters},
            },
        },
    }


def _value(parameter: Parameter) -> dict[str, Any]:
    unit = f" [{parameter.unit}]" if parameter.unit else ""
    value: dict[str, Any] = {"title": parameter.label, "description": parameter.help + unit}
    if parameter.kind is Kind.POINT:
        value |= {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    elif parameter.kind is Kind.POINTS:
        value |= {"type": "array", "items": _POINT, "maxItems": MOST_POINTS}
    elif parameter.kind is Kind.DISTANCES:
        value |= {"type": "array", "items": _DISTANCE, "maxItems": MOST_POINTS}
    elif parameter.kind is Kind.BOX:
        value |= {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}
    elif parameter.kind is Kind.STROKES:
        value |= {"type": "array", "items": _STROKE, "maxItems": MOST_STROKES}
    else:
        value["type"] = _TYPES[parameter.kind]
    if parameter.kind is Kind.CHOICE:
        value["enum"] = list(parameter.choices)
    if parameter.minimum is not None:
        value["minimum"] = parameter.minimum
    if parameter.maximum is not None:
        value["maximum"] = parameter.maximum
    if parameter.default is None:  # null means that the value is chosen automatically
        value["type"] = [value["type"], "null"]
        if "enum" in value:
            value["enum"].append(None)
    else:
        value["default"] = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
    return value


_POINT: dict[str, Any] = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}

_DISTANCE: dict[str, Any] = {
    "type": "array",
    "items": {"type": "number"},
    "minItems": 3,
    "maxItems": 3,
    "description": "x and y in pixels of the picture, and the distance in metres.",
}

_STROKE: dict[str, Any] = {
    "type": "object",
    "required": ["keep", "radius", "points"],
    "additionalProperties": False,
    "properties": {
        "keep": {
            "type": "boolean",
            "description": "true: keep sharp, or select; false: blur by depth, or leave out.",
        },
        "radius": {
            "type": "number",
            "minimum": LEAST_RADIUS,
            "maximum": MOST_RADIUS,
            "description": "Radius of the brush, as a fraction of the picture's longer side.",
        },
        "points": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "array",
                "items": {"type": "number", "minimum": 0, "maximum": 1},
                "minItems": 2,
                "maxItems": 2,
            },
            "description": "Points as fractions of the picture's width and height, from the top left.",
        },
    },
}


if __name__ == "__main__":
    Path(__file__).with_name("recipe.schema.json").write_text(text(), encoding="utf-8")
