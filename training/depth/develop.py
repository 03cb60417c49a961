"""Turn traced radiance into a photograph: noise filter, lens blur, exposure, sensor noise and tone curve."""

import numpy as np


def denoise(radiance: np.ndarray, depth_m: np.ndarray, albedo: np.ndarray) -> np.ndarray:
    """Filter the noise of irradiance (radiance over albedo) with an edge-stopping à-trous filter guided by depth.

    Args:
        radiance: (h, w, 3), linear.
        depth_m: (h, w).
        albedo: (h, w, 3), 0 to 1.

    Returns:
        The filtered radiance (h, w, 3).
    """
    base, near = np.maximum(albedo, 0.02), 1 / depth_m
    light = np.minimum(radiance / base, np.percentile(radiance / base, 99.7))
    for step in (1, 2, 4):
        total, weight, level = np.zeros_like(light), np.zeros_like(depth_m), light.mean(-1)
        for dy, dx in np.ndindex(3, 3):
            n, f, v = (np.roll(a, ((dy - 1) * step, (dx - 1) * step), (0, 1)) for a in (near, light, level))
            apart = np.abs(near - n) / (0.01 * near * step + 1e-3) + np.abs(level - v) / (0.5 * level + 0.05)
            k = (2 - abs(dy - 1)) * (2 - abs(dx - 1)) * np.exp(-apart)
            total, weight = total + k[..., None] * f, weight + k
        light = total / weight[..., None]
    return light * base


def defocus(
    rng: np.random.Generator, linear_rgb: np.ndarray, depth_m: np.ndarray, *, layers: int = 9
) -> np.ndarray:
    """Blur as a lens would: split into layers of disparity, blur each with a disc, and composite from far to near.

    Args:
        rng: Source of randomness for the focus and the strength of the blur.
        linear_rgb: (n, n, 3).
        depth_m: (n, n).
        layers: Number of layers.
    """
    disparity, size = 1 / depth_m, len(depth_m)
    low, high = np.percentile(disparity, [1, 99])
    y, x = rng.normal(size / 2, size / 8, 2).clip(0, size - 1).astype(int)
    sharp = disparity[y, x] if rng.random() < 0.75 else rng.uniform(low, high)
    edges = np.linspace(low, high + 1e-6, layers + 1)
    g = np.fft.fftfreq(size) * size
    apart, out = np.hypot(g[:, None], g), np.zeros((size, size, 4))
    largest_px = 0.008 * 8 ** rng.random() * size  # up to a portrait lens wide open
    for k in range(layers):
        lower, upper = edges[k] if k else -np.inf, edges[k + 1] if k < layers - 1 else np.inf
        inside = (disparity >= lower) & (disparity < upper)
        radius = largest_px * abs((edges[k] + edges[k + 1]) / 2 - sharp) / (high - low + 1e-6)
        part = np.concatenate([linear_rgb, np.ones_like(linear_rgb[..., :1])], -1) * inside[..., None]
        if radius > 0.5:
            disc = np.clip(radius + 0.5 - apart, 0, 1)
            spectrum = np.fft.rfft2(part, axes=(0, 1)) * np.fft.rfft2(disc / disc.sum())[..., None]
            part = np.fft.irfft2(spectrum, s=(size, size), axes=(0, 1))
        out = out * (1 - np.clip(part[..., 3:], 0, 1)) + part
    return np.maximum(out[..., :3] / np.maximum(out[..., 3:], 0.05), 0)


def develop(rng: np.random.Generator, linear_rgb: np.ndarray) -> np.ndarray:
    """Apply a camera's exposure, white balance, sensor noise and tone curve, and return 8-bit values (h, w, 3)."""
    level = min(1 / max(np.median(linear_rgb), 1e-4), 4 / max(np.percentile(linear_rgb, 92), 1e-4))
    picture = np.clip(linear_rgb * rng.uniform(0.12, 0.3) * level * rng.uniform(0.9, 1.1, 3), 0, 1.3)
    if rng.random() < 0.7:
        gain = 10 ** rng.uniform(-4.5, -2.6)
        noise = rng.standard_normal(picture.shape) * np.sqrt(gain * picture + gain**1.5)
        picture = np.clip(picture + noise, 0, 1.3)
    picture = np.clip(picture / (1 + 0.25 * picture), 0, 1) ** (1 / rng.uniform(1.9, 2.5))
    return (picture * 255 + 0.5).astype(np.uint8)
