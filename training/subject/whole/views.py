"""Draw training views on the accelerator: crops, composites, attached thin things, light, blur, noise and blocks.

A view is a picture, the subject's coverage, and each pixel's weight. To teach whole subjects with what they hold,
sticks, cords, wheels and cut-outs are attached to them, and poles and wires behind them are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from . import pack

Data = dict[str, Any]
"""What `on_device` returns."""

Batch = tuple[Array, Array, Array]
"""Pictures (n, s, s, 3) in [0, 1], coverage (n, s, s), and weights (n, s, s)."""

_POINTS = 20  # points of the curve that a thin thing follows
_CELLS = 28  # cells along a side of the coarse maps in which places are chosen


def on_device(data: pack.Data, shares: Mapping[str, float], exact: tuple[str, ...]) -> Data:
    """Put the pictures into the device's memory, with the odds of each picture and what is known about it.

    Args:
        data: the decoded packs.
        shares: relative share of each source in a batch; scenes are backgrounds only.
        exact: sources whose outlines are accurate to a pixel.
    """
    taught = np.isin(data.sources, list(shares)) & ~data.held_out
    counts = {source: (taught & (data.sources == source)).sum() for source in shares}
    odds = [shares[s] / counts[s] if t else 1e-30 for s, t in zip(data.sources, taught, strict=True)]
    rims = [data.labels[:, :3], data.labels[:, -3:], data.labels[:, :, :3], data.labels[:, :, -3:]]
    at_rim = np.concatenate([(rim == pack.INSIDE).reshape(len(rim), -1) for rim in rims], axis=1).mean(1)
    return jax.device_put(
        {
            "picture": data.pictures,
            "label": data.labels,
            "stamp": data.stamps,
            "odds": np.log(np.array(odds, np.float32)),
            "free": at_rim < 0.01,  # whole subjects, which can be pasted elsewhere
            "exact": np.isin(data.sources, exact),
            "scenes": np.flatnonzero(data.sources == pack.SCENE),
        }
    )


def shrunk(planes: Array, factor: int) -> Array:
    """Shrink planes (n, h, w) by averaging areas."""
    n, h, w = planes.shape
    return planes.reshape(n, h // factor, factor, w // factor, factor).mean((2, 4))


def sampled(image: Array, rows: Array, columns: Array) -> Array:
    """Sample an image (h, w, c) bilinearly at pixel positions; outside, the border's values continue."""
    h, w = image.shape[:2]
    rows, columns = jnp.clip(rows, 0, h - 1), jnp.clip(columns, 0, w - 1)
    top, left = jnp.floor(rows).astype(jnp.int32), jnp.floor(columns).astype(jnp.int32)
    below, right = jnp.minimum(top + 1, h - 1), jnp.minimum(left + 1, w - 1)
    y, x = (rows - top)[..., None], (columns - left)[..., None]
    flat = image.reshape(h * w, -1)

    def at(r: Array, c: Array) -> Array:
        return flat[r * w + c].astype(jnp.float32)

    return (at(top, left) * (1 - x) + at(top, right) * x) * (1 - y) + (
        at(below, left) * (1 - x) + at(below, right) * x
    ) * y


def blurred(x: Array, sigma: Array | float, reach: int = 6) -> Array:
    """Blur (h, w, c) with a Gaussian of this standard deviation in pixels."""
    steps = jnp.arange(-reach, reach + 1)
    kernel = jnp.exp(-0.5 * (steps / jnp.maximum(sigma, 0.05)) ** 2)
    kernel = kernel / kernel.sum()
    padded = jnp.pad(x, ((reach, reach), (0, 0), (0, 0)), mode="edge")
    x = jnp.stack([kernel[k] * padded[k : k + x.shape[0]] for k in range(2 * reach + 1)]).sum(0)
    padded = jnp.pad(x, ((0, 0), (reach, reach), (0, 0)), mode="edge")
    return jnp.stack([kernel[k] * padded[:, k : k + x.shape[1]] for k in range(2 * reach + 1)]).sum(0)


def _dct() -> Array:
    k, n = jnp.arange(8)[:, None], jnp.arange(8)[None]
    return jnp.where(k == 0, (1 / 8) ** 0.5, 0.5 * jnp.cos(jnp.pi * (2 * n + 1) * k / 16))


