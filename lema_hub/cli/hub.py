"""`lema hub`: the embedded Hugging Face Hub, from the shell.

lema hub serve --dir my-hub &
eval "$(lema hub env --dir my-hub)"        # from here on every Hub client talks to it
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lema_hub.cli.hint import next_command, same_command
from lema_hub.errors import HubError, InputError, MissingExtraError

if TYPE_CHECKING:
    from lema_hub.localhub.blobs import Blobs
    from lema_hub.localhub.store import Store

app = typer.Typer(
    name="hub",
    help="The embedded Hugging Face Hub.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
token_app = typer.Typer(
    name="token", help="Tokens of the embedded Hub.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(token_app)

Directory = Annotated[
    Path,
    typer.Option(
        "--dir", envvar="LEMA_HUB_DIR", help="The server's directory; everything it keeps is in it."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]

DEFAULT_DIRECTORY = Path(".lema/hub")


@contextmanager
def _errors() -> Iterator[None]:
    """Turn the embedded Hub's own errors into those that the command line prints as one line."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(error.name or "starlette", "hub") from None
    from lema_hub.localhub.errors import HubError as LocalHubError

    try:
        yield
    except LocalHubError as error:
        raise HubError(str(error)) from error


@contextmanager
def _opened(directory: Path) -> Iterator[tuple[Store, Blobs]]:
    """The database and the blobs of an existing directory."""
    with _errors():
        from lema_hub.localhub.blobs import Blobs
        from lema_hub.localhub.errors import storage_errors
        from lema_hub.localhub.server import DATABASE, exists
        from lema_hub.localhub.store import Store

        if not exists(directory):
            raise HubError(
                f"no Hub was ever served from {directory}: run `lema hub serve --dir {directory}` first"
            )
        with storage_errors(directory), closing(Store(directory / DATABASE)) as store:
            yield store, Blobs(directory)


@app.command()
def serve(
    directory: Directory = DEFAULT_DIRECTORY,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8765,
    namespace: Annotated[str, typer.Option(help="Namespace that the first start makes.")] = "lema",
    allow_host: Annotated[list[str] | None, typer.Option(help="A further host name of the server.")] = None,
    rate_limit: Annotated[
        int | None,
        typer.Option(
            min=1, help="Requests of each kind that a token may send in 5 minutes; no limit if left out."
        ),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every request on stderr.")] = False,
    as_json: AsJson = False,
) -> None:
    """Serve the Hub until Ctrl-C or SIGTERM."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    with _errors():
        from lema_hub.localhub import LocalHub, RateLimit

        limit = None if rate_limit is None else RateLimit(rate_limit)
        with LocalHub(
            directory,
            host=host,
            port=port,
            namespace=namespace,
            allow_hosts=allow_host or (),
            rate_limit=limit,
        ) as hub:
            if not _is_loopback(host):
                print(
                    f"lema: other machines can reach {host}, and tokens travel in the clear: put a TLS proxy in "
                    "front, and name it with --allow-host",
                    file=sys.stderr,
                )
            if as_json:
                print(
                    json.dumps({"url": hub.url, "token": hub.token, "namespace": hub.namespace}), flush=True
                )
            else:
                print(f"Hub at {hub.url}, keeping everything in {hub.directory}", flush=True)
                print(
                    f'In another shell:  eval "$(lema hub env --dir {shlex.quote(str(directory))})"',
                    flush=True,
                )
                print("Stop it with Ctrl-C.", flush=True)
            stop.wait()


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


@app.command()
def env(
    directory: Directory = DEFAULT_DIRECTORY,
    url: Annotated[
        str | None, typer.Option(help="Any Hub's address, instead of the one served from --dir.")
    ] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for a server that is starting.")] = 0.0,
) -> None:
    """Print the exports that point a shell's Hub clients at the server: eval "$(lema hub env)"."""
    if url is not None:
        if not url.startswith(("http://", "https://")):
            raise InputError(f"--url must start with http:// or https://, got {url!r}")
        token = os.environ.get("HF_TOKEN")
    else:
        with _errors():
            from lema_hub.localhub import running

            server = running(directory, wait_seconds=wait)
        url, token = server.url, server.token
    # Clients want no slash at the end, and read all of this once, at their import.
    print(f"export HF_ENDPOINT={shlex.quote(url.rstrip('/'))}")
    if token:
        print(f"export HF_TOKEN={shlex.quote(token)}")
    print("export HF_HUB_DISABLE_XET=1")


@app.command()
def seed(
    folder: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="Folder whose files are uploaded.")
    ],
    repo_id: Annotated[str, typer.Argument(help="namespace/name; made if it is missing.")],
    kind: Annotated[
        Literal["model", "dataset", "space"], typer.Option("--type", help="Type of the repo.")
    ] = "dataset",
    tag: Annotated[str | None, typer.Option(help="Tag to put on the commit.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Hide the repo from strangers.")] = False,
    sdk: Annotated[str, typer.Option(help="SDK of a Space.")] = "gradio",
    directory: Directory = DEFAULT_DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Put a folder into the Hub as one commit; starts the server for the moment if none is running."""
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
    with _errors():
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError

        from lema_hub.localhub import LocalHub, NotServingError, running

        own = None
        try:
            server = running(directory)
            url, token = server.url, server.token
        except NotServingError:
            own = LocalHub(directory)
            url, token = own.url, own.token
        try:
            api = HfApi(endpoint=url, token=token)
            space_sdk = sdk if kind == "space" else None
            api.create_repo(repo_id, repo_type=kind, private=private, space_sdk=space_sdk, exist_ok=True)
            tags = api.list_repo_refs(repo_id, repo_type=kind).tags
            if tag in [found.name for found in tags]:
                raise HubError(f"tag {tag} of {repo_id} exists already and never moves: choose another")
            done = api.upload_folder(
                repo_id=repo_id, repo_type=kind, folder_path=folder, commit_message=f"Seed from {folder.name}"
            )
            if tag is not None:
                api.create_tag(repo_id, repo_type=kind, tag=tag, revision=done.oid)
        except (HfHubHTTPError, ValueError) as error:
            reason = getattr(error, "server_message", None) or str(error)
            raise HubError(f"{repo_id} was not seeded: {reason}") from error
        finally:
            if own is not None:
                own.close()
    if as_json:
        print(json.dumps({"repo_id": repo_id, "type": kind, "commit": done.oid, "tag": tag}))
        return
    print(f"{kind} {repo_id} is at {done.oid}" + (f" ({tag})" if tag else ""))
    next_command("hub", "serve", "--dir", directory)


@token_app.command("create")
def token_create(
    name: Annotated[str, typer.Argument(help="What you call it.")],
    role: Annotated[Literal["read", "write", "admin"], typer.Option(help="What it may do.")] = "write",
    user: Annotated[str, typer.Option(help="User that it acts for.")] = "lema",
    namespace: Annotated[
        list[str] | None, typer.Option(help="A further namespace that it is good for.")
    ] = None,
    days: Annotated[float | None, typer.Option(help="Days until it expires; never, if not given.")] = None,
    directory: Directory = DEFAULT_DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Make a token; its secret is printed this once and stored only as a hash."""
    with _opened(directory) as (store, _), store.write() as db:
        from lema_hub.localhub import auth

        secret = auth.create_token(
            db, name=name, user=user, role=role, namespaces=tuple(namespace or ()), days=days
        )
    print(json.dumps({"name": name, "token": secret}) if as_json else secret)


