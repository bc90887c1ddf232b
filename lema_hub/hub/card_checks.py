"""The card of a published version against its files: rules, numbers, licence, and every word."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from lema_hub.artifacts import history
from lema_hub.artifacts.dataset import BuiltDataset
from lema_hub.artifacts.model import NOTICE, TrainedModel
from lema_hub.cards import dataset_cards as cards
from lema_hub.cards import licenses, metadata, model_cards, model_terms, templates
from lema_hub.errors import InputError
from lema_hub.hub.checks import Check, files_of, text_of
from lema_hub.hub.pull import Pulled
from lema_hub.hub.release import CARD

_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)*(?![\w])")


def card_rules(pulled: Pulled, *, ours: bool = True) -> str:
    """Whether the card follows the Hub's rules; `ours` have to have more than the Hub asks for."""
    data = metadata.check_card(text_of(pulled, CARD), files=list(files_of(pulled)), ours=ours)
    return f"{len(data)} fields of metadata follow the Hub's rules"


def dataset_info(pulled: Pulled, built: BuiltDataset) -> str:
    """Whether the features and rows that the card states are those of the files."""
    import datasets

    data, _ = metadata.split_card(text_of(pulled, CARD))
    stated: Any = data.get("dataset_info")
    infos = {
        info.get("config_name"): info
        for info in (stated if isinstance(stated, list) else [stated])
        if isinstance(info, dict)
    }
    for split in built.splits:
        info = infos.get(split.config)
        if info is None:
            raise InputError(f"the card's dataset_info lacks config {split.config!r}; publish again")
        try:
            numbers = {item["name"]: item["num_examples"] for item in info["splits"]}
            features = datasets.Features._from_yaml_list(info["features"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"the card's dataset_info of config {split.config!r} cannot be read") from error
        if numbers.get(split.name) != split.table.num_rows:
            raise InputError(
                f"the card says {numbers.get(split.name)} rows for {split.path}, it has "
                f"{split.table.num_rows}"
            )
        expected = datasets.Features.from_arrow_schema(split.table.schema)
        if features != expected:
            raise InputError(f"the card's features of config {split.config!r} are not those of {split.path}")
    return f"features and rows of {len(infos)} configs are those of the files"


def dataset_license(pulled: Pulled, built: BuiltDataset) -> str:
    """Whether the card's licence is the one that the rows add up to."""
    stated = metadata.split_card(text_of(pulled, CARD))[0].get("license")
    terms = licenses.terms_of(built)
    open_clashes = [clash for clash in terms.clashes if clash not in built.manifest.granted]
    if open_clashes:
        raise InputError(open_clashes[0])
    if terms.clashes:
        return (
            f"{stated}, by a right that the publisher declares "
            f"({next(iter(built.manifest.granted.values()))})"
        )
    if stated != terms.license:
        raise InputError(f"the card says {stated!r}, the rows add up to {terms.license!r}")
    return f"{stated}, as the rows add up to"


def model_license(pulled: Pulled, model: TrainedModel) -> str:
    """Whether licence, name and notice are what the base model's licence asks for."""
    stated = metadata.split_card(text_of(pulled, CARD))[0]
    due = model_terms.front_of(model.training.license)
    if {name: stated.get(name) for name in due} != due:
        raise InputError(
            f"the card says {stated.get('license')!r}, the base model's is {model.training.license!r}"
        )
    if model.training.base_model is None:
        return f"{model.training.license}; there is no base model"
    model_terms.check_name(model.training.license, pulled.repo.repo_id)
    path = pulled.folder / NOTICE
    if model_terms.notice_of(model.training.license, pulled.folder) != (
        path.read_bytes() if path.is_file() else None
    ):
        raise InputError(f"{NOTICE} is not what {model.training.license} asks for")
    return f"{model.training.license}, that of the base model, with the name and the files that it asks for"


def numbers(pulled: Pulled, rendered: str) -> str:
    """Every number of the published text must be one that the files give, however it is worded."""
    published = Counter(_NUMBER.findall(metadata.split_card(text_of(pulled, CARD))[1]))
    given = Counter(_NUMBER.findall(metadata.split_card(rendered)[1]))
    if invented := sorted(published.keys() - given.keys()):
        raise InputError(f"the card says {invented[0]}, a number that neither rows nor manifest give")
    return f"all {published.total()} numbers of the card follow from rows and manifest"


def words(pulled: Pulled, rendered: Mapping[str, str]) -> Check:
    """The card and its pictures against what rows, manifest and history render to, to the letter.

    A card of another version of the package may be worded differently: that is a note, and its numbers are still
    checked.
    """
    past = history.read_history(text_of(pulled, history.FILE_NAME)).versions
    made_with = past[0].made_with if past else ""
    for name, text in rendered.items():
        published = text_of(pulled, name)
        if published == text:
            continue
        changed = [
            line
            for line in difflib.unified_diff(text.splitlines(), published.splitlines(), n=0, lineterm="")
            if not line.startswith(("---", "+++", ""))
        ]
        first = next(iter(changed), "line endings")
        seen = (
            f"{len(changed)} lines of {name} are not what rows and manifest render to, first {first[:120]!r}"
        )
        if made_with != templates.maker():
            return Check(
                "words",
                "note",
                f"{seen}; it was made with {made_with or 'an older version'}, this is {templates.maker()}",
            )
        return Check("words", "fail", seen)
    return Check("words", "pass", f"{', '.join(rendered)} are what rows, manifest and history render to")


def dataset_card(pulled: Pulled, built: BuiltDataset) -> str:
    """What rows, manifest and history render to."""
    terms = licenses.terms_of(built)
    if terms.license is None:
        terms = terms.overruled(built.manifest.license)
    return cards.dataset_card(
        built,
        repo_id=pulled.repo.repo_id,
        version=_version(pulled),
        terms=terms,
        sizes=_sizes(pulled),
        history=history.read_history(text_of(pulled, history.FILE_NAME)).versions,
    )


def model_card(pulled: Pulled, model: TrainedModel) -> str:
    """What weights, training record and history render to."""
    return model_cards.model_card(
        model,
        repo_id=pulled.repo.repo_id,
        version=_version(pulled),
        files=list(_sizes(pulled)),
        history=history.read_history(text_of(pulled, history.FILE_NAME)).versions,
    )


def _version(pulled: Pulled) -> str:
    """The version that the files say they are; a commit has no name of its own."""
    past = history.read_history(text_of(pulled, history.FILE_NAME)).versions
    if pulled.revision in pulled.state.tags:
        return pulled.revision.removeprefix("v")
    if not past:
        raise InputError(f"{history.FILE_NAME} names no version")
    return past[0].version


def _sizes(pulled: Pulled) -> dict[str, int]:
    return {
        name: path.stat().st_size
        for name, path in files_of(pulled).items()
        if name not in (CARD, ".gitattributes")
    }
