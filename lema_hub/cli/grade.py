"""`lema grade FILE.jsonl --out OUT.jsonl [--panel] [--json]`: judge recorded answers again, without
generating anything.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lema_hub.answers import Item, Judgement

app = typer.Typer(add_completion=False)

_STYLES = ("number", "math", "choice", "text")


def _items(file: Path, style: str) -> Iterator[tuple[dict[str, Any], Item]]:
    from lema_hub.answers import Item
    from lema_hub.errors import InputError

    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {file}: {error}; expected a JSONL file in UTF-8") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(
                f"{file}:{number} is not JSON ({error}); expected one JSON object per line"
            ) from error
        if not isinstance(row, dict) or "gold" not in row or not ("pred" in row or "output" in row):
            raise InputError(f"{file}:{number} lacks a column; expected `gold`, and `pred` or `output`")
        text = row["output"] if "output" in row else row["pred"]
        row_style = row.get("style", style)
        if row_style not in _STYLES:
            raise InputError(
                f"{file}:{number} has the style {row_style!r}; expected one of {', '.join(_STYLES)}"
            )
        yield (
            row,
            Item(
                output="" if text is None else str(text),
                gold=str(row["gold"]),
                style=row_style,
                finish_reason=row.get("finish_reason"),
                question=row.get("question"),
                bare="output" not in row,
            ),
        )


def _with_progress(items: list[Item]) -> list[Judgement]:
    from lema_hub.answers import judge_many

    judgements: list[Judgement] = []
    for start in range(0, len(items), 1000):
        judgements += judge_many(items[start : start + 1000])
        if len(items) > 1000:
            sys.stderr.write(f"\rjudged {len(judgements):,} of {len(items):,}")
    if len(items) > 1000:
        sys.stderr.write("\n")
    return judgements


@app.command()
def grade(
    file: Annotated[
        Path, typer.Argument(help="JSONL with `gold` and `pred` (bare answer) or `output` (whole text).")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Where the rows go, with `verdict`, `extracted` and `reason`.")
    ] = None,
    style: Annotated[
        str, typer.Option(help="number, math, choice or text; a row's own `style` wins.")
    ] = "number",
    panel: Annotated[
        bool, typer.Option("--panel", help="Run other graders too and write the disagreements.")
    ] = False,
    settled: Annotated[
        Path | None,
        typer.Option(help="A filled-in table of disagreements; --out gets its rows as test cases."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Judge the answers of a JSONL file."""
    from lema_hub.answers.panel import convene, settled_cases, settlement_table, tally
    from lema_hub.errors import InputError

    if style not in _STYLES:
        raise InputError(f"--style is {style!r}; expected one of {', '.join(_STYLES)}")
    pairs = list(_items(file, style))
    items = [item for _, item in pairs]
    if not items:
        raise InputError(f"{file} holds no row; expected one JSON object per line")
    if settled is not None:
        if out is None or not settled.is_file():
            raise InputError(f"--settled {settled} needs --out CASES.jsonl and a table that exists")
        cases = settled_cases(settled.read_text(encoding="utf-8"), items, source=file.name)
        out.write_text(
            "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in cases), encoding="utf-8"
        )
        typer.echo(
            json.dumps({"cases": len(cases), "out": str(out)}) if as_json else f"{len(cases)} cases in {out}"
        )
        return
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.open("a").close()  # an hour of judging must not end in a file that cannot be written
    panel_rows = convene(items) if panel else []
    judgements = [row.judgement for row in panel_rows] if panel else _with_progress(items)
    counts = Counter(judgement.verdict for judgement in judgements)
    summary: dict[str, Any] = {"rows": len(items), "verdicts": dict(counts)}
    if out is not None:
        with out.open("w", encoding="utf-8", errors="backslashreplace") as sink:
            for index, ((row, _), judgement) in enumerate(zip(pairs, judgements, strict=True)):
                row |= {
                    "verdict": judgement.verdict,
                    "extracted": judgement.extracted,
                    "reason": judgement.reason,
                }
                if panel:
                    row["panel"] = panel_rows[index].opinions
                sink.write(json.dumps(row, ensure_ascii=False) + "\n")
        summary["out"] = str(out)
    if panel:
        summary["panel"] = tally(panel_rows)
        summary["disputed"] = sum(row.disputed for row in panel_rows)
        if out is not None:
            table = out.with_suffix(".disagreements.md")
            table.write_text(settlement_table(items, panel_rows), encoding="utf-8", errors="backslashreplace")
            summary["disagreements"] = str(table)
    if as_json:
        typer.echo(json.dumps(summary))
        return
    typer.echo(
        f"{len(items)} rows: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
    )
    for name, row in summary.get("panel", {}).items():
        typer.echo(
            f"  {name:12} agrees on {row['agree']}, accepts {row['accepts_more']} that we do not, "
            f"rejects {row['rejects_more']} that we accept, finds nothing in {row['none']}"
        )
    if "disagreements" in summary:
        typer.echo(f"next: settle the {summary['disputed']} disputed rows in {summary['disagreements']}")
