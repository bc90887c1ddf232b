"""`lema grade FILE.jsonl --out OUT.jsonl [--panel] [--json]`: judge recorded answers again, without
generating anything.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lema_hub.cli.hint import next_command
from lema_hub.errors import InputError

if TYPE_CHECKING:
    from lema_hub.answers import Item, Judgement
    from lema_hub.answers.panel import PanelRow

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def grade(
    file: Annotated[
        Path, typer.Argument(help="JSONL with `gold` and `pred` (bare answer) or `output` (whole text).")
    ],
    out: Annotated[
        Path | None, typer.Option(help="File for the rows with `verdict`, `extracted` and `reason`.")
    ] = None,
    style: Annotated[
        Literal["number", "math", "choice", "text"],
        typer.Option(help="Style of the answers; a row's own `style` comes first."),
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
    """Judge the answers in a JSONL file."""
    from lema_hub.answers.panel import convene, tally
    from lema_hub.answers.recorded import judged_row, read_items

    pairs = read_items(file, style=style)
    items = [item for _, item in pairs]
    if settled is not None:
        _write_cases(settled, items, file, out, as_json)
        return
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.open("a").close()  # an hour of judging must not end in a file that cannot be written
    opinions = convene(items) if panel else None
    judgements = _judge(items) if opinions is None else [row.judgement for row in opinions]
    rows = [judged_row(row, judgement) for (row, _), judgement in zip(pairs, judgements, strict=True)]
    counts = Counter(judgement.verdict for judgement in judgements)
    summary: dict[str, Any] = {"rows": len(items), "verdicts": dict(counts)}
    if opinions is not None:
        rows = [row | {"panel": one.opinions} for row, one in zip(rows, opinions, strict=True)]
        summary["panel"] = tally(opinions)
        summary["disputed"] = sum(row.disputed for row in opinions)
        if out is not None:
            summary["disagreements"] = str(_write_table(out, items, opinions))
    if out is not None:
        _write_rows(out, rows)
        summary["out"] = str(out)
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
    _say_next(file, out, summary)


def _say_next(file: Path, out: Path | None, summary: dict[str, Any]) -> None:
    if "disagreements" in summary:
        typer.echo(f"fill in the {summary['disputed']} disputed rows of {summary['disagreements']}, then:")
        next_command("grade", file, "--settled", summary["disagreements"], "--out", "CASES.jsonl")
    else:
        next_command("grade", file, "--panel", "--out", out or "JUDGED.jsonl")


def _write_cases(settled: Path, items: list[Item], file: Path, out: Path | None, as_json: bool) -> None:
    """Write the settled rows of a table of disagreements as test cases."""
    from lema_hub.answers.panel import settled_cases

    if out is None or not settled.is_file():
        raise InputError(f"--settled {settled} needs --out CASES.jsonl and a table that exists")
    cases = settled_cases(settled.read_text(encoding="utf-8"), items, source=file.name)
    _write_rows(out, cases)
    if as_json:
        typer.echo(json.dumps({"cases": len(cases), "out": str(out)}))
        return
    typer.echo(f"{len(cases)} cases in {out}")
    next_command("grade", out)


def _write_table(out: Path, items: list[Item], opinions: list[PanelRow]) -> Path:
    from lema_hub.answers.panel import settlement_table

    table = out.with_suffix(".disagreements.md")
    table.write_text(settlement_table(items, opinions), encoding="utf-8", errors="backslashreplace")
    return table


def _write_rows(out: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    # A text of a row may hold half a surrogate pair, which UTF-8 has no bytes for.
    with out.open("w", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _judge(items: list[Item]) -> list[Judgement]:
    """Judge many answers, with a counter on stderr."""
    from lema_hub.answers import judge_many

    judgements: list[Judgement] = []
    for start in range(0, len(items), 1000):
        judgements += judge_many(items[start : start + 1000])
        if len(items) > 1000:
            sys.stderr.write(f"\rjudged {len(judgements):,} of {len(items):,}")
    if len(items) > 1000:
        sys.stderr.write("\n")
    return judgements
