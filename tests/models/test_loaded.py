"""Several threads can use one loaded network, and networks share a common backbone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dioptre.models import loaded, loading
from dioptre.models.loading import load_model


def test_networks_on_one_backbone_hold_it_once() -> None:
    depth, subject = load_model("dioptre-depth-small"), load_model("dioptre-subject")
    kernels = [network.build()[1]["backbone"]["patch"]["kernel"].get_value() for network in (depth, subject)]
    assert kernels[0].unsafe_buffer_pointer() == kernels[1].unsafe_buffer_pointer()


def test_networks_that_load_at_the_same_time_read_their_backbone_once(monkeypatch: pytest.MonkeyPatch) -> None:
    folders, read = [], loaded.read

    def counted(folder: Path, **how: Any) -> Any:
        folders.append(folder.name)
        return read(folder, **how)

    loading._load.cache_clear()
    monkeypatch.setattr(loaded, "_SHARED", {})
    monkeypatch.setattr(loaded, "read", counted)
    with ThreadPoolExecutor() as pool:
        list(pool.map(load_model, ("dioptre-depth-small", "dioptre-subject")))
    assert folders.count("dioptre-depth-backbone") == 1
    loading._load.cache_clear()
