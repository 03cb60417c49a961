"""IS-Net is read from an ONNX file: every value has its place, and other files are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from flax import nnx

from dioptre.checkpoints.blueprint import by_path
from dioptre.checkpoints.card import WeightsError
from dioptre.checkpoints.onnx_file import OnnxFile, onnx_model, read_onnx
from dioptre.models.adding import add_weights
from dioptre.models.is_net import IsNetConfig
from dioptre.models.is_net.convert import values_of
from dioptre.models.is_net.module import IsNet
from dioptre.models.registry import ENTRIES

SMALL = IsNetConfig(encoder=((2, 3),) * 6, decoder=((2, 4),) * 5, stem=5)


def exported(config: IsNetConfig, *, norms: bool = False) -> bytes:
    """Return an ONNX file with the convolutions of the original in its order of execution, with random values."""
    rng, model = np.random.default_rng(1), onnx_model()

    def constant(name: str, *shape: int) -> None:
        values = rng.uniform(0.5, 1.5, shape).astype(np.float32)
        model.graph.initializer.add(name=name, dims=shape, data_type=1, raw_data=values.tobytes())

    for at, (outputs, inputs, side) in enumerate(shapes(config)):
        constant(f"k{at}", outputs, inputs, side, side)
        constant(f"b{at}", outputs)
        model.graph.node.add(op_type="Conv", input=["x", f"k{at}", f"b{at}"], output=[f"y{at}"])
        if norms:
            for name in ("scale", "shift", "mean", "variance"):
                constant(f"{name}{at}", outputs)
            names = [f"{name}{at}" for name in ("scale", "shift", "mean", "variance")]
            model.graph.node.add(op_type="BatchNormalization", input=[f"y{at}", *names], output=[f"z{at}"])
    return model.SerializeToString()


def shapes(config: IsNetConfig) -> Iterator[tuple[int, int, int]]:
    """Yield output and input channels and side of each convolution of the original, as its code lists them."""
    yield config.stem, 3, 3
    outers = [outer for _, outer in config.encoder]
    below = outers[-1]
    stages = list(zip([config.stem, *outers], config.encoder, (7, 6, 5, 4, 4, 4), strict=False))
    for level in reversed(range(5)):
        stages.append((outers[level] + below, config.decoder[level], (7, 6, 5, 4, 4)[level]))
        below = config.decoder[level][1]
    for inputs, (inner, outer), depth in stages:
        yield outer, inputs, 3
        yield inner, outer, 3
        for _ in range(depth - 1):
            yield inner, inner, 3
        for _ in range(depth - 2):
            yield inner, 2 * inner, 3
        yield outer, 2 * inner, 3
    for width in [outer for _, outer in config.decoder] + outers[-1:]:
        yield 1, width, 3


class _Shaped(OnnxFile):
    """An ONNX file whose values are all 0."""

    def convolutions(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for outputs, inputs, side in shapes(self.graph):
            yield np.zeros((outputs, inputs, side, side), np.float32), np.zeros(outputs, np.float32)


@pytest.mark.parametrize("config", [IsNetConfig(), SMALL], ids=["IS-Net", "small"])
def test_every_value_has_its_place(config: IsNetConfig) -> None:
    """The shapes of the original's convolutions, in its order of execution, are those of the network."""
    state = by_path(nnx.state(nnx.eval_shape(lambda: IsNet(config, rngs=nnx.Rngs(0)))))
    found = {name: value.shape for name, value in values_of(_Shaped(config)).items()}
    assert found == {name: variable.get_value().shape for name, variable in state.items()}


@pytest.mark.parametrize("norms", [False, True])
def test_values_come_from_the_file_with_norms_folded_in(norms: bool) -> None:
    file = read_onnx(exported(SMALL, norms=norms))
    values, arrays = values_of(file), file.arrays
    kernel, bias = arrays["k0"], arrays["b0"]
    if norms:
        factor = arrays["scale0"] / np.sqrt(arrays["variance0"] + 1e-5)
        kernel, bias = kernel * factor[:, None, None, None], arrays["shift0"] + (bias - arrays["mean0"]) * factor
    np.testing.assert_allclose(values["enter.kernel"], kernel.transpose(2, 3, 1, 0), rtol=1e-6)
    np.testing.assert_allclose(values["enter.bias"], bias, rtol=1e-5)


def test_half_precision_is_read_as_single() -> None:
    model = onnx_model()
    values = np.float16([[0.5, 2.0]])
    model.graph.initializer.add(name="half", dims=(1, 2), data_type=10, raw_data=values.tobytes())
    read = read_onnx(model.SerializeToString()).arrays["half"]
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, values)


@pytest.mark.parametrize("content", [b"no ONNX file", b"", exported(SMALL)], ids=["text", "empty", "smaller"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "isnet-general-use.onnx"
    file.write_bytes(content)
    with pytest.raises(WeightsError, match=r"does not contain Subject: finest|do not fit the network"):
        add_weights(ENTRIES["is-net"], file)
