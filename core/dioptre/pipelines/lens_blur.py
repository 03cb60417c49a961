"""Lens blur from depth: picture and disparity in, blurred picture (and its pieces) out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32

from dioptre.imaging.layers import Inputs, Layer, Progress, Result, no_progress
from dioptre.optics.aperture import Aperture
from dioptre.optics.defocus import Focus, relative_max_radius_px
from dioptre.optics.lens_blur import blur
from dioptre.optics.scene import Scene
from dioptre_link.errors import UsageError
from dioptre_link.operations import Role

Encoding = Literal["srgb", "linear"]


@dataclass(frozen=True, kw_only=True)
class Blurred:
    """The blurred picture, in the shape and encoding of the picture given."""

    image: np.ndarray


def lens_blur(
    image: Float32[np.ndarray, "h w c"],
    disparity: Float32[np.ndarray, "h w"],
    *,
    focal_disparity: float,
    max_radius: float,
    aperture: Aperture | None = None,
    focus_range: float = 0.0,
    encoding: Encoding = "srgb",
    progress: Progress = no_progress,
) -> Blurred:
    """Blur a picture by its depth, as a lens focused at one distance would.

    image: (H, W, 3) or (H, W, 4) with straight alpha; sRGB-encoded, or linear light with `encoding="linear"`.
        Values above 1 are kept and spread as the bright lights they are.
    disparity: relative ([0, 1], 1 = nearest) or in 1/m.
    focal_disparity: the disparity that is sharp, in the same unit.
    max_radius: radius in pixels of the blur disc for a disparity difference of 1. With disparity in 1/m,
        1/z_focus and aperture_radius_m * sensor_distance_px this is exactly the thin lens.
    aperture: shape of the lens opening; left out, a circle.
    focus_range: how much disparity to either side of the focus stays sharp.
    Raises UsageError when shapes do not fit or a number is out of range.
    """
    check_sizes(image, disparity)
    for name, values in (("picture", image), ("depth layer", disparity)):
        if not np.isfinite(values).all():
            raise UsageError(f"The {name} has values that are not numbers.", hint="Replace NaN and infinity.")
    scene = Scene(
        image=image,
        disparity=disparity,
        focus=Focus(focal_disparity=focal_disparity, max_radius_px=max_radius, range=focus_range),
        encoded=encoding == "srgb",
    )
    return Blurred(image=blur(scene, aperture=aperture, progress=progress))


def check_sizes(image: np.ndarray, disparity: np.ndarray) -> None:
    """Raise UsageError unless this is a picture with a depth layer of its own size."""
    if image.ndim != 3 or image.shape[2] not in (3, 4):
        raise UsageError(f"The picture's shape is {image.shape}.", hint="It must be (height, width, 3 or 4).")
    if disparity.shape != image.shape[:2]:
        raise UsageError(
            f"The depth layer is {disparity.shape[1]} x {disparity.shape[0]} pixels, the picture "
            f"{image.shape[1]} x {image.shape[0]}.",
            hint="Resize the depth layer to the picture.",
        )


def disparity_at(disparity: Float32[np.ndarray, "h w"], point: tuple[float, float]) -> float:
    """The disparity in focus for a point (x, y) of the picture: the median of 9 x 9 pixels around it.

    Raises UsageError for a point outside the picture.
    """
    height, width = disparity.shape
    x, y = point
    if not (0 <= x < width and 0 <= y < height):
        raise UsageError(
            f"The focus point {x:g},{y:g} is outside the picture.",
            hint=f"X goes from 0 to {width - 1}, Y from 0 to {height - 1}.",
        )
    row, column = int(y), int(x)
    around = disparity[max(row - 4, 0) : row + 5, max(column - 4, 0) : column + 5]
    return float(np.median(around))


def chosen_max_radius_px(options: Mapping[str, Any], size: tuple[int, int]) -> float:
    """`max_radius` of an operation's options, or what its f-number means for a picture of this size."""
    if options["max_radius"] is not None:
        return float(options["max_radius"])
    return relative_max_radius_px(size, f_number=options["f_number"])


def run(inputs: Inputs, options: Mapping[str, Any], progress: Progress) -> Result:
    """The `lens_blur` operation."""
    assert inputs.disparity is not None  # apply() has seen to it
    disparity = inputs.disparity
    check_sizes(inputs.picture, disparity)
    messages = []
    if options["focal_disparity"] is not None:
        focal_disparity = options["focal_disparity"]
    elif options["focus"] is not None:
        focal_disparity = disparity_at(disparity, options["focus"])
    else:
        height, width = disparity.shape
        focal_disparity = disparity_at(disparity, (width // 2, height // 2))
        messages.append("No focus was chosen; focused on the centre of the picture.")
    max_radius = chosen_max_radius_px(options, disparity.shape)
    blurred = lens_blur(
        inputs.picture,
        disparity,
        focal_disparity=focal_disparity,
        max_radius=max_radius,
        focus_range=options["focus_range"] or 0.0,
        progress=progress,
    )
    return Result(
        layers=(Layer(name="Lens blur", role=Role.RESULT, pixels=blurred.image),),
        values={"focal_disparity": focal_disparity, "max_radius": max_radius},
        messages=tuple(messages),
    )
