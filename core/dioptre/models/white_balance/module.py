"""The white-balance estimator in Flax NNX.

The illuminant is first estimated from log-chroma histograms by a small convolutional network that ends in a heat
map, as in "Fast Fourier Color Constancy" (Barron and Tsai, CVPR 2017): a colour cast shifts the histogram, and
convolutions are equivariant to shifts. A second branch processes the picture itself, both unchanged and with this
first estimate removed, to recognise content such as sky, skin or grass. Both branches use a coarse thumbnail. A
finer thumbnail supplies the range of each channel and the colours of the lightest and darkest spots. All of this
determines the illuminant, the residual polynomial, the confidence in both, and the expected error.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from dioptre.imaging.encoding import srgb_to_linear

from . import WhiteBalanceConfig

# Powers of the Minkowski means: 1 is grey-world, higher ones are shades of grey (Finlayson and Trezzi 2004).
_POWERS = (1, 2, 6)
# Powers for means that include clipped pixels, whose unclipped channels still depend on the illuminant.
_POWERS_OF_ALL = (1, 6, 12)
_BANDS = (0.1, 0.3, 0.6, 0.85)  # centres of brightness bands, as fractions of the picture's maximum
_STATISTICS = 2 * len(_POWERS) + 2 + 2 * len(_POWERS_OF_ALL) + 1 + 4 + 4 + 2 * len(_BANDS)
_CLIPPED = 0.985
_LEVELS = (2.5, 7.5, 20.5, 50.5, 101.5, 153.5, 191.5, 216.5, 234.5, 244.5, 251.5, 253.5)
"""Thresholds for channel values from 0 to 255, placed between the integers so that rounding has no effect."""
_NEAR_EXTREME = (16, 64)  # powers so high that the mean approaches the largest value
_SPOTS = (("lightest", 0.01), ("lightest", 0.04), ("darkest", 0.01), ("darkest", 0.04), ("whitest", 0.02))
_EXTREMES = 3 * (2 * len(_LEVELS) + 2 * len(_NEAR_EXTREME)) + 2 * len(_SPOTS)
_CONTRASTS = 4
# Number of bins per axis, and maximum log-chroma (±), of the histograms centred on the shades-of-grey estimate.
_CELLS, _REACH = 8, 1.05


class Reading(NamedTuple):
    """Output of the network for n thumbnails.

    Attributes:
        chroma: the illuminant's (ln r/g, ln b/g) in linear sRGB.
        residual: coefficients of the residual polynomial.
        belief: logit of the confidence in both of these; negative if the confidence is less than 50%.
        log_error: natural logarithm of the expected error after the correction (CIELAB ΔE, averaged over the
            picture).
    """

    chroma: Float[Array, "n 2"]
    residual: Float[Array, "n 9 3"]
    belief: Float[Array, "n"]
    log_error: Float[Array, "n"]


class WhiteBalanceEstimator(nnx.Module):
    """Network that estimates the illuminant and a colour correction (see the module's docstring)."""

    def __init__(self, config: WhiteBalanceConfig, *, rngs: nnx.Rngs) -> None:
        self.config = config
        h, p, wide = config.histogram_width, config.picture_width, config.hidden_width
        self.hist_in = _conv(5, h, rngs=rngs)
        self.hist_down1 = _conv(h, 2 * h, stride=2, rngs=rngs)
        self.hist_down2 = _conv(2 * h, 4 * h, stride=2, rngs=rngs)
        self.hist_down3 = _conv(4 * h, 4 * h, stride=2, rngs=rngs)
        self.hist_up2 = _conv(8 * h, 2 * h, rngs=rngs)
        self.hist_up1 = _conv(4 * h, h, rngs=rngs)
        self.heat = nnx.Conv(h, 1, (3, 3), padding="SAME", rngs=rngs)
        self.prior = nnx.Param(jnp.zeros((config.bins // 2, config.bins // 2)))
        self.picture = nnx.List(
            [
                _conv(7, p, stride=2, rngs=rngs),
                _conv(p, 2 * p, stride=2, rngs=rngs),
                _conv(2 * p, 3 * p, stride=2, rngs=rngs),
                _conv(3 * p, 4 * p, stride=2, rngs=rngs),
            ]
        )
        seen = 2 * 4 * p + 2 * 4 * h + 2 + _STATISTICS + 2 * _CELLS**2 + _EXTREMES + _CONTRASTS
        self.hidden = nnx.Linear(seen, wide, rngs=rngs)
        self.hidden2 = nnx.Linear(wide, config.reading_width, rngs=rngs)
        wide = config.reading_width
        small = nnx.initializers.normal(1e-3)
        self.shift = nnx.Linear(wide, 2, kernel_init=small, rngs=rngs)
        self.bend = nnx.Linear(wide, config.bends, kernel_init=small, rngs=rngs)
        self.basis = nnx.Linear(config.bends, 27, kernel_init=nnx.initializers.normal(0.1), rngs=rngs)
        self.scene = nnx.Linear(seen, config.scene_width, rngs=rngs)
        self.belief = nnx.Linear(wide + config.scene_width, 1, kernel_init=small, rngs=rngs)
        self.error = nnx.Linear(wide, 1, kernel_init=small, rngs=rngs)

    def __call__(self, thumbnail: Float[Array, "n side side 3"]) -> Reading:
        """Estimate the illuminant and the correction from sRGB-encoded thumbnails in [0, 1]."""
        return self.reading(self.features(thumbnail))

    def features(self, thumbnail: Float[Array, "n side side 3"]) -> Float[Array, "n features"]:
        """Return the input features of `reading`, which begin with the first estimate of the illuminant."""
        extremes, thumbnail = _extremes(thumbnail), _coarse(thumbnail, self.config.coarse_px)
        linear = srgb_to_linear(thumbnail)
        chroma = self._chroma(linear)
        guess, deep = self._heat_map(self._histograms(thumbnail, linear, chroma))
        without = jnp.clip(chroma - guess[:, None, None, :], -self.config.chroma_range, self.config.chroma_range)
        shown = jnp.concatenate([thumbnail - 0.4, chroma, without], axis=-1)
        for layer in self.picture:
            shown = nnx.relu(layer(shown))
        statistics = _statistics(thumbnail, linear, chroma)
        shade = statistics[:, 2 * (len(_POWERS) - 1) : 2 * len(_POWERS)]
        around, contrasts = _around(shade, thumbnail, chroma), _contrasts(thumbnail, linear)
        seen = [guess, _pooled(shown), _pooled(deep), statistics, around, extremes, contrasts]
        return jnp.concatenate(seen, axis=-1)

    def reading(self, features: Float[Array, "n features"]) -> Reading:
        """Compute the outputs from the features."""
        guess = features[:, :2]
        hidden = nnx.relu(self.hidden(features))
        hidden = nnx.relu(self.hidden2(hidden))
        limit = self.config.residual_limit
        residual = limit * jnp.tanh(self.basis(self.bend(hidden)) / limit)
        return Reading(
            chroma=guess + self.shift(hidden),
            residual=residual.reshape(-1, 9, 3),
            belief=self.belief(jnp.concatenate([hidden, nnx.relu(self.scene(features))], axis=-1))[:, 0],
            log_error=self.error(hidden)[:, 0],
        )

    def _chroma(self, linear: Float[Array, "n h w 3"]) -> Float[Array, "n h w 2"]:
        log = jnp.log(jnp.maximum(linear, 1e-3))
        limit = self.config.chroma_range
        return jnp.clip(log[..., ::2] - log[..., 1:2], -limit, limit)

    def _histograms(
        self, thumbnail: Float[Array, "n h w 3"], linear: Float[Array, "n h w 3"], chroma: Float[Array, "n h w 2"]
    ) -> Float[Array, "n bins bins 5"]:
        """Return log-chroma histograms of different sets of pixels.

        The channels are: all usable pixels, the brightest, the edges, the occupied bins, and partly clipped pixels.
        """
        bins, limit = self.config.bins, self.config.chroma_range
        peak, low = _largest(thumbnail), _least(thumbnail)
        usable = ((peak < _CLIPPED) & (low > 0.02)).astype(jnp.float32)
        weights = [usable * jnp.sqrt(peak), usable * peak**4]
        step = _sum(jnp.abs(jnp.diff(linear, axis=1, prepend=linear[:, :1])))
        step += _sum(jnp.abs(jnp.diff(linear, axis=2, prepend=linear[:, :, :1])))
        weights.append(usable * jnp.sqrt(step))
        weights.append(((peak >= _CLIPPED) & (low > 0.02) & (low < 0.97)).astype(jnp.float32))
        position = (chroma + limit) / (2 * limit) * (bins - 1)
        n = thumbnail.shape[0]
        tents = [
            jnp.maximum(1 - jnp.abs(position[..., axis].reshape(n, -1, 1) - jnp.arange(bins)), 0) for axis in (0, 1)
        ]
        planes = []
        for weight in weights:
            plane = jnp.einsum("npu,np,npv->nuv", tents[0], weight.reshape(n, -1), tents[1])
            planes.append(jnp.sqrt(plane / (jnp.sum(plane, axis=(1, 2), keepdims=True) + 1e-6)))
        planes.insert(3, (planes[0] > 0.01).astype(jnp.float32))
        return jnp.stack(planes, axis=-1)

    def _heat_map(
        self, histograms: Float[Array, "n bins bins 5"]
    ) -> tuple[Float[Array, "n 2"], Float[Array, "n low low deep"]]:
        """Return the mean chroma of the heat map, and the features at the lowest resolution."""
        x0 = nnx.relu(self.hist_in(histograms))
        x1 = nnx.relu(self.hist_down1(x0))
        x2 = nnx.relu(self.hist_down2(x1))
        deep = nnx.relu(self.hist_down3(x2))
        y2 = nnx.relu(self.hist_up2(jnp.concatenate([_double(deep), x2], axis=-1)))
        y1 = nnx.relu(self.hist_up1(jnp.concatenate([_double(y2), x1], axis=-1)))
        heat = self.heat(y1)[..., 0] + self.prior[...]
        n, cells, _ = heat.shape
        share = jax.nn.softmax(heat.reshape(n, -1), axis=-1).reshape(n, cells, cells)
        places = jnp.linspace(-self.config.chroma_range, self.config.chroma_range, cells)
        chroma = jnp.stack([jnp.sum(share, axis=2) @ places, jnp.sum(share, axis=1) @ places], axis=-1)
        return chroma, deep


def _statistics(
    thumbnail: Float[Array, "n h w 3"], linear: Float[Array, "n h w 3"], chroma: Float[Array, "n h w 2"]
) -> Float[Array, "n statistics"]:
    """Return classical estimates of the illuminant, and statistics of the thumbnail's brightness and colours."""
    unclipped = (_largest(thumbnail)[..., None] < _CLIPPED).astype(jnp.float32)
    bright = jnp.mean(thumbnail, axis=(1, 2, 3))[:, None]
    of_usable = _chroma_of_means(linear, unclipped + 1e-4, _POWERS)
    of_all = _chroma_of_means(linear, jnp.ones_like(unclipped), _POWERS_OF_ALL)
    clipped = 1 - jnp.mean(unclipped, axis=(1, 2))
    edges = jnp.abs(jnp.diff(linear, axis=1))[:, :, 1:] + jnp.abs(jnp.diff(linear, axis=2))[:, 1:]
    both = unclipped[:, 1:, 1:] * unclipped[:, :-1, 1:] * unclipped[:, 1:, :-1]
    of_edges = _chroma_of_means(edges, both + 1e-4, (1, 6))  # grey-edge (van de Weijer and others 2007)
    amount = jnp.sum(unclipped, axis=(1, 2)) + 1e-3
    mean = jnp.sum(unclipped * chroma, axis=(1, 2)) / amount
    spread = jnp.sqrt(jnp.sum(unclipped * (chroma - mean[:, None, None]) ** 2, axis=(1, 2)) / amount + 1e-6)
    light = _sum(thumbnail)[..., None] / 3
    share = light / jnp.maximum(jnp.max(light, axis=(1, 2), keepdims=True), 0.02)
    of_bands = [_chroma_of_means(linear, jnp.exp(-(((share - band) / 0.1) ** 2)) + 1e-4, (1,)) for band in _BANDS]
    found = [of_usable, bright, bright * bright, of_all, clipped, of_edges, mean, spread, *of_bands]
    return jnp.concatenate(found, axis=-1)


def _coarse(thumbnail: Float[Array, "n side side 3"], side_px: int) -> Float[Array, "n h w 3"]:
    """Return the thumbnail reduced to `side_px` by averaging equal squares of pixels."""
    n, times = len(thumbnail), thumbnail.shape[1] // side_px
    return jnp.mean(thumbnail.reshape(n, side_px, times, side_px, times, 3), axis=(2, 4))


def _extremes(thumbnail: Float[Array, "n side side 3"]) -> Float[Array, "n extremes"]:
    """Return the range of each channel, and the colours of the lightest and the darkest spots.

    The illuminant limits the colours that can occur (Forsyth 1990), and a few bright pixels suffice to reveal the
    limit.
    """
    n = len(thumbnail)
    encoded = jnp.moveaxis(thumbnail.reshape(n, -1, 3), -1, 1)
    one = jnp.ones(encoded.shape[-1])
    above = jnp.stack([(encoded > level / 255).astype(jnp.float32) @ one for level in _LEVELS], axis=1) / len(one)
    shares = jnp.concatenate([above, 1 - above], axis=1).reshape(n, -1)
    found = [jnp.log(shares + 1e-4) / 9]
    for power in _NEAR_EXTREME:
        found.append(jnp.mean(encoded**power, axis=2) ** (1 / power))
        found.append(1 - jnp.mean((1 - encoded) ** power, axis=2) ** (1 / power))
    red, green, blue = encoded[:, 0], encoded[:, 1], encoded[:, 2]
    brightness, least = (red + green + blue) / 3, jnp.minimum(jnp.minimum(red, green), blue)
    rank = {"lightest": brightness, "darkest": -brightness, "whitest": least}
    linear = srgb_to_linear(encoded)
    for spots, width in _SPOTS:
        share = jax.nn.softmax(rank[spots] / width, axis=1)
        log = jnp.log(jnp.einsum("np,ncp->nc", share, linear) + 1e-3)
        found.append(log[:, ::2] - log[:, 1:2])
    return jnp.concatenate(found, axis=-1)


def _contrasts(thumbnail: Float[Array, "n h w 3"], linear: Float[Array, "n h w 3"]) -> Float[Array, "n contrasts"]:
    """Return the contrast of red and blue relative to green, and their covariance with green.

    A constant offset over the whole picture, such as haze or a wrong black level in a raw file, does not affect
    these.
    """
    n = len(thumbnail)
    unclipped = (_largest(thumbnail) < _CLIPPED).astype(jnp.float32).reshape(n, -1)
    amount = jnp.sum(unclipped, axis=1, keepdims=True) + 1e-3
    channels = [linear[..., k].reshape(n, -1) for k in range(3)]
    away = [(c - jnp.sum(unclipped * c, axis=1, keepdims=True) / amount) * unclipped for c in channels]

    def together(first: int, second: int) -> Float[Array, "n"]:
        return jnp.sum(away[first] * away[second], axis=1) / amount[:, 0]

    green = together(1, 1) + 1e-8
    spread = [0.5 * jnp.log((together(k, k) + 1e-8) / green) for k in (0, 2)]
    along = [jnp.log(jnp.maximum(together(k, 1), 0) / green + 0.02) for k in (0, 2)]
    return jnp.clip(jnp.stack(spread + along, axis=-1), -3, 3)


def _around(
    centre: Float[Array, "n 2"], thumbnail: Float[Array, "n h w 3"], chroma: Float[Array, "n h w 2"]
) -> Float[Array, "n cells"]:
    """Return coarse log-chroma histograms, centred on `centre`, of all pixels and of the bright ones.

    They hardly depend on the illuminant and thus describe the picture's own colours.
    """
    n, peak = len(thumbnail), _largest(thumbnail)
    usable = ((peak < _CLIPPED) & (_least(thumbnail) > 0.02)).astype(jnp.float32)
    places = jnp.linspace(-_REACH, _REACH, _CELLS)
    away = jnp.clip(chroma - centre[:, None, None], -_REACH, _REACH).reshape(n, -1, 2)
    tents = [jnp.maximum(1 - jnp.abs(away[..., k, None] - places) * (_CELLS - 1) / (2 * _REACH), 0) for k in (0, 1)]
    planes = []
    for weight in (usable * jnp.sqrt(peak), usable * peak**4):
        plane = jnp.einsum("npu,np,npv->nuv", tents[0], weight.reshape(n, -1), tents[1]).reshape(n, -1)
        planes.append(jnp.sqrt(plane / (jnp.sum(plane, axis=1, keepdims=True) + 1e-6)))
    return jnp.concatenate(planes, axis=-1)


def _chroma_of_means(
    linear: Float[Array, "n h w 3"], weights: Float[Array, "n h w 1"], powers: tuple[int, ...]
) -> Float[Array, "n c"]:
    """Return (ln r/g, ln b/g) of the weighted means for every power."""
    found = []
    for power in powers:
        mean = jnp.sum(weights * linear**power, axis=(1, 2)) / jnp.sum(weights, axis=(1, 2))
        log = jnp.log(jnp.maximum(mean, 1e-12)) / power
        found += [log[:, 0:1] - log[:, 1:2], log[:, 2:3] - log[:, 1:2]]
    return jnp.clip(jnp.concatenate(found, axis=-1), -3, 3)


def _largest(colours: Float[Array, "*batch 3"]) -> Float[Array, "*batch"]:
    """Return the largest channel, written out: XLA's reductions of three values are 20 times slower on a CPU."""
    return jnp.maximum(jnp.maximum(colours[..., 0], colours[..., 1]), colours[..., 2])


def _least(colours: Float[Array, "*batch 3"]) -> Float[Array, "*batch"]:
    return jnp.minimum(jnp.minimum(colours[..., 0], colours[..., 1]), colours[..., 2])


def _sum(colours: Float[Array, "*batch 3"]) -> Float[Array, "*batch"]:
    return colours[..., 0] + colours[..., 1] + colours[..., 2]


def _conv(inputs: int, outputs: int, *, stride: int = 1, rngs: nnx.Rngs) -> nnx.Conv:
    return nnx.Conv(inputs, outputs, (3, 3), strides=(stride, stride), padding="SAME", rngs=rngs)


def _double(x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c"]:
    return jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)


def _pooled(x: Float[Array, "n h w c"]) -> Float[Array, "n c2"]:
    return jnp.concatenate([jnp.mean(x, axis=(1, 2)), jnp.max(x, axis=(1, 2))], axis=-1)
