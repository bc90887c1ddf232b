"""Pull requests: opened from a commit, added to, compared with their base, merged.

The merge is by files, as the tree has them: what the request changed since it started goes on top of the
branch as it is now; a file that both changed differently is a conflict, and refuses the whole. The branch
gets one commit that names the request's own, as on the Hub, so a history stays a line.
"""

import sqlite3
from collections.abc import Iterable

from lema_hub.localhub import bounds, changes, commits, diffs, discussions, refs, trees
from lema_hub.localhub.auth import Identity
from lema_hub.localhub.blobs import Blobs
from lema_hub.localhub.commits import Commit
from lema_hub.localhub.discussions import Discussion
from lema_hub.localhub.errors import ApiError, revision_not_found
from lema_hub.localhub.repos import Repo
from lema_hub.localhub.store import now


def start(
    db: sqlite3.Connection, repo: Repo, *, title: str, author: str, text: str, base: str = refs.MAIN
) -> Discussion:
    """Open an empty pull request; it is a draft until its author says otherwise."""
    tip = _tip(db, repo, base)
    made = discussions.create(
        db, repo, title=title, author=author, text=text, status="draft", base=base, base_commit=tip.oid
    )
    refs.set_head(db, repo.key, made.ref, tip.oid)
    return made


def propose(
    db: sqlite3.Connection, repo: Repo, branch: str, request: changes.Request, author: str
) -> tuple[Discussion, Commit]:
    """Open a pull request with one commit on the parent that the client named, or on the branch as it is.

    A client that lost the answer sends the request again: it gets the pull request that it made.

    Raises:
        ApiError: 404 for what is no branch or an unknown parent, and what `changes.build` refuses.
    """
    tip = _tip(db, repo, branch)
    if request.parent is not None and not tip.oid.startswith(request.parent):
        tip = commits.get(db, repo.key, refs.resolve(db, repo.key, request.parent))
    new = changes.build(db, repo.key, tip, request, author)
    for old in discussions.listing(db, repo):
        if old.status != "open" or old.base != branch or old.author.lower() != author.lower():
            continue
        held = commits.get(db, repo.key, refs.resolve(db, repo.key, old.ref))
        if (held.tree, held.parent, held.title, held.message) == (new.tree, tip.oid, new.title, new.message):
            return old, held
    made = discussions.create(
        db,
        repo,
        title=request.title,
        author=author,
        text=request.message or f"Pull request opened by {author}.",
        base=branch,
        base_commit=tip.oid,
    )
    refs.set_head(db, repo.key, made.ref, new.oid)
    if new is not tip:
        discussions.record(db, made, "commit", author, {"subject": new.title, "oid": new.oid})
    return made, new


def add(
    db: sqlite3.Connection, repo: Repo, pull: Discussion, request: changes.Request, identity: Identity
) -> Commit:
    """Put one more commit on a pull request: its author, or who may write to the repo.

    Raises:
        ApiError: 403 without the right or after its end, and what `changes.apply` refuses.
    """
    discussions.require_steward(identity, repo, pull)
    if not pull.is_live:
        raise ApiError(403, f"Pull request {pull.num} of {repo.id} is {pull.status}: open another one")
    before = refs.head(db, repo.key, pull.ref)
    author = str(identity.user)
    done = changes.apply(db, repo.key, pull.ref, request, author)
    if done.oid != before:
        discussions.record(db, pull, "commit", author, {"subject": done.title, "oid": done.oid})
    return done


def _tip(db: sqlite3.Connection, repo: Repo, branch: str) -> Commit:
    oid = None if branch.startswith("refs/") else refs.head(db, repo.key, branch)
    if oid is None:
        raise revision_not_found(branch)
    return commits.get(db, repo.key, oid)


def _trees(db: sqlite3.Connection, repo: Repo, pull: Discussion) -> tuple[str, str, str]:
    """The trees at the request's start, of the request, and of its base branch as it is."""
    started = commits.get(db, repo.key, str(pull.base_commit))
    theirs = commits.get(db, repo.key, refs.resolve(db, repo.key, pull.ref))
    return started.tree, theirs.tree, _tip(db, repo, str(pull.base)).tree


def conflicts(db: sqlite3.Connection, repo: Repo, pull: Discussion) -> list[str]:
    """The paths that the request and its base branch have changed differently; none once it is over."""
    if not pull.is_live:
        return []
    started, theirs, ours = _trees(db, repo, pull)
    wanted, meanwhile = (trees.compare(db, repo.key, started, tree) for tree in (theirs, ours))
    return [
        path for path in wanted if path in meanwhile and _oid(wanted[path][1]) != _oid(meanwhile[path][1])
    ]


