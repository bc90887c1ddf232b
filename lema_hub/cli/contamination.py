"""`lema contamination DATA`: which rows of a dataset hold a test question.

lema contamination my-rows.jsonl
lema contamination lema/lema-corrections@v0.1.0 --tests gsm8k --json
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lema_hub.cli.hint import next_command
from lema_hub.errors import InputError

if TYPE_CHECKING:
    from lema_hub.tasks.held_out import Hit

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

SHOWN = 20


@app.command()
def contamination(
    data: Annotated[
        str, typer.Argument(help="A JSONL or Parquet file, a folder of them, or namespace/name@version.")
    ],
    tests: Annotated[
        list[str] | None, typer.Option(help="A task whose test set to look for; all real tasks by default.")
    ] = None,
    against: Annotated[
        list[Path] | None, typer.Option(help="JSONL file of test questions (`question` or `problem`, `id`).")
    ] = None,
    n: Annotated[int, typer.Option(help="Number of words that must match in a row.")] = 13,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Also count rows that share the words but not the question's numbers."),
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write every hit with its matched text as JSONL.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Look for test questions in the texts of a dataset; exit code 1 if there is one."""
    from lema_hub.cli.hub_client import prepare_client

    prepare_client()
    from lema_hub.tasks.search import held_out_sets, rows_of, search

    if out is not None:
        _check_out(out, [Path(data), *(against or ())])
    sets = held_out_sets(tests, against or ())
    found = search(rows_of(_root(data)), sets, n=n, strict=strict)
    if out is not None:
        lines = [json.dumps(_document(*hit), ensure_ascii=False) for hit in found.hits]
        out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    if as_json:
        summary = {
            "rows": found.rows,
            "tests": {one.name: len(one.questions) for one in sets},
            "rows_with_test_questions": found.contaminated,
            "rows_with_phrases": found.phrases,
            "hits": [_document(*hit) for hit in found.hits],
        }
        typer.echo(json.dumps(summary, ensure_ascii=False))
    else:
        for name, hit in found.hits[:SHOWN]:
            typer.echo(f"{name}: {hit}")
        if len(found.hits) > SHOWN:
            typer.echo(f"... and {len(found.hits) - SHOWN} more; --out FILE.jsonl has them all")
        compared = ", ".join(f"{one.name} ({len(one.questions):,} questions)" for one in sets)
        typer.echo(
            f"{found.rows:,} rows against {compared}: {found.contaminated:,} hold a test question, "
            f"{found.phrases:,} share a phrase"
        )
    if found.contaminated:
        raise InputError(
            f"{found.contaminated:,} of {found.rows:,} rows of {data} hold a test question; "
            "drop them before training"
        )
    if not as_json:
        next_command("train", "RECIPE.yaml", "--dry-run")


def _check_out(out: Path, read: Sequence[Path]) -> None:
    """Refuse an output that is an input, and one that cannot be written: a long search must not end there."""
    for given in map(Path.resolve, read):
        if out.resolve() == given or (given.is_dir() and out.resolve().is_relative_to(given)):
            raise InputError(f"--out {str(out)!r} is among the files that are searched; give another one")
    out.open("a").close()


def _root(data: str) -> Path:
    """The file or folder of that name, or a published version, downloaded."""
    from lema_hub.hub.pull import pull
    from lema_hub.snapshots import split_name

    path = Path(data)
    if path.exists():
        return path
    if path.suffix in (".jsonl", ".parquet"):
        raise InputError(f"there is no file {data!r}; give a file, a folder, or namespace/name@version")
    return pull(*split_name(data), repo_type="dataset").folder


def _document(row: str, hit: Hit) -> dict[str, Any]:
    overlap = hit.overlap
    return {
        "row": row, "tests": hit.held_out, "test": hit.test_id, "column": hit.column,
        "kind": overlap.kind, "words": overlap.words, "text": overlap.text,
    }  # fmt: skip
