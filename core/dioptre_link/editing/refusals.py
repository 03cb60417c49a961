"""Errors for operations that cannot start, with one message per reason, shared by both editors."""

from __future__ import annotations

from dataclasses import dataclass

from ..catalogue.depth import OPERATION as DEPTH
from ..errors import RefusedError
from ..language import Message
from ..operation import Operation


def no_document() -> RefusedError:
    return RefusedError("No document is open.", hint="Open a picture first.")


def no_layer() -> RefusedError:
    return RefusedError("No layer is selected.", hint="Select the layer with the picture.")


def several_layers(count: int) -> RefusedError:
    return RefusedError(
        "Dioptre works on a single layer, but {count} are selected.", hint="Select a layer.", count=count
    )


def empty_layer(name: str) -> RefusedError:
    return RefusedError("The layer “{name}” is empty.", hint="Select a layer that contains a picture.", name=name)


def empty_group(name: str) -> RefusedError:
    return RefusedError("The group “{name}” is empty.", hint="Select a layer that contains a picture.", name=name)


def layer_too_large(name: str, most_px: int) -> RefusedError:
    return RefusedError("The layer “{name}” is wider or taller than {most} pixels.", name=name, most=most_px)


def layer_locked(name: str) -> RefusedError:
    return RefusedError("The layer “{name}” is locked.", hint="Unlock it first.", name=name)


def has_mask(name: str) -> RefusedError:
    return RefusedError(
        "The layer “{name}” already has a mask.", hint="Apply or delete it, or choose another result.", name=name
    )


def layer_deleted(name: str) -> RefusedError:
    return RefusedError(
        "The layer “{name}” was deleted in the meantime.", hint="Undo the deletion and try again.", name=name
    )


def nothing_below(name: str) -> RefusedError:
    return RefusedError(
        "There is no photo below the layer “{name}”.",
        hint="Select a layer above the photo's layer: text, a cut-out or another picture.",
        name=name,
    )


def covers_photo(name: str) -> RefusedError:
    return RefusedError(
        "“{name}” is a result of the photo below it and covers all of it.",
        hint="Select the layer to place in the photo: text, a cut-out or another picture.",
        name=name,
    )


def changed_meanwhile() -> RefusedError:
    return RefusedError(
        "The result was not updated, because it or its layers were changed in the meantime.", hint="Try again."
    )


def document_closed() -> RefusedError:
    return RefusedError("The document was closed in the meantime. No layers were added.")


def same_layer() -> RefusedError:
    return RefusedError("The picture and its depth map are the same layer.", hint="Select the picture layer.")


def needs_selection(operation: Operation) -> RefusedError:
    return RefusedError(
        "{operation} needs a selection.", hint="Select the area to change.", operation=Message(operation.title)
    )


def selection_outside(name: str) -> RefusedError:
    return RefusedError(
        "The selection is outside the layer “{name}”.", hint="Clear the selection, or move it.", name=name
    )


def selection_enlarged(operation: Operation) -> RefusedError:
    return RefusedError(
        "{operation} always enlarges the whole layer.",
        hint="Clear the selection.",
        operation=Message(operation.title),
    )


def nothing_made_yet() -> RefusedError:
    return RefusedError("This document has no Dioptre results yet.", hint="Run an operation first.")


def not_a_result() -> RefusedError:
    return RefusedError(
        "The selected layer does not belong to a Dioptre result.",
        hint="Select a result's group, one of its layers, or its depth layer.",
    )


def only_painted_depth() -> RefusedError:
    return RefusedError(
        "You painted on the depth layer, but no result uses it.",
        hint="To estimate the depth again, delete the layer and run Depth map.",
    )


def input_gone(operation: Operation, given: str, *, name: str) -> RefusedError:
    return RefusedError(
        "{operation} cannot be updated: its depth layer “{name}” was deleted."
        if given == "disparity"
        else "{operation} cannot be updated: the layer “{name}”, which it places, was deleted."
        if given == "layer"
        else "{operation} cannot be updated: its picture layer “{name}” was deleted.",
        hint="Undo the deletion, or run the operation again on another layer.",
        operation=Message(operation.title),
        name=name,
    )


@dataclass(frozen=True, kw_only=True)
class Refusals:
    """Errors whose hints refer to a menu.

    Attributes:
        menu: Dioptre's menu in this editor, such as "Filters ▸ Dioptre".
    """

    menu: str

    def needs_depth(self, title: str) -> RefusedError:
        return RefusedError(
            "{operation} needs a depth layer.",
            hint="Create one with {menu} ▸ {depth} first.",
            operation=Message(title),
            menu=self.menu,
            depth=Message(DEPTH.title),
        )
