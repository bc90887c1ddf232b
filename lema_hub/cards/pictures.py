"""Pictures for cards: bars of counts and shares with intervals as SVG, readable on light and on dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lema_hub.artifacts.manifest import Stage
from lema_hub.cards import templates

_LEFT, _BARS, _RIGHT, _ROW, _TOP = 250, 380, 130, 28, 30  # pixels
_GAP = 12  # pixels between groups
_LABEL = 34  # characters


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of `value`, drawn before the outline of `whole` (what it is a part of) where that is more."""

    label: str
    value: int
    whole: int
    text: str


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with the ends of its interval; a new `group` stands apart from the one before."""

    group: str
    label: str
    value: float
    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True)
class _Drawn:
    label: str
    y: int
    length: float
    whole: float
    text: str


def stages(rows: Sequence[Stage]) -> str:
    """The rows that each stage of a build was given and let through."""
    bars = [
        Bar(
            stage.name,
            stage.rows_out,
            max(stage.rows_in, stage.rows_out),
            f"{stage.rows_out:,} of {stage.rows_in:,}",
        )
        for stage in rows
    ]
    return draw("Rows that each stage let through", bars)


def counts(title: str, rows: Sequence[tuple[str, int]]) -> str:
    """One bar for every count."""
    return draw(title, [Bar(label, value, value, f"{value:,}") for label, value in rows])


def draw(title: str, bars: Sequence[Bar]) -> str:
    """The bars below their title, as an SVG document."""
    longest = max((bar.whole for bar in bars), default=0) or 1
    drawn = [
        _Drawn(
            label=_short(bar.label),
            y=_TOP + _ROW * number,
            length=round(_BARS * bar.value / longest, 1),
            whole=round(_BARS * bar.whole / longest, 1),
            text=bar.text,
        )
        for number, bar in enumerate(bars)
    ]
    return templates.render_svg(
        "dataset_cards/parts/bars.svg.jinja",
        {
            "title": title,
            "bars": drawn,
            "left": _LEFT,
            "width": _LEFT + _BARS + _RIGHT,
            "height": _TOP + _ROW * len(drawn) + 4,
        },
    )


def rates(title: str, shares: Sequence[Rate]) -> str:
    """Shares between 0 and 1 as dots with their intervals, below their title, as an SVG document."""
    rows, y, last = [], _TOP + _ROW // 2, None
    for share in shares:
        y += _GAP if last not in (None, share.group) else 0
        x, low, high = (round(_LEFT + _BARS * value, 1) for value in (share.value, share.low, share.high))
        rows.append(
            {"label": _short(share.label), "y": y, "x": x, "low": low, "high": high, "text": share.text}
        )
        y, last = y + _ROW, share.group
    bottom = y - _ROW // 2
    return templates.render_svg(
        "dataset_cards/parts/rates.svg.jinja",
        {
            "title": title,
            "rows": rows,
            "ticks": [{"x": _LEFT + _BARS * k / 4, "text": f"{25 * k} %"} for k in range(5)],
            "left": _LEFT,
            "numbers": _LEFT + _BARS + 16,
            "top": _TOP,
            "bottom": bottom,
            "width": _LEFT + _BARS + _RIGHT,
            "height": bottom + 20,
        },
    )


def _short(label: str) -> str:
    return label if len(label) <= _LABEL else f"{label[: _LABEL - 1]}…"
