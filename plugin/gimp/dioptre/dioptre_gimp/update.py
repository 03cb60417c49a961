"""Update: recomputes a result after its picture or its depth layer has changed."""

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
    """The outcome of an update. `names` lists the updated results."""

    outcome: Outcome
    names: tuple[str, ...]

    @property
    def summary(self) -> Message:
        return Message("Updated: {names}.", names=", ".join(f"“{name}”" for name in self.names))


def update(worker: Worker, image: Gimp.Image, drawables: Sequence[Gimp.Drawable]) -> Steps[Updated]:
    """Recompute and show the results that the selected layers belong to, oldest first.

    A result's layers keep their position, name, mask, mode and opacity; only their pixels change. A depth layer
    that the user painted on is used unchanged; an untouched one is recomputed if the picture changed.
    """
    entries = recipe.of(image).load()
    chosen = results.to_update(
        entries, lambda entry: concerns(entry, drawables) and bool(recipe.layers(image, entry))
    )
    messages: list[str] = []
    plans = [source_now(image, entry) for entry in chosen]  # All refusals are raised here, before any work starts.
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
    """Return whether one of `drawables` is a layer or an input of the result, or lies inside its group."""
    selected = [Gimp.Layer.from_mask(one) if isinstance(one, Gimp.LayerMask) else one for one in drawables]
    return any(recipe.concerns(entry, layer) for layer in selected)


def source_now(image: Gimp.Image, entry: Entry) -> Source | None:
    """Return the current inputs of `entry`, or None for a painted depth layer, which Update leaves alone.

    Raises:
        RefusedError: An input is missing or a layer is locked.
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
