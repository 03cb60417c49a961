"""The network for whole subjects in PyTorch, in which it is trained.

The backbone is the depth network's. Low-rank changes of its linear layers (Hu et al., "LoRA", 2021) turn its
features to subjects. It reads the picture at 448 x 448 pixels; the head reads its taps and the picture at
672 x 672, and computes the subject's coverage there. On a processor with instructions for bfloat16, PyTorch trains
it several times as fast as JAX, whose convolutions do not use them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor
from torch.nn import functional

from dioptre.models.depth_anything_v2 import BackboneConfig
from dioptre.models.depth_anything_v2.backbone import resize_cubic
from dioptre.models.loading import load_model
from dioptre.models.registry import IMAGENET_DEVIATION, IMAGENET_MEAN

BACKBONE = BackboneConfig()
SIDE_PX = 672
"""Side of the square to which pictures are squeezed."""

RANK = 16
"""Rank of the changes of the backbone's linear layers."""

FIRST_BLOCK = 6
"""The first of the backbone's blocks, counted from 0, whose changes are trained further."""

_SMALLER = 2 / 3  # side of what the backbone sees, of the picture's
_WIDTH, _HIDDEN, _TAP = BACKBONE.width, BACKBONE.hidden, 96
_CHANGED = {
    "qkv": (_WIDTH, 3 * _WIDTH),
    "out": (_WIDTH, _WIDTH),
    "enter": (_WIDTH, _HIDDEN),
    "leave": (_HIDDEN, _WIDTH),
}
_CONVOLUTIONS = {
    "enter": (len(BACKBONE.taps) * _TAP, 128),
    "more1": (128, 128),
    "more2": (128, 128),
    "see2": (3, 16),
    "see4": (16, 32),
    "see8": (32, 48),
    "join8": (128 + 48, 96),
    "more8": (96, 96),
    "deep8": (96, 96),
    "join4": (64 + 32, 64),
    "deep4": (64, 64),
    "wide4": (64, 64),
    "join2": (32 + 16, 32),
    "deep2": (32, 32),
    "wide2": (32, 32),
    "join1": (16 + 3, 16),
    "fine": (16, 1),
}
_LINEAR = {
    **{f"projects.{number}": (_WIDTH, _TAP) for number in range(len(BACKBONE.taps))},
    "coarse": (96, 1),
    "narrow4": (96, 64),
    "narrow2": (64, 32),
    "narrow1": (32, 16),
    "chance": (len(BACKBONE.taps) * _WIDTH + 1, 1),
}
_DILATED = {"more1": 2, "deep8": 2, "wide4": 2, "wide2": 2}
_FAINT = 0.1  # gain of the layers that are added to the values of a network without them
_DTYPE = torch.bfloat16  # of products