@token_app.command("list")
def token_list(directory: Directory = DEFAULT_DIRECTORY, as_json: AsJson = False) -> None:
    """List the tokens, without their secrets."""
    with _opened(directory) as (store, _), store.read() as db:
        from lema_hub.localhub import auth

        tokens = auth.list_tokens(db)
    if as_json:
        print(json.dumps([asdict(token) for token in tokens]))
        return
    for token in tokens:
        state = (
            f"revoked {token.revoked_at}" if token.revoked_at else f"expires {token.expires_at or 'never'}"
        )
        reach = "all namespaces" if token.role == "admin" else ", ".join(token.namespaces)
        print(f"{token.name}\t{token.user}\t{token.role}\t{reach}\tmade {token.created_at}\t{state}")
    next_command("hub", "token", "create", "NAME", "--dir", directory)


@token_app.command("revoke")
def token_revoke(
    name: Annotated[str, typer.Argument(help="Name of the token.")], directory: Directory = DEFAULT_DIRECTORY
) -> None:
    """Make a token useless from now on."""
    with _opened(directory) as (store, _), store.write() as db:
        from lema_hub.localhub import auth

        auth.revoke_token(db, name)
    print(f"token {name} is revoked")
    next_command("hub", "token", "list", "--dir", directory)


@app.command()
def namespace(
    name: Annotated[str, typer.Argument(help="A user or an organization; a token or a repo makes it.")],
    full_name: Annotated[
        str | None, typer.Option(help="What clients show beside the name; kept if left out.")
    ] = None,
    private: Annotated[
        bool | None,
        typer.Option(
            "--private-by-default/--public-by-default",
            help="Whether new repos are private; kept if left out.",
        ),
    ] = None,
    directory: Directory = DEFAULT_DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Show a user or an organization, and change its full name or the visibility of its new repos."""
    with _opened(directory) as (store, _), store.write() as db:
        from lema_hub.localhub import accounts

        found = accounts.change(db, name, fullname=full_name, private_repos=private)
    if as_json:
        print(json.dumps(asdict(found)))
        return
    kind, new = "user" if found.is_user else "organization", "private" if found.private_repos else "public"
    print(f"{kind} {found.name} ({found.fullname}): new repos are {new}")


@app.command()
def fsck(directory: Directory = DEFAULT_DIRECTORY, as_json: AsJson = False) -> None:
    """Hash every stored content again, and check every reference; exit 1 if anything is damaged."""

    def progress(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done}/{total} blobs", end="" if done < total else "\n", file=sys.stderr, flush=True)

    with _opened(directory) as (store, blobs):
        from lema_hub.localhub import fsck as check

        report = check.check(store, blobs, progress=progress)
    if as_json:
        print(json.dumps(asdict(report)))
    else:
        print(
            f"checked {report.blobs} blobs ({report.bytes} bytes), "
            f"{report.commits} commits in {report.repos} repos"
        )
        print(f"{report.unreferenced} blobs belong to no repo any more (`lema hub gc` removes them)")
        for problem in report.problems:
            print(problem)
        if not report.problems:
            next_command("hub", "gc", "--dry-run", "--dir", directory)
    if report.problems:
        raise HubError(f"{len(report.problems)} problems in {directory}: upload the damaged files again")


@app.command()
def gc(
    grace: Annotated[float, typer.Option(min=0, help="Hours that unused contents are kept.")] = 24.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    directory: Directory = DEFAULT_DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Remove contents and commits that no branch or tag reaches."""
    with _opened(directory) as (store, blobs):
        from lema_hub.localhub import garbage

        done = garbage.collect(store, blobs, grace_seconds=grace * 3600, dry_run=dry_run)
    if as_json:
        print(json.dumps(asdict(done)))
        return
    verb = "would be removed" if dry_run else "removed"
    print(f"{done.blobs} blobs ({done.bytes} bytes), {done.commits} commits {verb}")
    if dry_run:
        same_command()
    else:
        next_command("hub", "fsck", "--dir", directory)


if __name__ == "__main__":
    app()
