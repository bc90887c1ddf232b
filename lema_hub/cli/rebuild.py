"""`lema rebuild`: the whole rows of an id-only release, from sources that you may read.

lema rebuild lema/lema-math@v0.1.0 --out lema-math
lema rebuild lema/lema-math@v0.1.0 --out lema-math --source math=MATH/train.jsonl
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from lema_hub.cli.hint import next_command
from lema_hub.errors import InputError

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def rebuild(
    name: Annotated[str, typer.Argument(help="namespace/name@version; the newest version without @.")],
    out: Annotated[
        Path, typer.Option(help="The folder for the whole rows, new or empty.", show_default=False)
    ],
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="TASK=PATH: a file or folder in the task's official format, to use instead of its Hub."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Restore the withheld texts of a release, and check each against its hash."""
    from lema_hub.cli.hub_client import prepare_client

    prepare_client()
    from lema_hub.builders.rebuild import rebuild as make
    from lema_hub.hub.pull import pull
    from lema_hub.snapshots import split_name

    sources = {}
    for given in source or ():
        task, equals, path = given.partition("=")
        if not (task and equals and path):
            raise InputError(f"--source {given!r} is not TASK=PATH; write it as in gsm8k=train.jsonl")
        sources[task] = Path(path)
    pulled = pull(*split_name(name), repo_type="dataset")
    made = make(pulled.folder, out=out, sources=sources)
    if as_json:
        print(json.dumps({"folder": str(out), "rows": made.rows, "problems": made.problems}))
        return
    for split, rows in made.rows.items():
        print(f"{split}: {rows:,} rows, every text as its hash says")
    joined = ", ".join(f"{count:,} of {repo}" for repo, count in made.problems.items())
    print(f"{out}: joined with {joined}; the sources' own terms apply to it")
    next_command("contamination", out)
