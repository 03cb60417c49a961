"""Print C5's illuminants of raws as JSON, (draws, pictures, 3). `illuminants` runs this inside a clone of C5.

Uses the published model for seven pictures and histograms of 64 x 64 (`models/C5_m_7_h_64.pth`).
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

import numpy as np

BINS, PICTURES, DRAWS = 64, 7, 10


def histogram(ops: Any, raw: np.ndarray) -> np.ndarray:
    """Return C5's histograms of a picture's colours and of its edges, (BINS, BINS, 2)."""
    boundary = ops.get_hist_boundary()
    planes = []
    for picture in (raw, ops.compute_edges(raw)):
        chroma, colours = ops.get_hist_colors(picture, ops.rgb_to_uv)
        planes.append(ops.compute_histogram(chroma, boundary, BINS, rgb_input=colours))
    return np.stack(planes, axis=-1)


def main() -> None:
    torch, c5, ops = (import_module(name) for name in ("torch", "src.c5", "src.ops"))
    network = c5.network(input_size=BINS, learn_g=False, data_num=PICTURES, device="cpu")
    network.load_state_dict(
        torch.load(f"models/C5_m_{PICTURES}_h_{BINS}.pth", map_location="cpu", weights_only=True)
    )
    network.eval()
    histograms = []
    for path in sys.argv[1:]:
        with np.load(path, allow_pickle=False) as file:
            histograms.append(histogram(ops, file["raw"].astype(np.float64) / float(file["white_level"])))
    places = np.stack(ops.get_uv_coord(BINS, tensor=False, normalize=True), axis=-1)
    full = [np.concatenate([each, places], axis=-1) for each in histograms]
    rng, draws = np.random.default_rng(0), []
    for _ in range(DRAWS):
        row = []
        for i, own in enumerate(histograms):
            others = rng.choice([j for j in range(len(full)) if j != i], PICTURES - 1, replace=False)
            together = np.stack([full[i], *(full[j] for j in others)], axis=-1)
            with torch.no_grad():
                found = network(
                    ops.to_tensor(own)[None].float(), model_in_N=ops.to_tensor(together, dims=4)[None].float()
                )
            row.append(found[0][0].tolist())
        draws.append(row)
    json.dump(draws, sys.stdout)


if __name__ == "__main__":
    main()
