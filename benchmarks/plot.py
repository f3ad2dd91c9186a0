"""The plot of the figures: one bar each, as a multiple of its goal, on a logarithmic scale. SVG, drawn by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from benchmarks.results import Result

LEFT, WIDTH, ROW, TOP = 360, 420, 22, 34
LOW, HIGH = 0.5, 100.0
"""Ends of the scale, in multiples of the goal; what is beyond touches them."""
MET, MISSED, INK, GRID = "#2f7d5b", "#b4472e", "#5b6470", "#c9ced6"


def plot(results: Sequence[Result]) -> str:
    """The picture, of a width for a page."""
    height = TOP + ROW * len(results) + 8
    box = f'viewBox="0 0 {LEFT + WIDTH + 70} {height}" role="img"'
    text = f'font-family="system-ui, sans-serif" font-size="12" fill="{INK}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} {text}>',
        "<title>Each figure as a multiple of its goal</title>",
    ]
    for times in (0.5, 1, 2, 5, 10, 20, 50, 100):
        x = _at(times)
        stroke = INK if times == 1 else GRID
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - 6}" stroke="{stroke}"/>')
        label = "goal" if times == 1 else f"{times:g} x"
        parts.append(f'<text x="{x:.1f}" y="{TOP - 12}" text-anchor="middle">{label}</text>')
    for number, result in enumerate(results):
        parts += _bar(result, TOP + ROW * number)
    return "\n".join([*parts, "</svg>", ""])


def _bar(result: Result, y: int) -> list[str]:
    start, end = sorted((_at(1.0), _at(result.headroom)))
    colour = MET if result.met else MISSED
    return [
        f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(result.measure)}</text>',
        f'<rect x="{start:.1f}" y="{y + 3}" width="{max(end - start, 1.5):.1f}" height="{ROW - 8}" fill="{colour}"/>',
        f'<text x="{end + 6:.1f}" y="{y + 14}">{result.headroom:.2g} x</text>',
    ]


def _at(times: float) -> float:
    times = min(max(times, LOW), HIGH)
    return LEFT + WIDTH * (math.log(times) - math.log(LOW)) / (math.log(HIGH) - math.log(LOW))
