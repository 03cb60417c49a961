"""Write tests/golden/dinov2_vits14.json: onnxruntime's output for the golden picture. See README.md."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from dioptre.models.published import read_package
from dioptre.models.registry import IMAGENET_DEVIATION, IMAGENET_MEAN
from training.dinov2_vits14.published import PACKAGE

PLACES = 64
SIDE = 224
AFTER_SIX = "/backbone/encoder/layer.5/Add_1_output_0"  # Name of the output after six of the twelve blocks.


def picture() -> np.ndarray:
    """Return the synthetic picture of tests/golden/README.md, normalised by mean and deviation.

    Returns:
        The picture, float32 (3, 224, 224).
    """
    k, y, x = np.meshgrid(np.arange(3), np.arange(SIDE), np.arange(SIDE), indexing="ij")
    waves = [np.mod(t, 510) for t in (3 * x + 5 * y + 37 * k, 7 * x - 4 * y + 101 * k)]
    values = sum(np.where(t < 256, t, 510 - t) for t in waves) // 2
    mean, deviation = (np.array(v, np.float32).reshape(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_DEVIATION))
    return ((values.astype(np.float32) / 255 - mean) / deviation).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path, help=PACKAGE.name)
    model = onnx.load_model_from_string(read_package(parser.parse_args().package, PACKAGE)["onnx"])
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(AFTER_SIX))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (output,) = session.run([AFTER_SIX], {session.get_inputs()[0].name: picture()[None]})
    flat = output.ravel()
    places = np.unique(np.linspace(0, flat.size - 1, PLACES).astype(int))
    content = {
        "runtime": f"onnxruntime {onnxruntime.__version__}, CPU",
        "input": "(pattern(224, 224) - mean) / deviation",
        "shape": list(output.shape),
        "mean": round(float(output.mean(dtype=np.float64)), 6),
        "std": round(float(output.std(dtype=np.float64)), 6),
        "min": round(float(output.min()), 6),
        "max": round(float(output.max()), 6),
        "at": {str(place): round(float(flat[place]), 6) for place in places},
    }
    path = Path(__file__).parents[2] / "tests" / "golden" / "dinov2_vits14.json"
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
