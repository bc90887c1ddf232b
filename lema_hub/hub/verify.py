"""Check a published version from outside: bytes, rows, card, numbers and licence.

    for check in verify("lema/lema-corrections", "v0.1.0").checks:
        print(check.verdict, check.name, check.detail)

Releases of others are checked as far as they can be: files, card and licence. What cannot be checked is a
note, never a pass.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lema_hub.artifacts import history, manifest, training
from lema_hub.artifacts.dataset import MAX_ROW_BYTES, BuiltDataset, read_dataset, row_bytes
from lema_hub.artifacts.files import File, digest_of
from lema_hub.artifacts.model import ADAPTER_CONFIG, NOTICE, TrainedModel, read_adapter, read_backbone
from lema_hub.artifacts.parquet import read_table
from lema_hub.cards import dataset_cards as cards
from lema_hub.cards import licenses, metadata, model_cards, model_terms, templates
from lema_hub.errors import InputError
from lema_hub.hub import checkpoints, contamination
from lema_hub.hub.pull import Pulled, pull
from lema_hub.hub.release import CARD
from lema_hub.snapshots import RepoType

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Verdict = Literal["pass", "fail", "note"]

_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)*(?![\w])")
_UNSAFE = re.compile(r".*\.(?:bin|pt|pth|ckpt|pkl|pickle)|.*\.py", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one check, and what was seen; a `note` could not be checked."""

    name: str
    verdict: Verdict
    detail: str


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
    """
    pulled = pull(repo_id, revision, repo_type=repo_type, api=api)
    if pulled.repo.repo_type == "dataset":
        ours = (pulled.folder / manifest.FILE_NAME).is_file()
        checks = _our_dataset(pulled) if ours else _other_dataset(pulled)
    else:
        ours = (pulled.folder / training.FILE_NAME).is_file()
        checks = (
            _our_model(pulled)
            if ours
            else [_no_code(pulled), _attempt("card", lambda: _card_rules(pulled, ours=False))]
        )
    return Verification(
        repo_id=repo_id,
        repo_type=pulled.repo.repo_type,
        revision=pulled.revision,
        commit=pulled.commit,
        checks=tuple(checks),
    )


def _our_dataset(pulled: Pulled) -> list[Check]:
    data = sorted(path for path in (pulled.folder / "data").rglob("*") if path.is_file())
    checks = [_digest(pulled, [*data, pulled.folder / manifest.FILE_NAME])]
    try:
        built = read_dataset(pulled.folder)
    except InputError as error:
        return [*checks, Check("rows", "fail", str(error))]
    rows = sum(split.table.num_rows for split in built.splits)
    checks.append(Check("rows", "pass", f"{rows:,} rows as the records and the manifest say, none twice"))
    problems = {split.path: len(split.table["problem_id"].unique()) for split in built.splits}
    checks.append(
        Check("leaks", "pass", f"no problem in two splits, no test question ({_listed(problems)} problems)")
    )
    checks += _contamination(built)
    checks.append(_attempt("card", lambda: _card_rules(pulled)))
    checks.append(_attempt("dataset_info", lambda: _dataset_info(pulled, built)))
    checks.append(_attempt("licence", lambda: _license(pulled, built)))
    try:
        rendered = _dataset_card(pulled, built)
    except InputError as error:
        return [*checks, Check("words", "fail", str(error))]
    checks.append(_attempt("numbers", lambda: _numbers(pulled, rendered)))
    checks.append(_words(pulled, {CARD: rendered, **cards.draw_pictures(built)}))
    return checks


def _contamination(built: BuiltDataset) -> list[Check]:
    """The rows against the test sets again; what cannot be loaded here is a note."""
    name = "contamination"
    if built.manifest.withheld is not None:
        return [Check(name, "note", "the questions are withheld; rebuild the rows to compare them")]
    hits, compared, skipped = contamination.recheck(built)
    checks = [
        Check(name, "note", f"not compared with {held_out}: {why}") for held_out, why in skipped.items()
    ]
    if hits:
        checks.append(Check(name, "fail", f"{len(hits)} rows' texts hold a test question, first {hits[0]}"))
    elif compared:
        checks.append(Check(name, "pass", f"no row holds a test question of {', '.join(compared)}"))
    return checks


def _our_model(pulled: Pulled) -> list[Check]:
    adapter = (pulled.folder / ADAPTER_CONFIG).is_file()
    try:
        model = read_adapter(pulled.folder) if adapter else read_backbone(pulled.folder)
    except InputError as error:
        return [Check("weights", "fail", str(error))]
    checks = [
        _digest(pulled, [pulled.folder / name for name in model.files]),
        Check("weights", "pass", f"safetensors, {model.parameters:,} parameters"),
        _no_code(pulled),
        _attempt("card", lambda: _card_rules(pulled)),
        _attempt("licence", lambda: _model_license(pulled, model)),
    ]
    try:
        rendered = _model_card(pulled, model)
    except InputError as error:
        return [*checks, Check("words", "fail", str(error))]
    return [
        *checks,
        _attempt("numbers", lambda: _numbers(pulled, rendered)),
        _words(pulled, {CARD: rendered}),
    ]


def _other_dataset(pulled: Pulled) -> list[Check]:
    return [
        Check("release", "note", "no manifest.json: not published by lema_hub, its making cannot be checked"),
        _no_code(pulled),
        _attempt("card", lambda: _card_rules(pulled, ours=False)),
        _attempt("rows", lambda: _other_rows(pulled)),
    ]


def _attempt(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, "pass", check())
    except InputError as error:
        return Check(name, "fail", str(error))


def _digest(pulled: Pulled, files: list[Path]) -> Check:
    """The bytes against what the release's commit says of them."""
    claim = pulled.state.claims.get(pulled.revision)
    claimed = (
        checkpoints.claim_of(pulled.repo, pulled.revision, pulled.commit) if claim is None else claim.digest
    )
    if claimed is None:
        return Check("release", "note", f"no commit of {pulled.revision} says what it holds")
    if claim is not None and claim.commit != pulled.commit:
        return Check(
            "release", "fail", f"the tag is at {pulled.commit[:8]}, the release at {claim.commit[:8]}"
        )
    content = [File(path.relative_to(pulled.folder).as_posix(), path) for path in files]
    found = digest_of(content)
    if found != claimed:
        return Check(
            "release",
            "fail",
            f"{len(content)} files hash to {found[:12]}, the release says {claimed[:12]}",
        )
    return Check("release", "pass", f"{len(content)} files hash to {found[:12]}, as the release says")


