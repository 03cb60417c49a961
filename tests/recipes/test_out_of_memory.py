"""If the graphics card runs out of memory, the processor takes over and a message says so."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np
import pytest

from dioptre.contract import Inputs, Layer, Progress, Result
from dioptre.features import white_balance
from dioptre.recipes import apply as apply_module
from dioptre.recipes.apply import accelerated, apply, on_processor
from dioptre_link.catalogue.white_balance import WhiteBalanceOptions
from dioptre_link.operation import Role

INPUTS = Inputs(picture=np.full((4, 6, 3), 0.5, np.float32))
XLA = "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 12345 bytes."


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A pipeline that runs out of memory unless a device is chosen; the fixture lists the device of each run."""
    seen: list[Any] = []

    def run(inputs: Inputs, options: Mapping[str, Any], progress: Progress) -> Result:
        seen.append(jax.config.jax_default_device)
        if seen[-1] is None:
            raise RuntimeError(XLA)
        return Result(layers=(Layer(name="Made", role=Role.RESULT, pixels=inputs.picture),), messages=("one",))

    monkeypatch.setitem(white_balance.OPERATIONS, WhiteBalanceOptions, run)
    return seen


def test_the_processor_takes_over_with_a_word(devices: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply_module, "accelerated", lambda: True)
    result = apply("white_balance", {}, INPUTS)
    assert [device and device.platform for device in devices] == [None, "cpu"]
    assert result.messages[0] == "one"
    assert "graphics card" in result.messages[1]
    assert jax.config.jax_default_device is None


def test_without_a_graphics_card_the_error_stays(devices: list[Any]) -> None:
    assert not accelerated()
    with pytest.raises(RuntimeError, match="RESOURCE_EXHAUSTED"):
        apply("white_balance", {}, INPUTS)
    assert len(devices) == 1


def test_another_error_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def run(inputs: Inputs, options: Mapping[str, Any], progress: Progress) -> Result:
        calls.append(1)
        raise RuntimeError("INTERNAL: something else")

    monkeypatch.setitem(white_balance.OPERATIONS, WhiteBalanceOptions, run)
    monkeypatch.setattr(apply_module, "accelerated", lambda: True)
    with pytest.raises(RuntimeError, match="INTERNAL"):
        apply("white_balance", {}, INPUTS)
    assert calls == [1]


def test_it_is_the_processor_in_every_thread_and_only_meanwhile() -> None:
    with on_processor():
        assert not accelerated()
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(lambda: jax.config.jax_default_device.platform).result() == "cpu"
    assert jax.config.jax_default_device is None
