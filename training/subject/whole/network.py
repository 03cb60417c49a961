"""The whole-subject network as functions of nested values: changes of the backbone, the head, and its maps.

The backbone is the depth network's. Low-rank changes of its linear layers (Hu et al., "LoRA", 2021) turn its
features to subjects, and a head computes the subject's coverage from four of its blocks and the picture's pixels.
"""

from __future__ import annotations

import lzma
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from safetensors.numpy import load, save

from dioptre.models.depth_anything_v2 import BackboneConfig
from dioptre.models.depth_anything_v2.backbone import resize_cubic
from dioptre.models.loading import load_model
from dioptre.models.registry import IMAGENET_DEVIATION, IMAGENET_MEAN

BACKBONE = BackboneConfig()
SIDE_PX = 448
"""Side of the square to which pictures are squeezed, a multiple of the patch size and of 8."""

RANK = 16
"""Rank of the changes of the backbone's linear layers."""

_WIDTH, _HIDDEN, _TAP = BACKBONE.width, BACKBONE.hidden, 96
_CHANGED = {
    "qkv": (_WIDTH, 3 * _WIDTH),
    "out": (_WIDTH, _WIDTH),
    "enter": (_WIDTH, _HIDDEN),
    "leave": (_HIDDEN, _WIDTH),
}
_LAYERS: dict[str, tuple[int, ...]] = {
    **{f"projects.{number}": (_WIDTH, _TAP) for number in range(len(BACKBONE.taps))},
    "enter": (3, 3, len(BACKBONE.taps) * _TAP, 128),
    "more1": (3, 3, 128, 128),
    "more2": (3, 3, 128, 128),
    "see2": (3, 3, 3, 16),
    "see4": (3, 3, 16, 32),
    "see8": (3, 3, 32, 48),
    "join8": (3, 3, 128 + 48, 96),
    "more8": (3, 3, 96, 96),
    "coarse": (96, 1),
    "narrow4": (96, 64),
    "join4": (3, 3, 64 + 32, 64),
    "narrow2": (64, 32),
    "join2": (3, 3, 32 + 16, 32),
    "narrow1": (32, 16),
    "join1": (3, 3, 16 + 3, 16),
    "fine": (3, 3, 16, 1),
    "chance": (len(BACKBONE.taps) * _WIDTH + 1, 1),
}

_AS_PAIRS = [{"id": lzma.FILTER_LZMA2, "preset": 6, "lc": 0, "lp": 1, "pb": 1}]  # high and low bytes apart

Values = dict[str, Any]
"""Nested arrays by their names; lists have the keys "0", "1" and so on."""


def nested(flat: Mapping[str, Any]) -> Values:
    """Nest a flat mapping with dotted keys."""
    tree: Values = {}
    for name, value in flat.items():
        *path, last = name.split(".")
        inner = tree
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return tree


