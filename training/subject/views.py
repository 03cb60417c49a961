"""Write views of photographs as the head receives them: patch features, small pictures, and the subject's mask.

python -m training.subject.views OUT --pictures DIR --instances JSON … --objects DIR …

Only freely licensed photographs are used. The kinds, mixed in each batch, are whole outlined photographs of people
or animals and of things, and crops around single instances of both. Objects are photographs without outlines,
except for those in `left_out.txt`; their target is the region of which U²-Net-P is certain. Portraits are those in
`by_depth.txt`; their target is the region of the depth map that matches U²-Net-P's map.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from dioptre import runtime

runtime.prepare()

import jax
import numpy as np
from flax import nnx
from PIL import Image

from dioptre.features.depth.estimation import estimate_depth
from dioptre.features.subject.matting import refine_matte
from dioptre.features.subject.views import saliency_of
from dioptre.imaging.resize import resize
from dioptre.models.loading import load_model
from dioptre.models.registry import IMAGENET_DEVIATION, IMAGENET_MEAN
from dioptre.models.subject.config import SubjectConfig
from dioptre.models.subject.head import FINENESS
from training.lists import listed

from .crops import at_the_edge, parts, round_instance
from .depth_part import nearer_part
from .outlines import FREE_LICENCES, Outlined, read, subject

KINDS = ("alive", "things", "alive-crops", "things-crops", "objects", "portraits")
LEFT_OUT, BY_DEPTH = (Path(__file__).with_name(name) for name in ("left_out.txt", "by_depth.txt"))
_CONFIG = SubjectConfig()
_SEEN_PX = _CONFIG.grid * _CONFIG.backbone.patch_px  # Side of the backbone's input, in pixels.
_FINE_PX = _CONFIG.grid * FINENESS  # Side of the head's output, in pixels.
_MEAN, _DEVIATION = (np.array(values, np.float32) for values in (IMAGENET_MEAN, IMAGENET_DEVIATION))
_LARGEST_PX = 800  # Longest side of a photograph of an object, in pixels; larger photographs are reduced.
# Whether the subject is alive → number of views of the whole photograph; fewer photographs show things.
_WHOLE_VIEWS = {True: 9, False: 18}
_PORTRAIT_VIEWS = 12
_CROPS = {True: 2, False: 4}
_INSTANCES = 6  # Largest number of instances of a photograph that get crops; the largest ones are chosen.


class Viewer:
    """Builder of views: resizes a picture to a square, changes its light and sometimes mirrors it."""

    def __init__(self) -> None:
        depth = load_model("dioptre-depth-small")
        network = nnx.merge(depth.graph, depth.state)
        self._features = jax.jit(lambda x: network.backbone(x)[:, 0, 1:])

    def view(
        self, picture: np.ndarray, target: np.ndarray, weight: np.ndarray, rng: np.random.Generator | None
    ) -> dict[str, np.ndarray]:
        """Return the arrays of a view.

        Args:
            picture: (h, w, 3) in [0, 1].
            target: (h, w) in [0, 1].
            weight: (h, w) in [0, 1].
            rng: Source of randomness; None leaves the picture unchanged.
        """
        mirrored = rng is not None and rng.random() < 0.5
        if rng is not None:
            light = rng.uniform(0.7, 1.25) * rng.uniform(0.9, 1.1, 3)
            picture = (np.clip(picture * light, 0, 1) ** rng.uniform(0.8, 1.25)).astype(np.float32)

        def squeezed(x: np.ndarray, side: int) -> np.ndarray:
            small = np.clip(resize(np.ascontiguousarray(x, np.float32), (side, side), method="area"), 0, 1)
            return small[:, ::-1] if mirrored else small

        x = (squeezed(picture, _SEEN_PX) - _MEAN) / _DEVIATION
        planes = {"picture": picture, "target": target, "weight": weight}
        return {
            "features": np.asarray(self._features(x[None].astype(np.float32))).astype(np.float16),
            **{name: np.round(255 * squeezed(plane, _FINE_PX)).astype(np.uint8) for name, plane in planes.items()},
        }


def of_outlined(
    viewer: Viewer, photo: Outlined, picture: np.ndarray, rng: np.random.Generator
) -> Iterable[tuple[str, dict[str, np.ndarray]]]:
    """Yield the kind and view of the whole photograph, of crops of it, then of close-ups of single instances."""
    if photo.is_crowded or not photo.outlined:
        return
    instances = photo.outlined
    masks = np.stack([photo.mask([instance]) for instance in instances])
    alive, behind = (np.array([told(i) for i in instances]) for told in (photo.is_alive, photo.is_behind))
    if (found := subject(masks, alive=alive, behind=behind)) is not None:
        main, unknown, living = found
        target, weight = at_the_edge(picture, main), 1.0 - unknown
        for rows, columns, changed in parts(target, rng, _WHOLE_VIEWS[living]):
            seen, wanted, counted = (x[rows, columns] for x in (picture, target, weight))
            yield "alive" if living else "things", viewer.view(seen, wanted, counted, rng if changed else None)
    for number in sorted(np.flatnonzero(~behind), key=lambda n: -instances[n]["area"])[:_INSTANCES]:
        for _ in range(_CROPS[bool(alive[number])]):
            window = round_instance(instances[number], photo.size, rng)
            if window is None:
                continue
            found = subject(masks[:, window[0], window[1]], alive=alive, behind=behind)
            if found is not None and 0.04 < found[0].mean() < 0.8:
                main, unknown, living = found
                seen = picture[window]
                target, weight = at_the_edge(np.ascontiguousarray(seen), main), 1.0 - unknown
                yield "alive-crops" if living else "things-crops", viewer.view(seen, target, weight, rng)


def name_of(path: Path) -> str:
    """Return a photograph's name with its folder, as written in the lists."""
    return f"{path.parent.name}/{path.name}"


