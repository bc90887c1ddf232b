"""The picture of a report: scores on the left, differences from the baseline on the right, all with intervals.

Grey means that the items cannot tell the difference from chance. The ground is white, so that the picture reads on
light and on dark pages alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lema_hub.errors import MissingExtraError
from lema_hub.evals.report import Outcome, Report, Row

INK, GREY, LINE = "#1f2933", "#8a94a0", "#d9dee4"
COLOURS: dict[Outcome, str] = {
    "better": "#0072b2",
    "worse": "#d55e00",
    "tie": GREY,
}  # Okabe and Ito: safe to tell apart
_ROW_INCHES = 0.42
_GROUND = {
    "facecolor": "white",
    "edgecolor": "none",
    "pad": 1.0,
}  # behind words, so that no line crosses them


def draw(report: Report, path: Path) -> None:
    """Write the picture as PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "eval") from error
    places = _places(report)
    height = 1.5 + _ROW_INCHES * (max(places.values(), default=0) + 1)
    figure = Figure(figsize=(10 if report.pairs else 6, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2 if report.pairs else 1, sharey=True, squeeze=False)[0]
    _scores(panels[0], report, places)
    if report.pairs:
        _differences(panels[1], report, places)
    for axes in panels:
        axes.set_ylim(max(places.values(), default=0) + 0.7, -0.9)
        axes.grid(axis="x", color=LINE, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, colors=INK, labelsize=9)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(LINE)
    figure.savefig(path, dpi=150, metadata={"Software": None})


def _places(report: Report) -> dict[tuple[str, str], int]:
    """(task, label) -> line; a free line stands between two tasks."""
    places: dict[tuple[str, str], int] = {}
    line = 0
    for task in report.tasks:
        for row in _of(report, task):
            places[task, row.label] = line
            line += 1
        line += 1
    return places


def _of(report: Report, task: str) -> list[Row]:
    return [row for row in report.rows if row.score.task == task]


def _scores(axes: Any, report: Report, places: dict[tuple[str, str], int]) -> None:
    for task in report.tasks:
        rows = _of(report, task)
        axes.text(
            0, places[task, rows[0].label] - 0.52, f"{_short(task)}, n = {rows[0].score.n:,}", color=INK,
            transform=axes.get_yaxis_transform(), fontsize=9, fontweight="bold", va="center", bbox=_GROUND,
        )  # fmt: skip
        for row in rows:
            score = row.score
            words = f"{100 * score.pass_at_1:.1f}"
            _interval(axes, places[task, row.label], (score.low, score.pass_at_1, score.high), words, INK)
    axes.set_yticks(list(places.values()), [_short(label) for _, label in places])
    axes.set_title("pass@1 (%) with 95 % interval", loc="left", fontsize=10, color=INK)
    axes.margins(x=0.12)


def _differences(axes: Any, report: Report, places: dict[tuple[str, str], int]) -> None:
    axes.axvline(0, color=INK, linewidth=1)
    for pair in report.pairs:
        y, found = places[pair.task, pair.label], pair.comparison
        words = f"{100 * found.difference:+.1f}  {pair.outcome}".replace("-", "−")
        _interval(axes, y, (found.low, found.difference, found.high), words, COLOURS[pair.outcome])
    low = min(0.0, *(100 * pair.comparison.low for pair in report.pairs))
    high = max(0.0, *(100 * pair.comparison.high for pair in report.pairs))
    axes.set_xlim(low - 0.1 * (high - low), high + 0.5 * (high - low))  # room for the words on the right
    baselines = dict.fromkeys(pair.baseline for pair in report.pairs)
    name = _short(next(iter(baselines))) if len(baselines) == 1 else "the first run"
    axes.set_title(f"difference from {name} (points)", loc="left", fontsize=10, color=INK)


def _interval(axes: Any, y: int, shares: tuple[float, float, float], words: str, colour: str) -> None:
    """A line from low to high with a point between them, hollow if grey, and words at its right end."""
    low, value, high = (100 * share for share in shares)
    axes.plot([low, high], [y, y], color=colour, linewidth=2, solid_capstyle="round")
    inside = "white" if colour == GREY else colour
    axes.plot(value, y, "o", color=colour, markerfacecolor=inside, markersize=7, markeredgewidth=2)
    axes.annotate(
        words, (high, y), xytext=(8, 0), textcoords="offset points", fontsize=9, va="center", bbox=_GROUND,
        color=INK if colour == GREY else colour,
    )  # fmt: skip


def _short(label: str, limit: int = 44) -> str:
    short = label if len(label) <= limit else f"{label[: limit // 2 - 1]}…{label[-limit // 2 :]}"
    return short.replace("$", r"\$")  # a pair of them would be read as mathematics
