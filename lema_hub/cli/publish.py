"""`lema publish`: a built dataset, an adapter or a whole model, as one commit and one tag.

lema publish dataset runs/lema-corrections lema/lema-corrections --version 0.1.0 --dry-run
lema publish adapter runs/nano-lema lema/nano-lema --version 0.1.0
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lema_hub.cli.hint import next_command, same_command
from lema_hub.cli.hub_client import prepare_client

if TYPE_CHECKING:
    from lema_hub.hub.options import Keywords
    from lema_hub.hub.release import Published

_STARTED = time.time()

app = typer.Typer(
    name="publish",
    help="Publish a dataset, an adapter or a model to a Hub, versioned, with its card.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Folder = Annotated[Path, typer.Argument(help="The folder that was built or trained.", show_default=False)]
RepoId = Annotated[str, typer.Argument(help="Where to, as namespace/name.", show_default=False)]
VersionOption = Annotated[str, typer.Option("--version", help="The new version, X.Y.Z.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check and render everything; send nothing.")]
Private = Annotated[bool, typer.Option("--private", help="Make the repo private if it is new.")]
CreatePr = Annotated[
    bool,
    typer.Option(
        "--create-pr", help="Open a pull request instead, for a repo that is not yours; it makes no tag."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


@app.command()
def dataset(
    folder: Folder,
    repo_id: RepoId,
    version: Annotated[
        str | None,
        typer.Option(
            "--version",
            help="The new version, X.Y.Z; `next` takes the proposed one. Without it the proposal is printed.",
            show_default=False,
        ),
    ] = None,
    dry_run: DryRun = False,
    private: Private = False,
    create_pr: CreatePr = False,
    ids_only: Annotated[
        bool,
        typer.Option("--ids-only", help="Withhold the sources' text: `lema rebuild` puts it back."),
    ] = False,
    i_have_the_right: Annotated[
        str | None,
        typer.Option(
            metavar="REASON",
            help="Publish although a licence objects; the reason is recorded in manifest and card.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Publish what `lema build` wrote."""
    prepare_client()
    from lema_hub.hub.publish import propose, publish_dataset

    if version is None:
        number, why = propose(folder, repo_id)
        if as_json:
            print(json.dumps({"repo_id": repo_id, "proposed": str(number), "why": why}))
        else:
            print(f"{repo_id} would become {number} ({why})")
            next_command("publish", "dataset", folder, repo_id, "--version", number)
        return
    options = _options(version, dry_run=dry_run, private=private, create_pr=create_pr)
    published = publish_dataset(folder, repo_id, right=i_have_the_right, ids_only=ids_only, **options)
    _report(published, as_json)


