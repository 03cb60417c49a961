"""Write views of photographs with masks, of cut-outs, and of photographs on which both networks agree.

python -m training.subject.masked_views OUT --voc DIR DIR --horses DIR --fashion DIR --people DIR --stamps DIR
    --coco DIR --instances JSON … --grounds DIR … [--count N] [--part K OF]

The views include U²-Net-P's map. Each is a file OUT/KIND-NAME.npz, so that `go_on.py` can already train on existing
ones. The kinds alternate in the proportions of SHARES until there are COUNT views. Each photograph yields one view:
the whole or a crop, with changed light half of the time and mirrored half of the time.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

from dioptre import runtime

runtime.prepare()

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from dioptre.imaging.resize import resize
from training.lists import listed

from .crops import parts, round_instance
from .cutouts import NO_PHOTOGRAPHS, composite
from .map_viewer import FINE_PX, MapViewer, View, squeezed
from .masks import Masked, fashion, horses, people, voc
from .outlines import FREE_LICENCES, Outlined, read, subject

SHARES = {
    "voc": 12,
    "horse": 2,
    "street": 2,
    "human": 2,
    "coco": 4,
    "cococlose": 1,
    "things": 4,
    "stamp": 4,
    "self": 2,
}
LEFT_OUT = Path(__file__).with_name("left_out.txt")
COUNT = 2600
_LARGEST_PX = 900
_SHARE = (0.03, 0.85)  # Smallest and largest fraction of the picture that a subject may cover.

Job = Callable[[np.random.Generator], View | None]
Jobs = dict[str, list[tuple[str, Job]]]
"""Names and makers of the views still to be written, by kind."""


def changed(
    picture: np.ndarray, target: np.ndarray, weight: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Change the light half of the time, and mirror the picture half of the time."""
    if rng.random() < 0.5:
        light = rng.uniform(0.75, 1.25) * rng.uniform(0.92, 1.08, 3)
        picture = (np.clip(picture * light, 0, 1) ** rng.uniform(0.8, 1.25)).astype(np.float32)
    if rng.random() < 0.5:
        picture, target, weight = picture[:, ::-1], target[:, ::-1], weight[:, ::-1]
    return picture, target, weight


def of_masked(viewer: MapViewer, masked: Masked, rng: np.random.Generator) -> View | None:
    """Return a view of a photograph or a crop of it, with the subject derived from its masks."""
    found = subject(masked.masks, alive=masked.alive, behind=masked.behind)
    if found is None or not _SHARE[0] < found[0].mean() < _SHARE[1]:
        return None
    main, unknown, _ = found
    picture = _read(masked.file, size=(main.shape[1], main.shape[0]))
    target, weight = _soft(main), (1.0 - (unknown | masked.unsaid)).astype(np.float32)
    rows, columns = _part(target, rng)
    return viewer.view(*changed(picture[rows, columns], target[rows, columns], weight[rows, columns], rng))


def of_outlined(
    viewer: MapViewer, photo: Outlined, file: Path, rng: np.random.Generator, *, close: bool, single: bool
) -> View | None:
    """Return a view of a COCO photograph, or of a crop around one of its instances.

    Args:
        viewer: Builder of the view.
        photo: The outlined photograph.
        file: Its file.
        rng: Source of randomness.
        close: Whether to crop around an instance.
        single: Whether only one person is outlined. Other regions in U²-Net-P's map may belong to the subject and
            then get no weight.

    Returns:
        The view, or None when the photograph has no clear subject.
    """
    if photo.is_crowded or not photo.outlined:
        return None
    instances, picture = photo.outlined, _read(file)
    masks = np.stack([photo.mask([instance]) for instance in instances])
    alive, behind = (np.array([told(i) for i in instances]) for told in (photo.is_alive, photo.is_behind))
    if close:
        largest = sorted(np.flatnonzero(~behind), key=lambda n: -instances[n]["area"])[:4]
        window = round_instance(instances[rng.choice(largest)], photo.size, rng) if largest else None
        if window is None:
            return None
        masks, picture = masks[:, window[0], window[1]], picture[window]
    found = subject(masks, alive=alive, behind=behind)
    if found is None or not _SHARE[0] < found[0].mean() < _SHARE[1]:
        return None
    target, weight = _soft(found[0]), (1.0 - found[1]).astype(np.float32)
    rows, columns = (slice(None), slice(None)) if close else _part(target, rng)
    seen = changed(picture[rows, columns], target[rows, columns], weight[rows, columns], rng)
    view = viewer.view(*seen)
    if single:
        beside = (squeezed(view["edges"] / np.float32(255), FINE_PX) >= 0.3) & (view["target"] <= 5)
        view["weight"] = np.where(beside, 0, view["weight"]).astype(np.uint8)
    return view


def of_stamp(viewer: MapViewer, stamp: Path, ground: Path, rng: np.random.Generator) -> View | None:
    """Return a view of a cut-out over a photograph."""
    with Image.open(stamp) as image:
        made = composite(image.convert("RGBA"), _read(ground), rng)
    if made is None or not _SHARE[0] < made[1].mean() < _SHARE[1]:
        return None
    return viewer.view(*changed(*made, np.ones_like(made[1]), rng))


