"""The YAML header of a README, read with care.

    ---
    license: mit
    configs: [{config_name: nano, data_files: "nano/*.parquet"}]
    ---
    # The card

It is the only structured text that strangers hand to the server. YAML lets a few bytes stand for billions
of nodes (aliases of aliases), so the parser's events are counted, aliases at their full size, before
anything is built.
"""

import math
import re
from collections.abc import Hashable
from datetime import date, datetime
from typing import Any, Final

import yaml

MAX_HEADER_BYTES: Final = 1_000_000
MAX_NODES: Final = 200_000
MAX_DEPTH: Final = 64

_HEADER = re.compile(r"\A\ufeff?\s*---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)


class CardError(ValueError):
    """The header cannot be read at all; the message is one line."""


class _Loader(yaml.SafeLoader if not yaml.__with_libyaml__ else yaml.CSafeLoader):  # type: ignore[misc]
    """Refuses a key that is given twice, which YAML forbids and PyYAML lets pass."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise CardError(
                        f"duplicated mapping key {key.value!r:.80}, line {key.start_mark.line + 1}"
                    )
                seen.add(key.value)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def split(readme: str) -> tuple[str | None, str]:
    """The header's YAML text (None if there is no header) and the text after it."""
    match = _HEADER.match(readme)
    return (None, readme) if match is None else (match.group(1), readme[match.end() :])


def read(readme: str) -> dict[str, Any]:
    """The header as JSON-safe data; empty if there is none.

    Raises:
        CardError: It is not YAML, not a mapping, or too large.
    """
    header, _ = split(readme)
    if header is None or not header.strip():
        return {}
    if len(header.encode(errors="replace")) > MAX_HEADER_BYTES:
        raise CardError(f"the metadata header is larger than {MAX_HEADER_BYTES} bytes")
    try:
        _count_nodes(header)
        loaded = json_safe(yaml.load(header, Loader=_Loader))  # noqa: S506  # a SafeLoader, see above
    except CardError:
        raise
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise CardError(f"invalid YAML: {error.problem or 'cannot be parsed'}{line}") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        reason = next(iter(str(error).splitlines()), "cannot be parsed")
        raise CardError(f"invalid YAML: {reason}") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise CardError(f"the metadata header must be a mapping, got {type(loaded).__name__}")
    return loaded


def _count_nodes(text: str) -> None:
    """Refuse a document whose aliases, written out, would make it huge, endless or too deep."""
    total = 0
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []
    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise CardError(f"invalid YAML: alias *{event.anchor} has no finished anchor")
            total += sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            total += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, total))
            total += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor:
                sizes[anchor] = total - before
        if total > MAX_NODES:
            raise CardError(f"the metadata header stands for more than {MAX_NODES} nodes")
        if len(open_nodes) > MAX_DEPTH:
            raise CardError(f"the metadata header is nested more than {MAX_DEPTH} deep")


def json_safe(value: Any) -> Any:
    """Data that JSON and the database can hold: no infinities, no broken Unicode, no endless numbers.

    Raises:
        CardError: A number has more than 128 bits.
    """
    if isinstance(value, dict):
        return {json_safe(str(key)): json_safe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [json_safe(item) for item in value]
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, int) and value.bit_length() > 128:
        raise CardError("a number has more than 128 bits")
    return value


def texts(value: object) -> list[str]:
    """The strings of a member that may hold one or a list; anything else in it is left out."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]
