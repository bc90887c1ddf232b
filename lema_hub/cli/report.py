"""`lema report BASELINE RUN ... --out DIR`: scored runs side by side, compared on the same items."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from lema_hub.cli.hint import next_command

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def report(
    runs: Annotated[
        list[Path], typer.Argument(help="Folders that lema eval wrote; the first is the baseline.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of report.md, report.json and report.png.")] = Path(
        "report"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print report.json.")] = False,
) -> None:
    """Compare scored runs: a table with every verdict, paired tests against the first run, a picture."""
    from lema_hub.evals.report import make_report
    from lema_hub.evals.report_files import to_json, to_markdown, write_report

    made = make_report(runs)
    written = write_report(made, out)
    if as_json:
        typer.echo(json.dumps(to_json(made)))
        return
    typer.echo(to_markdown(made))
    typer.echo("written: " + ", ".join(map(str, written)))
    next_command("publish", "run", runs[-1], f"ORG/{runs[-1].name}-results", "--version", "0.1.0")
