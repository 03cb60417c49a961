"""Update: run again what made a result, after its depth layer or its picture was changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dioptre_link.client import Worker
from dioptre_link.editing import refusals, results, traits
from dioptre_link.editing.events import Steps
from dioptre_link.language import Message
from dioptre_link.operation import Input, Role
from dioptre_link.records import Entry

from . import depth_store, recipe, sources
from .host import Gimp
from .outcome import Outcome
from .replacing import Change, run_change
from .sources import Source


@dataclass(frozen=True, kw_only=True)
class Updated:
    """What Update did. names: of the results that it brought up to date."""

    outcome: Outcome
    names: tuple[str, ...]

    @property
    def summary(self) -> Message:
        return Message("Updated: {names}.", names=", ".join(f"“{name}”" for name in self.names))


def update(worker: Worker, image: Gimp.Image, drawables: Sequence[Gimp.Drawable]) -> Steps[Updated]:
    """Bring the results up to date that the selected layers belong to, oldest first, and show them.

    A result's layers keep their place, name, mask, mode and opacity; only their pixels change. A depth layer that
    was painted on is used as it is; one that was not is made again when the picture changed.
    """
    entries = recipe.of(image).load()
    chosen = results.to_update(
        entries, lambda entry: concerns(entry, drawables) and bool(recipe.layers(image, entry))
    )
    messages: list[str] = []
    plans = [source_now(image, entry) for entry in chosen]  # all refusals before any work
    if all(plan is None for plan in plans):
        raise refusals.only_painted_depth()
    changed: list[Gimp.Layer] = []
    for entry, source in zip(chosen, plans, strict=True):
        if source is None:
            continue
        change = Change(entry=entry, operation=entry.described, options=entry.options, source=source)
        outcome = yield from run_change(worker, change)
        changed.append(outcome.layer)
        messages.extend(outcome.messages)
    outcome = Outcome(layer=changed[-1], messages=tuple(messages))
    return Updated(outcome=outcome, names=tuple(layer.get_name() for layer in changed))


def concerns(entry: Entry, drawables: Sequence[Gimp.Drawable]) -> bool:
    """Whether one of `drawables` is a layer of the result, in its group, or what it was made from."""
    selected = [Gimp.Layer.from_mask(one) if isinstance(one, Gimp.LayerMask) else one for one in drawables]
    return any(recipe.concerns(entry, layer) for layer in selected)


def source_now(image: Gimp.Image, entry: Entry) -> Source | None:
    """The inputs of `entry` as they are now; None for a depth layer that was painted on, which is left alone.

    Raises RefusedError when an input is gone or a layer is locked.
    """
    described = entry.described
    picture = recipe.find(image, entry.inputs["picture"])
    if picture is None:
        raise refusals.input_gone(described, is_depth=False, name=entry.inputs["picture"].name)
    depth = None
    if "disparity" in entry.inputs:
        depth = recipe.find(image, entry.inputs["disparity"])
        if depth is None and traits.finds_depth_layer(described):
            raise refusals.input_gone(described, is_depth=True, name=entry.inputs["disparity"].name)
    for layer in recipe.layers(image, entry):
        if not layer.is_group() and layer.get_lock_content():
            raise refusals.layer_locked(layer.get_name())
    source = sources.find(described, image, [picture], depth, into_selection=False, looks_for_depth=False)
    made = entry.outputs.get(Role.DEPTH.value)
    own = recipe.find(image, made)
    if depth is not None or made is None or own is None or depth_store.content_hash(own) == made.sha256:
        return source
    if Input.DISPARITY not in described.optional_inputs:
        return None
    return Source(image=image, picture=picture, depth=own, plain=source.plain)
