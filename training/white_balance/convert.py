"""Make weights/white-balance from the file of a training run. See README.md."""

from __future__ import annotations

import argparse
from pathlib import Path

from safetensors.numpy import load_file

from dioptre.checkpoints.card import Card, Source
from dioptre.checkpoints.save import save

CARD = Card(
    id="white-balance",
    title="Light's colour",
    architecture="white_balance",
    licence="Apache-2.0",
    licence_doubts=(
        "Trained on photographs: 248 of CID22 (CC BY-SA 4.0), 41 of CLIC 2025 (Unsplash licence), 256 of COCO "
        "(each under its own Flickr terms), and raw thumbnails of INTEL-TAU (CC BY-SA 4.0), an eighth of all left "
        "out. Whether their terms reach trained values is not settled."
    ),
    notice=(
        "Copyright 2026 The Dioptre authors. Training material: CID22 (Cloudinary), CLIC 2025 (Unsplash "
        "photographers), COCO, INTEL-TAU (Laakom et al., 2021); casts after the white-balance emulator of Afifi "
        "and Brown (ICCV 2019), its parameters MIT, Copyright (c) 2019 Mahmoud Afifi; camera sensitivities of "
        "rawtoaces-data (Apache-2.0)."
    ),
    sources=(Source(upstream="trained for Dioptre, training/white_balance"),),
    storage="float16",
    preprocessing="RGB, sRGB-encoded, [0, 1], 64 x 64 pixels, area-averaged.",
    parity={"none": "an own network"},
    metrics={
        "CIEDE2000 on held-out pairs (mean, worst quarter)": {
            "already balanced": [1.4, 5.3],
            "emulated camera settings": [6.1, 10.7],
            "developed raws": [5.1, 10.8],
            "unknown camera": [11.2, 19.4],
            "dark and noisy": [7.6, 9.9],
        }
    },
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arrays", type=Path, help="average.safetensors of train.py")
    parser.add_argument("--out", type=Path, default=Path("weights"), help="folder of checkpoints")
    arguments = parser.parse_args()
    print(save(arguments.out, CARD, load_file(arguments.arrays)))


if __name__ == "__main__":
    main()
