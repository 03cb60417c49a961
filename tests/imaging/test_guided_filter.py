import numpy as np

from dioptre.imaging.guided_filter import guided_filter


def plain_box_mean(values, radius):
    height, width = values.shape
    return np.array(
        [
            [
                values[max(0, i - radius) : i + radius + 1, max(0, j - radius) : j + radius + 1].mean()
                for j in range(width)
            ]
            for i in range(height)
        ]
    )


def plain_guided_filter(guide, target, radius, epsilon):
    """Solve He et al. 2013, equations 19 to 21, pixel by pixel."""
    mean = np.stack([plain_box_mean(guide[..., i], radius) for i in range(3)], -1)
    covariance = np.empty((*target.shape, 3, 3))
    for i in range(3):
        for j in range(3):
            covariance[..., i, j] = (
                plain_box_mean(guide[..., i] * guide[..., j], radius) - mean[..., i] * mean[..., j]
            )
    cross = np.stack([plain_box_mean(guide[..., i] * target, radius) for i in range(3)], -1)
    cross -= mean * plain_box_mean(target, radius)[..., None]
    weights = np.linalg.solve(covariance + epsilon * np.eye(3), cross[..., None])[..., 0]
    constant = plain_box_mean(target, radius) - (weights * mean).sum(-1)
    weights = np.stack([plain_box_mean(weights[..., i], radius) for i in range(3)], -1)
    return (weights * guide).sum(-1) + plain_box_mean(constant, radius)


def pictures():
    rng = np.random.default_rng(4)
    guide = rng.uniform(size=(19, 23, 3)).astype(np.float32)
    return guide, (guide[..., 0] > 0.5).astype(np.float32) + 0.2 * rng.normal(size=(19, 23)).astype(np.float32)


def test_equals_the_definition():
    guide, target = pictures()
    for radius, epsilon in ((2.0, 1e-2), (5.0, 1e-3)):
        made = guided_filter(guide, target, radius_px=radius, epsilon=epsilon)
        # Tolerance: the rounding of the coefficients to float32.
        assert np.abs(made - plain_guided_filter(guide, target, int(radius), epsilon)).max() < 2e-6


def test_follows_the_guides_edge_and_smooths_beside_it():
    guide = np.zeros((64, 64, 3), np.float32)
    guide[:, 30:] = 1.0
    noisy = guide[..., 0] + 0.1 * np.random.default_rng(1).normal(size=(64, 64)).astype(np.float32)
    made = guided_filter(guide, noisy, radius_px=8.0, epsilon=1e-3)
    assert np.abs(made - guide[..., 0]).max() < 0.05


def test_several_maps_at_once_equal_one_by_one():
    guide, target = pictures()
    both = np.stack([target, 1 - target], axis=2)
    made = guided_filter(guide, both, radius_px=3.0)
    for number in range(2):
        alone = guided_filter(guide, np.ascontiguousarray(both[..., number]), radius_px=3.0)
        assert np.array_equal(made[..., number], alone)


def test_a_flat_guide_leaves_the_mean():
    guide = np.full((90, 90, 3), 0.7, np.float32)
    target = np.random.default_rng(2).uniform(size=(90, 90)).astype(np.float32)
    made = guided_filter(guide, target, radius_px=20.0, epsilon=1e-5)
    assert np.abs(made - 0.5).max() < 0.1
