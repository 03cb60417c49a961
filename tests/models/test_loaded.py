"""Several threads can use one loaded network, and networks share a common backbone."""

from __future__ import annotations

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import jax
import numpy as np
import pytest

from dioptre.models import loaded
from dioptre.models.loading import load_model


def test_threads_that_need_a_network_at_once_share_one_program(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    jit = jax.jit

    def slow_jit(run: object) -> object:
        time.sleep(0.05)
        made.append(run)
        return jit(run)  # type: ignore[arg-type]

    monkeypatch.setattr(loaded.jax, "jit", slow_jit)
    # A copy of the network has no compiled programs yet.
    network = dataclasses.replace(load_model("white-balance"))
    together = Barrier(4)

    def forward(_: int) -> object:
        together.wait()
        return network.forward

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(forward, range(4)))
    assert len(made) == 1
    assert all(one is found[0] for one in found)
    assert np.isfinite(np.asarray(network(np.full((1, 192, 192, 3), 0.5, np.float32))[0])).all()


def test_networks_on_one_backbone_hold_it_once() -> None:
    depth, subject = load_model("dioptre-depth-small"), load_model("dioptre-subject")
    kernels = [network.state["backbone"]["patch"]["kernel"].get_value() for network in (depth, subject)]
    assert kernels[0].unsafe_buffer_pointer() == kernels[1].unsafe_buffer_pointer()