def flattened(tree: Values, prefix: str = "") -> dict[str, np.ndarray]:
    """Return nested values by their dotted names."""
    flat: dict[str, np.ndarray] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            flat |= flattened(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = np.asarray(value)
    return flat


def new(seed: int) -> Values:
    """Return random values of the head, changes of the backbone that change nothing, and a chance of a half."""
    rng = np.random.default_rng(seed)
    flat: dict[str, np.ndarray] = {}
    for name, (inputs, outputs) in _CHANGED.items():
        flat[f"adapters.{name}.down"] = rng.standard_normal((BACKBONE.blocks, inputs, RANK)) / inputs**0.5
        flat[f"adapters.{name}.up"] = np.zeros((BACKBONE.blocks, RANK, outputs))
    for name, shape in _LAYERS.items():
        gain = {"chance": 0.0, "coarse": 0.3, "fine": 0.3}.get(name, 1.0)
        flat[f"{name}.kernel"] = rng.standard_normal(shape) * gain * (2 / np.prod(shape[:-1])) ** 0.5
        flat[f"{name}.bias"] = np.zeros(shape[-1])
    return nested({name: jnp.asarray(value, jnp.float32) for name, value in flat.items()})


def stored(file: Path) -> Values:
    """Return the values of a file that `store` wrote.

    Raises:
        ValueError: The names or shapes are not those of this network.
    """
    flat = load(lzma.decompress(file.read_bytes()))
    wanted = {name: value.shape for name, value in flattened(new(0)).items()}
    if {name: value.shape for name, value in flat.items()} != wanted:
        raise ValueError(f"{file} holds other values than those of the network for whole subjects")
    return nested({name: jnp.asarray(value, jnp.float32) for name, value in flat.items()})


def bundled() -> Values:
    """Return the values of weights/dioptre-subject."""
    values = load_model("dioptre-subject").values
    own = {name: value for name, value in values.items() if not name.startswith("backbone.")}
    return nested({name.removeprefix("head."): value for name, value in own.items()})


def store(file: Path, values: Values) -> None:
    """Write values as float16 in safetensors, compressed with xz."""
    arrays = save({name: value.astype(np.float16) for name, value in flattened(values).items()})
    file.write_bytes(lzma.compress(arrays, filters=_AS_PAIRS))


def backbone(side: int) -> Values:
    """Return the values of the depth network's backbone, with positions for pictures of this side in pixels."""
    values: Values = nnx.to_pure_dict(load_model("dioptre-depth-small").state)["backbone"]
    grid, size = side // BACKBONE.patch_px, BACKBONE.grid
    table = values["positions"].reshape(size, size, -1)
    return {**values, "positions": resize_cubic(table, (grid, grid)).reshape(grid**2, -1)}


def prepared(picture: Array) -> Array:
    """Scale the brightest value of each picture (n, s, s, 3) in [0, 1] to 1, then normalise."""
    bright = picture / jnp.maximum(picture.max((1, 2, 3), keepdims=True), 1e-3)
    return (bright - jnp.array(IMAGENET_MEAN)) / jnp.array(IMAGENET_DEVIATION)


def features(backbone: Values, adapters: Values, x: Array, *, dtype: Any = jnp.bfloat16) -> Array:
    """Return the normalised taps (k, n, 1 + patches, c) of prepared pictures, the class token first.

    Args:
        backbone: values of the backbone, with the positions resized to the pictures' grid.
        adapters: low-rank changes of its linear layers.
        x: prepared pictures (n, s, s, 3).
        dtype: type in which products are computed.
    """
    n, grid, width = len(x), x.shape[1] // BACKBONE.patch_px, BACKBONE.width
    patches = (
        x.reshape(n, grid, BACKBONE.patch_px, grid, BACKBONE.patch_px, 3)
        .transpose(0, 1, 3, 2, 4, 5)
        .reshape(n, grid**2, -1)
    )
    tokens = patches @ backbone["patch"]["kernel"] + backbone["patch"]["bias"] + backbone["positions"]
    first = jnp.broadcast_to(backbone["class_token"] + backbone["class_position"], (n, 1, width))

    def linear(layer: Values, change: Values, h: Array) -> Array:
        kernel = layer["kernel"] + change["down"] @ change["up"]
        return h.astype(dtype) @ kernel.astype(dtype) + layer["bias"].astype(dtype)

    def block(t: Array, values: tuple[Values, Values]) -> tuple[Array, Array]:
        b, change = values
        qkv = linear(b["attention"]["qkv"], change["qkv"], _norm(t, b["norm1"]))
        q, k, v = jnp.moveaxis(qkv.reshape(n, -1, 3, BACKBONE.heads, width // BACKBONE.heads), 2, 0)
        likeness = jnp.einsum("nqhd,nkhd->nhqk", q, k, preferred_element_type=jnp.float32)
        weights = jax.nn.softmax(likeness * (width // BACKBONE.heads) ** -0.5, -1).astype(dtype)
        seen = jnp.einsum("nhqk,nkhd->nqhd", weights, v).reshape(n, -1, width)
        t = t + b["scale1"] * linear(b["attention"]["out"], change["out"], seen).astype(jnp.float32)
        hidden = linear(b["enter"], change["enter"], _norm(t, b["norm2"])).astype(jnp.float32)
        hidden = jax.nn.gelu(hidden, approximate=False)
        t = t + b["scale2"] * linear(b["leave"], change["leave"], hidden).astype(jnp.float32)
        return t, t

    _, outputs = jax.lax.scan(block, jnp.concatenate([first, tokens], 1), (backbone["blocks"], adapters))
    return _norm(outputs[jnp.asarray(BACKBONE.taps)], backbone["norm"])


def decoded(head: Values, taps: Array, x: Array, *, dtype: Any = jnp.bfloat16) -> tuple[Array, Array]:
    """Return the logits (n, s, s), and coarse ones (n, s/8, s/8), of the taps of prepared pictures."""
    grid = x.shape[1] // BACKBONE.patch_px
    taps = taps[:, :, 1:].reshape(len(taps), len(x), grid, grid, -1).astype(dtype)
    x = x.astype(dtype)

    def conv(name: str, x: Array, stride: int = 1, dilation: int = 1) -> Array:
        y = jax.lax.conv_general_dilated(
            x,
            head[name]["kernel"].astype(dtype),
            (stride, stride),
            "SAME",
            rhs_dilation=(dilation, dilation),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        return y + head[name]["bias"].astype(dtype)

    def linear(layer: Values, x: Array) -> Array:
        return x @ layer["kernel"].astype(dtype) + layer["bias"].astype(dtype)

    def joined(name: str, x: Array, seen: Array) -> Array:
        large = jax.image.resize(x, (*seen.shape[:3], x.shape[-1]), "linear")
        return jax.nn.relu(conv(name, jnp.concatenate([large, seen], -1)))

    f = jnp.concatenate([linear(head["projects"][str(k)], tap) for k, tap in enumerate(taps)], -1)
    f = jax.nn.relu(conv("enter", jax.nn.relu(f)))
    f = f + jax.nn.relu(conv("more1", f, dilation=2))
    f = f + jax.nn.relu(conv("more2", f))
    half = jax.nn.relu(conv("see2", x, 2))
    quarter = jax.nn.relu(conv("see4", half, 2))
    f = joined("join8", f, jax.nn.relu(conv("see8", quarter, 2)))
    f = f + jax.nn.relu(conv("more8", f))
    coarse = linear(head["coarse"], f)[..., 0]
    f = joined("join4", linear(head["narrow4"], f), quarter)
    f = joined("join2", linear(head["narrow2"], f), half)
    f = joined("join1", linear(head["narrow1"], f), x)
    return conv("fine", f)[..., 0].astype(jnp.float32), coarse.astype(jnp.float32)


@jax.jit
def maps(values: Values, backbone: Values, picture: Array) -> tuple[Array, Array]:
    """Return the coverage (n, s, s) of each picture's subject, and the chance (n,) that it has one, in [0, 1].

    Args:
        values: values of the network.
        backbone: values of the backbone, for pictures of this size.
        picture: sRGB-encoded pictures (n, s, s, 3) in [0, 1].
    """
    x = prepared(picture)
    taps = features(backbone, values["adapters"], x)
    fine, coarse = (jax.nn.sigmoid(logits) for logits in decoded(values, taps, x))
    # In a scene without a subject, much of the map is neither in nor out: its mean, weighted by itself, is low.
    certainty = (coarse**2).sum((1, 2)) / jnp.maximum(coarse.sum((1, 2)), 1.0)
    whole = jnp.moveaxis(taps[:, :, 0], 0, 1).reshape(len(x), -1)
    whole = whole / jnp.maximum(jnp.linalg.norm(whole, axis=1, keepdims=True), 1e-6)
    seen = jnp.concatenate([whole, certainty[:, None]], axis=1)
    return fine, jax.nn.sigmoid(seen @ values["chance"]["kernel"] + values["chance"]["bias"])[:, 0]


def _norm(x: Array, layer: Values) -> Array:
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    normed: Array = (x - mean) * jax.lax.rsqrt(variance + BACKBONE.epsilon) * layer["scale"] + layer["bias"]
    return normed
