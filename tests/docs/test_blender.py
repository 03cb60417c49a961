"""The Blender script of the examples builds a scene that looks like the photo.

Set `DIOPTRE_TEST_BLENDER` to the Python of an environment with the package `bpy`, which is Blender.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

RENDER = """
import runpy, sys
import bpy
script, out, *sys.argv[1:] = sys.argv[1:]
runpy.run_path(script)
scene = bpy.context.scene
scene.render.engine, scene.cycles.samples, scene.render.filepath = "CYCLES", 4, out
scene.cycles.device = "CPU"
bpy.ops.render.render(write_still=True)
print(sorted(each.name for each in bpy.data.objects))
"""
BLENDER = os.environ.get("DIOPTRE_TEST_BLENDER")


@pytest.mark.skipif(BLENDER is None, reason="DIOPTRE_TEST_BLENDER names no Blender")
@pytest.mark.parametrize("metric", [False, True])
@pytest.mark.parametrize("size", [(90, 120), (120, 90)])
def test_the_scene_is_the_photo(size: tuple[int, int], metric: bool, checkout: Path, tmp_path: Path) -> None:
    height, width = size
    y, x = np.mgrid[0:height, 0:width]
    photo = np.stack([x * 2, y * 2, 128 + 60 * np.sin(x / 7) * np.cos(y / 9)], -1).clip(0, 255).astype(np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    disparity = (0.2 + 0.5 * y / height).astype(np.float32)
    mask = np.hypot(x - width / 2, y - height / 2) < 25
    disparity[mask] = 0.95
    np.save(tmp_path / "depth.npy", 2 / disparity if metric else disparity)
    np.save(tmp_path / "mask.npy", mask.astype(np.float32))
    options = [
        "--mask",
        tmp_path / "mask.npy",
        "--plate",
        tmp_path / "photo.png",
        *(["--metric"] if metric else []),
    ]
    script = checkout / "examples" / "blender_scene.py"
    (tmp_path / "render.py").write_text(RENDER)
    command = [BLENDER, tmp_path / "render.py", script, tmp_path / "out.png", tmp_path / "photo.png"]
    command += [tmp_path / "depth.npy", *options]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "['Background', 'Camera', 'Clean plate', 'Subject']" in done.stdout
    rendered = np.asarray(Image.open(tmp_path / "out.png").convert("RGB"), np.float32)
    assert rendered.shape == photo.shape
    error = np.abs(rendered - photo)[2:-2, 2:-2]
    assert error.mean() < 3, "the camera and the relief project each point to its pixel"
