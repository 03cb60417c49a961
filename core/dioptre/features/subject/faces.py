"""Find the faces of a subject, or else its heads: the parts of people and animals that a lens focuses on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int
from scipy import ndimage

from dioptre.imaging.closer_look import Window
from dioptre.imaging.resize import resize

from .components import label_regions
from .views import Views

_SURE = 0.5  # a pixel shows a face if its probability is higher than this
_CERTAIN = 0.9983  # smallest 90th percentile of the probabilities of a face; a scooter's handlebar reaches .998
_LEAST_PX = 90  # smallest area of a face; half a patch of the network
_SUREST = 0.999  # upper limit of probabilities before their log odds are averaged
_SPREAD = 0.15  # standard deviation of that average, as a fraction of the face's side
_LARGE = 0.25  # faces that cover less than this fraction of the largest one's area are not focused on


@dataclass(frozen=True, kw_only=True)
class Faces:
    """Where a picture shows faces and heads, on the networks' square.

    Attributes:
        face: (s, s) in [0, 1], probability that a pixel shows a face.
        head: the same for heads, seen from any side.
    """

    face: Float32[np.ndarray, "s s"]
    head: Float32[np.ndarray, "s s"]

    @staticmethod
    def of(views: Views, window: Window | None = None) -> Faces | None:
        """Return the faces of a picture, seen more closely inside the window; None if the network finds none."""
        whole = views.saliency()
        if whole.face is None or whole.head is None:
            return None
        closer = None if window is None else views.saliency(window)
        if window is None or closer is None or closer.face is None or closer.head is None:
            return Faces(face=whole.face, head=whole.head)
        return Faces(
            face=_replaced(whole.face, window, closer.face), head=_replaced(whole.head, window, closer.head)
        )

    def inside(self, subject: Bool[np.ndarray, "s s"]) -> tuple[Int[np.ndarray, "s s"], list[int]]:
        """Find the subject's large faces; its heads if no face is seen.

        Args:
            subject: (s, s), the pixels of the subject.

        Returns:
            Labels of the regions that may be faces, and the labels of those that are, in order of decreasing size.
        """
        for seen in (self.face, self.head):
            labels, _ = label_regions((seen > _SURE) & subject)
            sizes = np.bincount(labels.ravel())
            certain = [
                number
                for number in range(1, len(sizes))
                if sizes[number] >= _LEAST_PX and np.percentile(seen[labels == number], 90) >= _CERTAIN
            ]
            if certain:
                return labels, [number for number in certain if sizes[number] >= _LARGE * sizes[certain[0]]]
        return labels, []

    def middle(self, part: Bool[np.ndarray, "s s"]) -> tuple[float, float]:
        """Return the point (x, y) of a face or head that is most certainly one, as fractions of the sides."""
        seen = np.clip(self.face if (self.face[part] > _SURE).any() else self.head, _SURE, _SUREST)
        odds = np.where(part, np.log(seen / (1 - seen)), 0)
        sure = ndimage.gaussian_filter(odds, _SPREAD * float(part.sum()) ** 0.5, mode="constant")
        row, column = np.unravel_index(np.argmax(np.where(part, sure, -1)), part.shape)
        return (float(column) + 0.5) / part.shape[1], (float(row) + 0.5) / part.shape[0]


def _replaced(
    whole: Float32[np.ndarray, "s s"], window: Window, part: Float32[np.ndarray, "s s"]
) -> Float32[np.ndarray, "s s"]:
    """Return a map of the whole picture, replaced inside the window by the map of the window."""
    inside = window.at((whole.shape[0], whole.shape[1]))
    made = whole.copy()
    inside.of(made)[...] = resize(part, (inside.height, inside.width), method="area")
    return made
