"""`lema ledger show|failures|export|prune FILE`: show what a ledger holds, export it, prune it."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lema_hub.cli.hint import next_command, same_command
from lema_hub.errors import InputError

if TYPE_CHECKING:
    from lema_hub.engines.ledger_contents import Entry, Pruned

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Show, export and prune the answers that builds have paid for.",
)

File = Annotated[Path, typer.Argument(help="The ledger.sqlite of a run.", metavar="FILE")]
Stage = Annotated[str | None, typer.Option(help="Only answers of this stage.")]
Model = Annotated[str | None, typer.Option(help="Only answers of this model.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@app.command()
def show(file: File, as_json: AsJson = False) -> None:
    """Show answers, failures, tokens and cost by stage, engine, model and revision."""
    from lema_hub.engines.ledger_contents import LedgerContents

    with LedgerContents(file) as contents:
        stages = contents.totals()
    if as_json:
        typer.echo(json.dumps([asdict(stage) for stage in stages]))
        return
    header = ("stage", "engine", "model", "revision", "answers", "failures", "prompt", "completion", "cost")
    rows = [
        (
            stage.stage,
            stage.engine,
            stage.model,
            _short(stage.revision),
            f"{stage.responses:,}",
            f"{stage.failures:,}",
            f"{stage.prompt_tokens:,}",
            f"{stage.completion_tokens:,}",
            _dollars(stage.cost_usd),
        )
        for stage in stages
    ]
    priced = [stage.cost_usd for stage in stages if stage.cost_usd is not None]
    sums = (
        "together", "", "", "", f"{sum(s.responses for s in stages):,}", f"{sum(s.failures for s in stages):,}",
        f"{sum(s.prompt_tokens for s in stages):,}", f"{sum(s.completion_tokens for s in stages):,}",
        _dollars(sum(priced) if priced else None),
    )  # fmt: skip
    _table([header, *rows, *([sums] if len(rows) > 1 else [])], left=4)
    next_command("ledger", "failures" if any(stage.failures for stage in stages) else "export", file)


@app.command()
def failures(file: File, as_json: AsJson = False) -> None:
    """Show the requests without an answer, by reason, with the latest detail; the next run tries them again."""
    from lema_hub.engines.ledger_contents import LedgerContents

    with LedgerContents(file) as contents:
        groups = contents.failures()
    if as_json:
        typer.echo(json.dumps([asdict(group) for group in groups]))
        return
    if not groups:
        typer.echo("no failures: every request that was sent has an answer")
        next_command("ledger", "show", file)
        return
    header = ("requests", "attempts", "stage", "model", "reason", "example")
    rows = [
        (f"{g.requests:,}", f"{g.attempts:,}", g.stage, g.model, g.reason, " ".join(g.example.split())[:80])
        for g in groups
    ]
    _table([header, *rows], left=6)
    typer.echo("the next run of the build tries these requests again")
    next_command("ledger", "show", file)


@app.command()
def export(
    file: File,
    out: Annotated[
        Path | None, typer.Option(help="JSONL file, replaced when it is whole; stdout by default.")
    ] = None,
    stage: Stage = None,
    model: Model = None,
) -> None:
    """Export every answer with its request as JSONL: prompt, system, sampling, text, tokens, cost, stage, model, time.

    Fields that older ledgers did not keep (sampling, index, time) are null.
    """
    from lema_hub.engines.ledger_contents import LedgerContents, Selection

    with LedgerContents(file) as contents:
        entries = contents.entries(Selection(stage=stage, model=model))
        if out is None:
            try:
                for entry in entries:
                    sys.stdout.write(_line(entry))
                sys.stdout.flush()
            except BrokenPipeError:  # the reader, such as `| head`, has stopped
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return
        count = _write(out, entries)
    typer.echo(f"{count:,} answers in {out}", err=True)


@app.command()
def prune(
    file: File,
    stage: Stage = None,
    model: Model = None,
    older_than: Annotated[
        str | None,
        typer.Option(help="Only answers older than this: 12h, 30d, 8w, or a date such as 2026-01-31."),
    ] = None,
    failures_only: Annotated[bool, typer.Option("--failures", help="Only failures; keep answers.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be removed; remove nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove answers and failures, and make the file smaller; a pruned answer that is needed again costs again."""
    from lema_hub.engines.ledger_contents import LedgerContents, Selection

    selection = Selection(
        stage=stage,
        model=model,
        before=None if older_than is None else _before(older_than, datetime.now(UTC)),
        failures_only=failures_only,
    )
    with LedgerContents(file) as contents:
        if not dry_run and not yes:
            planned = contents.prune(selection, dry_run=True)
            typer.echo(_sentence(planned, "would be removed"), err=True)
            if not sys.stdin.isatty():
                raise InputError("pruning asks first and nobody is at the keyboard; add --yes, or --dry-run")
            typer.confirm("Remove them?", abort=True, err=True)
        pruned = contents.prune(selection, dry_run=dry_run)
    if as_json:
        typer.echo(json.dumps({**asdict(pruned), "dry_run": dry_run}))
        return
    typer.echo(_sentence(pruned, "would be removed" if dry_run else "removed"))
    if not dry_run:
        typer.echo(f"the file is {pruned.freed_bytes / 1e6:.1f} MB smaller")
        next_command("ledger", "show", file)
    else:
        same_command()


def _sentence(pruned: Pruned, verb: str) -> str:
    text = f"{pruned.responses:,} answers and {pruned.failures:,} failures {verb}"
    if pruned.cost_usd:
        text += f"; they cost ${pruned.cost_usd:.4f}, which a budget on this file then no longer counts"
    if pruned.undated:
        text += f"; {pruned.undated:,} of unknown age stay (select them by stage or model instead)"
    return text


def _before(text: str, now: datetime) -> datetime:
    """The time that `30d` or `2026-01-31` (UTC) means."""
    if match := re.fullmatch(r"([0-9]{1,6})([hdw])", text):
        return now - int(match[1]) * _UNITS[match[2]]
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise InputError(
            f"--older-than {text!r} is not an age or a date; expected 12h, 30d, 8w or 2026-01-31"
        ) from error


def _write(out: Path, entries: Iterable[Entry]) -> int:
    """Write a file beside `out` and move it there, so that `out` is either complete or unchanged."""
    partial = out.with_name(f".{out.name}.partial")
    count = 0
    try:
        try:
            with partial.open("w", encoding="utf-8") as file:
                for entry in entries:
                    file.write(_line(entry))
                    count += 1
            partial.replace(out)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{str(out)!r} cannot be written ({error.strerror}); free some disk space or give another --out"
        ) from error
    return count


def _line(entry: Entry) -> str:
    return json.dumps(asdict(entry), ensure_ascii=False) + "\n"


def _table(rows: Sequence[Sequence[str]], *, left: int) -> None:
    """Print rows as columns, the first `left` of them aligned to the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = (
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        typer.echo("  ".join(cells).rstrip())


def _short(revision: str | None) -> str:
    return "-" if revision is None else "+".join(part[:14] for part in revision.split("+"))


def _dollars(cost: float | None) -> str:
    return "-" if cost is None else f"${cost:.4f}"
