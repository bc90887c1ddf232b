"""Publish a dataset, an adapter or a backbone: checked, with its card, as one commit and one tag.

    publish_dataset(Path("runs/lema-corrections"), "lema/lema-corrections", version="0.1.0")

Endpoint and token come from where the Hub's clients look for them (HF_ENDPOINT, HF_TOKEN, `hf auth login`),
unless an `HfApi` is given. Nothing is sent before everything has been checked.
"""

from __future__ import annotations

import logging
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from lema_hub.artifacts import history, manifest, shards, withheld
from lema_hub.artifacts.dataset import BuiltDataset, read_dataset
from lema_hub.artifacts.files import File
from lema_hub.artifacts.manifest import Manifest
from lema_hub.artifacts.model import (
    ADAPTER_WEIGHTS,
    MODEL_WEIGHTS,
    NOTICE,
    TrainedModel,
    read_adapter,
    read_backbone,
)
from lema_hub.artifacts.parquet import write_table
from lema_hub.cards import dataset_cards as cards
from lema_hub.cards import licenses, model_cards, model_terms
from lema_hub.errors import InputError, TagExistsError
from lema_hub.hub import contamination, versions
from lema_hub.hub.diff import Diff, Side, diff
from lema_hub.hub.eval_results import result_files
from lema_hub.hub.options import Keywords, PublishOptions
from lema_hub.hub.pull import pull
from lema_hub.hub.release import CARD, Published, past_of, release, require_ours, with_entry
from lema_hub.hub.repo import Repo, State
from lema_hub.hub.versions import Version

if TYPE_CHECKING:
    from huggingface_hub import HfApi

__all__ = ["Published", "propose", "publish_adapter", "publish_dataset", "publish_model"]

logger = logging.getLogger(__name__)

NEXT = "next"
_ATTEMPTS = 20


def publish_dataset(
    folder: Path,
    repo_id: str,
    *,
    right: str | None = None,
    ids_only: bool = False,
    **options: Unpack[Keywords],
) -> Published:
    """Publish a folder that `lema build` wrote as a version of a dataset.

    Args:
        folder: `manifest.json` and `data/`.
        repo_id: `namespace/name`.
        right: Why the rows may be published although their licences or a model's terms object; it is
            recorded in the manifest and shown in the card.
        ids_only: Withhold the sources' texts (`lema_hub.artifacts.withheld`).
        **options: `PublishOptions`; the version `next` is the one that `propose` gives.

    Raises:
        InputError: The folder, the version or the licences cannot be published.
        TagExistsError: The version exists with other content.
        HubError: The Hub refused or could not be reached.

    Example:
        >>> from pathlib import Path
        >>> published = publish_dataset(Path("cot"), "lema/my-cot", version="0.1.0")
        >>> published.repo_id, published.version
        ('lema/my-cot', '0.1.0')
    """
    chosen = PublishOptions(**options)
    if chosen.version == NEXT:
        return _publish_next(Path(folder), repo_id, right, ids_only, chosen)
    return _publish_dataset(Path(folder), repo_id, right, ids_only, chosen)


def _publish_dataset(
    folder: Path, repo_id: str, right: str | None, ids_only: bool, options: PublishOptions
) -> Published:
    number = options.number
    built = read_dataset(folder)
    withheld.check_withheld(built)
    contamination.require(built.manifest, folder)
    if ids_only:
        objections = licenses.combine(licenses.counted(built)).clashes or ("its publisher shares ids only",)
        built = withheld.withhold(built, why="; ".join(objections))
    built, terms = _granted(built, licenses.terms_of(built), right)
    repo = Repo.at(repo_id, "dataset", options.api)
    with tempfile.TemporaryDirectory(prefix="lema-publish-") as staging:
        content = _stage(built, Path(staging))

        @cache
        def compared(tag: str, commit: str) -> Diff:
            after = Side(number.tag, Path(staging), built.manifest)
            return diff(_published_side(repo, tag, commit), after)

        def draft(state: State | None) -> list[File]:
            _check_kind(repo, state, built.manifest)
            past = past_of(repo, state)
            earlier = [old for old in versions.of_tags(state.tags if state else ()) if old < number]
            difference = compared(earlier[-1].tag, state.tags[earlier[-1].tag]) if state and earlier else None
            if difference is not None:
                _check_level(earlier[-1], number, difference)
            now, log = with_entry(past, number, built.manifest.rows, _changes(difference))
            drawn = [File(path, svg.encode()) for path, svg in cards.draw_pictures(built).items()]
            made = [*drawn, log]
            card = cards.dataset_card(
                built,
                repo_id=repo_id,
                version=str(number),
                terms=terms,
                sizes={file.path: file.size for file in (*content, *made)},
                history=now.versions,
            )
            return [*made, File(CARD, card.encode())]

        return release(repo, options, content, draft, owned=_is_data)


