"""The typed descriptor of a depth network: what it estimates, what it needs, and who reads its output.

Imports neither NumPy nor JAX: the registry holds it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DepthTraits:
    """What one depth network gives.

    read: "package.module:function" from the network's output for a batch of views and a `ReadingOptions` to a list
        of `DepthView`. rank: networks of higher rank are preferred where several are installed; by published
        figures. metric: it estimates metres. needs_focal: metres follow only where the focal length is known.
    field_of_view: it estimates the angle of view. normals: it estimates surface normals.
    takes_aspect: its second input is the picture's own width by height.
    """

    read: str
    rank: int = 0
    metric: bool = False
    needs_focal: bool = False
    field_of_view: bool = False
    normals: bool = False
    takes_aspect: bool = False
