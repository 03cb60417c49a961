"""Pack pictures with depth into one small file for a machine without network access.

    python -m training.depth.pack PACK.npz --nyu DATA/nyu --renders RENDERS --labels LABELS --limit-mib 20

Pictures are stored as JPEG, inverse depth as 8-bit PNG of half the size on a logarithmic scale (steps of 2%;
unknown = 0). The sets contribute in turn until the limit is reached: half of the pictures come from NYU Depth v2,
the others are rendered pictures and photographs.
"""

import argparse
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from .cache import Read, labelled_sources, nyu_sources, rendered_sources
from .views import Source

SHORT_SIDE_PX = 336
QUALITY = 82
_DECADES = 2.5  # Range of inverse depth below its largest value, in decades; farther pixels are clipped.


def packed(source: Source) -> tuple[bytes, bytes]:
    """Return a picture as JPEG and its disparity as PNG."""
    scale = min(1.0, SHORT_SIDE_PX / min(source.disparity.shape))
    size = tuple(round(side * scale) for side in source.disparity.shape[::-1])
    picture, depth = io.BytesIO(), io.BytesIO()
    Image.fromarray(source.srgb).resize(size, Image.Resampling.LANCZOS).save(picture, "JPEG", quality=QUALITY)
    rows, columns = (np.arange(side // 2) * 2 + 1 for side in size[::-1])
    i, j = (
        np.minimum((k / scale).astype(int), n - 1)
        for k, n in zip((rows, columns), source.disparity.shape, strict=True)
    )
    disparity = source.disparity[i[:, None], j]
    largest = np.nanmax(disparity)
    level = 1 + np.log10(np.maximum(disparity / largest, 10.0**-_DECADES)) / _DECADES
    codes = np.where(np.isnan(disparity), 0, 1 + np.rint(254 * np.nan_to_num(level)))
    Image.fromarray(codes.astype(np.uint8)).save(depth, "PNG", optimize=True)
    return picture.getvalue(), depth.getvalue()


def unpacked(picture: bytes, depth: bytes, *, exact: bool) -> Source:
    """Reverse `packed`, except for rounding.

    Args:
        picture: The JPEG file.
        depth: The PNG file.
        exact: Whether the depth is accurate at edges.

    Returns:
        The picture, and the disparity at the picture's size, scaled to a maximum of 1.
    """
    srgb = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
    image = Image.open(io.BytesIO(depth)).resize(srgb.shape[1::-1], Image.Resampling.NEAREST)
    codes = np.asarray(image, np.float32)
    disparity = 10.0 ** (_DECADES * ((codes - 1) / 254 - 1))
    return Source(srgb=srgb, disparity=np.where(codes > 0, disparity, np.nan).astype(np.float32), exact=exact)


@dataclass(frozen=True, kw_only=True)
class Set:
    """Functions that read a set's pictures, and whether their depth is exact or measured."""

    readers: list[Read]
    exact: bool = False
    measured: bool = False


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A packed picture: its JPEG and PNG files, and whether its depth is exact or measured."""

    jpeg: bytes
    png: bytes
    exact: bool
    measured: bool

    def source(self) -> Source:
        """Unpack the picture."""
        return unpacked(self.jpeg, self.png, exact=self.exact)


def write(path: Path, sets: list[Set], *, limit_bytes: int, seed: int = 0) -> int:
    """Write as many pictures as fit, taken from the sets in turn, and return their number."""
    rng = np.random.default_rng(seed)
    queues = [(list(rng.permutation(len(one.readers))), one) for one in sets]
    blobs: list[tuple[bytes, bytes]] = []
    kinds: list[tuple[bool, bool]] = []
    size = 0
    while size < limit_bytes and any(order for order, _ in queues):
        for order, one in queues:
            if order and size < limit_bytes:
                blobs.append(packed(one.readers[order.pop()]()))
                kinds.append((one.exact, one.measured))
                size += sum(map(len, blobs[-1])) + 16
    joined = b"".join(part for pair in blobs for part in pair)
    lengths = np.array([[len(part) for part in pair] for pair in blobs], np.int32)
    np.savez(path, bytes=np.frombuffer(joined, np.uint8), lengths=lengths, kinds=np.array(kinds))
    return len(blobs)


def read(path: Path) -> list[Picture]:
    """Read the pictures of a pack."""
    with np.load(path) as file:
        joined, lengths, kinds = file["bytes"].tobytes(), file["lengths"], file["kinds"]
    ends = np.cumsum(lengths.ravel())
    parts = [joined[end - length : end] for end, length in zip(ends, lengths.ravel(), strict=True)]
    return [
        Picture(jpeg=jpeg, png=png, exact=bool(exact), measured=bool(measured))
        for jpeg, png, (exact, measured) in zip(parts[::2], parts[1::2], kinds, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--nyu", type=Path, required=True)
    parser.add_argument("--renders", type=Path, required=True)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--limit-mib", type=float, default=20)
    options = parser.parse_args()
    nyu, renders = nyu_sources(options.nyu), rendered_sources(options.renders)
    rooms = [Set(readers=part, measured=True) for part in (nyu[::2], nyu[1::2])]
    sets = [*rooms, Set(readers=renders, exact=True)]
    if options.labels:
        sets.append(Set(readers=labelled_sources(options.labels)))
    count = write(options.pack, sets, limit_bytes=int(options.limit_mib * 2**20))
    print(f"{count} pictures, {options.pack.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