def publish_adapter(folder: Path, repo_id: str, **options: Unpack[Keywords]) -> Published:
    """Publish a LoRA adapter that `lema train` wrote, with a card that holds its results.

    Args:
        folder: `adapter_model.safetensors`, `adapter_config.json`, `training.json`.
        repo_id: `namespace/name`.
        **options: `PublishOptions`.

    Raises:
        InputError: The folder does not hold a valid adapter, or the base's licence forbids the name.
        TagExistsError: The version exists with other content.
        HubError: The Hub refused or could not be reached.

    Example:
        >>> from pathlib import Path
        >>> publish_adapter(Path("runs/cot"), "lema/my-adapter", version="0.1.0", dry_run=True).commit is None
        True
    """
    return _publish_model(read_adapter(Path(folder)), repo_id, PublishOptions(**options))


def publish_model(folder: Path, repo_id: str, **options: Unpack[Keywords]) -> Published:
    """Publish a whole model with its tokenizer: a backbone that adapters name as their base.

    Args:
        folder: `model.safetensors`, `config.json`, the tokenizer's files, `training.json`.
        repo_id: `namespace/name`.
        **options: `PublishOptions`.

    Raises:
        InputError: The folder does not hold a valid model.
        TagExistsError: The version exists with other content.
        HubError: The Hub refused or could not be reached.

    Example:
        >>> from lema_hub.nano import backbone_path
        >>> publish_model(backbone_path(), "lema/nano-backbone", version="0.1.0").repo_type
        'model'
    """
    return _publish_model(read_backbone(Path(folder)), repo_id, PublishOptions(**options))


def _publish_model(model: TrainedModel, repo_id: str, options: PublishOptions) -> Published:
    number = options.number
    repo = Repo.at(repo_id, "model", options.api)
    model_terms.check_name(model.training.license, repo_id)
    content = [File(name, model.folder / name) for name in model.files if name != NOTICE]
    if notice := model_terms.notice_of(model.training.license, model.folder):
        content.append(File(NOTICE, notice))

    def draft(state: State | None) -> list[File]:
        _check_model_kind(repo, state, model)
        past = past_of(repo, state)
        changes = "weights replaced" if past.versions else "first version"
        now, log = with_entry(past, number, model.parameters, [changes])
        scores = [File(path, text.encode()) for path, text in result_files(model.training.results).items()]
        card = model_cards.model_card(
            model,
            repo_id=repo_id,
            version=str(number),
            files=[*(file.path for file in content), log.path],
            history=now.versions,
        )
        return [log, *scores, File(CARD, card.encode())]

    owned = {*model.files, ADAPTER_WEIGHTS, MODEL_WEIGHTS}
    return release(repo, options, content, draft, owned=owned.__contains__)


def propose(folder: Path, repo_id: str, *, api: HfApi | None = None) -> tuple[Version, str]:
    """The version that a dataset deserves after what is published already, and why.

    Raises:
        InputError: The folder cannot be published.
        HubError: The Hub cannot be reached.
    """
    built = read_dataset(Path(folder))
    repo = Repo.at(repo_id, "dataset", api)
    state = repo.state()
    known = versions.of_tags(state.tags) if state else []
    if state is None or not known:
        return versions.FIRST, "nothing is published yet"
    _check_kind(repo, state, built.manifest)
    latest = known[-1]
    published = _published_side(repo, latest.tag, state.tags[latest.tag])
    difference = diff(published, Side(str(folder), Path(folder), built.manifest))
    return latest.next(difference.level), f"{difference.level}: {difference.why} since {latest.tag}"


