"""Draw docs/images/depth-learning.svg from curves.json, which is edited by hand after each run.

python -m training.depth.curves
"""

from __future__ import annotations

import json
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).parent
DRAWING = HERE.parents[1] / "docs" / "images" / "depth-learning.svg"
WIDTH, HEIGHT, MARGIN = 560, 300, 48
LOW, HIGH = 0.06, 0.17
COLOURS = ("#2a6f97", "#c1571f", "#4c8c3b")
LETTERS = 'font-family="sans-serif" font-size="11" fill="#333"'


def drawn(curves: dict[str, list[list[float]]]) -> str:
    """Return an SVG that plots the error against the number of pictures seen in training.

    Args:
        curves: For each curve, by name, its points (thousands of pictures seen, AbsRel).
    """
    most = max(x for points in curves.values() for x, _ in points)
    right, bottom = WIDTH - 2 * MARGIN, HEIGHT - MARGIN

    def at(x: float, error: float) -> tuple[float, float]:
        across = MARGIN + (right - MARGIN) * x / most
        return round(across, 1), round(bottom - (bottom - MARGIN) * (error - LOW) / (HIGH - LOW), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {LETTERS}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<path d="M{MARGIN} {MARGIN}V{bottom}H{right}" fill="none" stroke="#333"/>',
    ]
    for step in range(6, 18, 2):
        _, y = at(0, step / 100)
        parts.append(f'<text x="{MARGIN - 6}" y="{y + 4}" text-anchor="end">{step / 100:.2f}</text>')
        parts.append(f'<path d="M{MARGIN} {y}H{right}" stroke="#ccc" stroke-width="0.5"/>')
    for thousand in range(0, int(most) + 1, 50):
        x, _ = at(thousand, LOW)
        parts.append(f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{thousand}</text>')
    lowest = MARGIN - 14.0
    for colour, (name, points) in zip(
        COLOURS, sorted(curves.items(), key=lambda curve: -curve[1][-1][1]), strict=True
    ):
        places = [at(x, error) for x, error in points]
        line = " ".join(f"{x},{y}" for x, y in places)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in places]
        x, y = places[-1]
        lowest = max(y + 4, lowest + 14)  # This distance keeps labels apart.
        parts.append(f'<text x="{x + 8}" y="{lowest}" fill="{colour}">{escape(name)}</text>')
    parts.append(f'<text x="{MARGIN}" y="{MARGIN - 18}">AbsRel</text>')
    parts.append(f'<text x="{right}" y="{HEIGHT - 12}" text-anchor="end">thousands of pictures seen</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    DRAWING.write_text(
        drawn(json.loads((HERE / "curves.json").read_text(encoding="utf-8"))["curves"]), encoding="utf-8"
    )
