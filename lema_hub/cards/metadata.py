"""A card's YAML front matter, and the Hub's published rules for it, checked before anything is sent.

Rules: https://huggingface.co/docs/hub/datasets-cards and https://huggingface.co/docs/hub/model-cards. No
server is asked, so that a card is refused with the same words wherever it is published.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from lema_hub.cards.licenses import HUB_LICENSES
from lema_hub.config import read_plain
from lema_hub.errors import InputError, RecipeError

SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
    (1_000_000_000, "100M<n<1B"),
)
"""The Hub's size categories, by the number of rows below which they hold."""

MAX_FRONT_MATTER = 2**20
"""Characters of a card's YAML."""

_TASKS = {
    "text-generation",
    "question-answering",
    "multiple-choice",
    "text-classification",
    "text-retrieval",
    "other",
}
_ANNOTATORS = {"machine-generated", "expert-generated", "crowdsourced", "found", "no-annotation", "other"}
_RELATIONS = {"adapter", "merge", "quantized", "finetune"}
_REPO_ID = re.compile(r"(?:[A-Za-z0-9][\w.-]*/)?[A-Za-z0-9][\w.-]{0,95}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z]{2,8})?|code|multilingual")
_LICENSE_NAME = re.compile(r"[a-z0-9-.]+")


def size_category(rows: int) -> str:
    """The Hub's size category for a number of rows."""
    return next((name for limit, name in SIZES if rows < limit), "1B<n<10B")


def to_yaml(data: Mapping[str, Any]) -> str:
    """The front matter as YAML, in the order given, without the `---` lines."""
    return yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True, width=1000)


def split_card(card: str) -> tuple[dict[str, Any], str]:
    """The front matter and the text of a card.

    Raises:
        InputError: The card does not begin with valid YAML between `---` lines.
    """
    match = re.match(r"\A---\r?\n(.*?)\r?\n---\r?\n(.*)\Z", card, re.DOTALL)
    if match is None:
        raise InputError("the card has no YAML between '---' lines at its top; render it from its template")
    if len(match[1]) > MAX_FRONT_MATTER:
        raise InputError(
            f"the card's YAML has {len(match[1]):,} characters; expected at most {MAX_FRONT_MATTER:,}"
        )
    try:
        data = read_plain(match[1])
    except RecipeError as error:
        raise InputError(f"the card's YAML cannot be read ({str(error)[:160]})") from error
    if not isinstance(data, dict):
        raise InputError("the card's YAML is not a mapping; render it from its template")
    return data, match[2]


def check_card(card: str, *, files: Sequence[str], ours: bool = True) -> dict[str, Any]:
    """Check a card against the Hub's rules and the files that it is published with; returns its front matter.

    Args:
        card: The text of README.md.
        files: The paths that it is published with.
        ours: Whether it must also have what the Hub leaves to choice and our cards always have: configs with
            their `dataset_info`, `base_model_relation`, a task, links that lead somewhere.

    Raises:
        InputError: A rule is broken; the message names field, value and expectation.
    """
    data, text = split_card(card)
    if not text.strip():
        raise InputError("the card has no text; say what it is")
    try:
        _check_common(data)
        if not ours:
            names = [config["config_name"] for config in _listed(data, "configs")]
            if len(set(names)) < len(names):
                raise _fail("configs", names, "every config named once")
            return data
        if "configs" in data or "dataset_info" in data:
            _check_dataset(data, files)
        if "base_model" in data or "library_name" in data:
            _check_model(data)
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(
            "the card's YAML has a field of another shape than the Hub's rules give it "
            f"({type(error).__name__}: {error})"
        ) from error
    for target in re.findall(r"!?\[[^\]]*\]\((?!https?://|#|mailto:)([^)\s]+)\)", text):
        if target.removeprefix("./") not in files:
            raise InputError(
                f"the card points at {target!r}, which is not among the published files; publish it too"
            )
    return data


