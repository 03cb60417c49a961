"""Contact sheets of tiny or very thin pictures are created quickly and have legible captions."""

from __future__ import annotations

import numpy as np
import pytest

from dioptre.photo.encode.sheet import Panel, sheet


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (500, 1, 3)])
def test_captions_have_room(shape: tuple[int, ...]) -> None:
    panels = [Panel(caption="Depth (white is near)", pixels=np.ones(shape, np.float32)) for _ in range(3)]
    page = sheet(panels)
    assert page.shape[1] > 280
    assert len(np.unique(page)) > 2