def of_objects(
    viewer: Viewer, picture: np.ndarray, rng: np.random.Generator
) -> Iterable[tuple[str, dict[str, np.ndarray]]]:
    """Yield views of a photograph without outlines, if U²-Net-P's map of it is unambiguous."""
    squeezed = resize(picture, (_CONFIG.side_px, _CONFIG.side_px), method="area")
    small = saliency_of(squeezed, model="u2netp").coverage
    inside = small > 0.5
    doubtful = ((small > 0.2) & (small < 0.8)).mean()
    if not 0.01 < inside.mean() < 0.8 or small[inside].mean() < 0.9 or doubtful > 0.35 * inside.mean():
        return
    target = np.clip(refine_matte(picture, small), 0, 1)
    sure = np.abs(2 * np.clip(resize(small, picture.shape[:2], method="bilinear"), 0, 1) - 1)
    for rows, columns, changed in parts(target, rng, 3):
        seen = (picture[rows, columns], target[rows, columns], (0.2 + 0.8 * sure**0.5)[rows, columns])
        yield "objects", viewer.view(*seen, rng if changed else None)


def of_portrait(
    viewer: Viewer, picture: np.ndarray, rng: np.random.Generator
) -> Iterable[tuple[str, dict[str, np.ndarray]]]:
    """Yield views of a photograph whose whole subject stands out in the depth map."""
    side = (_CONFIG.side_px, _CONFIG.side_px)
    inside = saliency_of(resize(picture, side, method="area"), model="u2netp").coverage > 0.5
    near = nearer_part(resize(estimate_depth(picture).disparity, side, method="area"), inside)
    target = np.clip(refine_matte(picture, near.astype(np.float32)), 0, 1)
    for rows, columns, changed in parts(target, rng, _PORTRAIT_VIEWS):
        seen = (picture[rows, columns], target[rows, columns], np.ones_like(target)[rows, columns])
        yield "portraits", viewer.view(*seen, rng if changed else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--instances", type=Path, nargs="+", required=True)
    parser.add_argument("--objects", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    viewer = Viewer()
    photos = {name: p for name, p in read(arguments.instances).items() if p.licence in FREE_LICENCES}
    files = {path.name: path for path in arguments.pictures.rglob("*.jpg")}
    outlined = [files[name] for name in sorted(photos) if name in files]
    left_out, by_depth = listed(LEFT_OUT), listed(BY_DEPTH)
    objects = sorted(path for folder in arguments.objects for path in folder.rglob("*") if path.is_file())
    objects = [path for path in objects if name_of(path) not in left_out]
    for number, file in enumerate([*outlined, *objects]):
        rng = np.random.default_rng(number)
        with Image.open(file) as opened:
            image = opened.convert("RGB")
            if file.name in photos:
                made = of_outlined(viewer, photos[file.name], np.asarray(image, np.float32) / 255, rng)
            else:
                image.thumbnail((_LARGEST_PX, _LARGEST_PX))
                look = of_portrait if name_of(file) in by_depth else of_objects
                made = look(viewer, np.asarray(image, np.float32) / 255, rng)
            views: dict[str, list[dict[str, np.ndarray]]] = {}
            for kind, view in made:
                views.setdefault(kind, []).append(view)
        for kind, rows in views.items():
            np.savez(
                arguments.out / f"{kind}-{number:05}.npz",
                allow_pickle=False,
                **{name: np.stack([r[name] for r in rows]) for name in rows[0]},
            )


if __name__ == "__main__":
    main()
