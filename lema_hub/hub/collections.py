"""Collections: the repos of a release under one title, each with a note that its own files give.

    gather("LeMa nano 0.1", ["lema/nano-corrections", "lema/nano-lema", "spaces/lema/mistakes", "2310.20689"])

The same call adds what is missing and brings notes up to date; it takes nothing out. What the notes say comes
from `manifest.json`, `training.json` and the front matter of the newest version, never from the caller.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from lema_hub.artifacts import manifest, training
from lema_hub.artifacts.files import File
from lema_hub.artifacts.manifest import Manifest
from lema_hub.artifacts.training import Result, Training
from lema_hub.cards import metadata, templates
from lema_hub.config import read_json
from lema_hub.errors import InputError
from lema_hub.hub import versions
from lema_hub.hub.release import CARD
from lema_hub.hub.repo import Repo, State
from lema_hub.hub.retry import patient
from lema_hub.hub.secrets import check_secrets
from lema_hub.snapshots import RepoType

if TYPE_CHECKING:
    from huggingface_hub import Collection, HfApi

# The Hub's limits, as `hf collections create --help` and `hf collections add-item --help` state them.
MAX_TITLE, MAX_DESCRIPTION, MAX_NOTE = 60, 150, 500

_PAPER = re.compile(r"\d{4}\.\d{4,5}")
_KINDS: dict[str, RepoType] = {"datasets": "dataset", "models": "model", "spaces": "space"}

Outcome = Literal["added", "updated", "unchanged"]


@dataclass(frozen=True, slots=True)
class Member:
    """A repo or paper of a collection: `what` it is in one word, and its note."""

    id: str
    type: Literal["dataset", "model", "space", "paper"]
    what: str
    note: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """A collection and what became of its members; `url` is None after a dry run of a new one."""

    title: str
    description: str
    url: str | None
    members: tuple[tuple[Member, Outcome], ...]


def gather(
    title: str,
    names: Sequence[str],
    *,
    namespace: str | None = None,
    private: bool = False,
    dry_run: bool = False,
    api: HfApi | None = None,
) -> Gathered:
    """Put repos and papers into the collection of that title, which is made if it is missing.

    Args:
        title: At most 60 characters; in a namespace it names one collection.
        names: Repo ids, where needed as `datasets/...`, `models/...` or `spaces/...`, and arXiv numbers.
        namespace: Whose collection it is; by default that of the first repo.
        private: Make a new collection private.
        dry_run: Look everything up, change nothing.
        api: The Hub and token to use instead of the clients' own.

    Raises:
        InputError: A name is not valid, or names nothing or several things; or the title is too long.
        HubError: The Hub refused or could not be reached. What was added stays, and the same call adds the rest.
    """
    if not 0 < len(title.strip()) <= MAX_TITLE:
        raise InputError(f"the title has {len(title.strip())} characters; expected 1 to {MAX_TITLE}")
    if not names:
        raise InputError("nothing to gather; name the repos of the release")
    repeated = [name for name, n in Counter(names).items() if n > 1]
    if repeated:
        raise InputError(f"{repeated[0]!r} is named twice; name it once")
    members = [_look_up(name, api) for name in names]
    owner = namespace or next((one.id.split("/")[0] for one in members if one.type != "paper"), None)
    if owner is None:
        raise InputError("papers alone have no namespace; give one with --namespace")
    gate = Repo.at(f"{owner}/collections", "model", api)  # where errors of this namespace are explained
    description = templates.render(
        "model_cards/collection.txt.jinja", {"counts": Counter(member.what for member in members)}
    ).strip()[:MAX_DESCRIPTION]
    check_secrets(
        [File("the title", title.encode()), *(File(f"the note of {m.id}", m.note.encode()) for m in members)]
    )
    if not dry_run:
        gate.check_access()
    found = _find(gate, owner, title.strip())
    if found is None and not dry_run:
        found = _create(gate, owner, title.strip(), description, private)
    held = {(item.item_type, str(item.item_id).lower()): item for item in found.items} if found else {}
    outcomes: list[tuple[Member, Outcome]] = []
    for member in members:
        item = held.get((member.type, member.id.lower()))
        outcome: Outcome = "added" if item is None else "unchanged" if item.note == member.note else "updated"
        if found is not None and not dry_run and outcome != "unchanged":
            _put(gate, found, member, item.item_object_id if item is not None else None)
        outcomes.append((member, outcome))
    if found is not None and not dry_run and found.description != description:
        _describe(gate, found, description)
    return Gathered(title.strip(), description, found.url if found is not None else None, tuple(outcomes))


def _look_up(name: str, api: HfApi | None) -> Member:
    """What a name means, with its note."""
    if _PAPER.fullmatch(name):
        return Member(name, "paper", "paper", f"arXiv:{name}.")
    prefix, _, rest = name.partition("/")
    typed = prefix in _KINDS and rest.count("/") == 1
    repo_id, kinds = (rest, (_KINDS[prefix],)) if typed else (name, get_args(RepoType))
    found: list[tuple[Repo, State]] = []
    for kind in kinds:
        repo = Repo.at(repo_id, kind, api)
        state = repo.state()
        if state is not None:
            found.append((repo, state))
    if not found:
        raise InputError(
            f"the Hub shows no {' or '.join(kinds)} {repo_id} to this token; publish it first, or check the id"
        )
    if len(found) > 1:
        several = ", ".join(f"{repo.repo_type}s/{repo_id}" for repo, _ in found)
        raise InputError(f"{repo_id} is several things; write one of {several}")
    return _describe_member(*found[0])


def _describe_member(repo: Repo, state: State) -> Member:
    known = versions.of_tags(state.tags)
    version = known[-1] if known else None
    revision = state.tags[version.tag] if version is not None else state.head
    card = repo.text(state, CARD, revision=revision)
    try:
        front = metadata.split_card(card)[0] if card is not None else {}
    except InputError:  # a card of somebody else without a header: its repo is added nevertheless
        front = {}
    rows: int | None = None
    results: tuple[Result, ...] = ()
    what = "Space" if repo.repo_type == "space" else str(repo.repo_type)
    if repo.repo_type == "dataset":
        text = repo.text(state, manifest.FILE_NAME, revision=revision)
        if text is not None:
            source = f"{repo.repo_id}/{manifest.FILE_NAME}"
            rows = Manifest.from_json(text, source=source).rows
        if "eval.yaml" in state.files:
            what = "benchmark"
    elif repo.repo_type == "model":
        text = repo.text(state, training.FILE_NAME, revision=revision)
        if text is not None:
            results = read_json(text, Training, source=f"{repo.repo_id}/{training.FILE_NAME}").results
        if "adapter_config.json" in state.files:
            what = "adapter"
    title = front.get("pretty_name") or front.get("title") or front.get("short_description")
    base = front.get("base_model")
    context = {
        "title": title if isinstance(title, str) else what.capitalize(),
        "version": str(version) if version is not None else "",
        "rows": rows or 0,
        "base": base if isinstance(base, str) else "",
        "results": results,
        "license": front.get("license") if isinstance(front.get("license"), str) else "",
    }
    note = " ".join(templates.render("model_cards/collection_note.txt.jinja", context).split())
    return Member(
        repo.repo_id, repo.repo_type, what, note if len(note) <= MAX_NOTE else note[: MAX_NOTE - 1] + "…"
    )


@patient
def _find(gate: Repo, owner: str, title: str) -> Collection | None:
    with gate.explained():
        for listed in gate.api.list_collections(owner=owner):
            if listed.title == title:
                return gate.api.get_collection(listed.slug)  # a listing shows the first items only
    return None


@patient
def _create(gate: Repo, owner: str, title: str, description: str, private: bool) -> Collection:
    with gate.explained():
        return gate.api.create_collection(
            title, namespace=owner, description=description, private=private, exists_ok=True
        )


@patient
def _put(gate: Repo, found: Collection, member: Member, key: str | None) -> None:
    with gate.explained():
        if key is None:
            gate.api.add_collection_item(found.slug, member.id, member.type, note=member.note, exists_ok=True)
        else:
            gate.api.update_collection_item(found.slug, key, note=member.note)


@patient
def _describe(gate: Repo, found: Collection, description: str) -> None:
    with gate.explained():
        gate.api.update_collection_metadata(found.slug, description=description)
