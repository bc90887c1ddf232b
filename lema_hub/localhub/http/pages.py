"""What a browser sees: plain text, since cards are written by strangers and are never rendered here."""

from contextlib import suppress

from starlette.responses import PlainTextResponse, Response

from lema_hub.localhub import commits, info, refs, repos, trees
from lema_hub.localhub.errors import ApiError
from lema_hub.localhub.http.call import Call
from lema_hub.localhub.paths import PLURALS


def index(call: Call) -> Response:
    """GET /: the repos that the asker may see."""
    lines = [
        "An embedded Hugging Face Hub. Point clients at it:",
        f"  export HF_ENDPOINT={call.base_url}",
        "",
    ]
    with call.state.store.read() as db:
        for plural, kind in PLURALS.items():
            found = sorted(repos.visible(db, call.identity, kind), key=lambda repo: repo.id.lower())
            lines += [
                f"{plural}: {len(found)}",
                *(f"  {call.base_url}/{repo.url_path}" for repo in found),
                "",
            ]
    return PlainTextResponse("\n".join(lines))


def repo(call: Call) -> Response:
    """GET /{repo}, /{repo}/tree/{revision}, /{repo}/commit/{revision}: versions, files and card."""
    revision = call.param("revision") if "revision" in call.request.path_params else refs.MAIN
    with call.state.store.read() as db:
        found = call.repo(db)
        commit = commits.get(db, found.key, refs.resolve(db, found.key, revision))
        files = trees.files(db, found.key, commit.tree)
        tags = [ref.name for ref in refs.listing(db, found.key, "tag")]
        readme = ""
        with suppress(ApiError):  # the card of a gated repo is for those who were let in
            repos.require_download(call.identity, found)
            readme = info.read_text(db, call.state.blobs, found.key, commit.tree, "README.md")
    lines = [
        f"{found.type} {found.id}" + (" (private)" if found.private else ""),
        f"commit {commit.oid} of {info.iso_date(commit.created_at)} by {commit.author}: {commit.title}",
        f"tags: {', '.join(tags) or 'none'}",
        "",
        *(f"{entry.size:>14,}  {entry.path}" for entry in files),
        "",
        readme,
    ]
    return PlainTextResponse("\n".join(lines), headers={"X-Repo-Commit": commit.oid})
