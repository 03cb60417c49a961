"""Description of a depth network: its outputs, its requirements and the function that reads its output.

This module imports neither NumPy nor JAX, because the registry uses it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DepthTraits:
    """The capabilities of a depth network.

    Attributes:
        read: "package.module:function" that converts the network's output for a batch of views and a
            `ReadingOptions` to a list of `DepthView`.
        rank: if several networks are installed, the one with the highest rank is preferred. Ranks are based on
            published figures.
        metric: the network estimates depth in metres.
        field_of_view: the network estimates the angle of view.
        normals: the network estimates surface normals. Its method `normals` returns unit vectors (n, h, w, 3): x
            right, y down and z away from the camera.
        takes_aspect: the network's second input is the picture's original width divided by its height.
        crop_short_side_px: length of the short side at which the network processes crops in a second, closer pass;
            0 for no such pass. A network whose own size is about 504 gains nothing from it.
    """

    read: str
    rank: int = 0
    metric: bool = False
    field_of_view: bool = False
    normals: bool = False
    takes_aspect: bool = False
    crop_short_side_px: int = 0
