"""The YAML header of a README: read with care, checked, and turned into the tags that repos are found by.

    ---
    license: mit
    configs: [{config_name: nano, data_files: "nano/*.parquet"}]
    ---
    # The card

The header is the only structured text that strangers hand to the server. YAML lets a few bytes stand for
billions of nodes (aliases of aliases), so the parser's events are counted, aliases at their full size, before
anything is built.
"""

import math
import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

import yaml

from lema_hub.localhub.licenses import LICENSES
from lema_hub.localhub.paths import RepoType

MAX_HEADER_BYTES: Final = 1_000_000
MAX_NODES: Final = 200_000
MAX_DEPTH: Final = 64

_HEADER = re.compile(r"\A\ufeff?\s*---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_ARXIV = re.compile(
    r"arxiv\.org/(?:abs|pdf)/(\d{4}\.\d{4,5})|huggingface\.co/papers/(\d{4}\.\d{4,5})", re.IGNORECASE
)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*|code|multilingual")
_SIZE = re.compile(r"unknown|n<1K|n>1T|\d+[KMBT]?<n<\d+[KMBT]")

_COLOURS: Final = frozenset({"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"})
_RELATIONS: Final = frozenset({"adapter", "finetune", "merge", "quantized"})
_SDKS: Final = frozenset({"gradio", "docker", "static", "streamlit"})


class CardError(ValueError):
    """The header cannot be read at all; the message is one line."""


