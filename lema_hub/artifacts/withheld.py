"""An id-only release: what is ours to share, and hashes in place of what is not.

Where a source's licence does not let its text be passed on, the rows are published with ids, our own annotations and
the models' texts. Each text of the source is withheld: a column of its own holds `sha256:` and its hash, and where
another column quotes the question, a mark stands for it. So every row keeps its columns, whoever may read the source
makes the row again (`lema_hub.builders.rebuild`), and the hashes prove that it is the same.

Whose text is what: question, answer and annotated solution are the source's; so are path and completion of a row that
teaches the annotated solution itself. A sampled path, an explanation and a correction are a model's.

    >>> masked({"question": "2 + 2?", "answer": "4", "gold_solution": "4", "prompt": "Q: 2 + 2?"})["prompt"]
    'Q: ⟦question⟧'
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lema_hub.artifacts.dataset import BuiltDataset, Split
from lema_hub.artifacts.manifest import REJECTED, Withheld
from lema_hub.errors import InputError

LICENSE = "cc-by-4.0"
"""What our own annotations are shared under."""

MARK = "⟦question⟧"
"""Stands for the question where another text quotes it."""

SOURCE = ("question", "answer", "gold_solution")
"""The columns that are the source's text in every row."""

ANNOTATED = ("path_text", "path_steps", "path_answer", "completion")
"""Those that are its text too in a row that teaches the annotated solution."""

_HASH = re.compile(r"sha256:[0-9a-f]{64}")


def hash_of(text: str) -> str:
    """What stands in place of a withheld text."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def is_withheld(text: str) -> bool:
    """Whether a text is the hash of another."""
    return _HASH.fullmatch(text) is not None


def withhold(built: BuiltDataset, *, why: str) -> BuiltDataset:
    """The dataset without the sources' texts.

    Args:
        built: The whole dataset; its rejected rows, which are texts and little else, are left out.
        why: The reason that the card gives.

    Raises:
        InputError: A row holds text of others that could not be put back from its source.
    """
    import pyarrow as pa

    splits = []
    for split in built.splits:
        if split.config == REJECTED:
            continue
        rows = []
        for batch in split.table.to_batches(max_chunksize=4096):
            for row in batch.to_pylist():
                try:
                    rows.append(masked(row))
                except InputError as error:
                    raise InputError(f"{split.path}: {error}") from error
        table = pa.Table.from_pylist(rows, schema=split.table.schema)
        splits.append(Split(split.config, split.name, split.record, table))
    configs = {config: splits for config, splits in built.manifest.configs.items() if config != REJECTED}
    noted = replace(
        built.manifest,
        configs=configs,
        license=LICENSE,
        withheld=Withheld(why=why, columns=SOURCE, mark=MARK),
    )
    return BuiltDataset(noted, tuple(splits))


def check_withheld(built: BuiltDataset) -> None:
    """See that an id-only release holds no text of its sources; a dataset with all its text passes.

    A text in another column is found where it stands on a line of its own, or after a label such as `Question:`. Only
    the source itself could show the rest.

    Raises:
        InputError: It holds such a text, or dropped rows, which are texts.
    """
    stated = built.manifest.withheld
    if stated is None:
        return
    if (stated.columns, stated.mark) != (SOURCE, MARK):
        raise InputError(
            f"the manifest withholds the columns {', '.join(stated.columns)} under the mark {stated.mark!r}; expected "
            f"{', '.join(SOURCE)} and {MARK!r}: publish it again with --ids-only"
        )
    if REJECTED in built.manifest.configs:
        raise InputError(
            f"an id-only release has no config {REJECTED!r}, whose texts quote the sources; publish it again with "
            "--ids-only"
        )
    for split in built.splits:
        for batch in split.table.to_batches(max_chunksize=4096):
            for number, row in enumerate(batch.to_pylist()):
                if (column := _told(row)) is not None:
                    raise InputError(
                        f"{split.path}: row {number} ({row['problem_id']}) holds a withheld text in {column!r}; "
                        "publish it again with --ids-only"
                    )


def _told(row: Mapping[str, Any]) -> str | None:
    """The column that holds a text which the row withholds, None if there is none."""
    withheld = (*SOURCE, *ANNOTATED) if row.get("origin") == "annotated" else SOURCE
    for name in withheld:
        value = row.get(name)
        texts = value if isinstance(value, list) else [value]
        if any(text and not is_withheld(text) for text in texts):
            return name
    if MARK not in row.get("prompt", MARK):
        return "prompt"
    secret = {row["question"], row["gold_solution"]} - {""}
    for name, value in row.items():
        texts = value if isinstance(value, list) else [value]
        if any(secret & _line_hashes(text) for text in texts if isinstance(text, str)):
            return name
    return None


def _line_hashes(text: str) -> set[str]:
    """The hashes of a text's lines, whole and without the label before a colon."""
    if is_withheld(text):
        return set()
    lines = text.splitlines()
    return {hash_of(part.strip()) for line in lines for part in (line, line.partition(": ")[2])}


