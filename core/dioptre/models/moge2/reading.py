"""Convert MoGe-2's output to inverse depth in 1/m and the focal length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dioptre.models.depth_view import DepthView, ReadingOptions

from .geometry import fit_camera, inverse_depth
from .module import Geometry

_KNOWN = 0.5  # mask value above which a pixel has geometry, as in the original


def read(output: Geometry, options: ReadingOptions) -> Sequence[DepthView]:
    """Return each view's inverse depth in 1/m (0 where there is no geometry, such as sky) and its focal length."""
    aspect = options.size[1] / options.size[0]
    given = None if options.focal_diagonals is None else 2 * options.focal_diagonals  # in half diagonals
    points, masks = np.asarray(output.points), np.asarray(output.mask)
    metres = np.ones(len(points)) if output.metric_scale is None else np.asarray(output.metric_scale)
    views = []
    for view, mask, scale in zip(points, masks, metres, strict=True):
        known = mask > _KNOWN
        camera = fit_camera(view, known, aspect=aspect, focal=given)
        inverse = inverse_depth(view, known, camera, metres=float(scale))
        focal = camera.focal / 2 if known.any() and camera.focal > 0 else None
        metric = output.metric_scale is not None
        views.append(DepthView(inverse=inverse, metric=metric, focal_diagonals=focal))
    return views
