"""`lema contamination DATA`: which rows of anybody's data hold a test question.

lema contamination my-rows.jsonl
lema contamination lema/lema-corrections@v0.1.0 --tests gsm8k --json
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lema_hub.tasks.held_out import HeldOut

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

SHOWN = 20


@app.command()
def contamination(
    data: Annotated[
        str, typer.Argument(help="A JSONL or Parquet file, a folder of them, or namespace/name@version.")
    ],
    tests: Annotated[
        list[str] | None, typer.Option(help="A task whose test set is looked for; all real tasks by default.")
    ] = None,
    against: Annotated[
        list[Path] | None, typer.Option(help="JSONL file of test questions (`question` or `problem`, `id`).")
    ] = None,
    n: Annotated[int, typer.Option(help="Words in a run.")] = 13,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Count also rows that share a run but not the question's numbers."),
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write every hit with its matched text as JSONL.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Look for test questions in the texts of a data set; exit code 1 if there is one."""
    from lema_hub.cli.hub_client import prepare_client

    prepare_client()
    from lema_hub.errors import InputError
    from lema_hub.tasks.held_out import find_hits

    if out is not None:
        read = [Path(data), *(against or ())]
        if out.exists() and any(file.exists() and out.samefile(file) for file in read):
            raise InputError(f"--out {str(out)!r} is a file that is read; give another one")
        out.open("a").close()  # a long search must not end in a file that cannot be written
    sets = _sets(tests, against)
    named, rows = tee(_rows(data))
    every: list[dict[str, Any]] = []
    count = phrases = 0
    for (name, _), hits in zip(named, find_hits((texts for _, texts in rows), sets, n=n), strict=True):
        count += 1
        counted = [hit for hit in hits if hit.overlap.is_hit or strict]
        phrases += bool(hits) and not counted
        every += [
            {
                "row": name, "tests": hit.held_out, "test": hit.test_id, "column": hit.column,
                "kind": hit.overlap.kind, "words": hit.overlap.words, "text": hit.overlap.text, "shown": str(hit),
            }
            for hit in counted
        ]  # fmt: skip
    held = len({hit["row"] for hit in every})
    if out is not None:
        lines = [
            json.dumps({k: v for k, v in hit.items() if k != "shown"}, ensure_ascii=False) for hit in every
        ]
        out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    if as_json:
        summary = {
            "rows": count,
            "tests": {one.name: len(one.questions) for one in sets},
            "rows_with_test_questions": held,
            "rows_with_phrases": phrases,
            "hits": [{k: v for k, v in hit.items() if k != "shown"} for hit in every],
        }
        typer.echo(json.dumps(summary, ensure_ascii=False))
    else:
        for hit in every[:SHOWN]:
            typer.echo(f"{hit['row']}: {hit['shown']}")
        if len(every) > SHOWN:
            typer.echo(f"... and {len(every) - SHOWN} more; --out FILE.jsonl has them all")
        compared = ", ".join(f"{one.name} ({len(one.questions):,} questions)" for one in sets)
        typer.echo(
            f"{count:,} rows against {compared}: {held:,} hold a test question, {phrases:,} share a phrase"
        )
    if held:
        raise InputError(
            f"{held:,} of {count:,} rows of {data} hold a test question; drop them before training"
        )


def _sets(tests: list[str] | None, against: list[Path] | None) -> list[HeldOut]:
    """The test sets that were asked for; one that cannot be loaded is an error here."""
    from lema_hub.errors import HubError
    from lema_hub.tasks.held_out import from_file, load_scored, of_problems, scored_with

    names = tests if tests is not None else [] if against else list(scored_with("gsm8k"))
    try:
        sets = [of_problems(name, load_scored(name)) for name in names]
    except HubError as error:
        reason = str(error).partition(";")[0]
        raise HubError(f"{reason}; check the endpoint, or give a copy with --against FILE.jsonl") from error
    return [*sets, *(from_file(file) for file in against or ())]


def _rows(data: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Every row's name and its texts by column."""
    from lema_hub.errors import InputError
    from lema_hub.hub.pull import pull
    from lema_hub.snapshots import split_name
    from lema_hub.tasks.held_out import TEXTS

    path = Path(data)
    if path.suffix in (".jsonl", ".parquet") and not path.exists():
        raise InputError(f"there is no file {data!r}; give a file, a folder, or namespace/name@version")
    root = path if path.exists() else pull(*split_name(data), repo_type="dataset").folder
    files = [root] if root.is_file() else sorted((*root.rglob("*.jsonl"), *root.rglob("*.parquet")))
    files = [file for file in files if "rejected" not in file.parts]  # what a build of ours dropped
    if not files:
        raise InputError(f"{data!r} holds neither JSONL nor Parquet; give such a file, or a folder with some")
    for file in files:
        name = file.name if root.is_file() else str(file.relative_to(root))
        for number, row in enumerate(_read(file)):
            texts: dict[str, str] = {}
            # Of rows of ours the columns that the builder compares: a prompt repeats question and solution, and in
            # so long a text some test question's numbers stand in their order by chance.
            ours = "problem_id" in row and "question" in row
            _collect({name: row[name] for name in TEXTS if name in row} if ours else row, "", texts)
            yield f"{name}:{number}", texts


def _read(file: Path) -> Iterator[dict[str, Any]]:
    from lema_hub.errors import InputError
    from lema_hub.json_text import read_jsonl

    if file.suffix != ".parquet":
        yield from read_jsonl(file)
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(batch_size=4096):
                yield from batch.to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{str(file)!r} is no readable Parquet ({error}); give another file") from error


def _collect(value: Any, where: str, texts: dict[str, str]) -> None:
    """All texts in a value, those of one column (or of one key of it) joined."""
    if isinstance(value, str):
        texts[where] = f"{texts[where]}\n{value}" if where in texts else value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            _collect(inner, f"{where}.{key}" if where else str(key), texts)
    elif isinstance(value, list):
        for inner in value:
            _collect(inner, where, texts)
