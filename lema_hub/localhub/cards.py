"""What a card must say: the checks that the Hub makes before it takes a README.

The rules are those of the Hub's own metadata documentation
(https://huggingface.co/docs/hub/repositories-cards): known licence ids, language codes, texts where texts
are due, `configs` and `model-index` of the right shape.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final

from lema_hub.localhub import bounds
from lema_hub.localhub.frontmatter import CardError, read, texts
from lema_hub.localhub.licenses import LICENSES
from lema_hub.localhub.paths import RepoType

_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*|code|multilingual")
_SIZE = re.compile(r"unknown|n<1K|n>1T|\d+[KMBT]?<n<\d+[KMBT]")
_COLOURS: Final = frozenset({"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"})
_RELATIONS: Final = frozenset({"adapter", "finetune", "merge", "quantized"})
_SDKS: Final = frozenset({"gradio", "docker", "static", "streamlit"})


@dataclass(slots=True)
class Findings:
    """What is wrong with a header; errors refuse a commit, warnings do not."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


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
    more = len(found.errors) - bounds.CARD_ERRORS
    if more > 0:
        found.errors[bounds.CARD_ERRORS :] = [f"... and {more} more"]
    return found


def _is_texts(value: object) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(item, str) for item in value)
    )


def _is_one_of(value: object, known: frozenset[str]) -> bool:
    return isinstance(value, str) and value in known


def _check_licence(card: dict[str, Any], found: Findings) -> None:
    licence = card.get("license")
    if licence is None:
        return
    if not _is_texts(licence):
        found.errors.append('"license" must be a string or a list of strings')
        return
    for name in texts(licence):
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
    for name in texts(language):
        if not _LANGUAGE.fullmatch(name):
            found.errors.append(f'"language" must hold ISO 639 codes such as en, got {name!r:.80}')


def _check_model(card: dict[str, Any], found: Findings) -> None:
    if "base_model" in card and not _is_texts(card["base_model"]):
        found.errors.append('"base_model" must be a string or a list of strings')
    relation = card.get("base_model_relation")
    if relation is not None and not _is_one_of(relation, _RELATIONS):
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
                about = result.get(key) if isinstance(result, dict) else None
                if not isinstance(about, dict) or not isinstance(about.get("type"), str):
                    found.errors.append(f'{where}.results[{place}].{key}.type" is required')
            metrics = result.get("metrics") if isinstance(result, dict) else None
            if not isinstance(metrics, list) or not all(
                isinstance(metric, dict) and "type" in metric and "value" in metric for metric in metrics
            ):
                found.errors.append(f'{where}.results[{place}].metrics" must be a list of {{type, value}}')


def _check_dataset(card: dict[str, Any], found: Findings) -> None:
    for size in texts(card.get("size_categories", [])):
        if not _SIZE.fullmatch(size):
            found.errors.append(f'"size_categories" must look like 1K<n<10K, got {size!r:.80}')
    configs = card.get("configs")
    if configs is None:
        return
    if not isinstance(configs, list):
        found.errors.append('"configs" must be a list')
        return
    names: set[str] = set()
    for number, config in enumerate(configs):
        name = config.get("config_name") if isinstance(config, dict) else None
        if not isinstance(name, str):
            found.errors.append(f'"configs[{number}].config_name" must be a string')
            continue
        if name in names:
            found.errors.append(f'"configs[{number}].config_name" {name!r:.80} is used twice')
        names.add(name)


def _check_space(card: dict[str, Any], found: Findings) -> None:
    if not _is_one_of(card.get("sdk"), _SDKS):
        found.errors.append(f'"sdk" must be one of {", ".join(sorted(_SDKS))}, got {card.get("sdk")!r:.80}')
    for key in ("colorFrom", "colorTo"):
        if key in card and not _is_one_of(card[key], _COLOURS):
            found.errors.append(
                f'"{key}" must be one of {", ".join(sorted(_COLOURS))}, got {card[key]!r:.80}'
            )
    description = card.get("short_description")
    if description is not None and (not isinstance(description, str) or len(description) > 60):
        found.errors.append('"short_description" must be a string of at most 60 characters')
    for key in ("models", "datasets"):
        if key in card and not _is_texts(card[key]):
            found.errors.append(f'"{key}" must be a string or a list of strings')
