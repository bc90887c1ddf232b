"""Check a published version from outside: bytes, files, rows, card, numbers and licence.

    for check in verify("lema/lema-corrections", "v0.1.0").checks:
        print(check.verdict, check.name, check.detail)

Releases of others are checked as far as possible: files, card and licence. What cannot be checked is a note, never
a pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lema_hub.artifacts import manifest, training
from lema_hub.artifacts.dataset import read_dataset
from lema_hub.artifacts.model import ADAPTER_CONFIG, read_adapter, read_backbone
from lema_hub.artifacts.withheld import check_withheld
from lema_hub.cards import dataset_cards as cards
from lema_hub.errors import InputError
from lema_hub.hub import card_checks, checks
from lema_hub.hub.checks import Check, attempt
from lema_hub.hub.pull import Pulled, pull
from lema_hub.hub.release import CARD
from lema_hub.snapshots import RepoType

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@dataclass(frozen=True, slots=True)
class Verification:
    """All checks of one version."""

    repo_id: str
    repo_type: RepoType
    revision: str
    commit: str
    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.verdict == "fail")


def verify(
    repo_id: str,
    revision: str | None = None,
    *,
    repo_type: RepoType | None = None,
    api: HfApi | None = None,
) -> Verification:
    """Download a version and check it.

    Args:
        repo_id: `namespace/name`.
        revision: A tag or a commit; the newest version if none is given.
        repo_type: Dataset or model; by default what the Hub has under that name.
        api: The Hub and token to use instead of the clients' own.

    Raises:
        HubError: There is no such version, or the Hub cannot be reached.

    Example:
        >>> verify("lema/my-cot", "v0.1.0").failed
        ()
    """
    pulled = pull(repo_id, revision, repo_type=repo_type, api=api)
    if pulled.repo.repo_type == "dataset":
        ours = (pulled.folder / manifest.FILE_NAME).is_file()
        made = _our_dataset(pulled) if ours else _other_dataset(pulled)
    else:
        ours = (pulled.folder / training.FILE_NAME).is_file()
        made = _our_model(pulled) if ours else _other_model(pulled)
    return Verification(
        repo_id=repo_id,
        repo_type=pulled.repo.repo_type,
        revision=pulled.revision,
        commit=pulled.commit,
        checks=tuple(made),
    )


def _our_dataset(pulled: Pulled) -> list[Check]:
    data = sorted(path for path in (pulled.folder / "data").rglob("*") if path.is_file())
    made = [
        checks.check_digest(pulled, [*data, pulled.folder / manifest.FILE_NAME]),
        checks.check_code(pulled),
        checks.check_secrets(pulled),
        *checks.check_strays(pulled),
    ]
    try:
        built = read_dataset(pulled.folder)
        check_withheld(built)
    except InputError as error:
        return [*made, Check("rows", "fail", str(error))]
    rows = sum(split.table.num_rows for split in built.splits)
    made.append(Check("rows", "pass", f"{rows:,} rows as the records and the manifest say, none twice"))
    problems = {split.path: len(split.table["problem_id"].unique()) for split in built.splits}
    made.append(
        Check("leaks", "pass", f"no problem in two splits, no test question ({_listed(problems)} problems)")
    )
    made += checks.check_contamination(built)
    made.append(attempt("card", lambda: card_checks.card_rules(pulled)))
    made.append(attempt("dataset_info", lambda: card_checks.dataset_info(pulled, built)))
    made.append(attempt("licence", lambda: card_checks.dataset_license(pulled, built)))
    try:
        rendered = card_checks.dataset_card(pulled, built)
    except InputError as error:
        return [*made, Check("words", "fail", str(error))]
    made.append(attempt("numbers", lambda: card_checks.numbers(pulled, rendered)))
    made.append(card_checks.words(pulled, {CARD: rendered, **cards.draw_pictures(built)}))
    return made


def _our_model(pulled: Pulled) -> list[Check]:
    adapter = (pulled.folder / ADAPTER_CONFIG).is_file()
    try:
        model = read_adapter(pulled.folder) if adapter else read_backbone(pulled.folder)
    except InputError as error:
        return [Check("weights", "fail", str(error))]
    made = [
        checks.check_digest(pulled, [pulled.folder / name for name in model.files]),
        Check("weights", "pass", f"safetensors, {model.parameters:,} parameters"),
        checks.check_code(pulled),
        checks.check_secrets(pulled),
        attempt("card", lambda: card_checks.card_rules(pulled)),
        attempt("licence", lambda: card_checks.model_license(pulled, model)),
    ]
    try:
        rendered = card_checks.model_card(pulled, model)
    except InputError as error:
        return [*made, Check("words", "fail", str(error))]
    return [
        *made,
        attempt("numbers", lambda: card_checks.numbers(pulled, rendered)),
        card_checks.words(pulled, {CARD: rendered}),
    ]


def _other_dataset(pulled: Pulled) -> list[Check]:
    return [
        Check("release", "note", "no manifest.json: not published by lema_hub, its making cannot be checked"),
        *_other_model(pulled),
        attempt("rows", lambda: checks.other_rows(pulled)),
    ]


def _other_model(pulled: Pulled) -> list[Check]:
    card = attempt("card", lambda: card_checks.card_rules(pulled, ours=False))
    return [checks.check_code(pulled), checks.check_secrets(pulled), card]


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
