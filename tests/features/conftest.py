"""Networks see each picture once: what they give for it is shared by all tests and all processes of a run."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import pytest

from dioptre.contract import Inputs
from dioptre.features.subject import Subject
from dioptre.models.loaded import Loaded
from dioptre.models.precision import precision_of

SHARING = {"background", "blur", "depth", "select", "subject"}
"""Folders whose tests look at the same examples again and again; those of `enlarge` test how networks are run."""


_SHARED = [True]


@pytest.fixture(autouse=True)
def networks_compile(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests that count compiled programs run every network."""
    _SHARED[0] = "compiled" not in request.fixturenames
    yield
    _SHARED[0] = True


@pytest.fixture(scope="module", autouse=True)
def networks_run_once(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Take a network's output from a file if any test has run it on the same values."""
    if request.path.parent.name not in SHARING:
        yield
        return
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "networks"
    folder.mkdir(exist_ok=True)
    run = Loaded.__call__

    def run_once(network: Loaded, *inputs: Any) -> Any:
        if not (_SHARED[0] and network.checksums) or any(isinstance(value, jax.core.Tracer) for value in inputs):
            return run(network, *inputs)
        settings = precision_of(network.entry), jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]
        key = hashlib.sha256(repr((network.entry.id, sorted(network.checksums.items()), settings)).encode())
        for value in map(np.asarray, inputs):
            key.update(f"{value.shape} {value.dtype}".encode() + value.tobytes())
        file = folder / f"{key.hexdigest()}.npy"
        if not file.exists():
            output = run(network, *inputs)
            if not isinstance(output, jax.Array):
                return output
            part = file.with_suffix(f".{os.getpid()}.npy")
            np.save(part, np.asarray(output))
            part.replace(file)
        return jax.numpy.asarray(np.load(file))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loaded, "__call__", run_once)
        yield


@pytest.fixture
def subject_by_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use near areas as the subject, instead of running the networks on noise."""

    def near(_: Inputs, disparity: np.ndarray, **__: object) -> Subject:
        alpha = (disparity > 0.5).astype(np.float32)
        return Subject(
            alpha=alpha, disparity_range=(1.0, 1.0), focal_disparity=1.0, kind="subject", found=True, confidence=1.0
        )

    monkeypatch.setattr("dioptre.features.spatial.scene.kept_subject", near)
