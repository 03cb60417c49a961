"""Rename and transpose another framework's weights by a table that must match every name exactly once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Layout = Callable[[np.ndarray], np.ndarray]


def conv_kernel(weight: np.ndarray) -> np.ndarray:
    """Convert a convolution kernel from (O, I, kh, kw) to (kh, kw, I, O)."""
    return np.ascontiguousarray(weight.transpose(2, 3, 1, 0))


def pointwise_kernel(weight: np.ndarray) -> np.ndarray:
    """Convert a 1 x 1 convolution kernel from (O, I, 1, 1) to (I, O)."""
    return np.ascontiguousarray(weight[:, :, 0, 0].T)


def linear_kernel(weight: np.ndarray) -> np.ndarray:
    """Convert the matrix of a linear layer from (O, I) to (I, O)."""
    return np.ascontiguousarray(weight.T)


def spread_kernel(weight: np.ndarray) -> np.ndarray:
    """Convert the kernel of a transposed convolution from (I, O, kh, kw) to (kh, kw, I, O)."""
    return np.ascontiguousarray(weight.transpose(2, 3, 0, 1))


def unchanged(values: np.ndarray) -> np.ndarray:
    return values


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule that renames and transposes matching arrays.

    Attributes:
        source: regular expression that must match the whole original name.
        target: dotted path in Dioptre's module, with back-references such as \\1.
        layout: function that converts the array's layout.
    """

    source: str
    target: str
    layout: Layout = unchanged


def linear_rules(source: str, target: str) -> tuple[Rule, Rule]:
    """Return the rules for the weight and bias of a linear layer."""
    return _kernel_and_bias(source, target, linear_kernel)


def conv_rules(source: str, target: str) -> tuple[Rule, Rule]:
    """Return the rules for the weight and bias of a convolution."""
    return _kernel_and_bias(source, target, conv_kernel)


def pointwise_rules(source: str, target: str) -> tuple[Rule, Rule]:
    """Return the rules for the weight and bias of a 1 x 1 convolution, which is a linear layer in Dioptre."""
    return _kernel_and_bias(source, target, pointwise_kernel)


def spread_rules(source: str, target: str) -> tuple[Rule, Rule]:
    """Return the rules for the weight and bias of a transposed convolution."""
    return _kernel_and_bias(source, target, spread_kernel)


def norm_rules(source: str, target: str) -> tuple[Rule, Rule]:
    """Return the rules for the scale and bias of a normalisation layer."""
    return (
        Rule(source=rf"{source}\.weight", target=f"{target}.scale"),
        Rule(source=rf"{source}\.bias", target=f"{target}.bias"),
    )


def _kernel_and_bias(source: str, target: str, layout: Layout) -> tuple[Rule, Rule]:
    return (
        Rule(source=rf"{source}\.weight", target=f"{target}.kernel", layout=layout),
        Rule(source=rf"{source}\.bias", target=f"{target}.bias"),
    )


def apply_rules(arrays: Mapping[str, np.ndarray], rules: Sequence[Rule]) -> dict[str, np.ndarray]:
    """Return the arrays under Dioptre's names and in its layouts.

    Raises:
        ValueError: lists every original name that does not match exactly one rule, and every name that would be
            written twice.
    """
    renamed: dict[str, np.ndarray] = {}
    problems = []
    for name, values in arrays.items():
        matches = [(rule, match) for rule in rules if (match := re.fullmatch(rule.source, name))]
        if len(matches) != 1:
            problems.append(f"{name} matches {len(matches)} rules")
            continue
        rule, match = matches[0]
        target = match.expand(rule.target)
        if target in renamed:
            problems.append(f"{name} would overwrite {target}")
        renamed[target] = rule.layout(values)
    if problems:
        raise ValueError("weights do not fit the key map: " + "; ".join(problems))
    return renamed
