"""Traits of operations that editors need, derived from their descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..catalogue.depth import DEPTH_SOURCE
from ..catalogue.focus import FOCAL_DISPARITY
from ..operation import Input, Kind, Operation, Parameter, Role

DEPTH_GROUP = "Depth"


def point_of(operation: Operation) -> Parameter | None:
    """Return the option that a click in the preview sets; None if the operation has none."""
    return next((parameter for parameter in operation.parameters if parameter.kind is Kind.POINT), None)


def enlarges(operation: Operation) -> bool:
    """Return whether the result has more pixels than the picture."""
    return operation.enlarges


def films(operation: Operation) -> bool:
    """Return whether the result is a film, which opens as a document of its own."""
    return bool(operation.framed_by)


def stays_in_place(operation: Operation) -> bool:
    """Return whether the result lies where the picture is, so that an editor's canvas can show it there."""
    return not (enlarges(operation) or films(operation))


def takes_depth(operation: Operation) -> bool:
    """Return whether a depth layer can be an input."""
    return Input.DISPARITY in (*operation.inputs, *operation.optional_inputs)


def finds_depth_layer(operation: Operation) -> bool:
    """Return whether the picture's own depth layer is used if none was chosen."""
    return operation.finds_depth_layer or Input.DISPARITY in operation.inputs


def works_by_depth(operation: Operation) -> bool:
    """Return whether the operation is based on depth, rather than using it only if available."""
    return Role.DEPTH in operation.outputs or Input.DISPARITY in operation.inputs


def changes_depth(operation: Operation) -> bool:
    """Return whether the operation changes the depth layer that it is given."""
    return Input.DISPARITY in operation.inputs and set(operation.outputs) == {Role.DEPTH}


def takes_selection(operation: Operation) -> bool:
    """Return whether the operation itself handles the selection; otherwise, the selection masks its result."""
    return Input.SELECTION in (*operation.inputs, *operation.optional_inputs)


def selects(operation: Operation) -> bool:
    """Return whether the operation creates a selection and leaves the picture unchanged."""
    return Role.SELECTION in operation.outputs


def finds_subject(operation: Operation) -> bool:
    """Return whether the operation finds the subject."""
    return Input.SUBJECT in (*operation.inputs, *operation.optional_inputs)


def looks_into_file(operation: Operation) -> bool:
    """Return whether the operation uses depth that the camera stored in the opened file."""
    return any(parameter.name == DEPTH_SOURCE for parameter in operation.parameters)


def focuses(operation: Operation) -> bool:
    """Return whether the operation keeps a range of depth sharp."""
    return any(parameter.name == FOCAL_DISPARITY for parameter in operation.parameters)


def roles_wanted(operation: Operation) -> tuple[Role, ...] | None:
    """Return the roles of the layers that become layers of a document; None for all of the result."""
    return (Role.PLACED, Role.MASK, Role.SHADOW, Role.DEPTH) if operation.places else None


def depth_options(operation: Operation, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that affect the estimated depth."""
    names = [parameter.name for parameter in operation.parameters if parameter.group == DEPTH_GROUP]
    return {name: options[name] for name in names if name in options}


def selecting_options(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options of the step that selects; in a recipe with several steps, this is the last one."""
    steps = options.get("steps")
    return steps[-1]["options"] if steps else options