def _publish_next(
    folder: Path, repo_id: str, right: str | None, ids_only: bool, options: PublishOptions
) -> Published:
    """Publish as the proposed version; if somebody takes it meanwhile, as the one after."""
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

    for attempt in Retrying(
        retry=retry_if_exception_type(TagExistsError), stop=stop_after_attempt(_ATTEMPTS), reraise=True
    ):
        with attempt:
            number, why = propose(folder, repo_id, api=options.api)
            logger.info("%s %s (%s)", repo_id, number, why)
            return _publish_dataset(folder, repo_id, right, ids_only, replace(options, version=str(number)))
    raise AssertionError("tenacity raises the last error itself")


def _published_side(repo: Repo, tag: str, commit: str) -> Side:
    """The rows and the manifest of a published version."""
    patterns = ["data/*", manifest.FILE_NAME]
    earlier = pull(repo.repo_id, commit, repo_type="dataset", patterns=patterns, api=repo.api)
    return Side.of(earlier.folder, tag)


def _check_level(earlier: Version, number: Version, difference: Diff) -> None:
    """Refuse to break users in a patch; say when a version promises less than it changes."""
    deserved = earlier.next(difference.level)
    if number >= deserved:
        return
    if difference.level == "major":
        raise InputError(
            f"version {number} after {earlier} would break its users: {difference.why}; publish {deserved} or later"
        )
    logger.warning(
        "version %s after %s, though %s: %s would say so", number, earlier, difference.why, deserved
    )


def _changes(difference: Diff | None) -> tuple[str, ...]:
    if difference is None:
        return ("first version",)
    return tuple(difference.changes()) or ("no row changed",)


def _granted(
    built: BuiltDataset, terms: licenses.License, right: str | None
) -> tuple[BuiltDataset, licenses.License]:
    """The dataset with its objections answered, or an error that lists them."""
    declared = built.manifest.license
    if terms.license is not None and not terms.clashes:
        if declared != terms.license:
            raise InputError(
                f"the manifest says licence {declared!r}, the rows add up to {terms.license!r}; build the "
                "dataset again"
            )
        return built, terms
    if right is None:
        models = licenses.combine({withheld.LICENSE: 1}, built.manifest.models)
        way = "" if models.clashes else "--ids-only publishes it without the sources' text, "
        raise InputError(
            f"this dataset may not be published: {'; '.join(terms.clashes)}; {way}--i-have-the-right REASON overrules"
        )
    if declared not in licenses.HUB_LICENSES:
        raise InputError(
            f"the manifest's licence {declared!r} is not an identifier of the Hub; expected one such as mit"
        )
    noted = replace(built.manifest, granted=dict.fromkeys(terms.clashes, right))
    return replace(built, manifest=noted), terms.overruled(declared)


def _stage(built: BuiltDataset, staging: Path) -> list[File]:
    """The files of the release: rows as our writer writes them, and the manifest."""
    files = []
    for split in built.splits:
        for path, table in shards.cut(split.config, split.name, split.table).items():
            write_table(table, staging / path)
            files.append(File(path, staging / path))
    files.append(File(manifest.FILE_NAME, built.manifest.to_json().encode()))
    return files


def _is_data(path: str) -> bool:
    return path.startswith(("data/", cards.PICTURES)) or path.endswith(".parquet")


def _check_kind(repo: Repo, state: State | None, ours: Manifest) -> None:
    """Refuse a repo that holds something else than earlier versions of this dataset."""
    require_ours(repo, state, manifest.FILE_NAME)
    text = repo.text(state, manifest.FILE_NAME)
    if text is None:
        return
    theirs = Manifest.from_json(text, source=f"{repo.repo_id}/{manifest.FILE_NAME}")
    if theirs.kind != ours.kind:
        raise InputError(
            f"{repo.repo_id} holds {theirs.kind}, this folder {ours.kind}; publish to a repo of its own"
        )


def _check_model_kind(repo: Repo, state: State | None, model: TrainedModel) -> None:
    require_ours(repo, state, history.FILE_NAME)
    other = MODEL_WEIGHTS if model.is_adapter else ADAPTER_WEIGHTS
    if state is not None and other in state.files:
        held, given = ("a whole model", "an adapter") if model.is_adapter else ("an adapter", "a whole model")
        raise InputError(f"{repo.repo_id} holds {held}, this folder {given}; publish to a repo of its own")
