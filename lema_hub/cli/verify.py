"""`lema verify`: check a published version, of ours or of others.

lema verify lema/lema-corrections@v0.1.0
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from lema_hub.cli.hint import next_command
from lema_hub.errors import HubError

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def verify(
    name: Annotated[str, typer.Argument(help="namespace/name@version; the newest version without @.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Check bytes, rows, card, numbers and licence of a published version."""
    from lema_hub.cli.hub_client import prepare_client

    prepare_client()
    from lema_hub.hub.verify import verify as check_version
    from lema_hub.snapshots import split_name

    found = check_version(*split_name(name))
    if as_json:
        print(json.dumps(asdict(found)))
    else:
        print(f"{found.repo_type} {found.repo_id} {found.revision} (commit {found.commit})")
        for check in found.checks:
            print(f"  {check.verdict:4}  {check.name:12}  {check.detail}")
        if not found.failed:
            next_command("pull", f"{found.repo_id}@{found.revision}")
    if found.failed:
        names = ", ".join(check.name for check in found.failed)
        raise HubError(
            f"{found.repo_id} {found.revision} fails {len(found.failed)} of {len(found.checks)} checks "
            f"({names}); "
            "do not rely on it, tell its publisher"
        )
