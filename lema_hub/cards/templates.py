"""The card templates and how they are rendered: a number that is missing or made up stops the publish.

The templates are `dataset_cards/*.md.jinja` and `model_cards/*.md.jinja` of the repository; a wheel holds
them as `lema_hub/_cards`. An undefined variable, a None and a NaN are errors. Text that others wrote goes
through `cell`, `code` or `fence`, so that it can neither break a table nor become HTML.
"""

from __future__ import annotations

import hashlib
import html
import math
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lema_hub import __version__
from lema_hub.errors import InputError

if TYPE_CHECKING:
    from jinja2 import Environment

_PACKAGE = Path(__file__).resolve().parents[1]


def render(template: str, context: Mapping[str, Any]) -> str:
    """The card of a template such as `dataset_cards/corrections.md.jinja`.

    Raises:
        InputError: The template needs something that the context lacks.
    """
    return re.sub(r"\n{3,}", "\n\n", _rendered(template, context, escape=False)).strip() + "\n"


def render_svg(template: str, context: Mapping[str, Any]) -> str:
    """The picture of a template; every value is escaped as XML.

    Raises:
        InputError: The template needs something that the context lacks.
    """
    return _rendered(template, context, escape=True)


@cache
def maker() -> str:
    """What renders cards here: the package's version and the hash of the templates, of all of them."""
    root = _root()
    texts = sorted(
        (path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
        for folder in ("dataset_cards", "model_cards")
        for path in (root / folder).rglob("*.jinja")
    )
    return f"lema_hub {__version__}, templates {hashlib.sha256(repr(texts).encode()).hexdigest()[:12]}"


def _rendered(template: str, context: Mapping[str, Any], *, escape: bool) -> str:
    from jinja2 import TemplateError

    try:
        return _environment(escape).get_template(template).render(context)
    except (
        TemplateError,
        TypeError,
        ValueError,
    ) as error:  # filters raise the latter two for what is undefined
        raise InputError(f"card {template}: {error}; the manifest must provide it") from error


def cell(value: object) -> str:
    """Text for a table cell or a paragraph: one line, nothing in it is Markdown or HTML."""
    text = html.escape(" ".join(str(value).split()), quote=False)
    return re.sub(r"([\\`*_\[\]|~#$])", r"\\\1", text)


def code(value: object) -> str:
    """Inline code, safe in a table."""
    text = " ".join(str(value).split()).replace("|", "¦")
    ticks = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def fence(value: object, language: str = "text") -> str:
    """A fenced block that its content cannot close."""
    text = str(value).strip("\n")
    ticks = "`" * max(3, max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    return f"{ticks}{language}\n{text}\n{ticks}"


def quote(value: object) -> str:
    """A block quote, line by line; nothing in it is Markdown or HTML."""
    lines = [f"> {cell(line)}" if line.strip() else ">" for line in str(value).strip("\n").splitlines()]
    return "  \n".join(lines)


def count(value: float) -> str:
    """A whole number with thousands separators."""
    return f"{value:,.0f}"


def percent(value: float, digits: int = 1) -> str:
    """A share as a percentage."""
    return f"{100 * value:.{digits}f} %"


@cache
def _environment(escape: bool) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_root()),
        undefined=StrictUndefined,
        autoescape=escape,  # noqa: S701 - pictures only: in Markdown `cell`, `code` and `fence` do it
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_finalize,
    )
    environment.filters.update(cell=cell, code=code, fence=fence, quote=quote, count=count, percent=percent)
    return environment


def _root() -> Path:
    installed, checkout = _PACKAGE / "_cards", _PACKAGE.parent
    root = installed if installed.is_dir() else checkout
    if not (root / "dataset_cards").is_dir():
        raise InputError(f"the card templates are missing from {str(root)!r}; install lema_hub again")
    return root


def _finalize(value: object) -> object:
    from jinja2 import UndefinedError

    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        raise UndefinedError(f"a value is {value}")
    return value