def masked(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without its source's texts.

    Raises:
        InputError: It holds others' text that could not be put back, or the mark itself.
    """
    where = f"row {row.get('path_id') or row.get('problem_id')}"
    annotated = row.get("origin") == "annotated"
    if row.get("engine") == "import" and not (annotated and row.get("model") == "annotation"):
        raise InputError(
            f"{where} holds an imported solution by {row['model']!r}, which is others' text and is not in the problem "
            "set; publish these rows by a licence, or leave them out"
        )
    if "seed_question" in row:
        raise InputError(f"{where} is made of its seed's text; evolved problems have no id-only form")
    question = row["question"]
    made: dict[str, Any] = {}
    for name, value in row.items():
        texts = value if isinstance(value, list) else [value]
        if any(isinstance(text, str) and MARK in text for text in texts):
            raise InputError(f"{where} has {MARK} in {name!r}, which marks withheld questions; drop the row")
        if name in SOURCE or (annotated and name in ANNOTATED):
            made[name] = (
                [hash_of(text) for text in value] if isinstance(value, list) else value and hash_of(value)
            )
        elif name == "problem_id" or not all(isinstance(text, str) for text in texts):
            made[name] = value
        else:
            put = [text.replace(question, MARK) for text in texts]
            if any(_plain(question) in _plain(text) for text in put):
                raise InputError(
                    f"{where} quotes the question in {name!r} with other spacing or case; drop the row"
                )
            made[name] = put if isinstance(value, list) else put[0]
    return made


def restored(row: Mapping[str, Any], texts: Mapping[str, Any]) -> dict[str, Any]:
    """The row that `masked` was given.

    Args:
        row: The published row.
        texts: The source's texts by column: those of `SOURCE`, and of `ANNOTATED` where they are withheld.

    Raises:
        InputError: A text is not the one that was withheld, or is missing.
    """
    made = dict(row)
    where = f"{row['problem_id']} ({row.get('path_id')})"
    for name in (*SOURCE, *ANNOTATED):
        value = row.get(name)
        hashes = value if isinstance(value, list) else [value]
        if not any(isinstance(one, str) and is_withheld(one) for one in hashes):
            continue
        if name not in texts:
            raise InputError(f"{where}: no text for the withheld {name!r}; its source gives none")
        found = texts[name] if isinstance(value, list) else [texts[name]]
        if [hash_of(one) for one in found] != hashes:
            raise InputError(
                f"{where}: the source's {name!r} is not the one that was withheld; read the recorded revision "
                f"{row['source_revision']!r} of {row['source_repo']!r}"
            )
        made[name] = texts[name]
    for name, value in made.items():
        if isinstance(value, str):
            made[name] = value.replace(MARK, texts["question"])
        elif isinstance(value, list) and all(isinstance(one, str) for one in value):
            made[name] = [one.replace(MARK, texts["question"]) for one in value]
    return made


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
