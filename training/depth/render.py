"""Render random scenes with exact depth.

    python -m training.depth.render OUT --assets DIR [--count N] [--seed S]

OUT receives SEED_VIEW_LAYOUT.jpg and .npy: float16 z-depth in metres (along the optical axis, at pixel centres),
+inf in the sky. --assets is the output of `assets.py`. The script resumes where it stopped. It needs mitsuba and
LLVM 16 or later (set DRJIT_LIBLLVM_PATH; LLVM 15 cannot compile one of the kernels on processors with AVX-512).
"""

import argparse
import time
from pathlib import Path
from typing import Any

import mitsuba as mi
import numpy as np
from PIL import Image

from .develop import defocus, denoise, develop
from .furniture import Library
from .layouts import Camera, Cast, arrange
from .textures import Materials

LEAST_BRIGHTNESS = 12
BLURRED = {"portrait": 0.4, "closeup": 0.4, "table": 0.4}


def trace(
    scene: Any, camera: Camera, *, size: int, samples: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Trace one view of a scene.

    Args:
        scene: The Mitsuba scene.
        camera: The view.
        size: Side of the square picture in pixels.
        samples: Samples per pixel.
        seed: Seed of the sampler.

    Returns:
        Radiance, z-depth in metres and albedo; None if the camera is inside an object, or if the view is nearly
        flat or shows mostly sky.
    """
    import drjit as dr

    way = camera.target - camera.origin
    forward = way / np.linalg.norm(way)
    right = np.cross(forward, [0, 1, 0])
    up = np.cross(right / np.linalg.norm(right), forward)
    roll = np.radians(camera.roll)
    up = np.cos(roll) * up + np.sin(roll) * right
    origin, target, above = ([float(x) for x in v] for v in (camera.origin, camera.target, up))
    sensor = mi.load_dict(
        {
            "type": "perspective",
            "fov": float(camera.field_of_view),
            "fov_axis": "larger",
            "near_clip": 0.02,
            "to_world": mi.ScalarTransform4f().look_at(origin=origin, target=target, up=above),
            "film": {"type": "hdrfilm", "width": size, "height": size, "rfilter": {"type": "box"}},
        }
    )
    g = (np.arange(size, dtype=np.float32) + 0.5) / size
    grid = mi.Point2f(mi.Float(np.tile(g, size)), mi.Float(np.repeat(g, size)))
    ray, _ = sensor.sample_ray(0.0, 0.5, grid, mi.Point2f(0.5, 0.5))
    hit = scene.ray_intersect(ray)
    dr.eval(hit.t, ray.d)  # Evaluated together, these need one small kernel, which is compiled once for all scenes.
    depth = np.array(hit.t) * (forward @ np.array(ray.d))
    depth = np.where(np.isfinite(depth), depth, np.inf).reshape(size, size)
    dull = np.std(1 / depth) < 0.12 * np.mean(1 / depth)
    if np.percentile(depth, 3) < 0.12 or np.median(depth) < 0.25 or np.isinf(depth).mean() > 0.6 or dull:
        return None
    albedo = np.array(hit.bsdf(ray).eval_diffuse_reflectance(hit, hit.is_valid()))
    albedo = np.nan_to_num(albedo.reshape(3, size, size).transpose(1, 2, 0))
    albedo = np.where(np.isfinite(depth)[..., None] & (albedo.max(-1, keepdims=True) > 0), albedo, 1)
    radiance = np.array(mi.render(scene, sensor=sensor, spp=samples, seed=seed))[..., :3]
    return np.nan_to_num(radiance, posinf=0), depth, albedo


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--assets", type=Path, required=True)
    for name, value in {"count": 1000, "views": 4, "seed": 0, "samples": 9, "size": 280}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    mi.set_variant("llvm_ad_rgb")
    options.out.mkdir(parents=True, exist_ok=True)
    cast = Cast.of(Library(options.assets / "furniture"))
    materials = Materials.in_folders(options.assets / "surfaces", options.assets / "photos")
    finished = sorted(options.out.glob("*.npy"))
    made, start = len(finished), time.time()
    seed = max([options.seed, *(int(path.name.split("_")[0]) for path in finished)])
    before = made
    while made < options.count:
        seed, done = seed + 1, 0
        rng = np.random.default_rng(seed)
        scene, kind, camera = arrange(rng, cast, materials)
        loaded = scene.load()
        for _ in range(3 * options.views):
            if done == options.views:
                break
            shot = trace(loaded, camera(), size=options.size, samples=options.samples, seed=seed)
            if shot is None:
                continue
            radiance, depth, albedo = shot
            light = denoise(radiance, depth, albedo)
            if rng.random() < BLURRED.get(kind, 0.12):
                light = defocus(rng, light, depth)
            srgb = develop(rng, light)
            if srgb.mean() < LEAST_BRIGHTNESS:  # Hardly any light reached the camera.
                continue
            name = options.out / f"{seed:06d}_{done}_{kind}"
            Image.fromarray(srgb).save(name.with_suffix(".jpg"), quality=int(rng.integers(80, 96)))
            np.save(name.with_suffix(".npy"), depth.astype(np.float16))
            made, done = made + 1, done + 1
        took = (time.time() - start) / max(made - before, 1)
        print(f"{made} {kind} {len(scene.parts)} parts, {took:.2f} s a picture", flush=True)


if __name__ == "__main__":
    main()
