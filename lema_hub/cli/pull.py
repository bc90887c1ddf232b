"""`lema pull`: a published version into a folder.

lema pull lema/lema-corrections@v0.1.0 --out corrections
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from lema_hub.cli.hint import next_command

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def pull(
    name: Annotated[str, typer.Argument(help="namespace/name@version; the newest version without @.")],
    out: Annotated[
        Path | None, typer.Option(help="The folder, new or empty; by default ./NAME-VERSION.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Download a version of a dataset or a model."""
    from lema_hub.cli.hub_client import prepare_client

    prepare_client()
    from lema_hub.hub.pull import pull as fetch
    from lema_hub.snapshots import split_name

    repo_id, revision = split_name(name)
    folder = out or Path(f"{repo_id.rsplit('/', 1)[-1]}-{revision or 'newest'}")
    pulled = fetch(repo_id, revision, out=folder)
    if as_json:
        print(
            json.dumps(
                {
                    "folder": str(folder),
                    "repo_id": repo_id,
                    "repo_type": pulled.repo.repo_type,
                    "revision": pulled.revision,
                    "commit": pulled.commit,
                }
            )
        )
    else:
        print(f"{repo_id} {pulled.revision} (commit {pulled.commit}) is in {folder}")
        next_command("verify", f"{repo_id}@{pulled.revision}")
