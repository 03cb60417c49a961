"""Copy the checkout's weights to the user's data folder and check each file against the SHA-256 in its card."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from . import trees
from .console import Failure

_GET_AGAIN = "Download or clone the whole of Dioptre again."


def cards(checkout: Path) -> dict[str, str]:
    """Return the SHA-256 of each card in the checkout's weights, by checkpoint id."""
    return {
        card.parent.name: hashlib.sha256(card.read_bytes()).hexdigest()
        for card in sorted((checkout / "weights").glob("*/card.json"))
    }


def complete(target: Path, wanted: Mapping[str, str]) -> bool:
    """Return whether every file of the wanted checkpoints exists. Their contents are checked on loading."""
    try:
        return all((target / name / file).is_file() for name in wanted for file in _files(target / name))
    except Failure:
        return False


def install(checkout: Path, target: Path, *, wanted: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Copy new, altered or incomplete checkpoints, and remove those of `before` that are no longer wanted.

    Checkpoints that the user added to `target` are left alone.

    Args:
        checkout: The checkout that contains the weights.
        target: The user's folder of weights.
        wanted: Hashes of the cards to install, by checkpoint id.
        before: Hashes of the cards installed before, by checkpoint id.

    Raises:
        Failure: A file is missing or altered, or a folder in `target` is not Dioptre's.
    """
    target.mkdir(parents=True, exist_ok=True)
    for name, card in wanted.items():
        if before.get(name) != card or not unaltered(target / name):
            if name not in before and os.path.lexists(target / name) and not unaltered(target / name):
                raise Failure(
                    f"{target / name} is not a network of Dioptre, or was changed.",
                    hint="Move that folder elsewhere, then run the same command again.",
                )
            _copy(checkout / "weights" / name, target / name)
    for name in before.keys() - wanted.keys():
        trees.remove(target / name)


def unaltered(folder: Path) -> bool:
    """Return whether a folder holds a card, the files that it lists, with their SHA-256, and nothing else."""
    try:
        names = {"card.json", *(name for name, _ in _contents(folder))}
    except (Failure, OSError):
        return False
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()} == names


def check(checkout: Path) -> None:
    """Check that the checkout's weights are complete and match the SHA-256 in their model cards.

    Raises:
        Failure: A file is missing or altered.
    """
    for card in sorted((checkout / "weights").glob("*/card.json")):
        for _ in _contents(card.parent):
            pass


def _copy(source: Path, target: Path) -> None:
    new = target.with_name(f".{target.name}.new")
    trees.remove(new)
    for name, content in _contents(source):
        (new / name).parent.mkdir(parents=True, exist_ok=True)
        (new / name).write_bytes(content)
    (new / "card.json").write_bytes((source / "card.json").read_bytes())
    if not trees.remove(target):
        raise trees.in_use(target)
    trees.rename(new, target)


def _contents(source: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each file that the card lists, after verifying its hash."""
    for name, expected in _files(source).items():
        if not (source / name).is_file():
            raise Failure(
                f"The weights of {source.name} are incomplete: {source / name} is missing.", hint=_GET_AGAIN
            )
        content = (source / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != expected:
            raise Failure(
                f"The weights of {source.name} are damaged: {source / name} does not match the SHA-256 in its "
                "model card.",
                hint=_GET_AGAIN,
            )
        yield name, content


def _files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file that the card lists, by its path within the folder."""
    try:
        card: Any = trees.read_json(folder / "card.json")
        files = {str(name): str(expected) for name, expected in card["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise Failure(f"{folder / 'card.json'} is not a model card.", hint=_GET_AGAIN) from None
    if any(PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts for name in files):
        raise Failure(f"{folder / 'card.json'} names files outside its folder.", hint=_GET_AGAIN)
    return files
