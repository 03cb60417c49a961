"""Convert trained values to weights/dioptre-subject.

python -m training.subject.whole.convert RUN/values.safetensors [--chance FILE] [--out FOLDER]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from safetensors.numpy import load_file

from dioptre.checkpoints.card import Card, Source
from dioptre.checkpoints.storage import save

from .network import stored

CARD = Card(
    id="dioptre-subject",
    title="Subject",
    architecture="subject",
    licence="Apache-2.0",
    licence_doubts=(
        "Trained on photographs with masks: ECSSD (Shi et al. 2016), Caltech-101, MSRC, PASCAL VOC 2012 "
        "(photographs under Flickr's terms of use) with the masks of Hariharan et al. and Weizmann's horses "
        "(Borenstein and Ullman 2002), all offered for research and without a named licence; DAVIS 2016's "
        "training clips, stock photographs of people and couples and the Human Segmentation Dataset, without "
        "named terms; Clothing Co-Parsing's street photographs (repository Apache-2.0); COCO's photographs under "
        "free licences; Oxford-17's flowers (research); cats outdoors (public domain); cut-outs of things: product "
        "photographs of web shop projects and stimuli of two psychology studies, without named terms, and Tux "
        "Paint's stamps (GPL-2 and public domain); and on photographs of CID22 (CC BY-SA 4.0) as backgrounds. The "
        "chance of a subject was fitted to photographs of CID22 and COCO (CC BY 2.0, CC BY-SA 2.0, no known "
        "restrictions). Whether their terms reach trained values is not settled. Nothing under a non-commercial "
        "licence was used."
    ),
    notice=(
        "Copyright 2026 The Dioptre authors. Training material: ECSSD (Shi and others), Caltech-101 (Fei-Fei and "
        "others), MSRC (Microsoft Research Cambridge), PASCAL VOC 2012 (Everingham and others) with masks by "
        "Hariharan and others, Weizmann horses (Borenstein and Ullman), DAVIS 2016 (Perazzi and others), Clothing "
        "Co-Parsing (Yang and others, 2014), Oxford-17 flowers (Nilsback and Zisserman), the Human Segmentation "
        "Dataset, Tux Paint's stamps, CID22 (Cloudinary), COCO (Lin and others, 2014)."
    ),
    sources=(
        Source(upstream="trained for Dioptre on a GPU in six minutes, then on a processor, training/subject/whole"),
    ),
    storage="float16-planes",
    preprocessing=(
        "RGB, sRGB-encoded, [0, 1], scaled so that the brightest value is 1, less the mean (0.485, 0.456, 0.406),"
        " divided by (0.229, 0.224, 0.225); squeezed to 672 x 672 pixels for the head and 448 x 448 for the "
        "backbone. Its low-rank changes belong to the values of dioptre-depth-backbone. The output is the "
        "subject's coverage, 672 x 672, and the chance that there is one."
    ),
    parity={"none": "an own network"},
    metrics={
        "41 held-out photographs with masks, overlap (IoU) of its map": 0.890,
        "24 composites of held-out cut-outs, its map": 0.963,
        "81 people and animals with masks, its map": 0.914,
        "the same of people and animals, worst quarter": 0.760,
        "41 things, its map": 0.925,
        "156 photographs, with one subject (77), told right": 1.000,
        "without one (79), told right": 0.962,
    },
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("values", type=Path, help="what train.py has written")
    parser.add_argument("--chance", type=Path, help="what chance.py has written; left out, the values' own")
    parser.add_argument("--out", type=Path, default=Path("weights"), help="folder of checkpoints")
    arguments = parser.parse_args()
    chance = load_file(arguments.chance) if arguments.chance else {}
    chance = {f"head.{name}": value for name, value in chance.items()}
    print(save(arguments.out, CARD, {**stored(arguments.values), **chance}))


if __name__ == "__main__":
    main()
