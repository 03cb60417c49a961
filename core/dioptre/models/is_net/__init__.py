"""IS-Net: a large network for salient objects with fine parts, which can be added."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from dioptre.models.entry import Entry, ModelKind, Preprocessing
from dioptre.models.published import PublishedFile, card_of

Channels = tuple[int, int]
"""Channels inside a nested U and of its output."""


@dataclass(frozen=True, kw_only=True)
class IsNetConfig:
    """Sizes of IS-Net (Qin et al., "Highly Accurate Dichotomous Image Segmentation", 2022).

    Attributes:
        stem: channels of the convolution that halves the picture first.
        encoder: channels of the encoder's stages, from the finest.
        decoder: channels of the decoder's stages, from the finest.
        size_multiple: both sides of the input must be multiples of this, so that every pooling is exact.
    """

    stem: int = 64
    encoder: tuple[Channels, ...] = ((32, 64), (32, 128), (64, 256), (128, 512), (256, 512), (256, 512))
    decoder: tuple[Channels, ...] = ((16, 64), (32, 64), (64, 128), (128, 256), (256, 512))
    size_multiple: int = 64


_FILE = PublishedFile(
    site="https://github.com",
    path="/danielgatis/rembg/releases/download/v0.0.0/isnet-general-use.onnx",
    sha256="60920e99c45464f2ba57bee2ad08c919a52bbf852739e96947fbb4358c0d964a",
    nbytes=178_648_008,
)

ENTRIES = (
    Entry(
        id="is-net",
        title="Subject: finest (IS-Net)",
        kind=ModelKind.SUBJECT,
        module=f"{__name__}.module:IsNet",
        config=IsNetConfig,
        checkpoints={"is-net": ""},
        preprocessing=Preprocessing(mean=(0.5,) * 3, deviation=(1.0,) * 3, short_side_px=1024, multiple_px=64),
        convert=f"{__name__}.convert:values",
        card=partial(
            card_of,
            _FILE,
            checkpoint="is-net",
            title="Subject: finest (IS-Net)",
            architecture="is_net: general use",
            licence="Apache-2.0",
            notice="IS-Net: Copyright (c) Xuebin Qin and others. Apache License 2.0.",
            preprocessing="RGB, sRGB-encoded, less 0.5; squeezed to 1024 x 1024 pixels.",
        ),
        package=_FILE,
    ),
)
