"""Update: run again what made a result, after its depth layer or its picture was changed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from dioptre_link.client import Worker
from dioptre_link.errors import RefusedError
from dioptre_link.operations import Input, Role
from dioptre_link.records import GROUP, Entry

from . import depth_store, jobs, layers, recipe, sources
from .host import Gimp
from .run import Outcome
from .sources import Source


def update(worker: Worker, image: Gimp.Image, drawables: Sequence[Gimp.Drawable]) -> jobs.Steps[Outcome]:
    """Bring the results up to date that the selected layers belong to, oldest first.

    A result's layers keep their place, name, mask, mode and opacity; only their pixels change. A depth layer that
    was painted on is used as it is; one that was not is made again when the picture changed.
    """
    entries = recipe.of(image).load()
    if not entries:
        raise RefusedError("Dioptre has not made anything in this picture yet.", hint="Start with another entry.")
    chosen = [entry for entry in entries if _concerns(entry, drawables) and recipe.layers(image, entry)]
    if not chosen:
        raise RefusedError(
            "None of the selected layers was made by Dioptre, or is what a result was made from.",
            hint="Select a result's group, one of its layers, or its depth layer.",
        )
    messages: list[str] = []
    plans = [_plan(image, entry) for entry in chosen]  # all refusals before any work
    if all(plan is None for plan in plans):
        raise RefusedError(
            "The depth layer was painted on; there is no other result to bring up to date.",
            hint="To have the depth estimated again, delete the layer and make a new one.",
        )
    changed: Gimp.Layer | None = None
    for entry, source in zip(chosen, plans, strict=True):
        if source is None:
            continue
        outcome = yield from _update_one(worker, entry, source)
        changed = outcome.layer
        messages.extend(outcome.messages)
    assert changed is not None
    return Outcome(layer=changed, messages=tuple(messages))


def _concerns(entry: Entry, drawables: Sequence[Gimp.Drawable]) -> bool:
    selected = [Gimp.Layer.from_mask(one) if isinstance(one, Gimp.LayerMask) else one for one in drawables]
    return any(recipe.concerns(entry, layer) for layer in selected)


def _plan(image: Gimp.Image, entry: Entry) -> Source | None:
    """The inputs of `entry` as they are now; None for a depth layer that was painted on, which is left alone.

    Raises RefusedError when an input is gone or a layer is locked.
    """
    described = entry.described
    picture = recipe.find(image, entry.inputs["picture"])
    if picture is None:
        raise entry.gone(described, "picture")
    depth = None
    if "disparity" in entry.inputs:
        depth = recipe.find(image, entry.inputs["disparity"])
        if depth is None and Input.DISPARITY in described.inputs:
            raise entry.gone(described, "disparity")
    for layer in recipe.layers(image, entry):
        if not layer.is_group() and layer.get_lock_content():
            raise RefusedError(f"The layer “{layer.get_name()}” is locked.", hint="Unlock its pixels first.")
    source = sources.find(described, image, [picture], depth, into_selection=False)
    made = entry.outputs.get(Role.DEPTH.value)
    own = recipe.find(image, made)
    if depth is not None or made is None or own is None or depth_store.content_hash(own) == made.sha256:
        return source
    if Input.DISPARITY not in described.optional_inputs:
        return None
    return Source(image=image, picture=picture, depth=own, plain=source.plain)


def _update_one(worker: Worker, entry: Entry, source: Source) -> jobs.Steps[Outcome]:
    image, described = source.image, entry.described
    with ExitStack() as files:
        sent = yield from jobs.send(worker, source, files)
        result = yield from jobs.work(worker, described, entry.options, source, sent)
        try:
            filled = yield from layers.fill(source, result)
        finally:
            result.delete()
    try:
        with layers.undo_step(image), layers.nothing_selected(image):
            outputs = dict(entry.outputs)
            for one in filled:
                layer = recipe.find(image, entry.outputs.get(one.role.value))
                if layer is None or (source.depth is not None and _same(layer, source.depth)):
                    continue
                layers.replace_content(layer, one)
                if one.depth_key:
                    depth_store.mark(layer, one.depth_key)
                outputs[one.role.value] = recipe.link(layer, sha256=one.depth_key)
            inputs = dict(entry.inputs, picture=recipe.link(source.picture, sha256=sent.picture_sha256))
            made = {"values": dict(result.values), "models": dict(result.models)}
            recipe.of(image).put(entry, outputs=outputs, inputs=inputs, **made)
    finally:
        layers.discard(filled)
    return Outcome(layer=_top(image, entry), messages=(*sent.messages, *result.messages))


def _top(image: Gimp.Image, entry: Entry) -> Gimp.Layer:
    return recipe.find(image, entry.outputs.get(GROUP)) or recipe.layers(image, entry)[0]


def _same(one: Gimp.Layer, other: Gimp.Layer) -> bool:
    return one.get_tattoo() == other.get_tattoo()
