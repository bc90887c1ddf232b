"""The YAML header of a README, read with care.

    ---
    license: mit
    configs: [{config_name: nano, data_files: "nano/*.parquet"}]
    ---
    # The card

It is the only structured text that strangers hand to the server. YAML lets a few bytes stand for billions
of nodes (aliases of aliases), so the parser's events are counted, aliases at their full size, before
anything is built. Of its other surprises none is needed in a card: tags are refused, keys are texts as they
are in JSON, and digits with colons are no numbers in base 60, whose value takes the square of their length.
"""

import math
import re
from collections.abc import Hashable
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

import yaml

from lema_hub.localhub import bounds

# What a document may say of a node: that it is a text, a mapping or a list, which most do not say.
_KNOWN_TAGS: Final = frozenset({None, *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq"))})
_HEADER = re.compile(r"\A\ufeff?\s*---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)


class CardError(ValueError):
    """The header cannot be read at all; the message is one line."""


class _Loader(yaml.SafeLoader if not yaml.__with_libyaml__ else yaml.CSafeLoader):  # type: ignore[misc]
    """Refuses a key that is given twice, which YAML forbids and PyYAML lets pass, and reads keys as texts."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise CardError(f"invalid YAML: a key must be a text, line {key.start_mark.line + 1}")
            if key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise CardError(
                        f"duplicated mapping key {key.value!r:.80}, line {key.start_mark.line + 1}"
                    )
                seen.add(key.value)
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=deep) for key, value in node.value}

    def construct_number(self, node: yaml.ScalarNode) -> int | float | str:
        """A number in base 10, 16, 8 or 2."""
        text: str = self.construct_scalar(node)
        if ":" in text:
            return text
        if len(text) > bounds.HEADER_NUMBER_CHARS:
            raise CardError("a number has more than 128 bits")
        number: int | float
        if node.tag == "tag:yaml.org,2002:int":
            number = self.construct_yaml_int(node)
        else:
            number = self.construct_yaml_float(node)
        return number


for _kind in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _Loader.construct_number)


def split(readme: str) -> tuple[str | None, str]:
    """The header's YAML text (None if there is no header) and the text after it."""
    match = _HEADER.match(readme)
    return (None, readme) if match is None else (match.group(1), readme[match.end() :])


def read(readme: str) -> dict[str, Any]:
    """The header as JSON-safe data, which nobody may change; empty if there is none.

    Raises:
        CardError: It is not YAML, not a mapping, or too large.
    """
    header, _ = split(readme)
    if header is None or not header.strip():
        return {}
    if len(header.encode(errors="replace")) > bounds.HEADER_BYTES:
        raise CardError(f"the metadata header is larger than {bounds.HEADER_BYTES} bytes")
    return _parse(header)


# A commit reads its card before it takes the write lock, and once more, from here, while it holds it.
@lru_cache(maxsize=8)
def _parse(header: str) -> dict[str, Any]:
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
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag not in _KNOWN_TAGS:
            raise CardError(f"invalid YAML: the tag {event.tag!r:.80} is not for cards")
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
        if total > bounds.HEADER_NODES:
            raise CardError(f"the metadata header stands for more than {bounds.HEADER_NODES} nodes")
        if len(open_nodes) > bounds.HEADER_DEPTH:
            raise CardError(f"the metadata header is nested more than {bounds.HEADER_DEPTH} deep")


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
