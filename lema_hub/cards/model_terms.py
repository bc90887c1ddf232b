"""What a base model's licence requires of models derived from it: a name, a phrase, a notice, a copy of itself.

The duties are data, `model_terms.yaml`, with their clauses and dates. What can be met is met when a model is published
(the notice, the phrase); what cannot, its name and the copy of the licence, is asked for. A conservative reading of
the plain words, and not legal advice.

    >>> terms_of("llama3.1").phrase
    'Built with Llama'
    >>> terms_of("mit").notice is None
    True
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import yaml

from lema_hub.artifacts.model import NOTICE
from lema_hub.cards.licenses import HUB_LICENSES
from lema_hub.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The duties of one licence; see the head of `model_terms.yaml` for the fields."""

    license: str
    title: str
    source: str
    clause: str
    date: str
    name: str | None = None
    phrase: str | None = None
    notice: str | None = None
    copy: bool = False
    use: str | None = None

    @property
    def front(self) -> dict[str, str]:
        """The licence in a card's front matter."""
        if self.license in HUB_LICENSES:
            return {"license": self.license}
        return {"license": "other", "license_name": self.license, "license_link": self.source}


def terms_of(license_id: str) -> Terms | None:
    """The duties of a licence, None where none are written down."""
    return _table().get(license_id)


def front_of(license_id: str) -> dict[str, str]:
    """A base model's licence in the front matter of what is made of it."""
    terms = terms_of(license_id)
    return terms.front if terms else {"license": license_id}


def check_name(license_id: str, repo_id: str) -> None:
    """Refuse a name that the base model's licence does not allow.

    Raises:
        InputError: The name does not begin as the licence asks.
    """
    terms, name = terms_of(license_id), repo_id.rsplit("/", 1)[-1]
    if terms is not None and terms.name is not None and not _plain(name).startswith(_plain(terms.name)):
        raise InputError(
            f"{repo_id}: the {terms.title} ({terms.clause.split(',')[0]}) asks for names that begin with "
            f"{terms.name.replace('-', ' ')}; name it {terms.name}-{name}"
        )


def notice_of(license_id: str, folder: Path) -> bytes | None:
    """What `NOTICE` must be beside the weights in `folder`, None if nothing is asked.

    A notice that lies there already is kept, and ours added if it is not in it.

    Raises:
        InputError: A copy of the licence must lie there too and does not.
    """
    terms = terms_of(license_id)
    path = folder / NOTICE
    there = path.read_text(encoding="utf-8") if path.is_file() else ""
    if terms is None or (terms.notice is None and not there):
        return there.encode() if there else None
    if terms.copy and not any(folder.glob("LICENSE*")):
        raise InputError(
            f"the {terms.title} ({terms.clause}) asks for a copy of itself beside the weights; put the file LICENSE of "
            f"the base model into {str(folder)!r} ({terms.source})"
        )
    needed = terms.notice or ""
    if " ".join(needed.split()) in " ".join(there.split()):
        return there.encode()
    return f"{there.rstrip()}\n\n{needed}\n".lstrip().encode()


def _plain(name: str) -> str:
    """A name without case and separators: `Llama-3`, `llama3` and `Llama_3` are one."""
    return re.sub(r"[-_. ]", "", name).lower()


@cache
def _table() -> dict[str, Terms]:
    text = files("lema_hub.cards").joinpath("model_terms.yaml").read_text(encoding="utf-8")
    entries = [Terms(**{**entry, "date": str(entry["date"])}) for entry in yaml.safe_load(text)]
    return {terms.license: terms for terms in entries}