def merge(db: sqlite3.Connection, repo: Repo, pull: Discussion, identity: Identity) -> Commit:
    """Merge a pull request into its base branch, as one commit.

    Raises:
        ApiError: 400 if it is no open pull request or changes nothing, 409 if it conflicts.
    """
    if not pull.is_pull:
        raise ApiError(400, f"Discussion {pull.num} of {repo.id} is no pull request")
    if pull.status != "open":
        remedy = ": open it first" if pull.status == "draft" else ""
        raise ApiError(400, f"Pull request {pull.num} of {repo.id} is {pull.status}{remedy}")
    clashing = conflicts(db, repo, pull)
    if clashing:
        raise ApiError(
            409, f"Pull request {pull.num} conflicts with {pull.base} in {', '.join(clashing[:5])}"
        )
    started, theirs, ours = _trees(db, repo, pull)
    wanted = {path: _oid(pair[1]) for path, pair in trees.compare(db, repo.key, started, theirs).items()}
    if not wanted:
        raise ApiError(400, f"Pull request {pull.num} of {repo.id} changes nothing")
    done = commits.write(
        db,
        repo.key,
        tree=trees.write(db, repo.key, ours, wanted),
        parent=_tip(db, repo, str(pull.base)).oid,
        author=str(identity.user),
        title=f"{pull.title} (#{pull.num})",
        message="\n\n".join(
            [_own_commits(db, pull), f"Co-authored-by: {pull.author} <{pull.author}@localhub>"]
        ),
    )
    refs.set_head(db, repo.key, str(pull.base), done.oid)
    db.execute("UPDATE repo SET updated_at = ? WHERE id = ?", (now(), repo.key))
    discussions.set_status(db, pull, str(identity.user), "merged", merge_commit=done.oid)
    return done


def _own_commits(db: sqlite3.Connection, pull: Discussion) -> str:
    own = [event.data for event in discussions.events(db, pull) if event.type == "commit"]
    return "\n".join(f"- {data['subject']} ({data['oid']})" for data in own)


def _oid(entry: trees.Entry | None) -> str | None:
    return None if entry is None else entry.oid


def diff(db: sqlite3.Connection, blobs: Blobs, repo: Repo, pull: Discussion) -> str:
    """What the request changes, as git shows it; large files by their pointers, other binaries by name.

    It ends, with the number of files that are left out, after as many files and bytes as are compared at once.
    """
    started = commits.get(db, repo.key, str(pull.base_commit)).tree
    theirs = commits.get(db, repo.key, refs.resolve(db, repo.key, pull.ref)).tree
    changed = trees.compare(db, repo.key, started, theirs)
    parts: list[str] = []
    left = bounds.DIFF_BYTES
    for path, pair in changed.items():
        left -= sum(entry.size for entry in pair if entry is not None and _is_compared(entry))
        if left < 0 or len(parts) == bounds.DIFF_FILES:
            parts.append(f"... and {len(changed) - len(parts)} more files\n")
            break
        parts.append(_file_diff(blobs, path, *pair))
    return "".join(parts)


def _is_compared(entry: trees.Entry) -> bool:
    return not entry.lfs and entry.size <= bounds.DIFF_FILE_BYTES


def _file_diff(blobs: Blobs, path: str, old: trees.Entry | None, new: trees.Entry | None) -> str:
    head = f"diff --git a/{path} b/{path}\n"
    before, after = f"a/{path}", f"b/{path}"
    if old is None:
        head, before = head + "new file mode 100644\n", "/dev/null"
    if new is None:
        head, after = head + "deleted file mode 100644\n", "/dev/null"
    lines = [_lines(blobs, entry) for entry in (old, new)]
    if lines[0] is None or lines[1] is None:
        return f"{head}Binary files {before} and {after} differ\n"
    return head + "".join(_closed(diffs.unified(lines[0], lines[1], before, after)))


def _closed(lines: Iterable[str]) -> list[str]:
    """Lines that all end; git marks the last of a text that does not."""
    return [line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines]


def _lines(blobs: Blobs, entry: trees.Entry | None) -> list[str] | None:
    """The text of a file, or None if it has none to show."""
    if entry is None:
        return []
    if entry.lfs:
        return trees.lfs_pointer(entry.sha256, entry.size).decode().splitlines(keepends=True)
    if not _is_compared(entry):
        return None
    try:
        return blobs.read(entry.sha256).decode().splitlines(keepends=True)
    except UnicodeDecodeError:
        return None