def of_agreed(viewer: MapViewer, file: Path, rng: np.random.Generator) -> View | None:
    """Return a view of a photograph without a mask, or None if the two networks disagree about its subject."""
    picture = _read(file)
    picture = picture[:, ::-1] if rng.random() < 0.5 else picture
    found = viewer.agreed(picture)
    if found is None or not _SHARE[0] < found[0].mean() < _SHARE[1]:
        return None
    return viewer.view(picture, *(resize(plane, picture.shape[:2], method="bilinear") for plane in found))


def jobs(
    viewer: MapViewer, options: argparse.Namespace, rng: np.random.Generator
) -> dict[str, list[tuple[str, Job]]]:
    """Return, by kind and in random order, the name of each possible view and the function that creates it."""
    found: Jobs = {kind: [] for kind in SHARES}
    for kind, photographs in {
        "voc": voc(*options.voc),
        "horse": horses(options.horses),
        "street": fashion(options.fashion),
        "human": people(options.people),
    }.items():
        found[kind] += [(name, partial(_loaded, viewer, load)) for name, load in photographs]
    _add_outlined(found, viewer, options)
    grounds = [path for folder in options.grounds for path in sorted(folder.rglob("*.png"))]
    for path in sorted(options.stamps.rglob("*.png")):
        if not any(word in str(path.parent) for word in NO_PHOTOGRAPHS):
            found["stamp"].append((path.stem, partial(of_stamp, viewer, path, grounds[rng.integers(len(grounds))])))
    left_out = listed(LEFT_OUT)
    found["self"] += [
        (p.stem, partial(of_agreed, viewer, p)) for p in grounds if f"{p.parent.name}/{p.name}" not in left_out
    ]
    return {kind: [rows[n] for n in rng.permutation(len(rows))] for kind, rows in found.items()}


def main() -> None:
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    waiting = jobs(MapViewer(), options, np.random.default_rng(7))
    order: list[tuple[str, str, Job]] = []
    while any(waiting.values()) and len(order) < options.count:
        for kind, share in SHARES.items():
            order += [(kind, *job) for job in waiting[kind][:share]]
            waiting[kind] = waiting[kind][share:]
    part, parts_in_all = options.part
    for number, (kind, name, job) in list(enumerate(order))[part::parts_in_all]:
        file = options.out / f"{kind}-{name}.npz"
        if not file.exists() and (view := job(np.random.default_rng(number))) is not None:
            unfinished = file.with_suffix(".unfinished")
            with unfinished.open("wb") as stream:
                np.savez(stream, allow_pickle=False, **view)
            unfinished.rename(file)


def _loaded(viewer: MapViewer, load: Callable[[], Masked], rng: np.random.Generator) -> View | None:
    return of_masked(viewer, load(), rng)


def _add_outlined(found: Jobs, viewer: MapViewer, options: argparse.Namespace) -> None:
    """Add COCO's free photographs: whole views and close-ups of people and animals, three views of all others."""
    files = {path.name: path for path in options.coco.rglob("*.jpg")}
    photos = {n: p for n, p in read(options.instances).items() if p.licence in FREE_LICENCES and n in files}
    singles = set(read(options.singles)) - set(read([j for j in options.instances if j not in options.singles]))
    for name, photo in sorted(photos.items()):
        job = partial(of_outlined, viewer, photo, files[name], single=name in singles)
        if any(photo.is_alive(instance) for instance in photo.outlined):
            found["coco"].append((file_stem(name), partial(job, close=False)))
            if name not in singles:
                found["cococlose"].append((file_stem(name), partial(job, close=True)))
        else:
            found["things"] += [(f"{n}-{file_stem(name)}", partial(job, close=n > 0)) for n in range(3)]


def file_stem(name: str) -> str:
    """Return a file's name without its suffix."""
    return Path(name).stem


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--voc", type=Path, nargs=2, required=True, help="pictures and masks")
    for folder in ("horses", "fashion", "people", "stamps", "coco"):
        parser.add_argument(f"--{folder}", type=Path, required=True)
    parser.add_argument("--instances", type=Path, nargs="+", required=True, help="instances_*.json of COCO")
    parser.add_argument(
        "--singles", type=Path, nargs="*", default=[], help="of these, lists of one person a picture"
    )
    parser.add_argument("--grounds", type=Path, nargs="+", required=True, help="photographs without masks")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--part", type=int, nargs=2, default=(0, 1), help="K OF: for several processes")
    return parser.parse_args()


def _soft(mask: np.ndarray) -> np.ndarray:
    made: np.ndarray = np.clip(gaussian_filter(mask.astype(np.float32), 1.0), 0, 1)
    return made


def _read(file: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """Read a picture in [0, 1], resized to `size` (width, height), or else to at most `_LARGEST_PX`."""
    with Image.open(file) as image:
        picture = image.convert("RGB")
        if size is None:
            picture.thumbnail((_LARGEST_PX, _LARGEST_PX))
        elif picture.size != size:
            picture = picture.resize(size, Image.Resampling.BOX if picture.width > size[0] else None)
        return np.asarray(picture, np.float32) / 255


def _part(target: np.ndarray, rng: np.random.Generator) -> tuple[slice, slice]:
    """Return the whole picture in two of five cases, otherwise a crop that contains most of the subject."""
    whole = slice(0, target.shape[0]), slice(0, target.shape[1])
    if rng.random() < 0.4:
        return whole
    return next(((rows, columns) for rows, columns, is_part in parts(target, rng, 6) if is_part), whole)


if __name__ == "__main__":
    main()
