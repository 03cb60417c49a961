"""Files in the layout of the published MI-GAN, with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..checkpoints.test_torch_file import checkpoint, tensor, text

TAPS = np.outer((1, 3, 3, 1), (1, 3, 3, 1)).astype(np.float32)


def arrays(resolution: int, *, seed: int = 1) -> dict[str, np.ndarray]:
    """Return random values by the names in the original's `state_dict`; the filters are the published ones."""
    rng = np.random.default_rng(seed)
    made: dict[str, np.ndarray] = {}

    def conv(name: str, outputs: int, inputs: int, side: int = 1, *, bias: bool = True) -> None:
        shape = (outputs, inputs, side, side)
        made[f"{name}.weight"] = rng.normal(0, (inputs * side * side) ** -0.5, shape).astype(np.float32)
        if bias:
            made[f"{name}.bias"] = rng.normal(0, 0.1, outputs).astype(np.float32)

    def separable(name: str, inputs: int, outputs: int, *, noise: int = 0) -> None:
        conv(f"{name}.conv1", inputs, 1, 3)
        conv(f"{name}.conv2", outputs, inputs, bias=False)
        if noise:
            made[f"{name}.noise_const"] = rng.normal(0, 1, (noise, noise)).astype(np.float32)
            made[f"{name}.noise_strength"] = np.full((), rng.normal(0, 0.1), np.float32)

    def upsample(name: str, channels: int, side: int) -> None:
        made[f"{name}.filter_const"] = np.tile(np.float32([[1, 0], [0, 0]]), (1, 1, side // 2, side // 2))
        made[f"{name}.filter.weight"] = np.tile(TAPS / 16, (channels, 1, 1, 1))

    def width(side: int) -> int:
        return min(32768 // side, 512)

    sides = [4 << level for level in range((resolution // 4).bit_length())]
    for before, side in zip([4, *sides], sides, strict=False):
        own, coarser = width(side), width(before)
        block = f"encoder.b{side}"
        if side == resolution:
            conv(f"{block}.fromrgb", own, 4)
        separable(f"{block}.conv1", own, own)
        separable(f"{block}.conv2", own, coarser)
        if side > 4:
            made[f"{block}.conv2.downsample.filter.weight"] = np.tile(TAPS / 64, (own, 1, 1, 1))
        block = f"synthesis.b{side}"
        separable(f"{block}.conv1", coarser, own, noise=side if side > 4 else 0)
        separable(f"{block}.conv2", own, own, noise=side if side > 4 else 0)
        conv(f"{block}.torgb", 3, own)
        if side > 4:
            upsample(f"{block}.conv1.upsample", own, side)
            upsample(f"{block}.upsample", 3, side)
    return made


def write(path: Path, values: dict[str, np.ndarray]) -> Path:
    """Write a checkpoint as `torch.save` does, without PyTorch."""
    items, storages = b"", {}
    for number, (name, array) in enumerate(values.items()):
        strides = tuple(step // 4 for step in np.ascontiguousarray(array).strides) if array.ndim else ()
        items += text(name) + tensor(str(number), array.shape, strides, values=array.size)
        storages[str(number)] = array.tobytes()
    return checkpoint(path, b"ccollections\nOrderedDict\n)R(" + items + b"u", storages)
