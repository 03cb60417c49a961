"""Run the operation `film`."""

from __future__ import annotations

import math

import numpy as np

from dioptre.contract import FieldOfView, Film, Inputs, Progress, Result, part_of
from dioptre.features.spatial import Found, scene_of
from dioptre.imaging.resize import fitted_size
from dioptre_link.catalogue.film import FilmOptions, count_of
from dioptre_link.language import Message

from .camera import Camera, Lens, cameras, places
from .cutting import Sheets, sheets_of
from .drawing import drawn, invented, outside

_USUAL = FieldOfView.of_equivalent(35.0, source="")  # of a picture that does not tell its own
_FINER = 1.25  # size of the sheets relative to that of the frames, if the picture is large enough
_LEAST_DISPARITY = 0.25  # of a target, if distances are not known: nearer objects would be much too near
_CROPS = np.linspace(1.0, 1.12, 13)
_COUNTED_PX = 480  # longer side of the frames in which invented pixels are counted
_BLUR = 0.008  # radius of a usual blur, as a fraction of the diagonal


def run(inputs: Inputs, options: FilmOptions, progress: Progress) -> Result:
    """Run the operation `film`."""
    found = scene_of(inputs, options, at=options.target, progress=part_of(progress, 0.0, 0.6))
    height, width = found.disparity.shape
    longest = min(options.size, max(height, width))
    size = _even(fitted_size((height, width), longest_px=longest))
    pulls = options.move == "focus-pull"
    finer = 1.0 if pulls else max(1.0, min(_FINER, max(height, width) / longest))
    scene = found.scene.resized((round(size[0] * finer), round(size[1] * finer)))
    count, strength = count_of(vars(options)), options.strength / 100
    lens, near = _lens(found, options.target), _inverse_at(found)
    path = cameras(options.move, count, lens=lens, limits=near, strength=strength)
    blur = strength * _BLUR * math.hypot(*size) if pulls else 0.0
    sheets = sheets_of(
        scene,
        inverse_at=near,
        reach_px=max(_reach(path, lens, near, size[0] / size[1]) * scene.surfaces[0].disparity.shape[1], blur),
        largest_blur_px=blur,
        progress=part_of(progress, 0.6, 0.8),
    )
    lens = _cropped(sheets, path, lens, size)
    parts = [] if inputs.preview else _counted(sheets, path, lens, size, part_of(progress, 0.8, 1.0))
    film = Film(
        count=count,
        fps=options.fps,
        shape=size,
        frame=lambda number: drawn(sheets, path[number], lens, size),
        mask=lambda number: invented(sheets, path[number], lens, size),
        masks=options.masks,
    )
    progress(1.0, "Done")
    return Result(
        layers=film.layers(options.position)[:1],
        values={**found.depth.values(), "invented": parts},
        messages=(*found.messages, *([_told(parts)] if parts else [])),
        models=found.models,
        film=film,
    )


def _counted(
    sheets: Sheets, path: list[Camera], lens: Lens, size: tuple[int, int], progress: Progress
) -> list[float]:
    """Return the fraction of each frame that is invented."""
    apart = -(-max(size) // _COUNTED_PX)
    parts, small = [], (-(-size[0] // apart), -(-size[1] // apart))
    for number, camera in enumerate(path):
        progress(number / len(path), "Counting what is invented")
        parts.append(round(float(invented(sheets, camera, lens, small).mean()), 4))
    return parts


def _told(parts: list[float]) -> Message:
    most = int(np.argmax(parts))
    return Message(
        "{percent} % of the pixels are invented, at most {most} % in frame {number}.",
        percent=f"{100 * np.mean(parts):.1f}",
        most=f"{100 * parts[most]:.1f}",
        number=most + 1,
    )


def _even(size: tuple[int, int]) -> tuple[int, int]:
    """Return a size that video codecs accept."""
    return max(2, size[0] // 2 * 2), max(2, size[1] // 2 * 2)


def _lens(found: Found, target: tuple[float, float] | None) -> Lens:
    """Return the lens of the photo, aimed at the target."""
    height, width = found.disparity.shape
    focal = found.depth.focal_diagonals or _USUAL.focal_diagonals
    x, y = (width / 2, height / 2) if target is None else target
    if target is None and len(found.scene.surfaces) > 1:
        alpha = found.scene.surfaces[-1].coverage
        assert alpha is not None  # of the subject
        x, y = float(alpha.sum(0) @ np.arange(width)), float(alpha.sum(1) @ np.arange(height))
        x, y = x / float(alpha.sum()), y / float(alpha.sum())
    return Lens(focal=focal * math.hypot(height, width) / width, x=x / width - 0.5, y=(y - height / 2) / width)


def _inverse_at(found: Found) -> tuple[float, float]:
    """Return the inverse distances at the disparities 0 and 1, relative to that of the target."""
    low, high = found.range_per_m or (0.0, 1.0)
    at = low + (high - low) * max(found.scene.screen, _LEAST_DISPARITY)
    return low / at, high / at


def _reach(path: list[Camera], lens: Lens, near: tuple[float, float], tall: float) -> float:
    """Return how far the nearest and the farthest point move against each other in a film, in widths."""
    most = 0.0
    for camera in path[:: max(1, len(path) // 16)] + path[-1:]:
        for x, y in ((-0.5, -tall / 2), (0.5, -tall / 2), (-0.5, tall / 2), (0.5, tall / 2)):
            there = [places(x, y, inverse, camera, lens) for inverse in near]
            most = max(most, math.hypot(*(float(a - b) for a, b in zip(*there, strict=True))))
    return most


def _cropped(sheets: Sheets, path: list[Camera], lens: Lens, size: tuple[int, int]) -> Lens:
    """Return the lens with the least crop that keeps all frames inside the photo, or else the largest one."""
    some = path[:: max(1, len(path) // 8)] + path[-1:]
    least = 0
    for camera in some:
        while least < len(_CROPS) - 1 and outside(sheets, camera, lens._replace(crop=float(_CROPS[least])), size):
            least += 1
    return lens._replace(crop=float(_CROPS[least]))
