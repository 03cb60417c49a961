"""Draw training views: crops of photographs with masks, and composites of cut-outs whose coverage is exact.

A view is a picture, the subject's coverage, and each pixel's weight. Composites teach whole things with thin parts:
bicycles with their spokes, instruments, furniture, tools and drawn sticks, cords and wheels, alone, in hands and
beside people, over grounds in and out of focus. What a person holds, rides or leans on belongs to the subject.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

from . import pack
from .thin import as_bytes, colour, on_rim, wires, with_thin_thing

SHARES = {
    "ecssd": 24, "voc": 14, "animals": 10, "street": 8, "davis": 6, "people": 6, "couples": 5, "cats": 5, "wild": 4,
    "coco": 3, "human": 3, "horses": 2, "flowers": 2, "cows": 1,
}  # fmt: skip
"""Relative share of each source of photographs with masks."""

_EXACT = frozenset({"ecssd", "davis", "horses"})  # sources whose outlines are accurate to a pixel
_WITH_THINGS = ("people", "street", "couples", "voc", "human", "animals")  # those alive that may hold things
_COMPOSITES = 0.4  # share of views that are composites
_SMALLEST_CROP = 0.6
_WIRES = 0.2  # share of grounds that wires, poles or a fence cross, which are no part of the subject
_BESIDE = ("bicycle", "motorcycle", "scooter", "car", "furniture", "lamp", "plant", "wheelchair", "stroller")


@dataclass(frozen=True, kw_only=True)
class View:
    """A square view.

    Attributes:
        picture: (s, s, 3) uint8.
        mask: (s, s) uint8, coverage by the subject, 255 inside.
        weight: (s, s) uint8, 255 where the mask is known.
        exact: whether its outlines are accurate to a pixel.
    """

    picture: np.ndarray
    mask: np.ndarray
    weight: np.ndarray
    exact: bool


class Views:
    """Drawer of views from packs; held-out pictures and cut-outs are not used."""

    def __init__(self, rows: list[pack.Packed], *, side: int, held_out: bool = False) -> None:
        """Sort the pictures by their use.

        Args:
            rows: the packs' pictures.
            side: side of a view in pixels.
            held_out: use the held-out pictures and cut-outs instead of the others, with all the backgrounds.
        """
        self.side = side
        used = [row for row in rows if row.held_out == held_out]
        self._pairs = {source: [row for row in used if row.source == source] for source in SHARES}
        self._pairs = {source: rows for source, rows in self._pairs.items() if rows}
        self._cutouts = [row for row in used if row.source == pack.CUTOUT]
        self._stamps = [row for row in used if row.source == pack.STAMP]
        self._scenes = [row for row in rows if row.source == pack.SCENE]
        self._decoded = lru_cache(maxsize=256)(_decoded)
        shares = np.array([SHARES[source] for source in self._pairs], float)
        self._odds = shares / shares.sum()

    def draw(self, *seed: int) -> View:
        """Return the view with this seed."""
        rng = np.random.default_rng(seed)
        view = self.composite(rng) if rng.random() < _COMPOSITES and self._cutouts else self._crop(rng)
        return _photographed(rng, view)

    def composite(self, rng: np.random.Generator) -> View:
        """Return a composite of one to three cut-outs, half of the time with a person or an animal."""
        canvas = self._ground(rng)
        mask = np.zeros((self.side, self.side), np.float32)
        with_person = rng.random() < 0.5
        person = self._free_subject(rng) if with_person else None
        height = rng.uniform(0.35, 0.9)
        foot = np.array([rng.uniform(0.3, 0.7), min(0.98, 0.5 + height / 2 + rng.uniform(-0.1, 0.15))])
        layers: list[tuple[np.ndarray, bool]] = []
        if person is not None:
            layers.append((self._placed(rng, person, foot=foot, height=height), True))
        for _ in range(1 if person is not None or rng.random() < 0.75 else int(rng.integers(2, 4))):
            thing, kind = self._thing(rng)
            if person is None:
                size = rng.uniform(0.3, 0.9)
                at = foot if not layers else foot + [rng.uniform(-0.25, 0.25), rng.uniform(-0.03, 0.03)]
                layers.append((self._placed(rng, thing, foot=at, height=size), True))
            elif any(word in kind for word in _BESIDE):
                at = foot + [rng.choice([-1, 1]) * rng.uniform(0.05, 0.25), rng.uniform(-0.03, 0.04)]
                size = height * rng.uniform(0.4, 0.8)
                layers.insert(int(rng.integers(2)), (self._placed(rng, thing, foot=at, height=size), True))
            else:  # held: somewhere on the person's rim, in front or behind
                size = height * rng.uniform(0.15, 0.6)
                at = on_rim(rng, layers[0][0][..., 3]) + [0, size / 2]
                layer = self._placed(rng, thing, foot=at, height=size, turn=rng.normal() * 0.5)
                layers.insert(int(rng.integers(2)), (layer, False))
        whole = np.max([layer[..., 3] for layer, _ in layers], axis=0)
        for layer, stands in layers:
            if stands and rng.random() < 0.6:
                canvas = canvas * (
                    1 - rng.uniform(0.2, 0.7) * _shadow(rng, layer[..., 3])[..., None] * (1 - mask)[..., None]
                )
            canvas += layer[..., 3:] * (layer[..., :3] - canvas)
            mask = np.maximum(mask, layer[..., 3])
        if rng.random() < 0.25:
            canvas, mask = with_thin_thing(rng, canvas, mask)
        return View(
            picture=as_bytes(canvas), mask=as_bytes(mask), weight=np.full(whole.shape, 255, np.uint8), exact=True
        )

    def _crop(self, rng: np.random.Generator) -> View:
        """Return a crop of a photograph with its mask, sometimes with a thing, a stick or wires."""
        source = rng.choice(list(self._pairs), p=self._odds)
        row = self._pairs[source][rng.integers(len(self._pairs[source]))]
        picture, label = self._decoded(row)
        for _ in range(6):
            box, angle = _box(rng)
            inside = _sampled((label == pack.INSIDE).astype(np.uint8) * 255, box, angle, self.side)
            share = (inside.mean() / 255) * (box[2] * box[3]) / max((label == pack.INSIDE).mean(), 1e-3)
            if share > 0.45:
                break
        else:
            box, angle = (0.5, 0.5, 1.0, 1.0), 0.0
        flip = rng.random() < 0.5
        planes = [
            _sampled(plane, box, angle, self.side, flip=flip)
            for plane in (
                picture,
                *((label == value).astype(np.uint8) * 255 for value in (pack.INSIDE, pack.UNKNOWN)),
            )
        ]
        canvas, mask, unknown = (plane.astype(np.float32) / 255 for plane in planes)
        known, exact = 1 - unknown, source in _EXACT
        if rng.random() < _WIRES:
            crossing = wires(rng, self.side) * (1 - np.maximum(mask, unknown))
            canvas += crossing[..., None] * (colour(rng) - canvas)
        if source in _WITH_THINGS and self._cutouts and rng.random() < 0.3:
            thing, _ = self._thing(rng)
            size = rng.uniform(0.12, 0.45)
            at = on_rim(rng, mask) + [0, size / 2]
            layer = self._placed(rng, thing, foot=at, height=size, turn=rng.normal() * 0.5)
            cover = layer[..., 3] * (1 if rng.random() < 0.65 else 1 - mask)
            canvas += cover[..., None] * (layer[..., :3] - canvas)
            mask, known = np.maximum(mask, cover), np.maximum(known, cover)
        if rng.random() < 0.2:
            before = mask
            canvas, mask = with_thin_thing(rng, canvas, mask)
            known = np.maximum(known, mask - before)
        return View(picture=as_bytes(canvas), mask=as_bytes(mask), weight=as_bytes(known), exact=exact)

    def _ground(self, rng: np.random.Generator) -> np.ndarray:
        """Return a background: a scene without a subject, or any photograph far out of focus."""
        anything = rng.random() < 0.35 or not self._scenes
        pool = self._pairs[rng.choice(list(self._pairs))] if anything else self._scenes
        picture, _ = self._decoded(pool[rng.integers(len(pool))])
        box, _ = _box(rng)
        ground = Image.fromarray(_sampled(picture, box, 0.0, self.side, flip=rng.random() < 0.5))
        sigma = float(
            rng.uniform(9, 20) if anything else rng.choice([0.0, rng.uniform(0.5, 3), rng.uniform(3, 12)])
        )
        if anything or rng.random() < 0.2:  # a thing far behind is no part of the subject
            thing, _ = self._thing(rng)
            place = rng.uniform([0.1, 0.3], [0.9, 0.9])
            layer = self._placed(rng, thing, foot=place, height=rng.uniform(0.1, 0.3))
            if sigma > 5:
                array = np.asarray(ground, np.float32) / 255
                ground = Image.fromarray(as_bytes(array + layer[..., 3:] * (layer[..., :3] - array)))
        if rng.random() < _WIRES:
            array = np.asarray(ground, np.float32) / 255
            ground = Image.fromarray(as_bytes(array + wires(rng, self.side)[..., None] * (colour(rng) - array)))
        if sigma:
            blur = ImageFilter.BoxBlur(sigma * 1.2) if rng.random() < 0.5 else ImageFilter.GaussianBlur(sigma)
            ground = ground.filter(blur)
        return _lit(rng, np.asarray(ground, np.float32) / 255)

    def _thing(self, rng: np.random.Generator) -> tuple[np.ndarray, str]:
        """Return a cut-out (h, w, 4) and its kind; large product pictures come more often than small ones."""
        stamps = self._stamps and rng.random() < 0.12
        pool = self._stamps if stamps else self._cutouts
        row = pool[rng.integers(len(pool))]
        if not stamps and not row.name.startswith("cutout/shop") and rng.random() < 0.4:
            row = pool[rng.integers(len(pool))]
        picture, _ = self._decoded(row)
        return picture, row.kind

    def _free_subject(self, rng: np.random.Generator) -> np.ndarray | None:
        """Return a person or an animal (h, w, 4) whose mask touches no edge but the lower one."""
        sources = [source for source in _WITH_THINGS if source in self._pairs]
        for _ in range(8 if sources else 0):
            source = sources[rng.integers(len(sources))]
            row = self._pairs[source][rng.integers(len(self._pairs[source]))]
            picture, label = self._decoded(row)
            inside = label == pack.INSIDE
            if inside.mean() < 0.04 or max(inside[:2].mean(), inside[:, :2].mean(), inside[:, -2:].mean()) > 0.01:
                continue
            soft = Image.fromarray(inside.astype(np.uint8) * 255).filter(ImageFilter.GaussianBlur(1.2))
            edge = np.clip((np.asarray(soft, np.float32) / 255 - 0.45) / 0.4, 0, 1)  # without a fringe
            rows, columns = np.flatnonzero(edge.any(1)), np.flatnonzero(edge.any(0))
            cut = np.dstack([picture, as_bytes(edge)])
            return cut[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return None

    def _placed(
        self, rng: np.random.Generator, cut: np.ndarray, *, foot: np.ndarray, height: float, turn: float = 0.0
    ) -> np.ndarray:
        """Return a layer (s, s, 4) with a cut-out standing at a place; sizes are fractions of the side."""
        h, w = cut.shape[:2]
        aspect = np.exp(rng.uniform(-0.25, 0.25)) * (w / h)
        high, wide = height * self.side, height * self.side * aspect
        if wide > 0.95 * self.side:
            high, wide = high * 0.95 * self.side / wide, 0.95 * self.side
        image = Image.fromarray(cut)
        if rng.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        image = _premultiplied(image).resize((max(2, round(wide)), max(2, round(high))), Image.Resampling.BICUBIC)
        if turn:
            image = image.rotate(np.degrees(turn), Image.Resampling.BICUBIC, expand=True)
        canvas = Image.new("RGBA", (self.side, self.side))
        left, top = foot[0] * self.side - image.width / 2, foot[1] * self.side - image.height
        canvas.paste(image, (round(left), round(top)))
        layer = np.asarray(canvas, np.float32) / 255
        straight = layer[..., :3] / np.maximum(layer[..., 3:], 1 / 255)
        return np.dstack([_lit(rng, np.clip(straight, 0, 1)), layer[..., 3]])


def _decoded(row: pack.Packed) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture (h, w, 3 or 4) and its label (h, w), or an empty one."""
    with Image.open(io.BytesIO(row.picture)) as image:
        picture = np.asarray(image.convert("RGBA" if row.source in (pack.STAMP, pack.CUTOUT) else "RGB"))
    if not row.mask:
        return picture, np.zeros(picture.shape[:2], np.uint8)
    with Image.open(io.BytesIO(row.mask)) as image:
        return picture, np.asarray(image)