@app.command()
def adapter(
    folder: Folder,
    repo_id: RepoId,
    version: VersionOption,
    dry_run: DryRun = False,
    private: Private = False,
    create_pr: CreatePr = False,
    all_checkpoints: Annotated[
        bool,
        typer.Option("--all-checkpoints", help="Publish every checkpoint of the run too, as vX.Y.Z-step-N."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Publish an adapter that `lema train` wrote."""
    prepare_client()
    from lema_hub.hub.publish import publish_adapter

    options = _options(version, dry_run=dry_run, private=private, create_pr=create_pr)
    if all_checkpoints:  # first, so that the same command finishes what was interrupted
        from lema_hub.hub.checkpoints import publish_checkpoints

        for tag, commit in publish_checkpoints(folder, repo_id, **options).items():
            typer.echo(f"checkpoint {tag} is commit {commit}", err=True)
    _report(publish_adapter(folder, repo_id, **options), as_json)


@app.command()
def model(
    folder: Folder,
    repo_id: RepoId,
    version: VersionOption,
    dry_run: DryRun = False,
    private: Private = False,
    create_pr: CreatePr = False,
    as_json: AsJson = False,
) -> None:
    """Publish a whole model with its tokenizer."""
    prepare_client()
    from lema_hub.hub.publish import publish_model

    options = _options(version, dry_run=dry_run, private=private, create_pr=create_pr)
    _report(publish_model(folder, repo_id, **options), as_json)


@app.command()
def results(
    run: Annotated[
        Path, typer.Argument(help="A scored run: what `lema eval --out` wrote.", show_default=False)
    ],
    repo_id: Annotated[str, typer.Argument(help="The model that was scored.", show_default=False)],
    benchmark: Annotated[
        str | None,
        typer.Option(
            metavar="REPO[@VERSION]",
            help="The published benchmark that lema:nano was scored on.",
            show_default=False,
        ),
    ] = None,
    create_pr: CreatePr = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Add the scores of a run to a model's page."""
    prepare_client()
    from lema_hub.artifacts.scores import read_result
    from lema_hub.hub.eval_results import publish_results, results_of

    scored = read_result(run)
    found = results_of(scored)
    if benchmark is not None:
        from lema_hub.hub.benchmark import on_benchmark

        found = on_benchmark(found, scored.items(), benchmark)
    sent = publish_results(repo_id, found, create_pr=create_pr, dry_run=dry_run)
    if as_json:
        print(json.dumps({"repo_id": sent.repo_id, "url": sent.url, "files": sent.files}))
        return
    for path, text in sent.files.items():
        print(f"{path}\n{text}")
    if sent.url:
        print(sent.url)
    else:
        print("Nothing was sent.")
        same_command()


@app.command()
def run(
    folder: Annotated[
        Path, typer.Argument(help="A scored run: what `lema eval --out` wrote.", show_default=False)
    ],
    repo_id: RepoId,
    version: VersionOption,
    dry_run: DryRun = False,
    private: Private = False,
    create_pr: CreatePr = False,
    as_json: AsJson = False,
) -> None:
    """Publish every output and verdict of a scored run as a dataset."""
    prepare_client()
    from lema_hub.artifacts.scores import read_result
    from lema_hub.hub.run_results import publish_run

    options = _options(version, dry_run=dry_run, private=private, create_pr=create_pr)
    _report(publish_run(read_result(folder), repo_id, **options), as_json)


@app.command()
def benchmark(
    repo_id: RepoId,
    version: VersionOption,
    n: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of problems; by default those that `lema eval` scores.", show_default=False
        ),
    ] = None,
    dry_run: DryRun = False,
    private: Private = False,
    create_pr: CreatePr = False,
    as_json: AsJson = False,
) -> None:
    """Publish the nano world's test problems as a benchmark, with its eval.yaml."""
    prepare_client()
    from lema_hub.hub.benchmark import publish_benchmark

    options = _options(version, dry_run=dry_run, private=private, create_pr=create_pr)
    _report(publish_benchmark(repo_id, n=n, **options), as_json)


@app.command()
def collection(
    title: Annotated[
        str, typer.Argument(help="The collection's title, at most 60 characters.", show_default=False)
    ],
    repos: Annotated[
        list[str],
        typer.Argument(
            metavar="REPO...",
            help="Repo ids, where needed as datasets/..., models/... or spaces/..., and arXiv numbers.",
            show_default=False,
        ),
    ],
    namespace: Annotated[
        str | None,
        typer.Option(
            help="Owner of the collection; by default the owner of the first repo.", show_default=False
        ),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Make a new collection private.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look everything up; change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Gather the repos of a release in a collection; the same command adds what is missing."""
    prepare_client()
    from lema_hub.hub.collections import gather

    made = gather(title, repos, namespace=namespace, private=private, dry_run=dry_run)
    if as_json:
        members = [{**asdict(member), "outcome": outcome} for member, outcome in made.members]
        print(
            json.dumps(
                {"title": made.title, "description": made.description, "url": made.url, "items": members}
            )
        )
        return
    for member, outcome in made.members:
        print(f"{outcome:<9}  {member.what} {member.id}: {member.note}")
    print(f"\n{made.title}: {made.description}")
    if dry_run:
        print("Nothing was sent.")
        same_command()
    else:
        print(made.url)


@app.command()
def tag(
    repo_id: Annotated[str, typer.Argument(help="The repo, as namespace/name.", show_default=False)],
    version: Annotated[
        str | None,
        typer.Option("--version", help="The release to tag, if several have no tag.", show_default=False),
    ] = None,
    repo_type: Annotated[
        Literal["dataset", "model"] | None,
        typer.Option(
            "--type", help="By default the type that the Hub has under that name.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tag a release whose pull request was merged."""
    prepare_client()
    from lema_hub.hub.tags import tag_merged

    repo, number, commit = tag_merged(repo_id, repo_type=repo_type, version=version)
    if as_json:
        print(json.dumps({"repo_id": repo_id, "version": str(number), "commit": commit}))
        return
    print(f"{repo.url}/tree/{number.tag} is commit {commit}")
    next_command("verify", f"{repo_id}@{number.tag}")


def _options(version: str, *, dry_run: bool, private: bool, create_pr: bool) -> Keywords:
    return {
        "version": version,
        "dry_run": dry_run,
        "private": private,
        "create_pr": create_pr,
        "started": _STARTED,
    }


def _report(published: Published, as_json: bool) -> None:
    if as_json:
        print(json.dumps({**asdict(published), "snippet": published.snippet}))
        return
    for path, size in published.files.items():
        print(f"{size:>12,}  {path}")
    if published.commit is None:
        print(f"\n{published.card.split('---', 2)[1].strip()}\n")
        print(
            f"Nothing was sent: {published.bytes:,} bytes would be, as v{published.version} of "
            f"{published.url}"
        )
        same_command()
        return
    if published.pull_request is not None:
        print(f"\n{'Found' if published.finished else 'Opened'} {published.pull_request}")
        print("It has no tag yet; make it after the merge.")
        next_command("publish", "tag", published.repo_id)
        return
    done = "Finished" if published.finished else "Published"
    print(f"\n{done} v{published.version} as commit {published.commit}, {published.bytes:,} bytes sent")
    print(published.url)
    print(f"\nLoad it:\n\n{published.snippet}\n")
    next_command("verify", f"{published.repo_id}@v{published.version}")
