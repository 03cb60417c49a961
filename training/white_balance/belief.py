"""Fit how `dioptre.features.white_balance.illuminant` uses the network's belief.

It serves to remove a cast and to state its confidence.

    python -m training.white_balance.belief --material DIR --network average.safetensors [--balanced 0.95]

Prints `_SURE` and `_CHANCE`, fitted to validation pairs. `_SURE` removes as much of a cast as possible while
balanced photographs change by at most --balanced. `_CHANCE` is the maximum-likelihood fit of the chance that a
result is within GOOD_DE of the right one.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from dioptre import runtime

runtime.prepare_if_needed()

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from safetensors.numpy import load_file
from scipy.optimize import minimize

from dioptre.features.white_balance.illuminant import GOOD_DE, chance_evidence, read, share_evidence
from dioptre.models.white_balance import WhiteBalanceConfig
from dioptre.models.white_balance.module import WhiteBalanceEstimator

from .loss import corrected, lab
from .samples import FINE_SIDE
from .validation import validation_sets
from .values import go_on_from

SHARES = np.linspace(0, 1, 9)
SLOPES = 1.2, 0.9
"""Weights of the belief's log odds and of the logarithm of the cast's length, chosen on the validation sets."""
WEIGHTS = {"emulated": 2.0, "styles": 2.0, "shown": 0.5}
"""Weights of the sets for the confidence: wrong settings are frequent in photographs, unprocessed raws are rare."""
SCORED = 500


def readings(network: WhiteBalanceEstimator, batches: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Run the network on all pairs.

    Args:
        network: The estimator.
        batches: Batches of pairs.

    Returns:
        For every pair, the belief, the length of the cast, the expected ΔE, and the remaining error at each of
        SHARES.
    """
    from colour.difference import delta_E_CIE2000

    graph, state = nnx.split(network)
    forward = jax.jit(lambda s, seen: nnx.merge(graph, s)(seen))

    @jax.jit
    def results(chroma: Any, residual: Any, wrong: Any) -> Any:
        return [lab(jnp.clip(corrected(wrong, s * chroma, s * residual), 0, 1)) for s in SHARES]

    rng = np.random.default_rng(3)
    found: dict[str, list[np.ndarray]] = {"belief": [], "length": [], "expected": [], "left": []}
    for batch in batches:
        said = read(partial(forward, state), np.asarray(batch["seen"]))
        found["belief"].append(said.belief)
        found["length"].append(np.linalg.norm(said.chroma, axis=1))
        found["expected"].append(said.expected_de)
        n, side = batch["seen"].shape[:2]
        pixels = rng.choice(side * side, SCORED, replace=False)
        wrong, right = (batch[name].reshape(n, -1, 3)[:, pixels] for name in ("wrong", "right"))
        true = np.asarray(lab(right))
        made = results(said.chroma, said.residual, wrong)
        left = [delta_E_CIE2000(np.asarray(colours), true).mean(axis=1) for colours in made]
        found["left"].append(np.stack(left, axis=-1))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def share(of: dict[str, np.ndarray], sure: np.ndarray) -> np.ndarray:
    """Return the removed fraction of each cast, as `white_balance.illuminant.sure_share` computes it.

    Args:
        of: The arrays that `readings` returned.
        sure: (3,) weights of the evidence.
    """
    return np.clip(share_evidence(of["length"], of["belief"]) @ sure, 0, 1)


def remains(of: dict[str, np.ndarray], shares: np.ndarray) -> np.ndarray:
    """Return the remaining error of each pair, interpolated between the measured SHARES."""
    place = shares * (len(SHARES) - 1)
    low = np.minimum(place.astype(int), len(SHARES) - 2)
    rows, part = np.arange(len(low)), place - low
    return of["left"][rows, low] * (1 - part) + of["left"][rows, low + 1] * part


def fit_share(photographs: dict[str, np.ndarray], balanced: float) -> np.ndarray:
    """Return evidence weights with the largest constant that changes balanced photographs by at most `balanced`."""

    def over(constant: float) -> float:
        return float(remains(photographs, share(photographs, np.array([constant, *SLOPES]))).mean()) - balanced

    low, high = -5.0, 5.0
    if over(high) <= 0:
        return np.array([high, *SLOPES])
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (low, middle) if over(middle) > 0 else (middle, high)
    return np.array([low, *SLOPES])


def fit_chance(sets: dict[str, dict[str, np.ndarray]], sure: np.ndarray) -> np.ndarray:
    """Fit a logistic regression to the chance that a result is within GOOD_DE of the truth."""
    evidence, good, weights = [], [], []
    for name, of in sets.items():
        weights.append(np.full(len(of["belief"]), WEIGHTS.get(name, 1.0)))
        evidence.append(chance_evidence(of["length"], of["belief"], of["expected"]))
        good.append(remains(of, share(of, sure)) < GOOD_DE)
    x, y, w = np.concatenate(evidence), np.concatenate(good), np.concatenate(weights)

    def cost(chance: np.ndarray) -> float:
        odds = x @ chance
        return float(np.average(np.logaddexp(0, np.where(y, -odds, odds)), weights=w))

    return minimize(cost, np.array([2.0, -2.4, -0.9, 0.5]), method="BFGS").x


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--material", type=Path, required=True)
    parser.add_argument("--network", type=Path, required=True)
    parser.add_argument("--balanced", type=float, default=0.95)
    options = parser.parse_args()
    network = WhiteBalanceEstimator(WhiteBalanceConfig(), rngs=nnx.Rngs(0))
    go_on_from(network, load_file(options.network))
    pairs = validation_sets(options.material, 16, side=FINE_SIDE, batches=16)
    sets = {name: readings(network, kept) for name, kept in pairs.items()}
    sure = fit_share(sets["balanced"], options.balanced)
    print("_SURE =", tuple(round(float(value), 3) for value in sure))
    print("_CHANCE =", tuple(round(float(value), 2) for value in fit_chance(sets, sure)))
    for name, of in sets.items():
        believed, limited = of["left"][:, -1], remains(of, share(of, sure))
        worst = [np.sort(error)[-len(error) // 4 :].mean() for error in (believed, limited)]
        print(
            f"{name}: everything believed {believed.mean():.2f} / {worst[0]:.2f}, "
            f"limited {limited.mean():.2f} / {worst[1]:.2f}"
        )


if __name__ == "__main__":
    main()