def _no_code(pulled: Pulled) -> Check:
    files = [path.name for path in pulled.folder.rglob("*") if path.is_file()]
    unsafe = sorted(name for name in files if _UNSAFE.fullmatch(name))
    if unsafe:
        return Check("code", "fail", f"{unsafe[0]!r} can run code when it is loaded")
    return Check("code", "pass", f"none of {len(files)} files is a pickle or a script")


def _card_rules(pulled: Pulled, *, ours: bool = True) -> str:
    files = [
        path.relative_to(pulled.folder).as_posix() for path in pulled.folder.rglob("*") if path.is_file()
    ]
    data = metadata.check_card(_read(pulled, CARD), files=files, ours=ours)
    return f"{len(data)} fields of metadata follow the Hub's rules"


def _dataset_info(pulled: Pulled, built: BuiltDataset) -> str:
    import datasets

    data, _ = metadata.split_card(_read(pulled, CARD))
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


def _license(pulled: Pulled, built: BuiltDataset) -> str:
    stated = metadata.split_card(_read(pulled, CARD))[0].get("license")
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


def _model_license(pulled: Pulled, model: TrainedModel) -> str:
    stated = metadata.split_card(_read(pulled, CARD))[0]
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


def _numbers(pulled: Pulled, rendered: str) -> str:
    """Every number of the published text must be one that the files give, however it is worded."""
    published = Counter(_NUMBER.findall(metadata.split_card(_read(pulled, CARD))[1]))
    given = Counter(_NUMBER.findall(metadata.split_card(rendered)[1]))
    if invented := sorted(published.keys() - given.keys()):
        raise InputError(f"the card says {invented[0]}, a number that neither rows nor manifest give")
    return f"all {published.total()} numbers of the card follow from rows and manifest"


def _words(pulled: Pulled, rendered: Mapping[str, str]) -> Check:
    """The card and its pictures against what rows, manifest and history render to, to the letter.

    A card of another version of the package may be worded otherwise: that is a note, its numbers are checked
    all the same.
    """
    past = history.read_history(_read(pulled, history.FILE_NAME)).versions
    made_with = past[0].made_with if past else ""
    for name, text in rendered.items():
        published = _read(pulled, name)
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


def _dataset_card(pulled: Pulled, built: BuiltDataset) -> str:
    terms = licenses.terms_of(built)
    if terms.license is None:
        terms = licenses.License(built.manifest.license, (), terms.duties)
    return cards.dataset_card(
        built,
        repo_id=pulled.repo.repo_id,
        version=_version(pulled),
        terms=terms,
        sizes=_sizes(pulled),
        history=history.read_history(_read(pulled, history.FILE_NAME)).versions,
    )


def _version(pulled: Pulled) -> str:
    """The version that the files say they are; a commit has no name of its own."""
    past = history.read_history(_read(pulled, history.FILE_NAME)).versions
    if pulled.revision in pulled.state.tags:
        return pulled.revision.removeprefix("v")
    if not past:
        raise InputError(f"{history.FILE_NAME} names no version")
    return past[0].version


def _model_card(pulled: Pulled, model: TrainedModel) -> str:
    return model_cards.model_card(
        model,
        repo_id=pulled.repo.repo_id,
        version=_version(pulled),
        files=list(_sizes(pulled)),
        history=history.read_history(_read(pulled, history.FILE_NAME)).versions,
    )


def _other_rows(pulled: Pulled) -> str:
    data, _ = metadata.split_card(_read(pulled, CARD))
    infos: Any = data.get("dataset_info", [])
    try:
        promised = {
            (info.get("config_name", "default"), split["name"]): int(split["num_examples"])
            for info in (infos if isinstance(infos, list) else [infos])
            for split in info.get("splits") or ()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            "the card's dataset_info does not say name and num_examples of every split"
        ) from error
    rows = 0
    files = sorted(pulled.folder.rglob("*.parquet"))
    for path in files:
        table = read_table(path)
        rows += table.num_rows
        if (largest := row_bytes(table)) > MAX_ROW_BYTES:
            raise InputError(
                f"{path.name}: a row of {largest} bytes; the viewer shows at most {MAX_ROW_BYTES}"
            )
    if promised and files and rows != sum(promised.values()):
        raise InputError(f"the card's dataset_info says {sum(promised.values())} rows, the files have {rows}")
    return f"{rows:,} rows in {len(files)} readable Parquet files"


def _sizes(pulled: Pulled) -> dict[str, int]:
    files = {
        path.relative_to(pulled.folder).as_posix(): path
        for path in pulled.folder.rglob("*")
        if path.is_file()
    }
    return {
        name: path.stat().st_size
        for name, path in files.items()
        if name not in (CARD, ".gitattributes") and not name.startswith(".cache/")
    }


def _read(pulled: Pulled, name: str) -> str:
    try:
        return (pulled.folder / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{pulled.repo.repo_id} has no readable {name}") from error


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
