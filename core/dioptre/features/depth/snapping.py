"""Move the outline of what a user has painted on a depth map to the edges of the photo."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

from dioptre.contract import Disparity, Picture
from dioptre.imaging.box_mean import box_mean
from dioptre.imaging.guided_filter import guided_filter
from dioptre.imaging.pull_push import pull_push

_PAINTED = 1 / 256  # change of disparity from which a pixel counts as painted: a step of a layer with 8 bits
_REACH = 0.04  # half-width of the area beside an outline in which edges count, as a fraction of the short side
_CORE = 0.5  # the same, as a fraction of the painting's greatest half-width, so that its middle stays
_WINDOWS = 2.0, 1.0  # half-widths of the filter's windows in its two passes, as multiples of the farthest
_MARGIN = 2.5  # space around the painting that is taken into account, as a multiple of the same
_CONTRAST = 2e-4  # squared contrast below which the guide counts as flat
_STEEPNESS = 3.0  # how decidedly the coverage follows what the filter finds
_FULL = 0.95  # strength of a stroke from which its own values are kept


def snapped_strokes(picture: Picture, disparity: Disparity, before: Disparity) -> Disparity:
    """Return a depth map in which the strokes that were painted on it end at edges of the photo.

    A guided filter fits the painted area to the photo's colours and the earlier depth around each pixel. Where
    strokes reached over an edge, the earlier depth returns; where they fell short of it, they grow. Away from
    edges, the filter finds no more than a mean would, and the strokes stay as they are, hard or soft.

    Args:
        picture: (H, W, 3 or 4), sRGB-encoded.
        disparity: the map with the strokes.
        before: the map without them.
    """
    inside = np.abs(disparity - before) > _PAINTED
    if not inside.any():
        return disparity
    farthest = _REACH * min(inside.shape)
    margin = round(_MARGIN * farthest) + 1
    (around,) = ndimage.find_objects(inside.view(np.uint8))
    box = tuple(slice(max(0, each.start - margin), each.stop + margin) for each in around)
    painted, inside = disparity[box], inside[box]
    under = np.where(inside, before[box], painted)
    deep = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
    reach = max(1, round(min(farthest, _CORE * float(deep.max()))))
    own = pull_push(painted, (deep >= reach).astype(np.float32))
    aimed = own - under
    strength = np.clip((painted - under) / np.where(np.abs(aimed) > _PAINTED, aimed, np.inf), 0, 1)
    guide, coverage = _guide(picture[box], under), strength
    for window in _WINDOWS:
        radius = round(window * reach)
        found = guided_filter(guide, coverage, radius_px=radius, epsilon=_CONTRAST)
        usual = box_mean(box_mean(coverage, radius), radius)
        coverage = np.clip(coverage + np.float32(_STEEPNESS) * (found - usual), 0, 1)
    own = np.where(strength > _FULL, painted, own)
    result = disparity.copy()
    result[box] = under + coverage * (own - under)
    return result


def _guide(picture: Picture, depth: Disparity) -> Float32[np.ndarray, "h w 3"]:
    """Return brightness, the difference between red and blue, and depth."""
    red, green, blue = (picture[..., channel] for channel in range(3))
    return np.stack([0.3 * red + 0.6 * green + 0.1 * blue, red - blue, depth], axis=2, dtype=np.float32)