def checked(card: str, files: Iterable[str]) -> str:
    """The card itself, once `check_card` has found no fault in it beside these files."""
    check_card(card, files=[*files, "README.md"])
    return card


def _fail(field: str, value: object, expected: str) -> InputError:
    return InputError(f"card: {field} is {str(value)[:60]!r}; expected {expected}")


def _listed(data: Mapping[str, Any], field: str) -> list[Any]:
    value = data.get(field, [])
    return value if isinstance(value, list) else [value]


def _check_common(data: Mapping[str, Any]) -> None:
    license_id = data.get("license")
    if license_id not in HUB_LICENSES:
        raise _fail("license", license_id, "an identifier of the Hub, such as apache-2.0")
    if license_id == "other" and not (
        _LICENSE_NAME.fullmatch(str(data.get("license_name", ""))) and data.get("license_link")
    ):
        raise _fail(
            "license_name", data.get("license_name"), "a name and a license_link beside license: other"
        )
    for language in _listed(data, "language"):
        if not isinstance(language, str) or not _LANGUAGE.fullmatch(language):
            raise _fail("language", language, "an ISO 639 code, such as en")
    for tag in _listed(data, "tags"):
        if not isinstance(tag, str) or not 0 < len(tag) <= 64:
            raise _fail("tags", tag, "text of at most 64 characters")
    for field, allowed in (
        ("task_categories", _TASKS),
        ("annotations_creators", _ANNOTATORS),
        ("language_creators", _ANNOTATORS),
        ("size_categories", {name for _, name in SIZES}),
    ):
        for value in _listed(data, field):
            if value not in allowed:
                raise _fail(field, value, f"one of {', '.join(sorted(allowed))}")
    for field in ("source_datasets", "datasets", "base_model"):
        for value in _listed(data, field):
            plain = str(value).removeprefix("extended|")
            if not _REPO_ID.fullmatch(plain):
                raise _fail(field, value, "a repo id, such as openai/gsm8k")


def _check_dataset(data: Mapping[str, Any], files: Sequence[str]) -> None:
    configs = _listed(data, "configs")
    names = [config.get("config_name") for config in configs]
    if not names or len(set(names)) < len(names):
        raise _fail("configs", names, "every config named once")
    if len(names) > 1 and sum(config.get("default") is True for config in configs) != 1:
        raise _fail("configs", names, "exactly one of them with default: true")
    listed = [item["path"] for config in configs for item in config["data_files"]]
    if absent := [path for path in listed if not fnmatch.filter(files, path)]:
        raise _fail("configs.data_files", absent[0], "a file that is published")
    matched = {path for pattern in listed for path in fnmatch.filter(files, pattern)}
    if stray := [path for path in files if path.endswith(".parquet") and path not in matched]:
        raise _fail("configs.data_files", stray[0], "every Parquet file in a config, or the viewer breaks")
    infos = {info.get("config_name"): info for info in _listed(data, "dataset_info")}
    if set(infos) != set(names):
        raise _fail("dataset_info", sorted(map(str, infos)), f"the configs {sorted(map(str, names))}")
    for config in configs:
        splits = [item["split"] for item in config["data_files"]]
        described = [split["name"] for split in infos[config["config_name"]]["splits"]]
        if sorted(splits) != sorted(described):
            raise _fail(
                "dataset_info.splits", described, f"the splits {splits} of config {config['config_name']}"
            )


def _check_model(data: Mapping[str, Any]) -> None:
    relation = data.get("base_model_relation")
    if "base_model" in data and relation not in _RELATIONS:
        raise _fail("base_model_relation", relation, f"one of {', '.join(sorted(_RELATIONS))}")
    if not data.get("pipeline_tag"):
        raise _fail("pipeline_tag", data.get("pipeline_tag"), "a task, such as text-generation")
    for entry in _listed(data, "model-index"):
        for result in entry.get("results", []):
            if not result.get("dataset", {}).get("type") or not result.get("metrics"):
                raise _fail("model-index", entry.get("name"), "a dataset type and metrics for every result")
