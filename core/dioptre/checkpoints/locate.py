"""Find checkpoints in the checkout, the installed package, or the user's data folder."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from dioptre_link.language import system_reason
from dioptre_link.paths import data_dir

from .card import CARD_FILE, REINSTALL, Card, WeightsError

ARRAYS_FOLDER = "arrays"
_ID = re.compile(r"[a-z0-9][a-z0-9.-]*")


def weights_folders() -> tuple[Path, ...]:
    """Return the folders that may hold checkpoints, in order of precedence.

    The `weights` folder of the checkout or the package comes first, then the user's.
    """
    package = Path(__file__).resolve().parents[1]
    bundled = [folder for folder in (package.parents[1] / "weights", package / "weights") if folder.is_dir()]
    return (*bundled, added_folder())


def added_folder() -> Path:
    """Return the folder for the installer's copy of the bundled weights and for weights added by `models add`."""
    return data_dir() / "weights"


def locate(checkpoint_id: str) -> Path:
    """Return the folder of one checkpoint; raise WeightsError if it is not installed."""
    if not _ID.fullmatch(checkpoint_id):
        raise WeightsError("There is no network named {checkpoint_id}.", checkpoint_id=repr(checkpoint_id))
    for folder in weights_folders():
        if (folder / checkpoint_id / CARD_FILE).is_file():
            return folder / checkpoint_id
    raise WeightsError(
        "The weights of {checkpoint_id} are not installed.",
        hint="Run: python3 install.py --repair, or add the network with `dioptre models add`.",
        checkpoint_id=repr(checkpoint_id),
    )


def installed() -> dict[str, Path]:
    """Return the folder of every installed checkpoint by id. Folders without a card are not checkpoints."""
    found: dict[str, Path] = {}
    for folder in weights_folders():
        for card in sorted(folder.glob(f"*/{CARD_FILE}")):
            found.setdefault(card.parent.name, card.parent)
    return found


def verify(folder: Path) -> Card:
    """Compare every file with its SHA-256 in the card and return the card.

    Raises:
        WeightsError: lists every missing, altered and unlisted file.
    """
    card = Card.read(folder)
    present = files_below(folder)
    wrong = [f"{name} is missing" for name in sorted(card.files.keys() - present.keys())]
    wrong += [f"{name} is not listed" for name in sorted(present.keys() - card.files.keys())]
    wrong += [
        f"{name} is altered"
        for name in sorted(card.files.keys() & present.keys())
        if sha256(present[name]) != card.files[name]
    ]
    if wrong or not card.files:
        raise WeightsError(
            "The weights of {model} are damaged: {faults}.",
            hint=REINSTALL,
            model=repr(card.id),
            faults="; ".join(wrong) or "no files listed",
        )
    return card


def files_below(folder: Path) -> dict[str, Path]:
    """Return every file of a checkpoint except its card, by its POSIX path inside the folder."""
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / CARD_FILE
    }


def sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError("{path} cannot be read: {reason}.", path=path, reason=system_reason(error)) from error
