"""How values are stored: full, half, or as 12-bit integers with one scale a column.

`int12` keeps each column (second last axis) of a matrix as round(value / scale) in [-2047, 2047], split into the
upper 5 bits and the lower 8, because the upper ones hold little information and compress to a third. Vectors and
small arrays stay float32. The error is at most half a step, 1/4094 of the column's largest value.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .card import WeightsError

STORAGES = ("float32", "float16", "int12")
_LARGEST = 2047
_WORTHWHILE = 4096  # values; below this a scale a column saves nothing
_PARTS = {"upper": np.int8, "lower": np.uint8, "scale": np.float32}

Arrays = dict[str, np.ndarray]
"""Values of a network by the path in its module, e.g. "backbone.blocks.norm1.scale"."""


def encode(arrays: Mapping[str, np.ndarray], storage: str) -> Arrays:
    """Turn float32 arrays into what is written; the inverse of `decode` up to rounding."""
    if storage == "float32":
        return {name: np.asarray(value, np.float32) for name, value in arrays.items()}
    if storage == "float16":
        return {name: np.asarray(value, np.float16) for name, value in arrays.items()}
    if storage != "int12":
        raise ValueError(f"unknown storage {storage!r}; known: {', '.join(STORAGES)}")
    stored: Arrays = {}
    for name, value in arrays.items():
        if value.ndim < 2 or value.size < _WORTHWHILE:
            stored[name] = np.asarray(value, np.float32)
            continue
        scale = np.maximum(np.abs(value).max(axis=-2, keepdims=True) / _LARGEST, 1e-30).astype(np.float32)
        codes = np.rint(value / scale).astype(np.int16)
        stored[f"{name}.upper"] = (codes >> 8).astype(np.int8)
        stored[f"{name}.lower"] = (codes & 0xFF).astype(np.uint8)
        stored[f"{name}.scale"] = scale
    return stored


def decode(stored: Mapping[str, np.ndarray], storage: str) -> Arrays:
    """Turn what was read into float32 arrays; raise WeightsError listing every array of a wrong type."""
    if storage not in STORAGES:
        raise WeightsError(
            f"Weights are stored as {storage!r}, which this version cannot read.", hint="Update Dioptre."
        )
    if storage != "int12":
        _require_types({name: (value, np.dtype(storage)) for name, value in stored.items()})
        return {name: value.astype(np.float32) for name, value in stored.items()}
    packed = {name.removesuffix(".upper") for name in stored if name.endswith(".upper")}
    expected: dict[str, tuple[np.ndarray, np.dtype[np.generic]]] = {}
    for name, value in stored.items():
        base, _, part = name.rpartition(".")
        expected[name] = (value, np.dtype(_PARTS[part] if base in packed and part in _PARTS else np.float32))
    absent = [f"{base}.{part}" for base in sorted(packed) for part in _PARTS if f"{base}.{part}" not in stored]
    if absent:
        raise WeightsError(f"Weights are incomplete: {', '.join(absent)} missing.")
    _require_types(expected)
    arrays = {name: value for name, value in stored.items() if name.rpartition(".")[0] not in packed}
    for base in packed:
        codes = (stored[f"{base}.upper"].astype(np.int16) << 8) | stored[f"{base}.lower"]
        arrays[base] = codes.astype(np.float32) * stored[f"{base}.scale"]
    return arrays


def _require_types(expected: Mapping[str, tuple[np.ndarray, np.dtype[np.generic]]]) -> None:
    wrong = [f"{n} is {v.dtype}, not {t}" for n, (v, t) in sorted(expected.items()) if v.dtype != t]
    if wrong:
        raise WeightsError(f"Weights have wrong types: {'; '.join(wrong)}.")
