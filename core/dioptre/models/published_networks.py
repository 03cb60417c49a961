"""Networks published by third parties: the locations and licences of their files, and the weights' cards.

Sizes and checksums come from public lists of models and have not been compared with the publishers' files.
This module does not import NumPy or JAX, because the worker lists downloads before it loads those libraries.
"""

from __future__ import annotations

from functools import partial

from dioptre.checkpoints.card import Card, Source

from .published_file import PublishedFile

_SITE = "https://huggingface.co"
_UNVERIFIED = (
    "Size and checksum of the file come from public lists of models; they could not be compared with the "
    "publisher's file when this version was made."
)


def _file(repository: str, name: str, *, sha256: str, nbytes: int, exact: bool = True) -> PublishedFile:
    path = f"/{repository}/resolve/main/{name}"
    return PublishedFile(site=_SITE, path=path, sha256=sha256, nbytes=nbytes, exact=exact)


def _card(
    file: PublishedFile, *, checkpoint: str, title: str, architecture: str, licence: str, notice: str
) -> Card:
    return Card(
        id=checkpoint,
        title=title,
        architecture=architecture,
        licence=licence,
        licence_doubts=_UNVERIFIED,
        notice=notice,
        sources=(Source(file=file.name, file_sha256=file.sha256, upstream=file.obtain),),
        preprocessing="RGB, sRGB-encoded, ImageNet's mean and deviation taken out; sides are multiples of 14.",
    )


_DEPTH_ANYTHING = "Depth Anything V2: Lihe Yang et al.; its backbone is DINOv2 (Meta). Apache License 2.0."
_MOGE = "MoGe-2: Copyright (c) Microsoft Corporation. MIT License."

DEPTH_ANYTHING_V2_SMALL = _file(
    "depth-anything/Depth-Anything-V2-Small-hf",
    "model.safetensors",
    sha256="3152477ce0d8d6978d76b995120de97cb5b928701fd0f817769f59e249a16b70",
    nbytes=99_173_660,
)
MOGE_2_SMALL = _file(
    "Ruicheng/moge-2-vits-normal",
    "model.pt",
    sha256="79a16621928c2bf0ed04659218c55c01075e950507f40bb3332fb4c873d3e1dc",
    nbytes=140_550_416,
)
MOGE_2_BASE = _file(
    "Ruicheng/moge-2-vitb-normal",
    "model.pt",
    sha256="16b8110e86d5dc5a849db120ca96ef3a223fd30b0c9146d1d81db504073da5f6",
    nbytes=419_110_160,
)


_moge_card = partial(_card, licence="MIT", notice=_MOGE)

depth_anything_v2_small_card = partial(
    _card,
    DEPTH_ANYTHING_V2_SMALL,
    checkpoint="depth-anything-v2-small",
    title="Depth Anything V2 Small",
    architecture="depth_anything_v2: ViT-S/14",
    licence="Apache-2.0",
    notice=_DEPTH_ANYTHING,
)
moge_2_small_card = partial(
    _moge_card,
    MOGE_2_SMALL,
    checkpoint="moge-2-vits-normal",
    title="MoGe-2 ViT-S",
    architecture="moge2: ViT-S/14",
)
moge_2_base_card = partial(
    _moge_card,
    MOGE_2_BASE,
    checkpoint="moge-2-vitb-normal",
    title="MoGe-2 ViT-B",
    architecture="moge2: ViT-B/14",
)
