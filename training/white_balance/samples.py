"""Generate endless pairs of thumbnails with wrong and right white balance.

A right picture (a crop of a photograph, a developed raw, or two of these side by side) gets a different rendering
(colour matrix, exposure, tone curve), and the same picture is rendered with a cast: a setting of the white-balance
emulator or a blend of two, one of 46 other cameras developed for the wrong light, an unprocessed raw file, or a
pure change of the light. A fraction of the pictures has no cast.
"""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dioptre.colour import D65_XY, WhitePoint, adaptation_matrix
from dioptre.models.white_balance import WhiteBalanceConfig
from training.lists import listed

from .pictures import Right, crop, smaller
from .raw_files import RawFiles
from .rendering import pairs, random_rendering
from .sensors import Sensors

LISTS = Path(__file__).parent
SIDE = WhiteBalanceConfig().coarse_px
# Side of pictures that keep fine detail, such as highlights and shadows of a few pixels.
FINE_SIDE = WhiteBalanceConfig().thumbnail_px
PHOTOS_SHARE = 0.5
NOISY_SHARE = 0.3
UNKNOWN_STYLES = 0.4  # Fraction of the emulator's settings to which a difference between picture styles is added.
NATIVE = 0.5  # Fraction of other cameras' pictures that are shown as unprocessed raws.
RAW_FILES = 0.6  # Fraction of the unprocessed raws that are real, not derived from a balanced picture.
# Fraction of the unprocessed raws encoded as sRGB without a tone curve, as raw readers show them.
WITHOUT_CURVE = 0.7
# Indices of the emulator's settings shade and tungsten in the style "camera standard", never used for training.
STYLES_APART = (3, 5)
STYLES = tuple(style for style in range(10) if style not in STYLES_APART)
# Sets of photographs whose colour cast belongs to the scene; they are only shown as they are.
OWN = ("evening", "coloured")
D65 = jnp.array(D65_XY)
_RUN, _EVERY = 12, 8


def part(n: int, which: str) -> np.ndarray:
    """Return the indices of the "training", "validation" or "test" part of n pictures.

    Of every eight runs of twelve pictures the first is for tests and the fifth for validation; splitting by runs
    keeps neighbours together, which often show the same scene.
    """
    run = np.arange(n) // _RUN % _EVERY
    chosen = {"test": run == 0, "validation": run == 4, "training": (run != 0) & (run != 4)}
    return np.flatnonzero(chosen[which])


def left_out(which: str = "test") -> frozenset[str]:
    """Return the names of photographs that must not be used: by licence, or because the right balance is unknown.

    Photographs whose licences do not allow commercial use or changes are excluded from training only.
    """
    unknown = listed(LISTS / "left_out.txt")
    return unknown | listed(LISTS / "not_trained_on.txt") if which == "training" else unknown


