"""Build a scene for the path tracer from triangles, grouped by material."""

from typing import Any

import mitsuba as mi
import numpy as np

from .furniture import Library, Model
from .textures import Materials, pattern, sky

_LARGEST_BOUNCES = 4


class Scene:
    """A scene under construction, in metres, with y up; untextured parts share one mesh with vertex colours."""

    def __init__(self, rng: np.random.Generator, materials: Materials) -> None:
        self.rng = rng
        self.materials = materials
        self.parts: dict[str, Any] = {"type": "scene"}
        self._plain: list[tuple[np.ndarray, np.ndarray]] = []

    def triangles(
        self,
        corners: np.ndarray,
        *,
        uv: np.ndarray | None = None,
        colour: Any = (0.6, 0.6, 0.6),
        texture: np.ndarray | None = None,
        emitter: dict[str, Any] | None = None,
        mirror: bool = False,
        glass: bool = False,
    ) -> None:
        """Add triangles.

        Args:
            corners: (n, 3, 3) in metres.
            uv: (n, 3, 2) texture coordinates; needed with a texture.
            colour: Linear RGB, 0 to 1, where there is no texture.
            texture: (h, w, 3) uint8.
            emitter: Mitsuba description of the light that the triangles emit.
            mirror: Whether the surface is a mirror.
            glass: Whether the surface is a thin pane of glass, tinted with `colour`.
        """
        if glass:
            clear = {"type": "rgb", "value": [float(x) for x in colour]}
            skin = {"type": "thindielectric", "specular_transmittance": clear}
            self._add(_mesh(corners, uv=None, colour=None, skin=skin, emitter=None, two_sided=False))
            return
        if texture is None and emitter is None and not mirror:
            self._plain.append((corners, np.broadcast_to(np.clip(colour, 0.02, 0.9), corners.shape)))
            return
        skin = {"type": "conductor", "material": "Ag"} if mirror else {"type": "diffuse"}
        if texture is not None and not mirror:
            bitmap = mi.Bitmap(np.ascontiguousarray(np.clip(texture, 5, 235)))
            skin["reflectance"] = {"type": "bitmap", "bitmap": bitmap}
        self._add(_mesh(corners, uv=uv, colour=None, skin=skin, emitter=emitter))

    def quad(
        self,
        corner: Any,
        a: Any,
        b: Any,
        *,
        texture: np.ndarray | None = None,
        colour: Any = (0.6, 0.6, 0.6),
        repeat_m: float = 0.0,
        radiance: np.ndarray | None = None,
        mirror: bool = False,
    ) -> None:
        """Add a parallelogram.

        Args:
            corner: One corner.
            a: First side, from the corner.
            b: Second side, from the corner.
            texture: (h, w, 3) uint8.
            colour: Linear RGB, 0 to 1, where there is no texture.
            repeat_m: Size of one texture tile in metres; 0 stretches the texture over the whole parallelogram.
            radiance: (3,) emitted light.
            mirror: Whether the surface is a mirror.
        """
        corner, a, b = (np.asarray(x, float) for x in (corner, a, b))
        s, t = (np.linalg.norm(a) / repeat_m, np.linalg.norm(b) / repeat_m) if repeat_m else (1, 1)
        order = [[0, 1, 2], [0, 2, 3]]
        glow = None
        if radiance is not None:
            glow = {"type": "area", "radiance": {"type": "rgb", "value": [float(x) for x in radiance]}}
        self.triangles(
            np.array([corner, corner + a, corner + a + b, corner + b])[order],
            uv=np.array([[0, 0], [s, 0], [s, t], [0, t]])[order],
            colour=colour,
            texture=texture,
            emitter=glow,
            mirror=mirror,
        )

    def place(
        self, library: Library, model: Model, at: Any, *, yaw: float, scale: float = 1.0, fur_m: float = 0.0
    ) -> None:
        """Place a model at a point, sometimes in different colours or with one pattern all over.

        Args:
            library: Library that holds the model's mesh.
            model: The model.
            at: Centre of the model's base, in metres.
            yaw: Rotation about the vertical in radians.
            scale: Size relative to the original model.
            fur_m: Length of the fur; 0 for none.
        """
        rng = self.rng
        recolour = rng.random() < 0.3
        skin = pattern(rng, self.materials) if rng.random() < 0.25 else None
        repeat_m = max(model.size_m) * rng.uniform(0.15, 1)
        turn = turned(yaw, scale)
        for part in library.mesh(model):
            uv, texture = part.uv, part.texture
            if texture is None and skin is not None:
                uv, texture = _projected(part.triangles, repeat_m), skin
            colour = rng.uniform(0.05, 0.85, 3) if recolour else part.colour
            corners = part.triangles @ turn + at
            self.triangles(corners, uv=uv, colour=colour, texture=texture)
            if fur_m:
                self.fur(corners, length_m=fur_m, colour=colour)

    def fur(self, corners: np.ndarray, *, length_m: float, colour: Any, count: int = 2500) -> None:
        """Add short bent hairs on triangles (n, 3, 3)."""
        rng = self.rng
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        area = np.linalg.norm(normal, axis=1)
        if not area.sum() > 0:
            return
        which = rng.choice(len(corners), count, p=area / area.sum())
        share = rng.dirichlet([1, 1, 1], count)
        root = np.einsum("nk,nkd->nd", share, corners[which])
        way = normal[which] / np.maximum(area[which], 1e-12)[:, None]
        way = (way + rng.normal(0, 0.5, way.shape) - [0, 0.4, 0]) * length_m * rng.uniform(0.4, 1, (count, 1))
        side = np.cross(way, rng.standard_normal(way.shape))
        side *= length_m * 0.06 / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
        blades = np.stack([root - side, root + side, root + way], 1)
        shade = np.clip(np.asarray(colour) * rng.uniform(0.5, 1.3, (count, 1)), 0.02, 0.9)
        self._plain.append((blades, np.broadcast_to(shade[:, None], blades.shape)))

    def tuft(self, at: Any, *, size_m: float, count: int, thick_m: float, colour: Any = None) -> None:
        """Add bent strands (hair, grass, leaves) that grow from a small area around a point."""
        rng, joints = self.rng, 4
        root = np.asarray(at) + rng.normal(0, 0.25, (count, 1, 3)) * size_m * [1, 0.3, 1]
        way = rng.normal(0, 0.5, (count, 1, 3)) + [0, rng.uniform(-0.5, 1.2), 0]
        t = np.linspace(0, 1, joints + 1)[None, :, None]
        bend = rng.normal(0, 0.35, (count, 1, 3)) - [0, rng.uniform(0, 0.6), 0]
        line = root + size_m * (way * t + bend * t * t)
        half = thick_m * rng.normal(0, 1, (count, 1, 3)) * (1.05 - t) / 2
        a, b = line - half, line + half
        left = np.stack([a[:, :-1], b[:, :-1], b[:, 1:]], 2)
        right = np.stack([a[:, :-1], b[:, 1:], a[:, 1:]], 2)
        if colour is None:
            colour = rng.uniform(0.03, 0.7) * rng.uniform(0.5, 1, 3)
        self.triangles(np.concatenate([left, right]).reshape(-1, 3, 3), colour=colour)

    def turned_profile(
        self, at: Any, profile: np.ndarray, *, colour: Any, sides: int = 28, glass: bool = False
    ) -> None:
        """Add a surface of revolution about the vertical; `profile` (n, 2) holds radius and height in metres."""
        angle = np.linspace(0, 2 * np.pi, sides + 1)
        ring = np.stack([np.cos(angle), np.zeros(sides + 1), np.sin(angle)], -1)
        grid = profile[:, None, :1] * ring + profile[:, None, 1:] * np.array([0, 1, 0])
        self.grid(grid + np.asarray(at), colour=colour, glass=glass)

    def tube(self, path: np.ndarray, *, radius_m: float, colour: Any, sides: int = 8) -> None:
        """Add a round bar along a path (n, 3)."""
        along = np.gradient(path, axis=0)
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
        helper = np.where(np.abs(along[:, 1:2]) < 0.9, [[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])
        u = np.cross(along, helper)
        u /= np.maximum(np.linalg.norm(u, axis=1, keepdims=True), 1e-9)
        v = np.cross(along, u)
        angle = np.linspace(0, 2 * np.pi, sides + 1)[None, :, None]
        self.grid(
            path[:, None] + radius_m * (np.cos(angle) * u[:, None] + np.sin(angle) * v[:, None]), colour=colour
        )

    def ball(self, at: Any, size_m: Any, *, colour: Any = None) -> None:
        """Add an ellipsoid that stands on a point, in a random colour unless one is given."""
        colour = self.rng.uniform(0.05, 0.85, 3) if colour is None else colour
        angle, height = np.meshgrid(np.linspace(0, 2 * np.pi, 25), np.linspace(0, np.pi, 13))
        unit = (
            np.stack([np.sin(height) * np.cos(angle), 1 - np.cos(height), np.sin(height) * np.sin(angle)], -1) / 2
        )
        self.grid(unit * size_m @ turned(self.rng.uniform(0, np.pi)) + at, colour=colour)

    def grid(
        self,
        points: np.ndarray,
        *,
        colour: Any = (0.6,) * 3,
        texture: np.ndarray | None = None,
        repeat_m: float = 1.0,
        glass: bool = False,
    ) -> None:
        """Add a surface spanned by a grid of points (h, w, 3); the texture is projected from above."""
        a, b, c, d = points[:-1, :-1], points[:-1, 1:], points[1:, 1:], points[1:, :-1]
        corners = np.concatenate([np.stack([a, b, c], 2), np.stack([a, c, d], 2)]).reshape(-1, 3, 3)
        uv = corners[..., [0, 2]] / repeat_m if texture is not None else None
        self.triangles(corners, uv=uv, colour=colour, texture=texture, glass=glass)

    def sky(self) -> None:
        """Add a random sky as environment light."""
        scale = float(self.rng.uniform(0.6, 1.5))
        self._add({"type": "envmap", "bitmap": mi.Bitmap(sky(self.rng)), "scale": scale})

    def load(self) -> Any:
        """Return the Mitsuba scene."""
        if self._plain:
            corners = np.concatenate([part for part, _ in self._plain])
            colour = np.concatenate([colours for _, colours in self._plain])
            skin = {"type": "diffuse", "reflectance": {"type": "mesh_attribute", "name": "vertex_color"}}
            self._add(_mesh(corners, uv=None, colour=colour, skin=skin, emitter=None))
        integrator = {"type": "path", "max_depth": _LARGEST_BOUNCES, "rr_depth": 3}
        return mi.load_dict({**self.parts, "integrator": integrator})

    def _add(self, part: Any) -> None:
        self.parts[f"part{len(self.parts)}"] = part


def turned(yaw: float, scale: float = 1.0) -> np.ndarray:
    """Return a (3, 3) matrix for row vectors that rotates about the vertical by `yaw` radians and scales."""
    c, s = np.cos(yaw) * scale, np.sin(yaw) * scale
    return np.array([[c, 0, s], [0, scale, 0], [-s, 0, c]]).T


def _projected(corners: np.ndarray, repeat_m: float) -> np.ndarray:
    """Return texture coordinates projected along the main axis of each triangle's normal."""
    axis = np.abs(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])).argmax(1)
    plane = np.array([[2, 1], [0, 2], [0, 1]])[axis]
    return np.take_along_axis(corners, plane[:, None, :].repeat(3, 1), 2) / repeat_m


def _mesh(
    corners: np.ndarray,
    *,
    uv: Any,
    colour: Any,
    skin: dict[str, Any],
    emitter: dict[str, Any] | None,
    two_sided: bool = True,
) -> Any:
    props = mi.Properties()
    props["bsdf"] = mi.load_dict({"type": "twosided", "skin": skin} if two_sided else skin)
    if emitter:
        props["emitter"] = mi.load_dict(emitter)
    mesh = mi.Mesh(
        "mesh",
        vertex_count=3 * len(corners),
        face_count=len(corners),
        has_vertex_texcoords=uv is not None,
        props=props,
    )
    if colour is not None:
        mesh.add_attribute("vertex_color", 3, np.ascontiguousarray(colour, np.float32).ravel())
    values = mi.traverse(mesh)
    values["vertex_positions"] = np.ascontiguousarray(corners, np.float32).ravel()
    values["faces"] = np.arange(3 * len(corners), dtype=np.uint32)
    if uv is not None:
        values["vertex_texcoords"] = np.ascontiguousarray(uv, np.float32).ravel()
    values.update()
    return mesh
