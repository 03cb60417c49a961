"""The white-balance estimator.

Where the light's colour is, is read off log-chroma histograms by a small convolutional network that ends in a
heat map, as in "Fast Fourier Color Constancy" (Barron and Tsai, CVPR 2017): a cast shifts the histogram, and
convolutions do not mind shifts. A second branch looks at the picture itself (what is sky, skin, grass?), and both
together give the residual mapping and how large an error is to be expected.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from dioptre.imaging.encoding import srgb_to_linear

from .config import WhiteBalanceConfig


class WhiteBalanceEstimator(nnx.Module):
    """See the module's docstring."""

    def __init__(self, config: WhiteBalanceConfig, *, rngs: nnx.Rngs) -> None:
        self.config = config
        h, p = config.histogram_width, config.picture_width
        self.hist_in = _conv(4, h, rngs=rngs)
        self.hist_down1 = _conv(h, 2 * h, stride=2, rngs=rngs)
        self.hist_down2 = _conv(2 * h, 4 * h, stride=2, rngs=rngs)
        self.hist_down3 = _conv(4 * h, 4 * h, stride=2, rngs=rngs)
        self.hist_up2 = _conv(8 * h, 2 * h, rngs=rngs)
        self.hist_up1 = _conv(4 * h, h, rngs=rngs)
        self.hist_up0 = _conv(2 * h, h, rngs=rngs)
        self.heat = nnx.Conv(h, 1, (3, 3), padding="SAME", rngs=rngs)
        self.picture = nnx.List(
            [
                _conv(5, p, stride=2, rngs=rngs),
                _conv(p, 2 * p, stride=2, rngs=rngs),
                _conv(2 * p, 4 * p, stride=2, rngs=rngs),
                _conv(4 * p, 4 * p, stride=2, rngs=rngs),
            ]
        )
        width = 2 * 4 * p + 2 * 4 * h + 2
        self.hidden = nnx.Linear(width, 128, rngs=rngs)
        self.hidden2 = nnx.Linear(128, 128, rngs=rngs)
        small = nnx.initializers.normal(1e-3)
        self.shift = nnx.Linear(128, 2, kernel_init=small, rngs=rngs)
        self.residual = nnx.Linear(128, 27, kernel_init=small, rngs=rngs)
        self.error = nnx.Linear(128, 1, kernel_init=small, rngs=rngs)

    def __call__(
        self, thumbnail: Float[Array, "n side side 3"]
    ) -> tuple[Float[Array, "n 2"], Float[Array, "n 9 3"], Float[Array, "n"]]:
        """From sRGB-encoded thumbnails in [0, 1].

        Returns the light's (ln r/g, ln b/g) in linear sRGB, the coefficients of the residual polynomial, and the
        natural logarithm of the expected remaining error (CIELAB ΔE, mean over the picture).
        """
        linear = srgb_to_linear(thumbnail)
        histograms = self._histograms(thumbnail, linear)
        chroma, deep = self._heat_map(histograms)
        shown = jnp.concatenate([thumbnail, self._chroma(linear)], axis=-1) - 0.25
        for layer in self.picture:
            shown = nnx.relu(layer(shown))
        seen = [_pooled(shown), _pooled(deep), chroma]
        hidden = nnx.relu(self.hidden(jnp.concatenate(seen, axis=-1)))
        hidden = nnx.relu(self.hidden2(hidden))
        limit = self.config.residual_limit
        residual = limit * jnp.tanh(self.residual(hidden) / limit)
        return chroma + self.shift(hidden), residual.reshape(-1, 9, 3), self.error(hidden)[:, 0]

    def _chroma(self, linear: Float[Array, "n h w 3"]) -> Float[Array, "n h w 2"]:
        log = jnp.log(jnp.maximum(linear, 1e-3))
        limit = self.config.chroma_range
        return jnp.clip(log[..., ::2] - log[..., 1:2], -limit, limit)

    def _histograms(
        self, thumbnail: Float[Array, "n h w 3"], linear: Float[Array, "n h w 3"]
    ) -> Float[Array, "n bins bins 4"]:
        """Of all usable pixels, of the brightest, of the edges; and a map of where there is anything."""
        bins, limit = self.config.bins, self.config.chroma_range
        chroma = self._chroma(linear)
        peak, low = jnp.max(thumbnail, axis=-1), jnp.min(thumbnail, axis=-1)
        usable = ((peak < 0.985) & (low > 0.02)).astype(jnp.float32)
        weights = [usable * jnp.sqrt(peak), usable * peak**4]
        step = jnp.abs(jnp.diff(linear, axis=1, prepend=linear[:, :1])).sum(-1)
        weights.append(
            usable * jnp.sqrt(step + jnp.abs(jnp.diff(linear, axis=2, prepend=linear[:, :, :1])).sum(-1))
        )
        position = (chroma + limit) / (2 * limit) * (bins - 1)
        n = thumbnail.shape[0]
        tents = [
            jnp.maximum(1 - jnp.abs(position[..., axis].reshape(n, -1, 1) - jnp.arange(bins)), 0) for axis in (0, 1)
        ]
        planes = []
        for weight in weights:
            plane = jnp.einsum("npu,np,npv->nuv", tents[0], weight.reshape(n, -1), tents[1])
            planes.append(jnp.sqrt(plane / (jnp.sum(plane, axis=(1, 2), keepdims=True) + 1e-6)))
        planes.append((planes[0] > 0.01).astype(jnp.float32))
        return jnp.stack(planes, axis=-1)

    def _heat_map(
        self, histograms: Float[Array, "n bins bins 4"]
    ) -> tuple[Float[Array, "n 2"], Float[Array, "n low low deep"]]:
        """The expected chroma of the light, and the deepest features."""
        x0 = nnx.relu(self.hist_in(histograms))
        x1 = nnx.relu(self.hist_down1(x0))
        x2 = nnx.relu(self.hist_down2(x1))
        deep = nnx.relu(self.hist_down3(x2))
        y2 = nnx.relu(self.hist_up2(jnp.concatenate([_double(deep), x2], axis=-1)))
        y1 = nnx.relu(self.hist_up1(jnp.concatenate([_double(y2), x1], axis=-1)))
        y0 = nnx.relu(self.hist_up0(jnp.concatenate([_double(y1), x0], axis=-1)))
        heat = self.heat(y0)[..., 0]
        n, bins, _ = heat.shape
        share = jax.nn.softmax(heat.reshape(n, -1), axis=-1).reshape(n, bins, bins)
        places = jnp.linspace(-self.config.chroma_range, self.config.chroma_range, bins)
        chroma = jnp.stack([jnp.sum(share, axis=2) @ places, jnp.sum(share, axis=1) @ places], axis=-1)
        return chroma, deep


def _conv(inputs: int, outputs: int, *, stride: int = 1, rngs: nnx.Rngs) -> nnx.Conv:
    return nnx.Conv(inputs, outputs, (3, 3), strides=(stride, stride), padding="SAME", rngs=rngs)


def _double(x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c"]:
    return jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)


def _pooled(x: Float[Array, "n h w c"]) -> Float[Array, "n c2"]:
    return jnp.concatenate([jnp.mean(x, axis=(1, 2)), jnp.max(x, axis=(1, 2))], axis=-1)