class Material:
    """The material that `data.py` prepared, and a generator of pairs."""

    def __init__(self, folder: Path, which: str = "training", *, side: int = SIDE) -> None:
        """Load the material.

        Args:
            folder: Folder of the material.
            which: "training", "validation" or "test".
            side: Side of the pictures, SIDE or FINE_SIDE; raws have no more detail than SIDE.
        """
        self.side = side
        with np.load(folder / "photos.npz") as photos:
            keep = part(len(photos["thumbnails"]), which)
            keep = keep[~np.isin(photos["names"][keep], sorted(left_out(which)))]
            pictures, mappings = [photos["thumbnails"][keep]], [photos["mappings"][keep]]
        if which == "training" and (folder / "photos_more.npz").exists():
            with np.load(folder / "photos_more.npz") as photos:
                # The most carefully chosen photographs count twice.
                pictures += [pictures[0], photos["thumbnails"]]
                mappings += [mappings[0], photos["mappings"]]
        pictures = [smaller(thumbnails, FINE_SIDE // side) for thumbnails in pictures]
        self.photos = Right(
            pictures=np.concatenate(pictures),
            mappings=np.concatenate(mappings),
            full=np.ones(sum(map(len, pictures)), np.float32),
            linear=False,
        )
        files = {name: folder / f"photos_{name}.npz" for name in OWN}
        self.own = {name: _own(path, FINE_SIDE // side) for name, path in files.items() if path.exists()}
        self.sensors = Sensors(folder, which)
        linear, mappings, full, own, thumbnails, lights = [], [], [], [], [], []
        for path in sorted(folder.glob("raw_*.npz")):
            with np.load(path) as raw:
                keep = part(len(raw["linear"]), which)
                linear.append(raw["linear"][keep])
                mappings.append(raw["mappings"][keep])
                full.append(raw["full"][keep])
                thumbnails.append(raw["thumbnails"][keep])
                lights.append(raw["lights"][keep])
                own.append(self.sensors.nearest(str(raw["camera"]), lights[-1]))
        self.raws = Right(
            pictures=np.concatenate(linear),
            mappings=np.concatenate(mappings),
            full=np.concatenate(full),
            linear=True,
        )
        self.raw_files = RawFiles(thumbnails, lights)
        self.own_lights, self.own_rest = (np.concatenate(found) for found in zip(*own, strict=True))
        cct = np.geomspace(1900, 20000, 64)
        whites = [[WhitePoint(cct_kelvin=t, duv=d).xy for d in np.linspace(-0.03, 0.03, 9)] for t in cct]
        self.changes = np.asarray(
            jax.vmap(jax.vmap(lambda xy: adaptation_matrix(D65, xy).T))(jnp.asarray(whites, jnp.float32))
        )

    def batch(
        self,
        rng: np.random.Generator,
        size: int,
        *,
        styles: tuple[int, ...] = STYLES,
        kinds: tuple[float, ...] = (0.17, 0.44, 0.32, 0.07),
        photos: float = PHOTOS_SHARE,
        noisy: float = NOISY_SHARE,
        unknown_styles: float = UNKNOWN_STYLES,
        native: float = NATIVE,
        own: str = "",
    ) -> dict[str, Array]:
        """Return a batch of pairs.

        Args:
            rng: Source of randomness.
            size: Number of pairs.
            styles: Settings of the emulator to use.
            kinds: Fractions of pictures with no cast, an emulated cast, another camera's cast, and a pure change of
                light.
            photos: Fraction of photographs; the others are raws.
            noisy: Fraction of noisy pictures.
            unknown_styles: Fraction of the emulator's settings that are varied further.
            native: Fraction of other cameras' pictures that are unprocessed raws.
            own: Set of photographs of OWN that is used instead of the others.

        Returns:
            seen, wrong and right (size, side, side, 3), sRGB-encoded; chroma (size, 2) of the illuminant; known
            (size,), 1 where the illuminant is known; cast (size,), 1 where there is a cast.
        """
        photographs = self.own[own] if own else self.photos
        pictures, full, mappings, is_raw, index = self._pictures(rng, size, photos, photographs)
        kind = rng.choice(4, size=size, p=kinds)
        identity = np.eye(3, dtype=np.float32)
        white, sensor = (np.tile(identity, (size, 1, 1)) for _ in range(2))
        bend = np.tile(np.concatenate([identity, np.zeros((6, 3), np.float32)]), (size, 1, 1))
        shown, without_curve = np.zeros((2, size), bool)
        for row in range(size):
            if kind[row] == 1:
                bend[row] = _setting(rng, mappings[row], styles, unknown_styles)
            if kind[row] == 2 and rng.random() < native:
                shown[row], without_curve[row] = True, rng.random() < WITHOUT_CURVE
                if rng.random() < RAW_FILES:
                    pictures[row], full[row], sensor[row], white[row] = self.raw_files.draw(rng, self.side)
                else:
                    sensor[row], white[row] = self.sensors.native(rng, self._own_light(index[row]))
            elif kind[row] == 2 or (kind[row] == 1 and rng.random() < 0.1):
                white[row] = self.sensors.wrongly_set(rng)
            elif kind[row] == 3:
                white[row] = self._change(rng)
        n_noisy = round(noisy * size)
        rendering = random_rendering(rng, is_raw, n_noisy, without_curve)
        rendering["matrix"] = sensor @ rendering["matrix"]
        noise = np.where(rng.random(n_noisy) < 0.5, rng.uniform(0, 0.006, n_noisy), rng.uniform(0, 0.02, n_noisy))
        grain = rng.standard_normal((2, n_noisy, self.side, self.side, 3), np.float32)
        made = pairs(
            pictures, full, white, bend, rendering, noise=noise.astype(np.float32), grain=grain, shown=shown
        )
        return made | {"known": jnp.asarray(kind != 1, jnp.float32), "cast": jnp.asarray(kind != 0, jnp.float32)}

    def _pictures(
        self, rng: np.random.Generator, n: int, photos: float, photographs: Right
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return n random pictures.

        Returns:
            Linear right pictures, their saturation values, the settings' polynomials, which of them come from raws,
            and the index of the raw, or -1 for photographs and for composites of two pictures.
        """
        side = self.side
        pictures, mappings = np.empty((n, side, side, 3), np.float32), np.empty((n, 10, 9, 3), np.float32)
        full = np.empty(n, np.float32)
        is_raw = rng.random(n) >= photos
        index = np.full(n, -1)
        for row in range(n):
            source = self.raws if is_raw[row] else photographs
            pictures[row], full[row], mappings[row], which = crop(rng, source, side)
            index[row] = which if is_raw[row] else -1
            if rng.random() < 0.2:
                beside, other_full, other, _ = crop(rng, source, side)
                index[row] = -1
                beside = beside * (full[row] / other_full)
                cut = int(rng.integers(side // 4, 3 * side // 4))
                if rng.random() < 0.5:
                    pictures[row, cut:] = beside[cut:]
                else:
                    pictures[row, :, cut:] = beside[:, cut:]
                mappings[row] = (mappings[row] + other) / 2
            if rng.random() < 0.2:
                mappings[row] = source.mappings[rng.integers(len(source.mappings))]
        return pictures, full, mappings, is_raw, index

    def _own_light(self, raw: int) -> tuple[int, np.ndarray] | None:
        return (int(self.own_lights[raw]), self.own_rest[raw]) if raw >= 0 else None

    def _change(self, rng: np.random.Generator) -> np.ndarray:
        """Return a pure change of the light: along the Planckian locus, or by gains of any colour."""
        if rng.random() < 0.5:
            return self.changes[rng.integers(64), int(np.clip(rng.normal(4, 1.7), 0, 8))]
        gains = np.exp(rng.normal(0, 0.4, 3))
        return np.diag(gains / gains[1])


def _own(path: Path, times: int) -> Right:
    with np.load(path) as photos:
        pictures, mappings = smaller(photos["thumbnails"], times), photos["mappings"]
    return Right(pictures=pictures, mappings=mappings, full=np.ones(len(pictures), np.float32), linear=False)


def _setting(rng: np.random.Generator, mappings: np.ndarray, styles: tuple[int, ...], unknown: float) -> np.ndarray:
    """Return a polynomial for a camera setting, at full or partial strength, or for a blend of two settings.

    Args:
        rng: Source of randomness.
        mappings: (10, 9, 3) settings of the picture. They come in pairs: one white point in two picture styles.
        styles: Settings to choose from.
        unknown: Probability of adding a fraction of the difference within such a pair, for a style unlike the known
            ones.
    """
    first, second = rng.choice(styles, size=2)
    between = rng.random() if rng.random() < 0.3 else 0.0
    wrong = mappings[first] + between * (mappings[second] - mappings[first])
    if unknown and rng.random() < unknown:
        pair = rng.choice([s for s in styles if s % 2 == 0 and s + 1 in styles])
        wrong = wrong + rng.uniform(-1.2, 1.2) * (mappings[pair + 1] - mappings[pair])
    share = 1.0 if rng.random() < 0.75 else rng.uniform(0.3, 1.2)
    identity = np.concatenate([np.eye(3), np.zeros((6, 3))])
    return identity + share * (wrong - identity)
