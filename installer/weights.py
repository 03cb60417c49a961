"""Puts the checkout's weights into the user's data folder, each file checked against the sha256 in its card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from . import trees
from .console import Failure

_GET_AGAIN = "Download or clone the whole of Dioptre again."


def cards(checkout: Path) -> dict[str, str]:
    """The sha256 of each card in the checkout's weights, by the checkpoint's id."""
    return {
        card.parent.name: hashlib.sha256(card.read_bytes()).hexdigest()
        for card in sorted((checkout / "weights").glob("*/card.json"))
    }


def complete(target: Path, wanted: Mapping[str, str]) -> bool:
    """Whether every file of the wanted checkpoints is there. A quick look: contents are checked on loading."""
    try:
        return all((target / name / file).is_file() for name in wanted for file in _files(target / name))
    except Failure:
        return False


def install(checkout: Path, target: Path, *, wanted: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Copy the checkpoints that are new, changed or incomplete; remove those of `before` that are gone.

    What the user added to `target` is left alone. Raises Failure when a file is missing or altered.
    """
    target.mkdir(parents=True, exist_ok=True)
    for name, card in wanted.items():
        if before.get(name) != card or not complete(target, {name: card}):
            _copy(checkout / "weights" / name, target / name)
    for name in before.keys() - wanted.keys():
        trees.remove(target / name)


def check(checkout: Path) -> None:
    """Raise Failure when a file of the checkout's weights is missing or does not match the SHA-256 in its "
    "model card."""
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
    """Name and bytes of each file that the card lists, once they are known to be right."""
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
    """The files that the card lists, by path below the folder, with their sha256."""
    try:
        card: Any = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        files = {str(name): str(expected) for name, expected in card["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise Failure(f"{folder / 'card.json'} is not a model card.", hint=_GET_AGAIN) from None
    if any(PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts for name in files):
        raise Failure(f"{folder / 'card.json'} names files outside its folder.", hint=_GET_AGAIN)
    return files
