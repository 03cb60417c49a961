"""The registry: every bundled network loads and matches its checkpoints, whose source is stated."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dioptre.checkpoints.card import Card
from dioptre.checkpoints.locate import verify
from dioptre.models.loading import load_model, unload_after
from dioptre.models.registry import DEFAULTS, ENTRIES, ModelKind, converter, find, resolve
from dioptre_link.errors import UsageError
from tests.tracked import tracked

BUNDLED = [entry for entry in ENTRIES.values() if not entry.convert]
LARGEST_TOTAL = 64 << 20  # Limit in bytes for a checkout.


@pytest.mark.parametrize("entry", BUNDLED, ids=lambda entry: entry.id)
def test_bundled_networks_load_with_every_value_in_place(entry: object) -> None:
    model = load_model(entry.id)  # type: ignore[attr-defined]
    assert model.checksums.keys() == model.entry.checkpoints.keys()
    assert model is load_model(model.entry.id), "a network is loaded once"


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda entry: entry.id)
def test_every_name_in_the_registry_leads_somewhere(entry: object) -> None:
    for reference in (entry.module, entry.convert):  # type: ignore[attr-defined]
        assert not reference or callable(resolve(reference))


def test_there_is_a_default_of_each_kind_and_it_is_bundled() -> None:
    assert DEFAULTS.keys() == set(ModelKind)
    for kind in DEFAULTS:
        assert find("default", kind=kind) in BUNDLED


def test_networks_make_room_after_a_very_large_picture_alone() -> None:
    kept = load_model("modnet")
    unload_after((3000, 4000))
    assert load_model("modnet") is kept
    unload_after((9000, 12000))
    assert load_model("modnet") is not kept


def test_a_model_of_another_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        find("modnet", kind=ModelKind.DEPTH)
    assert "dioptre-depth-small" in caught.value.hint


def test_bundled_models_cannot_be_added_by_hand() -> None:
    with pytest.raises(UsageError, match="is bundled with Dioptre"):
        converter(ENTRIES["dioptre-depth-small"])


def test_all_bundled_weights_are_whole_licensed_and_small(checkout: Path) -> None:
    folders = [path.parent for path in tracked("weights/*/card.json")]
    assert {folder.name for folder in folders} == {name for entry in BUNDLED for name in entry.checkpoints}
    for folder in folders:
        card: Card = verify(folder)
        assert card.licence
        assert card.notice
        assert card.parity
        assert card.sources
    total = sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
    assert total <= LARGEST_TOTAL


_LISTING = """
import sys
from dataclasses import asdict
from dioptre.models.registry import networks
import dioptre.worker.session
assert {"id", "installed", "download_bytes", "licence"} <= asdict(networks()[0]).keys()
print(sorted({"numpy", "jax", "flax"} & sys.modules.keys()))
"""


def test_listing_imports_no_libraries() -> None:
    """The worker answers clients before it has loaded NumPy and JAX, which two threads must not import at once."""
    done = subprocess.run([sys.executable, "-c", _LISTING], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
