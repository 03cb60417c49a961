"""Convert the published weights of MI-GAN (a `.pt` file for inference) to Dioptre's names and layouts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dioptre.checkpoints.card import WeightsError
from dioptre.checkpoints.torch_file import Tensor, TorchFile, read_torch
from dioptre.models.key_map import Rule, apply_rules, conv_rules, pointwise_kernel, pointwise_rules

from .config import RESOLUTIONS, MiganConfig

_HINT = (
    "Use migan_512_places2.pt or migan_256_places2.pt, as published by the authors of MI-GAN. ONNX files, traced "
    "files and training checkpoints are not supported."
)
_NOISE = re.compile(r"(synthesis\.b\d+\.conv[12])\.noise_(const|strength)")
_GRID = re.compile(r"synthesis\.b\d+\.(conv1\.)?upsample\.filter_const")
_FILTER = re.compile(r"(encoder|synthesis)\.b\d+\.(conv[12]\.)?(down|up)sample\.filter\.weight")
_TAPS = np.outer((1, 3, 3, 1), (1, 3, 3, 1)).astype(np.float32)
_FILTERS = {"down": _TAPS / 64, "up": _TAPS / 16}


def from_torch_file(path: Path) -> dict[str, np.ndarray]:
    """Read the values of a published file; raise WeightsError if it contains something else."""
    file, tensors = _opened(path)
    try:
        return convert(dict(file.arrays(tensors)), _config(tensors))
    except ValueError as error:
        raise _refused(path, str(error)) from error


def stated_config(path: Path) -> dict[str, Any]:
    """Return the resolution of the network in a file; raise WeightsError if the file contains something else."""
    _, tensors = _opened(path)
    return {"resolution": _config(tensors).resolution}


def convert(arrays: Mapping[str, np.ndarray], config: MiganConfig) -> dict[str, np.ndarray]:
    """Convert the values from the original code's names; raise ValueError naming every array that does not fit."""
    if wrong := [name for name, values in arrays.items() if not np.isfinite(values).all()]:
        raise ValueError(f"values that are not finite in {', '.join(wrong)}")
    weights, noise = {}, {}
    for name, values in arrays.items():
        if match := _NOISE.fullmatch(name):
            noise[match[1], match[2]] = values.astype(np.float32)
        elif match := _FILTER.fullmatch(name):
            if values.shape[1:] != (1, 4, 4) or np.abs(values[:, 0] - _FILTERS[match[3]]).max() > 1e-6:
                raise ValueError(f"{name} is not the filter [1, 3, 3, 1]")
        elif not _GRID.fullmatch(name):
            weights[name] = values.astype(np.float32)
    missing = [name for name, part in noise if (name, "strength" if part == "const" else "const") not in noise]
    if missing:
        raise ValueError(f"incomplete noise in {', '.join(sorted(missing))}")
    # The strength has no dimensions; the noise does not change from picture to picture.
    weights |= {f"{name}.noise": noise[name, "const"] * noise[name, "strength"] for name, _ in noise}
    return apply_rules(weights, _rules(config))


def _rules(config: MiganConfig) -> tuple[Rule, ...]:
    rules = list(pointwise_rules(rf"encoder\.b{config.resolution}\.fromrgb", "enter"))
    for level, side in enumerate(config.sides):
        places = {"encoder": f"encoder.{level}", "synthesis": f"decoder.{len(config.sides) - 1 - level}"}
        for theirs, ours in places.items():
            for number, name in enumerate(("first", "second"), start=1):
                source, target = rf"{theirs}\.b{side}\.conv{number}", f"{ours}.{name}"
                rules += conv_rules(rf"{source}\.conv1", f"{target}.depthwise")
                rules.append(
                    Rule(
                        source=rf"{source}\.conv2\.weight",
                        target=f"{target}.pointwise.kernel",
                        layout=pointwise_kernel,
                    )
                )
                rules.append(Rule(source=rf"{source}\.noise", target=f"{target}.noise"))
        rules += pointwise_rules(rf"synthesis\.b{side}\.torgb", f"{places['synthesis']}.colour")
    return tuple(rules)


def _config(tensors: Mapping[str, Tensor]) -> MiganConfig:
    sides = [side for side in RESOLUTIONS if f"encoder.b{side}.fromrgb.weight" in tensors]
    return MiganConfig(resolution=sides[0])


def _opened(path: Path) -> tuple[TorchFile, dict[str, Tensor]]:
    file = read_torch(path)
    tensors = file.tree
    if not isinstance(tensors, dict) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise _refused(path, "it is not a table of arrays")
    if sum(f"encoder.b{side}.fromrgb.weight" in tensors for side in RESOLUTIONS) != 1:
        raise _refused(path, "its first layer is missing or of another size")
    return file, tensors


def _refused(path: Path, why: str) -> WeightsError:
    return WeightsError("{file} does not contain MI-GAN: {why}.", hint=_HINT, file=path.name, why=why)
