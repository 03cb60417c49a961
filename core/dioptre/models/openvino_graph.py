"""Convert a network traced by JAX to an OpenVINO graph, with the same arithmetic and weights.

OpenVINO has a front end for JAX, but it keeps pictures as (n, h, w, c) and transposes them around every
convolution, which takes longer than JAX itself. Here everything is (n, c, h, w) from the first convolution to the
last. Only the operations of the super-resolution networks are supported; any other raises NotImplementedError.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import openvino
from jax.extend import core
from openvino import opset13 as ops

_TO_PLANES, _TO_PIXELS = (0, 3, 1, 2), (0, 2, 3, 1)


@dataclass(frozen=True, kw_only=True)
class _Planes:
    """A value of the graph with layout (n, h, w, c) in JAX and (n, c, h, w) in OpenVINO."""

    node: Any


_Value = np.ndarray | _Planes
"""Value of a variable; constants stay NumPy arrays until they are combined with a computed value."""


def build(function: Callable[..., jax.Array], *examples: np.ndarray) -> openvino.Model:
    """Build the OpenVINO graph of a function of pictures that JAX can trace.

    Args:
        function: function of (n, h, w, c) pictures.
        examples: one example of each input, which determines its shape.

    Returns:
        The model; its inputs and output are (n, h, w, c) too.

    Raises:
        NotImplementedError: the function uses an operation that cannot be converted.
    """
    traced = jax.make_jaxpr(function)(*examples)
    parameters = [ops.parameter(example.shape, np.float32) for example in examples]
    inputs: list[_Value] = [_Planes(node=_transposed(parameter, _TO_PLANES)) for parameter in parameters]
    (result,) = _interpret(traced.jaxpr, [np.asarray(value) for value in traced.consts], inputs)
    model = openvino.Model([_transposed(_planes(result).node, _TO_PIXELS)], parameters, "network")
    model.validate_nodes_and_infer_types()
    return model


def _interpret(jaxpr: Any, constants: list[_Value], inputs: list[_Value]) -> list[_Value]:
    values: dict[Any, _Value] = dict(zip(jaxpr.constvars, constants, strict=True))
    values |= zip(jaxpr.invars, inputs, strict=True)

    def of(variable: Any) -> _Value:
        return np.asarray(variable.val) if isinstance(variable, core.Literal) else values[variable]

    for equation in jaxpr.eqns:
        made = _apply(equation, [of(variable) for variable in equation.invars])
        values |= zip(equation.outvars, made, strict=True)
    return [of(variable) for variable in jaxpr.outvars]


def _apply(equation: Any, inputs: list[_Value]) -> list[_Value]:
    name, parameters = equation.primitive.name, equation.params
    if name in ("jit", "pjit", "custom_jvp_call"):
        if (special := _NAMED.get(parameters.get("name", ""))) is not None:
            return [special(equation, *inputs)]
        inner = parameters.get("jaxpr", parameters.get("call_jaxpr"))
        return _interpret(inner.jaxpr, [np.asarray(value) for value in inner.consts], inputs)
    if all(isinstance(value, np.ndarray) for value in inputs):
        folded = equation.primitive.bind(*inputs, **parameters)
        return [np.asarray(value) for value in (folded if equation.primitive.multiple_results else [folded])]
    translate = _PRIMITIVES.get(name)
    if translate is None:
        raise NotImplementedError(f"no translation for {name}")
    return [translate(equation, *inputs)]


def _planes(value: _Value) -> _Planes:
    """Convert a value to an operand. Constants must have zero or four axes."""
    if isinstance(value, _Planes):
        return value
    if value.ndim not in (0, 4):
        raise NotImplementedError(f"a constant of shape {value.shape}")
    array = value.astype(np.float32) if value.dtype.kind == "f" else value
    return _Planes(node=ops.constant(array.transpose(_TO_PLANES) if value.ndim == 4 else array))


def _elementwise(operation: Callable[..., Any]) -> Callable[..., _Value]:
    return lambda equation, *inputs: _Planes(node=operation(*(_planes(value).node for value in inputs)))


def _convolution(equation: Any, x: _Value, kernel: _Value) -> _Value:
    p = equation.params
    numbers = p["dimension_numbers"]
    plain = (
        numbers.lhs_spec == numbers.out_spec == (0, 3, 1, 2)
        and numbers.rhs_spec == (3, 2, 0, 1)
        and p["feature_group_count"] == p["batch_group_count"] == 1
        and set(p["lhs_dilation"]) == {1}
    )
    if not plain or not isinstance(kernel, np.ndarray):
        raise NotImplementedError("a convolution of another kind")
    (top, bottom), (left, right) = p["padding"]
    return _Planes(
        node=ops.convolution(
            _planes(x).node,
            ops.constant(kernel.transpose(3, 2, 0, 1).astype(np.float32)),
            list(p["window_strides"]),
            [top, left],
            [bottom, right],
            list(p["rhs_dilation"]),
        )
    )


def _product(equation: Any, x: _Value, matrix: _Value) -> _Value:
    """Convert the product of (n, h, w, i) and (i, o) to a 1 x 1 convolution."""
    if not isinstance(matrix, np.ndarray) or equation.params["dimension_numbers"] != (((3,), (0,)), ((), ())):
        raise NotImplementedError("a product of another kind")
    kernel = ops.constant(matrix.T[:, :, None, None].astype(np.float32))
    return _Planes(node=ops.convolution(_planes(x).node, kernel, [1, 1], [0, 0], [0, 0], [1, 1]))


def _concatenation(equation: Any, *inputs: _Value) -> _Value:
    axis = _TO_PLANES.index(equation.params["dimension"])
    return _Planes(node=ops.concat([_planes(value).node for value in inputs], axis))


def _slice(equation: Any, x: _Value) -> _Value:
    p = equation.params
    strides = p["strides"] or (1, 1, 1, 1)
    start, stop, step = (
        [int(values[axis]) for axis in _TO_PLANES] for values in (p["start_indices"], p["limit_indices"], strides)
    )
    return _Planes(node=ops.slice(_planes(x).node, start, stop, step))


def _factor(equation: Any) -> int:
    (made,), (x, *_) = equation.outvars, equation.invars
    return int(made.aval.shape[1] // x.aval.shape[1])


def _pixel_shuffle(equation: Any, x: _Value) -> _Value:
    return _Planes(node=ops.depth_to_space(_planes(x).node, "depth_first", _factor(equation)))


def _repeat_pixels(equation: Any, x: _Value) -> _Value:
    scale = np.full(2, _factor(equation), np.float32)
    return _Planes(
        node=ops.interpolate(
            _planes(x).node,
            scale,
            "nearest",
            "scales",
            axes=np.array([2, 3]),
            coordinate_transformation_mode="asymmetric",  # half-pixel centres would shift the repeated pixels
            nearest_mode="floor",
        )
    )


def _power(equation: Any, x: _Value) -> _Value:
    return _Planes(node=ops.power(_planes(x).node, ops.constant(np.float32(equation.params["y"]))))


def _transposed(node: Any, order: tuple[int, ...]) -> Any:
    return ops.transpose(node, np.array(order))


_PRIMITIVES: dict[str, Callable[..., _Value]] = {
    "add": _elementwise(ops.add),
    "sub": _elementwise(ops.subtract),
    "mul": _elementwise(ops.multiply),
    "div": _elementwise(ops.divide),
    "max": _elementwise(ops.maximum),
    "min": _elementwise(ops.minimum),
    "neg": _elementwise(ops.negative),
    "logistic": _elementwise(ops.sigmoid),
    "tanh": _elementwise(ops.tanh),
    "integer_pow": _power,
    "concatenate": _concatenation,
    "conv_general_dilated": _convolution,
    "dot_general": _product,
    "slice": _slice,
}
_NAMED = {"pixel_shuffle": _pixel_shuffle, "repeat_pixels": _repeat_pixels}
"""Dioptre's functions that correspond to a single operation in OpenVINO, by name."""