@dataclass(slots=True)
class Findings:
    """What is wrong with a header; errors refuse a commit, warnings do not."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


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


def check(readme: str, kind: RepoType) -> Findings:
    """Check the header of a README as the Hub does before it takes one."""
    found = Findings()
    try:
        card = read(readme)
    except CardError as error:
        found.errors.append(str(error))
        return found
    if not card:
        found.warnings.append("empty or missing yaml metadata in repo card")
    _check_licence(card, found)
    _check_language(card, found)
    for key in (
        "tags",
        "datasets",
        "metrics",
        "source_datasets",
        "task_categories",
        "task_ids",
        "annotations_creators",
    ):
        if key in card and not _is_texts(card[key]):
            found.errors.append(f'"{key}" must be a string or a list of strings')
    for key in ("pretty_name", "pipeline_tag", "library_name", "license_name", "license_link"):
        if key in card and not isinstance(card[key], str):
            found.errors.append(f'"{key}" must be a string')
    if kind == "model":
        _check_model(card, found)
    elif kind == "dataset":
        _check_dataset(card, found)
    elif card or kind == "space":
        _check_space(card, found)
    return found


def _is_texts(value: object) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(item, str) for item in value)
    )


def _texts(value: object) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]


def _check_licence(card: dict[str, Any], found: Findings) -> None:
    licence = card.get("license")
    if licence is None:
        return
    if not _is_texts(licence):
        found.errors.append('"license" must be a string or a list of strings')
        return
    for name in _texts(licence):
        if name not in LICENSES:
            found.errors.append(
                f'"license" must be a licence id of the Hub such as mit or apache-2.0, got {name!r:.80}; '
                "for any other use `license: other` with license_name and license_link"
            )
    if licence == "other" and "license_name" not in card:
        found.warnings.append('"license: other" should come with license_name and license_link')


def _check_language(card: dict[str, Any], found: Findings) -> None:
    language = card.get("language")
    if language is None:
        return
    if not _is_texts(language):
        found.errors.append(
            '"language" must be a string or a list of strings (quote "no": YAML reads it as false)'
        )
        return
    for name in _texts(language):
        if not _LANGUAGE.fullmatch(name):
            found.errors.append(f'"language" must hold ISO 639 codes such as en, got {name!r:.80}')


def _check_model(card: dict[str, Any], found: Findings) -> None:
    if "base_model" in card and not _is_texts(card["base_model"]):
        found.errors.append('"base_model" must be a string or a list of strings')
    relation = card.get("base_model_relation")
    if relation is not None and relation not in _RELATIONS:
        found.errors.append(
            f'"base_model_relation" must be one of {", ".join(sorted(_RELATIONS))}, got {relation!r:.80}'
        )
    index = card.get("model-index")
    if index is None:
        return
    if not isinstance(index, list):
        found.errors.append('"model-index" must be a list')
        return
    for number, model in enumerate(index):
        where = f'"model-index[{number}]'
        if not isinstance(model, dict) or not isinstance(model.get("name"), str):
            found.errors.append(f'{where}.name" is required')
            continue
        results = model.get("results")
        if not isinstance(results, list):
            found.errors.append(f'{where}.results" must be a list')
            continue
        for place, result in enumerate(results):
            for key in ("task", "dataset"):
                if not isinstance(result, dict) or not isinstance((result.get(key) or {}).get("type"), str):
                    found.errors.append(f'{where}.results[{place}].{key}.type" is required')
            metrics = result.get("metrics") if isinstance(result, dict) else None
            if not isinstance(metrics, list) or not all(
                isinstance(metric, dict) and "type" in metric and "value" in metric for metric in metrics
            ):
                found.errors.append(f'{where}.results[{place}].metrics" must be a list of {{type, value}}')


def _check_dataset(card: dict[str, Any], found: Findings) -> None:
    for size in _texts(card.get("size_categories", [])):
        if not _SIZE.fullmatch(size):
            found.errors.append(f'"size_categories" must look like 1K<n<10K, got {size!r:.80}')
    configs = card.get("configs")
    if configs is None:
        return
    if not isinstance(configs, list):
        found.errors.append('"configs" must be a list')
        return
    names: list[str] = []
    for number, config in enumerate(configs):
        name = config.get("config_name") if isinstance(config, dict) else None
        if not isinstance(name, str):
            found.errors.append(f'"configs[{number}].config_name" must be a string')
            continue
        if name in names:
            found.errors.append(f'"configs[{number}].config_name" {name!r:.80} is used twice')
        names.append(name)


def _check_space(card: dict[str, Any], found: Findings) -> None:
    if card.get("sdk") not in _SDKS:
        found.errors.append(f'"sdk" must be one of {", ".join(sorted(_SDKS))}, got {card.get("sdk")!r:.80}')
    for key in ("colorFrom", "colorTo"):
        if key in card and card[key] not in _COLOURS:
            found.errors.append(
                f'"{key}" must be one of {", ".join(sorted(_COLOURS))}, got {card[key]!r:.80}'
            )
    description = card.get("short_description")
    if description is not None and (not isinstance(description, str) or len(description) > 60):
        found.errors.append('"short_description" must be a string of at most 60 characters')
    for key in ("models", "datasets"):
        if key in card and not _is_texts(card[key]):
            found.errors.append(f'"{key}" must be a string or a list of strings')


def tags(readme: str, kind: RepoType, filenames: list[str]) -> list[str]:
    """The tags under which a repo is found: those of the header, and those that its files tell.

    Example:
        A model card with ``license: mit`` and ``datasets: [lema/nano]`` gives ``license:mit`` and
        ``dataset:lema/nano``.
    """
    try:
        card = read(readme)
    except CardError:
        card = {}
    found: list[str] = []
    if kind == "model":
        found += [library_name(card, filenames) or "", card.get("pipeline_tag") or ""]
        found += ["safetensors"] if any(name.endswith(".safetensors") for name in filenames) else []
        found += _texts(card.get("language", []))
        found += [f"dataset:{name}" for name in _texts(card.get("datasets", []))]
        relation = card.get("base_model_relation")
        for base in _texts(card.get("base_model", [])):
            found += [
                f"base_model:{base}",
                *([f"base_model:{relation}:{base}"] if isinstance(relation, str) else []),
            ]
    elif kind == "dataset":
        for key in (
            "task_categories",
            "task_ids",
            "language",
            "size_categories",
            "annotations_creators",
            "source_datasets",
        ):
            found += [f"{key}:{name}" for name in _texts(card.get(key, []))]
        formats = ("parquet", "json", "csv", "arrow", "text")
        suffixes = {
            name.rsplit(".", 1)[-1].replace("jsonl", "json").replace("txt", "text") for name in filenames
        }
        found += [f"format:{name}" for name in formats[:4] if name in suffixes]
    else:
        found += [str(card.get("sdk") or "")]
    found += [f"license:{name}" for name in _texts(card.get("license", []))]
    found += _texts(card.get("tags", []))
    found += [f"arxiv:{first or second}" for first, second in _ARXIV.findall(readme)]
    return list(dict.fromkeys(tag for tag in found if isinstance(tag, str) and tag))


def library_name(card: dict[str, Any], filenames: list[str]) -> str | None:
    """The library that a model is made for: as its card says, or as its files tell."""
    named = card.get("library_name")
    if isinstance(named, str):
        return named
    if "adapter_config.json" in filenames:
        return "peft"
    return "transformers" if "config.json" in filenames else None
