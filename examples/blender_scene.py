"""Build a Blender scene of a photo and its depth: a camera with the photo's angle of view, and a relief.

    dioptre depth photo.jpg -o depth.npy          (--metric: in metres, with a network that estimates them)
    dioptre select-subject photo.jpg -o mask.npy  (optional)
    blender --python blender_scene.py -- photo.jpg depth.npy --mask mask.npy --focal-mm 28

Seen from the camera, the scene is the photo. Faces across a step in depth are left out, so that nothing stretches
when the camera moves; a clean plate (--plate) shows in the gaps. Written for Blender 4.2 and later.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import bpy
import numpy as np

FULL_FRAME_DIAGONAL_MM = math.hypot(36, 24)


def main() -> None:
    parser = argparse.ArgumentParser(prog="blender_scene.py", description=__doc__.splitlines()[0])
    parser.add_argument("photo", type=Path)
    parser.add_argument("depth", type=Path, help="depth.npy of the photo")
    parser.add_argument("--metric", action="store_true", help="the depth is in metres (dioptre depth --metric)")
    parser.add_argument("--mask", type=Path, help="mask.npy; the subject becomes an object of its own")
    parser.add_argument("--plate", type=Path, help="picture without the subject, shown behind everything")
    parser.add_argument("--focal-mm", type=float, default=28, help="35 mm equivalent focal length [28]")
    parser.add_argument("--far", type=float, default=10, help="distance of the background / the nearest point [10]")
    parser.add_argument("--columns", type=int, default=600, help="vertices along the longer side [600]")
    parser.add_argument("--step", type=float, default=1.1, help="ratio of distances across which no face is made")
    given = parser.parse_args(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else None)

    bpy.ops.wm.read_factory_settings(use_empty=True)
    photo = bpy.data.images.load(str(given.photo.resolve()))
    width, height = photo.size
    longer = max(width, height)
    focal_px = given.focal_mm / FULL_FRAME_DIAGONAL_MM * math.hypot(width, height)
    add_camera(width, height, focal_px)
    stored = np.load(given.depth)
    rows, columns = (max(2, min(side, round(side / longer * given.columns))) for side in (height, width))
    distance = distances(sampled(stored, rows, columns), metric=given.metric, far=given.far)
    subject = np.zeros((rows, columns), bool)
    if given.mask is not None:
        subject = sampled(np.load(given.mask), rows, columns) >= 0.5
    points, across, down = unprojected(distance, width, height, focal_px)
    material = textured("Photo", photo)
    faces, inside = quads(distance, subject, step=given.step)
    add_mesh("Background", points, across, down, faces[~inside], material)
    if inside.any():
        add_mesh("Subject", points, across, down, faces[inside], material)
    if given.plate is not None:
        flat = np.full((2, 2), float(distance.max()) * 1.05)
        plate = textured("Clean plate", bpy.data.images.load(str(given.plate.resolve())))
        corners, across, down = unprojected(flat, width, height, focal_px)
        add_mesh("Clean plate", corners, across, down, quads(flat, flat < 0, step=2)[0], plate)


def sampled(plane: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Return the values at a grid of points from corner to corner."""
    down = np.linspace(0, plane.shape[0] - 1, rows).round().astype(int)
    across = np.linspace(0, plane.shape[1] - 1, columns).round().astype(int)
    return plane[np.ix_(down, across)]


def distances(stored: np.ndarray, *, metric: bool, far: float) -> np.ndarray:
    """Return the distance of each point; without metres, the nearest is at 1 and the farthest at `far`."""
    if metric:
        return np.minimum(stored, far * np.nanmin(stored))
    return 1 / (1 / far + np.clip(stored, 0, 1) * (1 - 1 / far))


def unprojected(
    distance: np.ndarray, width: int, height: int, focal_px: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the points in the camera's space, and where they are in the photo, from 0 to 1."""
    across, down = np.meshgrid(np.linspace(0, 1, distance.shape[1]), np.linspace(0, 1, distance.shape[0]))
    x, y = (across - 0.5) * width / focal_px, (0.5 - down) * height / focal_px
    return np.stack([x * distance, y * distance, -distance], -1).reshape(-1, 3), across.ravel(), down.ravel()


def quads(distance: np.ndarray, subject: np.ndarray, *, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of each face without a step in depth, and whether it belongs to the subject."""
    index = np.arange(distance.size).reshape(distance.shape)
    corners = [np.s_[1:, :-1], np.s_[1:, 1:], np.s_[:-1, 1:], np.s_[:-1, :-1]]
    around = np.stack([distance[corner] for corner in corners], -1)
    whole = around.max(-1) < step * around.min(-1)
    inside = np.stack([subject[corner] for corner in corners], -1).mean(-1) >= 0.5
    return np.stack([index[corner] for corner in corners], -1)[whole], inside[whole]


def add_camera(width: int, height: int, focal_px: float) -> None:
    camera = bpy.data.cameras.new("Camera")
    camera.sensor_fit, camera.sensor_width = "AUTO", 36  # of the longer side
    camera.lens = focal_px * camera.sensor_width / max(width, height)
    scene = bpy.context.scene
    scene.camera = bpy.data.objects.new("Camera", camera)  # at the origin, looking along -Z
    scene.collection.objects.link(scene.camera)
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = width, height, 100
    scene.view_settings.view_transform = "Standard"


def textured(name: str, image: bpy.types.Image) -> bpy.types.Material:
    """Return a material that shows a picture as it is, without lights."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    texture, light = nodes.new("ShaderNodeTexImage"), nodes.new("ShaderNodeEmission")
    texture.image, texture.extension = image, "EXTEND"
    links.new(texture.outputs["Color"], light.inputs["Color"])
    links.new(light.outputs["Emission"], nodes.new("ShaderNodeOutputMaterial").inputs["Surface"])
    return material


def add_mesh(  # noqa: PLR0917  (the parts of a mesh)
    name: str, points: np.ndarray, across: np.ndarray, down: np.ndarray, faces: np.ndarray, material: object
) -> None:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points.tolist(), [], faces.tolist())
    corners = faces.ravel()
    places = np.stack([across[corners], 1 - down[corners]], -1).astype(np.float32)
    mesh.uv_layers.new(name="Photo").data.foreach_set("uv", places.ravel())
    mesh.materials.append(material)
    bpy.context.scene.collection.objects.link(bpy.data.objects.new(name, mesh))


main()
