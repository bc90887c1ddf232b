"""Prompt templates as package data: each has a name, a version and a hash, and all three go into provenance.

A template is the file `<name>.v<version>.jinja` in this folder. Its text is never changed once data was made
with it; a new wording is a new version.

    >>> load("lema-cot").render(question="How much is 1 + 1?").splitlines()[0]
    'Please solve the following math problem.'
    >>> load("lema-cot").id.startswith("lema-cot@1#")
    True
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from lema_hub.errors import InputError

if TYPE_CHECKING:
    from jinja2 import Template

_FILE = re.compile(r"(?P<name>[a-z0-9-]+)\.v(?P<version>\d+)\.jinja")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A versioned template; `id` names it in provenance (`name@version#hash`)."""

    name: str
    version: int
    template: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.template.encode()).hexdigest()

    @property
    def id(self) -> str:
        return f"{self.name}@{self.version}#{self.sha256[:8]}"

    def render(self, **fields: str) -> str:
        """The prompt's text.

        Raises:
            InputError: A field of the template was not given.
        """
        from jinja2 import UndefinedError

        try:
            return _compiled(self.template).render(**fields)
        except UndefinedError as error:
            raise InputError(f"prompt {self.id}: {error.message}; give all of its fields") from error


@cache
def load(name: str, version: int | None = None) -> Prompt:
    """The template of that name, its newest version unless one is given.

    Raises:
        InputError: There is no such prompt.
    """
    versions = {v: text for (n, v), text in _templates().items() if n == name}
    chosen = max(versions, default=None) if version is None else version
    if chosen is None or chosen not in versions:
        known = ", ".join(sorted(f"{n}@{v}" for n, v in _templates()))
        raise InputError(
            f"no prompt {name!r}{f' version {version}' if version else ''}; choose one of {known}"
        )
    return Prompt(name=name, version=chosen, template=versions[chosen])


@cache
def _templates() -> dict[tuple[str, int], str]:
    matches = ((_FILE.fullmatch(file.name), file) for file in files(__name__).iterdir())
    return {(m["name"], int(m["version"])): file.read_text(encoding="utf-8") for m, file in matches if m}


@cache
def _compiled(template: str) -> Template:
    from jinja2 import Environment, StrictUndefined

    # A final newline is part of the prompt; nothing is escaped: prompts are plain text, never HTML.
    plain = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701
    return plain.from_string(template)
