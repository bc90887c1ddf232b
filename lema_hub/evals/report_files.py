"""A report as files: Markdown for people, JSON for scripts, and a picture.

    write_report(make_report([Path("runs/eval/cot"), Path("runs/eval/lema")]), Path("report"))

Names in a report come from folders and Hubs: in Markdown they are text and never markup.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lema_hub.errors import InputError
from lema_hub.evals.picture import draw
from lema_hub.evals.report import Pair, Report, Row
from lema_hub.records import VERDICTS


def to_json(report: Report) -> dict[str, Any]:
    """The report as plain data."""
    return {
        "schema": 1,
        "rows": [{"label": row.label, "revision": row.revision, **asdict(row.score)} for row in report.rows],
        "comparisons": [
            {
                "task": pair.task, "baseline": pair.baseline, "label": pair.label, "outcome": pair.outcome,
                **asdict(pair.comparison), "p_holm": pair.p_holm,
            }
            for pair in report.pairs
        ],
        "notes": list(report.notes),
    }  # fmt: skip


def to_markdown(report: Report, *, picture: str | None = None) -> str:
    """The report as Markdown: scores with every verdict, then the comparisons."""
    lines = []
    for task in report.tasks:
        lines += [
            f"## {_cell(task)}",
            "",
            *_scores([row for row in report.rows if row.score.task == task]),
            "",
        ]
        if pairs := [pair for pair in report.pairs if pair.task == task]:
            lines += [*_comparisons(pairs), ""]
    lines += [f"{note}\n" for note in report.notes]
    if picture is not None:
        lines += [f"![Scores and differences with their 95 % intervals]({picture})", ""]
    return "\n".join(lines).rstrip() + "\n"


def _scores(rows: list[Row]) -> list[str]:
    rest = [verdict for verdict in VERDICTS if verdict != "correct"]
    lines = [
        f"| system | n | pass@1 ± s.e. (%) | 95 % interval | {' | '.join(rest)} |",
        f"|---|---:|---:|---:|{'---:|' * len(rest)}",
    ]
    for row in rows:
        score = row.score
        stderr = "" if score.stderr is None else f" ± {100 * score.stderr:.1f}"
        counts = " | ".join(str(score.verdicts[verdict]) for verdict in rest)
        lines.append(
            f"| {_cell(row.label)} | {score.n} | {100 * score.pass_at_1:.1f}{stderr} | "
            f"{100 * score.low:.1f} to {100 * score.high:.1f} | {counts} |"
        )
    return lines


def _comparisons(pairs: list[Pair]) -> list[str]:
    lines = [
        f"Against {_cell(pairs[0].baseline)}, on the same items:",
        "",
        "| system | difference (points) | 95 % interval | right where the other is wrong | p | p (Holm) | "
        "found in 80 % | outcome |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for pair in pairs:
        c = pair.comparison
        lines.append(
            f"| {_cell(pair.label)} | {100 * c.difference:+.1f} | {100 * c.low:+.1f} to {100 * c.high:+.1f} | "
            f"{c.only_b} : {c.only_a} | {_p(c.p)} | {_p(pair.p_holm)} | {100 * c.detectable:.1f} | "
            f"{pair.outcome} |"
        )
    return lines


def write_report(report: Report, out: Path) -> list[Path]:
    """Write report.md, report.json and report.png.

    Returns:
        Their paths.

    Raises:
        InputError: The folder cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        draw(report, out / "report.png")
        (out / "report.md").write_text(to_markdown(report, picture="report.png"), encoding="utf-8")
        text = json.dumps(to_json(report), indent=2, allow_nan=False) + "\n"
        (out / "report.json").write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{str(out)!r} cannot be written ({error.strerror}); give another folder") from error
    return [out / "report.md", out / "report.json", out / "report.png"]


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _cell(text: str) -> str:
    """Text from outside in a Markdown table: one line, no cell border, no markup."""
    plain = " ".join(text.split())
    return "".join(f"\\{sign}" if sign in "|`*_[]<>\\" else sign for sign in plain)