def blocky(x: Array, step: Array) -> Array:
    """Round the coefficients of blocks of 8 x 8 as JPEG does, coarser at higher frequencies."""
    h, w, c = x.shape
    d = _dct()
    blocks = x.reshape(h // 8, 8, w // 8, 8, c)
    f = jnp.einsum("ia,jb,hawbc->hiwjc", d, d, blocks)
    q = step * (1 + (jnp.arange(8)[:, None] + jnp.arange(8)[None]) / 2)[None, :, None, :, None]
    return jnp.einsum("ia,jb,hiwjc->hawbc", d, d, jnp.round(f / q) * q).reshape(h, w, c)


def _box(key: Array, coarse: Array, whole: Array) -> tuple[Array, Array, Array]:
    """Return centre (2), half sides (2) and angle of a crop, in fractions of the picture."""
    k1, k2, k3, k4 = jax.random.split(key, 4)
    n = 6
    scale = jax.random.uniform(k1, (n,), minval=0.4, maxval=1.0)
    aspect = jnp.exp(jax.random.uniform(k2, (n,), minval=-0.3, maxval=0.3))
    half = jnp.stack([jnp.minimum(scale * aspect, 1.0), jnp.minimum(scale / aspect, 1.0)], -1) / 2
    centre = half + jax.random.uniform(k3, (n, 2)) * (1 - 2 * half)
    places = (jnp.arange(coarse.shape[0]) + 0.5) / coarse.shape[0]
    inside = (jnp.abs(places[None, None] - centre[..., None]) < half[..., None]).astype(jnp.float32)
    mass = jnp.einsum("ny,yx,nx->n", inside[:, 0], coarse, inside[:, 1]) / jnp.maximum(coarse.sum(), 1e-3)
    good = mass > 0.4
    pick = jnp.argmax(good)
    use = good.any() & ~whole
    centre = jnp.where(use, centre[pick], 0.5)
    half = jnp.where(use, half[pick], 0.5)
    angle = jnp.where(use & (jax.random.uniform(k4) < 0.5), jax.random.normal(k4) * 0.07, 0.0)
    return centre, half, angle


def _between(drawn: Array, number: int, least: float = 0.0, most: float = 1.0) -> Array:
    """Return one of the numbers that were drawn in [0, 1), scaled to other limits."""
    return least + (most - least) * drawn[number]


def _grid(side: int) -> tuple[Array, Array]:
    at = (jnp.arange(side) + 0.5) / side
    y, x = jnp.meshgrid(at, at, indexing="ij")
    return y, x


def _curve(start: Array, end: Array, bend: Array) -> Array:
    """Points (k, 2) of a quadratic curve."""
    t = jnp.linspace(0, 1, _POINTS)[:, None]
    along = end - start
    across = jnp.stack([-along[1], along[0]])
    middle = (start + end) / 2 + across * bend
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end


def _to_curve(y: Array, x: Array, points: Array) -> tuple[Array, Array]:
    """Return the distance of each pixel to a curve, and how far along the nearest point is (0 to 1)."""

    def step(carry: tuple[Array, Array], ends: tuple[Array, Array, Array]) -> tuple[tuple[Array, Array], None]:
        best, place = carry
        a, b, n = ends
        d = b - a
        t = jnp.clip(((y - a[0]) * d[0] + (x - a[1]) * d[1]) / jnp.maximum(d @ d, 1e-9), 0, 1)
        distance = jnp.hypot(y - a[0] - t * d[0], x - a[1] - t * d[1])
        closer = distance < best
        return (jnp.where(closer, distance, best), jnp.where(closer, (n + t) / (_POINTS - 1), place)), None

    first = jnp.full(y.shape, 1e3), jnp.zeros(y.shape)
    (best, place), _ = jax.lax.scan(step, first, (points[:-1], points[1:], jnp.arange(_POINTS - 1.0)))
    return best, place


def _place_in(key: Array, weights: Array) -> Array:
    """Return a random place (2) in [0, 1] with probabilities proportional to a coarse map."""
    n = weights.shape[0]
    k1, k2 = jax.random.split(key)
    at = jax.random.categorical(k1, jnp.log(weights.reshape(-1) + 1e-6))
    return (jnp.stack([at // n, at % n]) + jax.random.uniform(k2, (2,))) / n


def _coarse(mask: Array) -> Array:
    return shrunk(mask[None], mask.shape[0] // _CELLS)[0]


def thin_thing(key: Array, mask: Array) -> tuple[Array, Array]:
    """Return coverage and shade of a stick, cord, wheel, umbrella or tool that begins on the subject."""
    side = mask.shape[0]
    y, x = _grid(side)
    k = jax.random.split(key, 17)
    uni = partial(_between, jax.random.uniform(k[16], (16,)))
    start = _place_in(k[0], _coarse(mask))
    angle, length = uni(1, 0, 2 * np.pi), uni(2, 0.12, 0.75)
    end = start + length * jnp.stack([jnp.sin(angle), jnp.cos(angle)])
    bend = jnp.where(uni(3, 0, 1) < 0.5, 0.0, jax.random.normal(k[4]) * 0.3)
    distance, along = _to_curve(y, x, _curve(start, end, bend))
    width = jnp.exp(uni(5, np.log(0.0012), np.log(0.011)))  # half the width
    width = width * (1 - along * uni(6, 0, 0.7))
    cover = jnp.clip((width - distance) * side + 0.5, 0, 1)
    shade = distance / jnp.maximum(width, 1e-4)
    # a wheel, ring or blade at the end
    radius, squeeze, turn = uni(7, 0.03, 0.2), uni(8, 0.35, 1.0), uni(9, 0, np.pi)
    dy, dx = y - end[0], x - end[1]
    u, v = dy * jnp.cos(turn) + dx * jnp.sin(turn), (dx * jnp.cos(turn) - dy * jnp.sin(turn)) / squeeze
    r = jnp.hypot(u, v)
    thick = uni(10, 0.002, 0.01)
    ring = jnp.clip((thick - jnp.abs(r - radius)) * side * squeeze + 0.5, 0, 1)
    spokes = jnp.round(uni(11, 3, 12))
    sector = jnp.pi / spokes
    off = jnp.abs(jnp.mod(jnp.arctan2(v, u) + sector, 2 * sector) - sector) * r
    spoke = jnp.clip((thick * 0.4 - off) * side + 0.5, 0, 1) * (r < radius)
    disc = jnp.clip((radius - r) * side * squeeze + 0.5, 0, 1)
    half = disc * (u < 0)
    kind = uni(12, 0, 1)
    more = jnp.where(kind < 0.5, 0.0, jnp.where(kind < 0.68, jnp.maximum(ring, spoke), 0.0))
    more = jnp.where((kind >= 0.68) & (kind < 0.76), ring, more)
    more = jnp.where((kind >= 0.76) & (kind < 0.9), disc * (radius < 0.14), more)
    more = jnp.where(kind >= 0.9, half, more)
    second_end = end + 0.15 * jax.random.normal(k[13], (2,))
    d2, _ = _to_curve(y, x, _curve(start + 0.05 * jax.random.normal(k[14], (2,)), second_end, bend))
    second = jnp.clip((width - d2) * side + 0.5, 0, 1) * (uni(15, 0, 1) < 0.25)
    return jnp.maximum(jnp.maximum(cover, more), second), shade


def wires(key: Array, side: int) -> Array:
    """Return the coverage of poles, wires or a fence that cross the picture and belong to the background."""
    y, x = _grid(side)
    k = jax.random.split(key, 9)
    uni = partial(_between, jax.random.uniform(k[8], (8,)))
    angle = jnp.where(uni(0, 0, 1) < 0.5, jax.random.normal(k[1]) * 0.1, uni(2, 0, np.pi))
    angle = angle + jnp.where(uni(3, 0, 1) < 0.5, jnp.pi / 2, 0.0)
    across = (y - 0.5) * jnp.cos(angle) - (x - 0.5) * jnp.sin(angle)
    along = (y - 0.5) * jnp.sin(angle) + (x - 0.5) * jnp.cos(angle)
    across = across + jax.random.normal(k[4]) * 0.15 * along**2 - uni(5, -0.45, 0.45)
    spacing = jnp.where(uni(6, 0, 1) < 0.5, 10.0, uni(6, -0.6, 0.3) + 0.65)
    near = jnp.abs(jnp.mod(across + spacing / 2, spacing) - spacing / 2)
    width = jnp.exp(uni(7, np.log(0.0012), np.log(0.02)))
    return jnp.clip((width - near) * side + 0.5, 0, 1)


def coloured(key: Array, shade: Array, other: Array) -> Array:
    """Return pixels for a drawn thing: a colour with shading and grain, or another picture's pixels."""
    k = jax.random.split(key, 6)
    base = jax.random.uniform(k[0], (3,)) ** jnp.exp(jax.random.normal(k[1]) * 0.5)
    grey = base.mean()
    base = grey + (base - grey) * jax.random.uniform(k[2], (), maxval=1.2)
    plain = base * (1.1 - jax.random.uniform(k[3], (), maxval=0.5) * jnp.clip(shade, 0, 1.5))[..., None]
    plain = plain + 0.04 * jax.random.normal(k[4], (*shade.shape, 1))
    return jnp.where(jax.random.uniform(k[5]) < 0.3, other, jnp.clip(plain, 0, 1))


def lit(key: Array, x: Array) -> Array:
    """Change exposure, contrast, colour of the light and saturation."""
    k = jax.random.split(key, 6)
    x = jnp.clip(x, 1e-4, 1) ** jnp.exp(jax.random.normal(k[0]) * 0.16)
    x = x * jnp.exp(jax.random.normal(k[1]) * 0.12) * jnp.exp(jax.random.normal(k[2], (3,)) * 0.04)
    middle = x.mean()
    x = middle + (x - middle) * jnp.exp(jax.random.normal(k[3]) * 0.1)
    grey = x.mean(-1, keepdims=True)
    saturation = jnp.where(jax.random.uniform(k[4]) < 0.04, 0.0, jnp.exp(jax.random.normal(k[5]) * 0.2))
    return jnp.clip(grey + (x - grey) * saturation, 0, 1)


def view(
    key: Array, data: Data, item: Array, scene: Array, stamp: Array, *, side: int
) -> tuple[Array, Array, Array]:
    """Return a picture (s, s, 3) in [0, 1], the subject's coverage (s, s), and each pixel's weight (s, s)."""
    k = jax.random.split(key, 41)
    uni = partial(_between, jax.random.uniform(k[40], (40,)))
    label = data["label"][item]
    planes = jnp.stack([label == pack.INSIDE, label == pack.UNKNOWN], -1).astype(jnp.float32)
    stored = label.shape[0]
    free = data["free"][item]
    onto = (uni(0) < 0.14) & free  # over another background
    coarse = _coarse(planes[..., 0])
    centre, half, angle = _box(k[1], coarse, uni(2) < 0.35)
    # over another background: the picture is shrunk and moved
    shrink = 1 / uni(3, 0.4, 1.0)
    half = jnp.where(onto, 0.5 * shrink * jnp.exp(jnp.stack([uni(4, -0.2, 0.2), uni(5, -0.2, 0.2)])), half)
    centre = jnp.where(onto, 0.5 + (half - 0.5) * jnp.stack([uni(6, -1, 1), uni(7, -1, 1)]), centre)
    angle = jnp.where(onto, jax.random.normal(k[8]) * 0.15, angle)
    y, x = _grid(side)
    y, x = 2 * y - 1, (2 * x - 1) * jnp.where(uni(9) < 0.5, -1.0, 1.0)
    rows = centre[0] + half[0] * (y * jnp.cos(angle) - x * jnp.sin(angle))
    columns = centre[1] + half[1] * (y * jnp.sin(angle) + x * jnp.cos(angle))
    inside = ((rows > 0) & (rows < 1) & (columns > 0) & (columns < 1)).astype(jnp.float32)
    picture = sampled(data["picture"][item], rows * stored - 0.5, columns * stored - 0.5) / 255
    both = sampled(planes, rows * stored - 0.5, columns * stored - 0.5)
    mask, unknown = both[..., 0], both[..., 1]
    mask = jnp.where(onto, mask * inside, mask)
    unknown = jnp.where(onto, 0.0, unknown)

    y2, x2 = _grid(side)
    zoom = uni(10, 0.5, 1.0)
    top, left = uni(11) * (1 - zoom), uni(12) * (1 - zoom)
    mirrored = jnp.where(uni(13) < 0.5, x2, 1 - x2)
    other = (
        sampled(data["picture"][scene], (top + y2 * zoom) * stored - 0.5, (left + mirrored * zoom) * stored - 0.5)
        / 255
    )
    other = lit(k[14], other)
    tight = blurred(mask[..., None], 0.8, 2)[..., 0]
    edge = jnp.clip((tight - 0.45) / 0.4, 0, 1)  # outlines have a fringe of the old background
    alone = uni(15) < 0.04  # a stamp alone
    pasted = edge[..., None] * lit(k[16], picture) + (1 - edge[..., None]) * other
    picture = jnp.where(alone, other, jnp.where(onto, pasted, picture))
    mask = jnp.where(alone, 0.0, jnp.where(onto, edge, mask))
    unknown = jnp.where(alone, 0.0, unknown)
    exact = data["exact"][item] | alone | onto

    # background that crosses the picture behind the subject
    behind = wires(k[17], side) * (uni(18) < 0.12) * (1 - jnp.maximum(mask, unknown))
    picture = picture + behind[..., None] * (coloured(k[19], behind * 0.5, other[::-1]) - picture)

    # a held or worn thing
    size = jnp.where(alone, uni(20, 0.3, 0.85), uni(20, 0.12, 0.45))
    at = jnp.where(alone, jnp.stack([uni(21, 0.35, 0.65), uni(22, 0.35, 0.65)]), _rim(k[23], mask))
    turn = jnp.where(uni(24) < 0.5, jax.random.normal(k[25]) * 0.3, uni(24, 0, 2 * np.pi))
    sy, sx = (y2 - at[0]) / size, (x2 - at[1]) / size
    sr, sc = sy * jnp.cos(turn) - sx * jnp.sin(turn) + 0.5, sy * jnp.sin(turn) + sx * jnp.cos(turn) + 0.5
    stamps = data["stamp"]
    n = stamps.shape[1]
    thing = sampled(stamps[stamp], sr * n - 0.5, sc * n - 0.5) / 255
    within = ((sr > 0) & (sr < 1) & (sc > 0) & (sc < 1)).astype(jnp.float32)
    has_thing = alone | ((uni(26) < 0.1) & (_coarse(mask).mean() > 0.02))
    cover = thing[..., 3] * within * has_thing
    cover = cover * jnp.where((uni(27) < 0.35) & ~alone, 1 - jnp.maximum(mask, unknown), 1.0)
    picture = picture + cover[..., None] * (lit(k[28], thing[..., :3]) - picture)
    mask, unknown = jnp.maximum(mask, cover), unknown * (1 - cover)
    drawn = cover

    # a thin thing
    cover, shade = thin_thing(k[29], mask)
    has_thin = (uni(30) < 0.22) & (_coarse(mask).mean() > 0.02)
    cover = cover * has_thin * jnp.where(uni(31) < 0.65, 1 - jnp.maximum(mask, unknown), 1.0)
    picture = picture + cover[..., None] * (coloured(k[32], shade, other) - picture)
    mask, unknown = jnp.maximum(mask, cover), unknown * (1 - cover)
    drawn = jnp.maximum(drawn, cover)

    picture = lit(k[33], jnp.clip(picture, 0, 1))
    soft = blurred(picture, jnp.exp(uni(34, np.log(0.4), np.log(2.2))))
    picture = jnp.where(uni(35) < 0.25, soft, picture)
    grain = jnp.where(uni(36) < 0.3, uni(37, 0.0, 0.06), 0.0)
    picture = jnp.clip(picture + grain * jax.random.normal(k[38], picture.shape), 0, 1)
    picture = jnp.where(uni(39) < 0.2, jnp.clip(blocky(picture, uni(36, 0.02, 0.15)), 0, 1), picture)

    wide = blurred(mask[..., None], 2.2)[..., 0]
    band = 4 * wide * (1 - wide)  # 1 on an outline
    weight = jnp.where(exact | (drawn > 0), 1 + 2 * band, 1 - 0.75 * band)
    return picture, mask, weight * (1 - unknown)


def _rim(key: Array, mask: Array) -> Array:
    coarse = _coarse(mask)
    return _place_in(key, coarse * (1 - coarse) + 1e-3 * coarse)


@partial(jax.jit, static_argnames=("side", "count"))
def draw(key: Array, data: Data, *, side: int, count: int) -> tuple[Array, Array, Array]:
    """Return a batch of views of random pictures."""
    k1, k2, k3, k4 = jax.random.split(key, 4)
    items = jax.random.categorical(k1, data["odds"], shape=(count,))
    scenes = data["scenes"][jax.random.randint(k2, (count,), 0, len(data["scenes"]))]
    stamps = jax.random.randint(k3, (count,), 0, len(data["stamp"]))
    return jax.vmap(partial(view, side=side), (0, None, 0, 0, 0))(
        jax.random.split(k4, count), data, items, scenes, stamps
    )