class Network:
    """The network; `own` holds the trained values by their names in the product, in PyTorch's layouts."""

    def __init__(self, seed: int = 0) -> None:
        """Begin with random values that leave the features as they are and give a chance of a half."""
        rng = np.random.default_rng(seed)
        flat: dict[str, np.ndarray] = {}
        for name, (inputs, outputs) in _CHANGED.items():
            flat[f"adapters.{name}.down"] = rng.standard_normal((BACKBONE.blocks, inputs, RANK)) / inputs**0.5
            flat[f"adapters.{name}.up"] = np.zeros((BACKBONE.blocks, RANK, outputs))
        for name, sizes in {**_CONVOLUTIONS, **_LINEAR}.items():
            shape = (3, 3, *sizes) if name in _CONVOLUTIONS else sizes
            gain = {"chance": 0.0, "coarse": 0.3, "fine": 0.3}.get(name, 1.0)
            gain = _FAINT if name.startswith(("deep", "wide")) else gain
            flat[f"head.{name}.kernel"] = rng.standard_normal(shape) * gain * (2 / np.prod(shape[:-1])) ** 0.5
            flat[f"head.{name}.bias"] = np.zeros(shape[-1])
        self.own = {name: _to_torch(value).requires_grad_() for name, value in flat.items()}
        depth = load_model("dioptre-depth-small").values
        self._frozen = {
            name.removeprefix("backbone."): _kept(name, np.array(value)) for name, value in depth.items()
        }
        self._positions: dict[int, Tensor] = {}

    def load(self, values: Mapping[str, np.ndarray]) -> None:
        """Take values by their names in the product; layers that they lack keep their own.

        Raises:
            ValueError: A name or a shape is not one of this network's.
        """
        with torch.no_grad():
            for name, value in values.items():
                given = _to_torch(value)
                if name not in self.own or self.own[name].shape != given.shape:
                    raise ValueError(f"the network for whole subjects has no {name} of this shape")
                self.own[name].copy_(given)

    def __call__(self, picture: Tensor, *, keep: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the logits of the coverage (n, s, s), and coarse ones (n, s/8, s/8).

        Args:
            picture: sRGB-encoded (n, 3, s, s) in [0, 1]; s is a multiple of 168.
            keep: (k, n, 1, c), factors of the features' channels, to drop some in training.
        """
        x = prepared(picture)
        side = round(x.shape[-1] * _SMALLER)
        small = functional.interpolate(x, (side, side), mode="bilinear", antialias=True, align_corners=False)
        taps = self.features(small)
        return self.decoded(taps if keep is None else taps * keep, x)

    def features(self, x: Tensor) -> Tensor:
        """Return the normalised taps (k, n, 1 + patches, c) of prepared pictures, the class token first."""
        n, side, patch, frozen = len(x), x.shape[-1], BACKBONE.patch_px, self._frozen
        grid = side // patch
        patches = x.reshape(n, 3, grid, patch, grid, patch).permute(0, 2, 4, 3, 5, 1).reshape(n, grid**2, -1)
        tokens = patches @ frozen["patch.kernel"] + frozen["patch.bias"] + self._positions_of(grid)
        first = (frozen["class_token"] + frozen["class_position"]).expand(n, 1, _WIDTH)
        t = torch.cat([first, tokens], 1)
        taps = []
        for number in range(BACKBONE.blocks):
            with torch.set_grad_enabled(torch.is_grad_enabled() and number >= FIRST_BLOCK):
                t = self._block(number, t)
            if number in BACKBONE.taps:
                norm = functional.layer_norm(
                    t, (_WIDTH,), frozen["norm.scale"], frozen["norm.bias"], BACKBONE.epsilon
                )
                taps.append(norm)
        return torch.stack(taps)

    def decoded(self, taps: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of the taps of prepared pictures, as a call does."""
        n, grid = len(x), round(x.shape[-1] * _SMALLER) // BACKBONE.patch_px
        x = x.to(_DTYPE).contiguous(memory_format=torch.channels_last)
        parts = [self._linear(f"projects.{k}", tap[:, 1:]) for k, tap in enumerate(taps.to(_DTYPE))]
        f = torch.cat(parts, -1).reshape(n, grid, grid, -1).permute(0, 3, 1, 2)
        f = functional.relu(self._conv("enter", functional.relu(f)))
        f = self._added("more2", self._added("more1", f))
        half = functional.relu(self._conv("see2", x, stride=2))
        quarter = functional.relu(self._conv("see4", half, stride=2))
        f = self._joined("join8", f, functional.relu(self._conv("see8", quarter, stride=2)))
        f = self._added("deep8", self._added("more8", f))
        coarse = self._linear("coarse", f.permute(0, 2, 3, 1))[..., 0]
        f = self._joined("join4", self._narrow("narrow4", f), quarter)
        f = self._added("wide4", self._added("deep4", f))
        f = self._joined("join2", self._narrow("narrow2", f), half)
        f = self._added("wide2", self._added("deep2", f))
        f = self._joined("join1", self._narrow("narrow1", f), x)
        return self._conv("fine", f)[:, 0].float(), coarse.float()

    def _block(self, number: int, t: Tensor) -> Tensor:
        def linear(layer: str, change: str, h: Tensor) -> Tensor:
            kernel, bias = (
                self._frozen[f"blocks.{layer}.kernel"][number],
                self._frozen[f"blocks.{layer}.bias"][number],
            )
            down, up = (self.own[f"adapters.{change}.{part}"][number].to(_DTYPE) for part in ("down", "up"))
            h = h.to(_DTYPE)
            return functional.linear(h, kernel, bias.to(_DTYPE)) + (h @ down) @ up

        def norm(layer: str, h: Tensor) -> Tensor:
            scale, bias = (self._frozen[f"blocks.{layer}.{part}"][number] for part in ("scale", "bias"))
            return functional.layer_norm(h, (_WIDTH,), scale, bias, BACKBONE.epsilon)

        n, count, _ = t.shape
        qkv = linear("attention.qkv", "qkv", norm("norm1", t))
        q, k, v = qkv.reshape(n, count, 3, BACKBONE.heads, -1).permute(2, 0, 3, 1, 4)
        if q.requires_grad:
            seen = _attended(q * (_WIDTH // BACKBONE.heads) ** -0.5, k, v)
        else:
            seen = functional.scaled_dot_product_attention(q, k, v)
        seen = seen.transpose(1, 2).reshape(n, count, _WIDTH)
        t = t + self._frozen["blocks.scale1"][number] * linear("attention.out", "out", seen).float()
        hidden = functional.gelu(linear("enter", "enter", norm("norm2", t)))
        return t + self._frozen["blocks.scale2"][number] * linear("leave", "leave", hidden).float()

    def _positions_of(self, grid: int) -> Tensor:
        if grid not in self._positions:
            table = self._frozen["positions"].reshape(BACKBONE.grid, BACKBONE.grid, _WIDTH).numpy()
            resized = resize_cubic(jnp.asarray(table), (grid, grid))
            self._positions[grid] = torch.from_numpy(np.array(resized).reshape(grid**2, _WIDTH))
        return self._positions[grid]

    def _layer(self, name: str) -> tuple[Tensor, Tensor]:
        weight, bias = (self.own[f"head.{name}.{part}"].to(_DTYPE) for part in ("kernel", "bias"))
        return (weight.contiguous(memory_format=torch.channels_last) if weight.ndim == 4 else weight), bias

    def _linear(self, name: str, x: Tensor) -> Tensor:
        return functional.linear(x, *self._layer(name))

    def _narrow(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self._layer(name)
        return functional.conv2d(x, weight[..., None, None], bias)

    def _conv(self, name: str, x: Tensor, *, stride: int = 1) -> Tensor:
        if stride == 2:  # Flax pads even sides only at the end
            return functional.conv2d(functional.pad(x, (0, 1, 0, 1)), *self._layer(name), stride=2)
        dilation = _DILATED.get(name, 1)
        return functional.conv2d(x, *self._layer(name), padding=dilation, dilation=dilation)

    def _added(self, name: str, x: Tensor) -> Tensor:
        return x + functional.relu(self._conv(name, x))

    def _joined(self, name: str, x: Tensor, seen: Tensor) -> Tensor:
        """Enlarge x to the size of `seen` and convolve both; two convolutions are faster to train than one."""
        large = functional.interpolate(x, seen.shape[-2:], mode="bilinear", align_corners=False)
        weight, bias = self._layer(name)
        first, second = weight[:, : x.shape[1]], weight[:, x.shape[1] :]
        y = functional.conv2d(large, first.contiguous(memory_format=torch.channels_last), bias, padding=1)
        y = y + functional.conv2d(seen, second.contiguous(memory_format=torch.channels_last), padding=1)
        return functional.relu(y)


class _Attention(torch.autograd.Function):
    """Attention of scaled queries; PyTorch's own takes twice as long to differentiate on a processor."""

    @staticmethod
    def forward(context: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        weights = torch.softmax(q @ k.transpose(-1, -2), -1)
        context.save_for_backward(q, k, v, weights)
        return weights @ v

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v, weights = context.saved_tensors
        (g,) = gradients
        likeness = torch.ops.aten._softmax_backward_data(g @ v.transpose(-1, -2), weights, -1, weights.dtype)
        return likeness @ k, likeness.transpose(-1, -2) @ q, weights.transpose(-1, -2) @ g


def _attended(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    seen: Tensor = _Attention.apply(q, k, v)
    return seen


def prepared(picture: Tensor) -> Tensor:
    """Scale the brightest value of each picture (n, 3, s, s) in [0, 1] to 1, then normalise."""
    bright = picture / picture.amax((1, 2, 3), keepdim=True).clamp_min(1e-3)
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_DEVIATION))
    return (bright - mean) / deviation


def named(own: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Return a network's own values by their names in the product, in its layouts."""
    return {name: _from_torch(value.detach()) for name, value in own.items()}


def bundled() -> dict[str, np.ndarray]:
    """Return the values of weights/dioptre-subject by their names in the product."""
    parts = ("adapters.", "head.")
    values = load_model("dioptre-subject").values
    return {name: np.asarray(value) for name, value in values.items() if name.startswith(parts)}


def store(file: Path, values: Mapping[str, np.ndarray]) -> None:
    """Write values by their names in the product; a former file is replaced when this one is complete."""
    partial = file.with_suffix(".partial")
    save_file({name: np.ascontiguousarray(value) for name, value in values.items()}, partial)
    partial.replace(file)


def stored(file: Path) -> dict[str, np.ndarray]:
    """Return the values of a file that `store` wrote."""
    return load_file(file)


def _to_torch(value: np.ndarray) -> Tensor:
    """Convert a value of the head from Flax's layout; changes of the backbone, of three axes, keep theirs."""
    array = np.asarray(value, np.float32)
    order = {4: (3, 2, 0, 1), 2: (1, 0)}.get(array.ndim)
    return torch.from_numpy(np.array(array if order is None else array.transpose(order), order="C"))


def _kept(name: str, value: np.ndarray) -> Tensor:
    """Convert a value of the depth network's backbone; kernels of its blocks are transposed and rounded once."""
    kept = torch.from_numpy(np.asarray(value, np.float32))
    if ".blocks." in name and name.endswith(".kernel"):
        return kept.transpose(1, 2).contiguous().to(_DTYPE)
    return kept


def _from_torch(value: Tensor) -> np.ndarray:
    order = {4: (2, 3, 1, 0), 2: (1, 0)}.get(value.ndim)
    return (value if order is None else value.permute(order)).contiguous().numpy().copy()
