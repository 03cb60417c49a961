"""Prepare the inputs of the subject head: the backbone's features, the picture, and U²-Net-P's map."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from dioptre.features.subject.views import network_input
from dioptre.imaging.resize import resize
from dioptre.models.loading import load_model
from dioptre.models.subject.config import SubjectConfig
from dioptre.models.subject.head import FINENESS, sized
from dioptre.models.subject.module import joined

_CONFIG = SubjectConfig()
FINE_PX = _CONFIG.grid * FINENESS  # Side of the head's output, in pixels.
_AGREED = 0.6  # Overlap (IoU) of the two networks' maps above which they serve as truth.

View = dict[str, np.ndarray]


class MapViewer:
    """Builder of views that prepares pictures as the product does, and includes U²-Net-P's map."""

    def __init__(self) -> None:
        self._loaded = load_model("dioptre-subject")
        network = nnx.merge(self._loaded.graph, self._loaded.state)
        seen_px = _CONFIG.grid * _CONFIG.backbone.patch_px

        def look(x: jax.Array) -> tuple[jax.Array, jax.Array]:
            return network.backbone(sized(x, seen_px))[:, 0, 1:], network.edges(x)[0, ..., 0]

        def agreed(x: jax.Array) -> tuple[jax.Array, jax.Array]:
            edges = network.edges(x)
            features = network.backbone(sized(x, seen_px))[:, :, 1:]
            features = features.reshape(len(features), 1, _CONFIG.grid, _CONFIG.grid, -1)
            logits = network.head(features, sized(x, FINE_PX))
            place = sized(jax.nn.sigmoid(logits)[..., None], _CONFIG.side_px)
            return jnp.stack([place, edges])[..., 0, :, :, 0], joined(place, edges, _CONFIG)[0, ..., 0]

        self._look, self._agreed = jax.jit(look), jax.jit(agreed)

    def view(self, picture: np.ndarray, target: np.ndarray, weight: np.ndarray) -> View:
        """Return the arrays of a view.

        Args:
            picture: (h, w, 3) in [0, 1].
            target: (h, w) in [0, 1].
            weight: (h, w) in [0, 1].

        Returns:
            features (k, t, c) and, in 0 to 255, picture (s, s, 3), target (s, s), weight (s, s) and edges (m, m).
        """
        small = squeezed(picture, _CONFIG.side_px)
        features, edges = (np.asarray(part) for part in self._look(self._input(small)))
        planes = {"picture": squeezed(small, FINE_PX)}
        planes |= {"target": squeezed(target, FINE_PX), "weight": squeezed(weight, FINE_PX), "edges": edges}
        return {
            "features": features.astype(np.float16),
            **{name: np.round(255 * plane).astype(np.uint8) for name, plane in planes.items()},
        }

    def agreed(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the subject on which both networks agree.

        Args:
            picture: (h, w, 3) in [0, 1].

        Returns:
            The subject, 1 inside, and the weight of each pixel; None when the networks disagree.
        """
        both, whole = (np.asarray(part) for part in self._agreed(self._input(squeezed(picture, _CONFIG.side_px))))
        overlap = both.min(0).sum() / max(both.max(0).sum(), 1)
        if overlap < _AGREED:
            return None
        return (whole > 0.5).astype(np.float32), np.where(np.ptp(both, axis=0) < 0.5, 1, 0.1).astype(np.float32)

    def _input(self, small: np.ndarray) -> jax.Array:
        return jnp.asarray(network_input(small, self._loaded.entry.preprocessing)[None])


def squeezed(x: np.ndarray, side: int) -> np.ndarray:
    """Resize an array of any shape to a square, ignoring its aspect ratio, and clip it to [0, 1]."""
    made: np.ndarray = np.clip(resize(np.ascontiguousarray(x, np.float32), (side, side), method="area"), 0, 1)
    return made
