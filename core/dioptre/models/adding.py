"""Add a network's published weights, which the user has as a file, to the user's data folder."""

from __future__ import annotations

from pathlib import Path

from flax import nnx

from dioptre.checkpoints.card import Card, Source
from dioptre.checkpoints.load import fill
from dioptre.checkpoints.locate import added_folder, sha256
from dioptre.checkpoints.save import save
from dioptre_link.errors import DioptreError

from .registry import Entry, converter, resolve


def add_weights(entry: Entry, file: Path, *, force: bool = False) -> Path:
    """Convert `file`, check every array against the network, save it and return its folder.

    Raises WeightsError for a file that holds something else, UsageError for a network that takes no weights, and
    DioptreError when they are here already and `force` is off.
    """
    (checkpoint,) = entry.checkpoints  # only networks of one checkpoint take weights from a file
    target = added_folder() / checkpoint
    if target.exists() and not force:
        raise DioptreError(f"{entry.title} is here already: {target}.", hint="Give --force to replace it.")
    arrays = converter(entry)(file)
    config = resolve(entry.config)
    module = resolve(entry.module)
    fill(lambda: module(config() if callable(config) else config, rngs=nnx.Rngs(0)), arrays, origin=file.name)
    card = Card(
        id=checkpoint,
        title=entry.title,
        architecture=entry.module.partition(":")[0].removeprefix("dioptre.models.").removesuffix(".module"),
        licence="LicenseRef-as-published",
        licence_doubts="Added from a file by the user: its licence is that of whoever published it.",
        sources=(Source(file=file.name, file_sha256=sha256(file), upstream=entry.title),),
    )
    return save(added_folder(), card, arrays)
