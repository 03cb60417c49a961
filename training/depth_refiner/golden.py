"""Write tests/golden/depth_refiner.json: the PyTorch network's output for a synthetic picture. See README.md."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from .network import Refiner

PLACES = 64
SHAPE = (96, 160)


def inputs(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture (H, W, 3) and a coarse map (H, W): waves and a step, identical on every machine."""
    y, x = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")
    rgb = np.stack([0.5 + 0.5 * np.sin(0.11 * x + 0.07 * k * y + k) for k in range(3)], axis=-1)
    rgb[:, : shape[1] // 2] *= 0.3
    coarse = 0.5 + 0.4 * np.tanh((x - shape[1] / 2 - 5) / 9) + 0.1 * np.cos(0.05 * y)
    return rgb.astype(np.float32), coarse.astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arrays", type=Path, help="the .npz that convert.py takes")
    network = Refiner().eval()
    with np.load(parser.parse_args().arrays, allow_pickle=False) as file:
        values = {n.removeprefix("refiner."): torch.from_numpy(file[n].astype(np.float32)) for n in file.files}
    network.load_state_dict(values)
    rgb, coarse = inputs(SHAPE)
    with torch.no_grad():
        out = network(torch.from_numpy(rgb.transpose(2, 0, 1)[None]), torch.from_numpy(coarse[None, None]))
    flat = out.numpy().ravel()
    places = np.unique(np.linspace(0, flat.size - 1, PLACES).astype(int))
    content = {
        "runtime": f"torch {torch.__version__}",
        "shape": list(SHAPE),
        "min": round(float(flat.min()), 6),
        "max": round(float(flat.max()), 6),
        "mean": round(float(flat.mean(dtype=np.float64)), 6),
        "std": round(float(flat.std(dtype=np.float64)), 6),
        "at": {str(place): round(float(flat[place]), 6) for place in places},
    }
    path = Path(__file__).parents[2] / "tests" / "golden" / "depth_refiner.json"
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
