"""The depth refiner in PyTorch, as it was trained; `dioptre.models.depth_refiner` is the same network in Flax."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  (its customary name)
from torch import Tensor, nn


class Residual(nn.Module):
    """A residual block of two 3 x 3 convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(channels, channels, 3, 1, 1), nn.Conv2d(channels, channels, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.b(F.relu(self.a(x))))


class Refiner(nn.Module):
    """Network that sharpens a coarse depth map along the edges of the picture.

    out(p) = coarse(p + shift(p)) + residual(p), with |shift| at most `reach` pixels in each direction.

    Args:
        a: Channels at half the resolution.
        b: Channels at a quarter of the resolution.
        c: Channels at an eighth of the resolution.
        d: Channels at a sixteenth of the resolution.
        reach: Largest shift in pixels.
    """

    def __init__(self, a: int = 24, b: int = 40, c: int = 56, d: int = 72, reach: float = 40.0) -> None:
        super().__init__()
        self.reach = reach
        self.stem, self.enc1 = nn.Conv2d(16, a, 3, 1, 1), Residual(a)
        self.down2, self.enc2 = nn.Conv2d(a, b, 3, 2, 1), Residual(b)
        self.down3, self.enc3 = nn.Conv2d(b, c, 3, 2, 1), Residual(c)
        self.down4, self.enc4 = nn.Conv2d(c, d, 3, 2, 1), nn.Sequential(Residual(d), Residual(d))
        self.up3, self.dec3 = nn.Conv2d(d, c, 1), Residual(c)
        self.up2, self.dec2 = nn.Conv2d(c, b, 1), Residual(b)
        self.up1, self.dec1 = nn.Conv2d(b, a, 1), Residual(a)
        self.tail = nn.Conv2d(a, 32, 3, 1, 1)
        self.last1, self.last2 = nn.Conv2d(12, 16, 3, 1, 1), nn.Conv2d(16, 3, 3, 1, 1)

    def forward(self, rgb: Tensor, coarse: Tensor) -> Tensor:
        """Refine a coarse map.

        Args:
            rgb: (N, 3, H, W) in [0, 1]; H and W are multiples of 16.
            coarse: (N, 1, H, W), with its 1st and 99th percentile at 0 and 1.

        Returns:
            The refined map (N, 1, H, W).
        """
        x = torch.cat([2 * rgb - 1, 2 * coarse - 1], 1)
        e1 = self.enc1(F.relu(self.stem(F.pixel_unshuffle(x, 2))))
        e2 = self.enc2(F.relu(self.down2(e1)))
        e3 = self.enc3(F.relu(self.down3(e2)))
        e4 = self.enc4(F.relu(self.down4(e3)))
        y = self.dec3(e3 + _double(self.up3(e4)))
        y = self.dec2(e2 + _double(self.up2(y)))
        y = self.dec1(e1 + _double(self.up1(y)))
        y = torch.cat([x, F.pixel_shuffle(F.relu(self.tail(y)), 2)], 1)
        y = self.last2(F.relu(self.last1(y)))
        height, width = x.shape[2:]
        shift = self.reach * torch.tanh(y[:, :2] / 2)  # Shift along columns and rows.
        row, column = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
        place = [(column + shift[:, 0]) * 2 / width - 1, (row + shift[:, 1]) * 2 / height - 1]
        moved = F.grid_sample(coarse, torch.stack(place, -1), padding_mode="border", align_corners=False)
        return moved + y[:, 2:]


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
