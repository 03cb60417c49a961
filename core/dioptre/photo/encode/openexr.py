"""Write the layers of a result as one OpenEXR file for compositing, with distances and normals."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
from jaxtyping import Float32

from dioptre.contract import Layer, Plane
from dioptre_link.operation import Role
from dioptre_link.scratch import temporary_folder

from .. import problems
from ..curves import srgb_curve

SUFFIX = ".exr"
FARTHEST = 510.0
"""Distance of a disparity of 0 if the metres are not known; the nearest point has the distance 1."""
_NAMES = {
    Role.RESULT: "",
    Role.BACKGROUND: "plate.",
    Role.SUBJECT: "subject.",
    Role.FOREGROUND: "foreground.",
    Role.CONFIDENCE: "confidence.V",
    Role.SELECTION: "matte.A",
}


def require_openexr() -> None:
    """Raise UnwritableFile if the package OpenEXR is not installed."""
    if find_spec("OpenEXR") is None:
        raise problems.UnwritableFile(
            "Support for writing {format} is not installed.",
            hint="Install Dioptre with the extra '{extra}', or choose another format.",
            format="OpenEXR",
            extra="exr",
        )


def encoded_exr(
    layers: Sequence[Layer],
    *,
    picture: Float32[np.ndarray, "h w c"] | None,
    distance: Plane | None,
    metric: bool = False,
    focal_px: float | None = None,
    normals: Float32[np.ndarray, "h w 3"] | None = None,
) -> bytes:
    """Encode layers as a multi-layer OpenEXR file: colours in linear light with premultiplied alpha.

    Args:
        layers: the layers; depth layers are left out. Colours and mattes are stored as half floats.
        picture: the original, sRGB-encoded, which is the main picture if no layer is a result; None for none.
        distance: distance along the optical axis, stored as float in Z; None for none.
        metric: whether it is in metres.
        focal_px: focal length in pixels; None if it is not known.
        normals: unit vectors (right, up, towards the camera), stored in N; None for none.

    Raises:
        UnwritableFile: the package OpenEXR is not installed.
    """
    require_openexr()
    import OpenEXR

    channels: dict[str, np.ndarray] = {}
    for layer in layers:
        if layer.role in _NAMES:
            channels |= _channels(_NAMES[layer.role], layer.pixels)
    if picture is not None:
        channels |= _channels("original." if "R" in channels else "", picture)
    if normals is not None:
        channels |= {f"N.{axis}": _half(normals[..., index]) for index, axis in enumerate("XYZ")}
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    if distance is not None:
        channels["Z"] = np.ascontiguousarray(distance, np.float32)
        header["depthUnit"] = "m" if metric else "relative"
    if focal_px is not None:
        header["focalLengthPx"] = float(focal_px)
    with temporary_folder() as folder:
        OpenEXR.File(header, channels).write(str(folder / "layers.exr"))  # which writes to names only
        return (folder / "layers.exr").read_bytes()


def relative_distance(disparity: Plane) -> Plane:
    """Return distances from 1 (nearest) to `FARTHEST` of a disparity without metres."""
    return np.asarray(1 / np.maximum(disparity, np.float32(1 / FARTHEST)), np.float32)


def _channels(name: str, pixels: np.ndarray) -> dict[str, np.ndarray]:
    if pixels.ndim == 2:
        return {name: _half(pixels)}
    light = srgb_curve().decode(pixels[..., :3])
    planes = dict(zip("RGB", np.moveaxis(light, -1, 0), strict=True))
    if pixels.shape[2] == 4:
        planes = {key: plane * pixels[..., 3] for key, plane in planes.items()} | {"A": pixels[..., 3]}
    return {name + key: _half(plane) for key, plane in planes.items()}


def _half(plane: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.clip(plane, -65504, 65504), np.float16)
