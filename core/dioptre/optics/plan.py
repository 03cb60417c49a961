"""The parameters of a blur, determined before any pixel is read."""

from __future__ import annotations

from dataclasses import dataclass

from .aperture import Aperture
from .grid import Grid
from .scene import Scene
from .separation import Surfaces
from .slices import LARGEST_RADIUS_PX, Group, levels_for


@dataclass(frozen=True, kw_only=True)
class BlurPlan:
    """All inputs of a blur.

    Attributes:
        scene: the picture with its depth and focus.
        aperture: shape of the aperture.
        series: groups of slices, farthest first.
        grid: the tiles at every size.
        surfaces: reader that splits the full-size tiles into surfaces.
    """

    scene: Scene
    aperture: Aperture
    series: tuple[Group, ...]
    grid: Grid
    surfaces: Surfaces

    @classmethod
    def of(cls, scene: Scene, *, aperture: Aperture, series: tuple[Group, ...]) -> BlurPlan:
        """Plan the blur of a scene with these slices, at the sizes that its largest disc requires."""
        largest = min(scene.largest_radius_px(), LARGEST_RADIUS_PX)
        grid = Grid.around(scene.height, scene.width, radius_px=largest, levels=levels_for(largest, series))
        surfaces = Surfaces(scene, side=grid.side(0), tiles=len(grid.tiles(0)))
        return cls(scene=scene, aperture=aperture, series=series, grid=grid, surfaces=surfaces)

    @property
    def full_size(self) -> list[int]:
        """Indices of the groups that are blurred at full size: one, or three for separate layers."""
        return [index for index, group in enumerate(self.series) if group.level == 0]