def _box(rng: np.random.Generator) -> tuple[tuple[float, float, float, float], float]:
    """Return centre and sides of a crop, as fractions of the picture, and its angle."""
    if rng.random() < 0.35:
        return (0.5, 0.5, 1.0, 1.0), 0.0
    scale, aspect = rng.uniform(_SMALLEST_CROP, 1), np.exp(rng.uniform(-0.3, 0.3))
    wide, high = min(scale * aspect, 1.0), min(scale / aspect, 1.0)
    x, y = wide / 2 + rng.random() * (1 - wide), high / 2 + rng.random() * (1 - high)
    return (x, y, wide, high), rng.normal() * 0.07 if rng.random() < 0.5 else 0.0


def _sampled(
    plane: np.ndarray, box: tuple[float, float, float, float], angle: float, side: int, *, flip: bool = False
) -> np.ndarray:
    """Return a crop, squeezed to a square; outside the picture, its border continues."""
    h, w = plane.shape[:2]
    x, y, wide, high = box
    rim = round(0.12 * max(h, w)) if angle else 0
    if rim:
        plane = np.pad(plane, ((rim, rim), (rim, rim), *((0, 0),) * (plane.ndim - 2)), mode="edge")
    c, s = np.cos(angle), np.sin(angle)
    step_x, step_y = w * wide / side * (-1 if flip else 1), h * high / side
    a, b, d, e = step_x * c, -step_y * s, step_x * s, step_y * c
    centre_x, centre_y = x * w + rim, y * h + rim
    matrix = (a, b, centre_x - (a + b) * side / 2, d, e, centre_y - (d + e) * side / 2)
    image = Image.fromarray(plane).transform(
        (side, side),
        Image.Transform.AFFINE,
        matrix,
        Image.Resampling.BILINEAR if plane.ndim == 2 else Image.Resampling.BICUBIC,
    )
    return np.asarray(image)


