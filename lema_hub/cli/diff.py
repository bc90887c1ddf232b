"""`lema diff`: what changed between two versions of a dataset, or between a version and a folder.

lema diff lema/lema-corrections v0.1.0 v0.2.0
lema diff lema/lema-corrections v0.1.0 runs/lema-corrections --rows changed
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lema_hub.cli.hint import next_command
from lema_hub.errors import InputError

if TYPE_CHECKING:
    from lema_hub.hub.diff import ConfigDiff, Diff, Side

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

Part = Literal["added", "dropped", "changed"]


@app.command()
def diff(
    repo_id: Annotated[str, typer.Argument(help="The dataset, as namespace/name.", show_default=False)],
    before: Annotated[
        str | None, typer.Argument(help="The older version (tag, commit) or a folder.", show_default=False)
    ] = None,
    after: Annotated[
        str | None,
        typer.Argument(help="The newer version or a folder; the newest by default.", show_default=False),
    ] = None,
    rows: Annotated[Part | None, typer.Option(help="Print these rows as JSON lines.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Show the rows added, dropped and changed in each config; without versions, list the versions."""
    from lema_hub.cli.hub_client import prepare_client

    prepare_client()
    from lema_hub.hub import diff as comparison
    from lema_hub.hub.pull import find
    from lema_hub.hub.versions import of_tags

    if before is None:
        repo, state = find(repo_id, None, None)
        listed = {version.tag: state.tags[version.tag] for version in of_tags(state.tags)}
        if as_json:
            print(json.dumps({"repo_id": repo_id, "repo_type": repo.repo_type, "versions": listed}))
        else:
            print(
                "\n".join(f"{tag}  {commit}" for tag, commit in listed.items()) or "no version is published"
            )
            if len(listed) > 1:
                next_command("diff", repo_id, *list(listed)[-2:])
            elif listed:
                next_command("verify", f"{repo_id}@{next(iter(listed))}")
        return
    old, new = _side(repo_id, before), _side(repo_id, after)
    difference = comparison.diff(old, new)
    if rows is not None:
        for config in difference.configs:
            for line in _rows(config, old, new, rows):
                print(json.dumps(line, ensure_ascii=False))
    elif as_json:
        print(json.dumps(_document(difference), ensure_ascii=False))
    else:
        _table(difference)
        if after is not None and Path(after).is_dir():
            next_command("publish", "dataset", after, repo_id, "--version", "next", "--dry-run")
        else:
            next_command("verify", f"{repo_id}@{difference.after}")


def _side(repo_id: str, name: str | None) -> Side:
    from lema_hub.artifacts.manifest import FILE_NAME
    from lema_hub.hub.diff import Side
    from lema_hub.hub.pull import pull

    if name is not None and (Path(name) / FILE_NAME).is_file():
        return Side.of(Path(name), name)
    if name is not None and Path(name).is_dir():
        raise InputError(
            f"folder {name!r} has no {FILE_NAME}; give one that `lema build` wrote, or a version"
        )
    pulled = pull(repo_id, name, repo_type="dataset", patterns=["data/*", FILE_NAME])
    return Side.of(pulled.folder, pulled.revision)


def _rows(config: ConfigDiff, old: Side, new: Side, part: Part) -> list[dict[str, Any]]:
    from lema_hub.artifacts.manifest import REJECTED
    from lema_hub.hub.diff import rejections_only_in, rows_of

    if config.config == REJECTED:  # these rows have no key: they are there or not, and never changed
        sides = {"added": (new, old), "dropped": (old, new)}
        found = rejections_only_in(*sides[part]) if part in sides else []
        return [{"config": REJECTED, **row} for row in found]
    if part == "added":
        return [{"config": config.config, **row} for row in rows_of(new, config.config, config.added)]
    if part == "dropped":
        return [{"config": config.config, **row} for row in rows_of(old, config.config, config.dropped)]
    keys = list(config.changed)
    pairs = zip(keys, rows_of(old, config.config, keys), rows_of(new, config.config, keys), strict=True)
    return [
        {
            "config": config.config,
            "key": key,
            "changed": {
                field: {"before": was.get(field), "after": now.get(field)} for field in config.changed[key]
            },
        }
        for key, was, now in pairs
    ]


def _document(difference: Diff) -> dict[str, Any]:
    return {
        "before": difference.before,
        "after": difference.after,
        "level": difference.level,
        "why": difference.why,
        "configs_added": difference.configs_added,
        "configs_dropped": difference.configs_dropped,
        "configs": {
            config.config: {
                "rows_before": config.rows_before,
                "rows_after": config.rows_after,
                "added": config.rows_added,
                "dropped": config.rows_dropped,
                "changed": len(config.changed),
                "fields": dict(config.fields),
                "reasons": config.reasons,
                "columns_added": config.columns_added,
                "columns_dropped": config.columns_dropped,
                "columns_retyped": config.columns_retyped,
            }
            for config in difference.configs
        },
    }


def _table(difference: Diff) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{difference.before} to {difference.after}", title_justify="left")
    table.add_column("config")
    for name in ("before", "after", "added", "dropped", "changed"):
        table.add_column(name, justify="right")
    for config in difference.configs:
        numbers = (
            config.rows_before,
            config.rows_after,
            config.rows_added,
            config.rows_dropped,
            len(config.changed),
        )
        table.add_row(config.config, *(f"{number:,}" for number in numbers))
    console = Console(soft_wrap=True, markup=False, highlight=False)
    console.print(table)
    for line in difference.changes():
        console.print(line)
    console.print(f"\nThis is a {difference.level} change: {difference.why}.")
