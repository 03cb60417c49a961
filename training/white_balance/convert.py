"""Convert the file of a training run to weights/white-balance. See README.md."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from dioptre.checkpoints.card import Card, Source
from dioptre.checkpoints.storage import save

CARD = Card(
    id="white-balance",
    title="Light's colour",
    architecture="white_balance",
    licence="Apache-2.0",
    licence_doubts=(
        "Trained on photographs of CID22 (CC BY-SA 4.0), CLIC 2025 (Unsplash licence), COCO (those under CC BY "
        "2.0, CC BY-SA 2.0 or without known restrictions), flower_photos and Open Images (CC BY 2.0), the "
        "clothing dataset (free for any use), the Grocery Store Dataset (MIT), and 6,707 raw thumbnails: "
        "INTEL-TAU (CC BY-SA 4.0), Cube+, NUS and "
        "Gehler-Shi (offered for research; no licence named). Whether their terms reach trained values is not "
        "settled."
    ),
    notice=(
        "Copyright 2026 The Dioptre authors. Training material: CID22 (Cloudinary), CLIC 2025 (Unsplash "
        "photographers), COCO, flower_photos (TensorFlow), Open Images, the clothing dataset (Alexey Grigorev and "
        "contributors), the Grocery Store Dataset (MIT, Copyright (c) 2019 Marcus Klasson), "
        "INTEL-TAU (Laakom et al., 2021), Cube+ (Banić, "
        "Koščević and Lončarić, 2017), NUS (Cheng, Prasad and Brown, 2014), Gehler-Shi (Gehler and others, 2008; "
        "Shi and Funt); casts after the white-balance emulator of Afifi and Brown (ICCV 2019), its parameters MIT, "
        "Copyright (c) 2019 Mahmoud Afifi; camera sensitivities of rawtoaces-data (Apache-2.0)."
    ),
    sources=(Source(upstream="trained for Dioptre, training/white_balance"),),
    storage="float16",
    preprocessing="RGB, sRGB-encoded, [0, 1], 192 x 192 pixels, area-averaged.",
    parity={"none": "an own network"},
    metrics={
        "CIEDE2000 on held-out pairs (mean, worst quarter)": {
            "already balanced": [1.5, 5.9],
            "emulated camera settings": [3.6, 7.2],
            "settings kept apart": [5.0, 7.8],
            "developed raws": [5.5, 10.7],
            "unknown camera": [7.4, 13.7],
            "unknown camera, raws just shown": [2.9, 5.8],
            "known cameras, raws just shown": [2.2, 3.7],
            "dark and noisy": [2.3, 4.2],
        }
    },
)


STEP = 2.0**-13


def rounded(values: np.ndarray) -> np.ndarray:
    """Round matrices to multiples of STEP, which compress slightly better.

    The predicted illuminant changes by at most a thousandth.
    """
    return np.round(values / STEP) * STEP if values.ndim > 1 else values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arrays", type=Path, help="average.safetensors of train.py")
    parser.add_argument("--out", type=Path, default=Path("weights"), help="folder of checkpoints")
    arguments = parser.parse_args()
    values = {name: rounded(array) for name, array in load_file(arguments.arrays).items()}
    print(save(arguments.out, CARD, values))


if __name__ == "__main__":
    main()