def _premultiplied(image: Image.Image) -> Image.Image:
    array = np.asarray(image.convert("RGBA"), np.float32)
    array = np.dstack([array[..., :3] * array[..., 3:] / 255, array[..., 3]])
    return Image.fromarray((array + 0.5).astype(np.uint8))


def _shadow(rng: np.random.Generator, alpha: np.ndarray) -> np.ndarray:
    """Return the soft shadow on the ground below a thing that stands."""
    rows = np.flatnonzero(alpha.max(1) > 0.3)
    if not len(rows):
        return np.zeros_like(alpha)
    side, height = len(alpha), max(8, rows[-1] - rows[0])
    flat = Image.fromarray(as_bytes(alpha[rows[0] : rows[-1] + 1]))
    squeezed = max(4, round(height * rng.uniform(0.04, 0.2)))
    flat = flat.resize((side, squeezed), Image.Resampling.BOX)
    ground = Image.new("L", (side, side))
    ground.paste(flat, (round(rng.normal() * 0.03 * side), int(rows[-1]) - round(squeezed * 0.6)))
    return np.asarray(ground.filter(ImageFilter.GaussianBlur(float(rng.uniform(2, 14)))), np.float32) / 255


def _lit(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """Change exposure, contrast, the colour of the light and saturation; some pictures become grey."""
    table = np.clip(np.arange(256, dtype=np.float32) / 255, 1e-4, 1) ** np.exp(rng.normal() * 0.16)
    x = table[as_bytes(x)] * (np.exp(rng.normal() * 0.12) * np.exp(rng.normal(size=3) * 0.04)).astype(np.float32)
    middle = np.float32(0.45)
    x = middle + (x - middle) * np.float32(np.exp(rng.normal() * 0.1))
    grey = x.mean(-1, keepdims=True)
    saturation = np.float32(0.0 if rng.random() < 0.03 else np.exp(rng.normal() * 0.2))
    return np.clip(grey + (x - grey) * saturation, 0, 1)


def _photographed(rng: np.random.Generator, view: View) -> View:
    """Light the whole picture, blur or sharpen it a little, add grain, and compress it."""
    picture = Image.fromarray(as_bytes(_lit(rng, view.picture.astype(np.float32) / 255)))
    chance = rng.random()
    if chance < 0.25:
        picture = picture.filter(ImageFilter.GaussianBlur(float(np.exp(rng.uniform(np.log(0.4), np.log(2.5))))))
    elif chance < 0.45:
        picture = picture.filter(ImageFilter.UnsharpMask(float(rng.uniform(1, 2.5)), int(rng.integers(40, 160)), 2))
    if rng.random() < 0.3:
        small = rng.normal(size=(*picture.size[::-1], 1)).astype(np.float32) * rng.uniform(0, 13)
        picture = Image.fromarray(np.clip(np.asarray(picture, np.float32) + small, 0, 255).astype(np.uint8))
    if rng.random() < 0.3:
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=int(rng.integers(30, 92)))
        picture = Image.open(stream).convert("RGB")
    return View(picture=np.asarray(picture), mask=view.mask, weight=view.weight, exact=view.exact)
