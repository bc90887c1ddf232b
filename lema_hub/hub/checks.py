"""Checks of what a published version holds: its bytes, its files, its rows.

A check passes, fails, or is a note where something could not be checked or a reader has to know it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lema_hub.artifacts import history, manifest
from lema_hub.artifacts.dataset import MAX_ROW_BYTES, BuiltDataset, row_bytes
from lema_hub.artifacts.files import File, digest_of
from lema_hub.artifacts.manifest import Allowed
from lema_hub.artifacts.parquet import read_table
from lema_hub.cards import metadata
from lema_hub.cards.dataset_cards import PICTURES
from lema_hub.errors import InputError
from lema_hub.hub import checkpoints, contamination
from lema_hub.hub.pull import Pulled
from lema_hub.hub.release import CARD
from lema_hub.hub.secrets import find_leaks

Verdict = Literal["pass", "fail", "note"]

_UNSAFE = re.compile(
    r".*\.(?:bin|pt|pth|ckpt|pkl|pickle|joblib|dill|npy|npz|py|pyc|sh|so|dll|dylib|exe)", re.IGNORECASE
)
_PICKLE = re.compile(rb"\x80[\x02-\x05]")  # how protocols 2 to 5 begin, whatever the file is called
_MANY = 3  # names or questions in a message


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one check, and what was seen."""

    name: str
    verdict: Verdict
    detail: str


def attempt(name: str, check: Callable[[], str]) -> Check:
    """The check that passes with what the function returns, and fails with the `InputError` that it raises."""
    try:
        return Check(name, "pass", check())
    except InputError as error:
        return Check(name, "fail", str(error))


def files_of(pulled: Pulled) -> dict[str, Path]:
    """The files of the version by their path in the repo; the client's own notes are left out."""
    found = {path.relative_to(pulled.folder).as_posix(): path for path in pulled.folder.rglob("*")}
    return {
        name: path
        for name, path in sorted(found.items())
        if path.is_file() and not name.startswith(".cache/")
    }


def text_of(pulled: Pulled, name: str) -> str:
    """The text of a file.

    Raises:
        InputError: There is no such file, or it is not text.
    """
    try:
        return (pulled.folder / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{pulled.repo.repo_id} has no readable {name}") from error


def check_digest(pulled: Pulled, files: list[Path]) -> Check:
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


def check_code(pulled: Pulled) -> Check:
    """No file can run code when it is loaded: no pickle under any name, no script, no library."""
    files = files_of(pulled)
    unsafe = [name for name, path in files.items() if _UNSAFE.fullmatch(name) or _is_pickle(path)]
    if unsafe:
        return Check("code", "fail", f"{unsafe[0]!r} can run code when it is loaded")
    return Check("code", "pass", f"none of {len(files)} files is a pickle or a script")


def check_secrets(pulled: Pulled) -> Check:
    """No file holds what looks like a key or a token; the message says where one stands, and not what it is."""
    files = files_of(pulled)
    try:
        leaks = list(find_leaks(File(name, path) for name, path in files.items()))
    except InputError as error:
        return Check("secrets", "fail", str(error))
    if leaks:
        shown = "; ".join(map(str, leaks[:_MANY])) + ("; ..." if len(leaks) > _MANY else "")
        return Check(
            "secrets", "fail", f"{len(leaks)} places hold what looks like a secret: {shown}; revoke it"
        )
    return Check("secrets", "pass", f"none of {len(files)} files holds what looks like a key or a token")


def _is_pickle(path: Path) -> bool:
    with path.open("rb") as stream:
        return _PICKLE.match(stream.read(2)) is not None


def check_strays(pulled: Pulled) -> list[Check]:
    """Files of a dataset that no release of ours makes: nobody has checked them."""
    made = {CARD, manifest.FILE_NAME, history.FILE_NAME, ".gitattributes"}
    strays = [
        name for name in files_of(pulled) if name not in made and not name.startswith(("data/", PICTURES))
    ]
    if not strays:
        return []
    shown = ", ".join(strays[:_MANY]) + (", ..." if len(strays) > _MANY else "")
    return [
        Check(
            "files", "note", f"{len(strays)} files are not of this release, nobody has checked them: {shown}"
        )
    ]


def check_contamination(built: BuiltDataset) -> list[Check]:
    """The rows against the test sets again; what cannot be loaded here is a note.

    A test question that the manifest allows is never passed over in silence: it is a note with its reason, and a
    failure if it names no test question, gives no reason or is in more rows than stated.
    """
    name = "contamination"
    if built.manifest.withheld is not None:
        return [Check(name, "note", "the questions are withheld; rebuild the rows to compare them")]
    found = contamination.recheck(built)
    checks = [
        Check(name, "note", f"not compared with {held_out}: {why}") for held_out, why in found.skipped.items()
    ]
    if found.hits:
        checks.append(
            Check(name, "fail", f"{len(found.hits)} rows' texts hold a test question, first {found.hits[0]}")
        )
    elif found.compared:
        checks.append(Check(name, "pass", f"no row holds a test question of {', '.join(found.compared)}"))
    record = built.manifest.contamination
    if record is not None and record.allowed:
        checks.append(_check_allowed(record.allowed, found))
    return checks


def _check_allowed(allowed: Sequence[Allowed], found: contamination.Recheck) -> Check:
    for item in allowed:
        if not item.why.strip():
            return Check("allowed", "fail", f"the test question {item.test!r} is allowed without a reason")
        if item.test not in found.questions and not found.skipped:
            return Check(
                "allowed", "fail", f"{item.test!r} is allowed, and is not a question of any test set"
            )
        if (
            found.uses[item.test] > item.rows
        ):  # fewer is right: what repeats an earlier row was dropped afterwards
            return Check(
                "allowed",
                "fail",
                f"the manifest counts {item.rows} rows with the allowed test question {item.test!r}, there are "
                f"{found.uses[item.test]}",
            )
    shown = "; ".join(f"{item.test} in {item.rows:,} rows ({item.why})" for item in allowed[:_MANY])
    return Check(
        "allowed",
        "note",
        f"holds {len(allowed)} allowed test questions: {shown}{'; ...' * (len(allowed) > _MANY)}",
    )


def other_rows(pulled: Pulled) -> str:
    """Whether the Parquet files of somebody else's dataset can be read, and have the rows that the card states."""
    data, _ = metadata.split_card(text_of(pulled, CARD))
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
