"""Search anybody's rows for test questions: JSONL and Parquet files of any layout.

    sets = held_out_sets(["gsm8k"])
    found = search(rows_of(Path("my-rows.jsonl")), sets)
    found.contaminated, found.rows     # rows that hold a test question, of so many

The trap: rows that `lema build` wrote are compared by the columns that the builder compares, not by all. A prompt
repeats question and solution, and in a text that long the numbers of some test question stand in order by chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import tee
from pathlib import Path
from typing import Any

from lema_hub.errors import HubError, InputError
from lema_hub.json_text import read_jsonl
from lema_hub.tasks.held_out import (
    TEXTS,
    HeldOut,
    Hit,
    find_hits,
    from_file,
    load_scored,
    of_problems,
    scored_with,
)
from lema_hub.tasks.overlap import N

_BATCH = 4096  # rows of a Parquet file in memory

NamedTexts = tuple[str, Mapping[str, str]]
"""A row's name (`file:number`) and its texts by column."""


@dataclass(frozen=True, slots=True)
class Search:
    """What was found in some rows.

    Attributes:
        rows: How many rows were searched.
        phrases: Rows that only share a phrase with a test question.
        hits: (the row's name, what it holds), in the order of the rows.
    """

    rows: int
    phrases: int
    hits: tuple[tuple[str, Hit], ...]

    @property
    def contaminated(self) -> int:
        """How many rows hold a test question."""
        return len({name for name, _ in self.hits})


def search(
    rows: Iterable[NamedTexts], sets: Sequence[HeldOut], *, n: int = N, strict: bool = False
) -> Search:
    """Look for the questions of some test sets in some rows.

    Args:
        rows: Names and texts, as `rows_of` gives them.
        sets: The test sets.
        n: Words in a run (`lema_hub.tasks.overlap`).
        strict: Count also rows that share a run of words but not the question's numbers.

    Raises:
        InputError: n is below 3, a question has no word, or a row cannot be read.
    """
    named, given = tee(rows)
    found: list[tuple[str, Hit]] = []
    count = phrases = 0
    for (name, _), hits in zip(named, find_hits((texts for _, texts in given), sets, n=n), strict=True):
        count += 1
        counted = [hit for hit in hits if hit.overlap.is_hit or strict]
        phrases += bool(hits) and not counted
        found += [(name, hit) for hit in counted]
    return Search(count, phrases, tuple(found))


def held_out_sets(tests: Sequence[str] | None = None, against: Sequence[Path] = ()) -> list[HeldOut]:
    """Test sets by the names of their tasks, and files of test questions.

    Args:
        tests: Tasks; all real ones if neither they nor files are given.
        against: JSONL files with a `question` (or `problem`) per line.

    Raises:
        InputError: There is no such task, or a file cannot be read.
        HubError: A test set cannot be loaded.
    """
    names = tests if tests is not None else [] if against else scored_with("gsm8k")
    try:
        sets = [of_problems(name, load_scored(name)) for name in names]
    except HubError as error:
        reason = str(error).partition(";")[0]
        raise HubError(f"{reason}; check the endpoint, or give a copy with --against FILE.jsonl") from error
    return [*sets, *(from_file(file) for file in against)]


def rows_of(root: Path) -> Iterator[NamedTexts]:
    """The rows of a JSONL or Parquet file, or of all such files in a folder, without rows that a build rejected.

    Raises:
        InputError: There is no such file, or it cannot be read.
    """
    files = [root] if root.is_file() else sorted((*root.rglob("*.jsonl"), *root.rglob("*.parquet")))
    files = [file for file in files if "rejected" not in file.parts]
    if not files:
        raise InputError(
            f"{str(root)!r} holds neither JSONL nor Parquet; give such a file, or a folder of them"
        )
    for file in files:
        name = file.name if root.is_file() else str(file.relative_to(root))
        for number, row in enumerate(_read(file)):
            texts: dict[str, str] = {}
            ours = "problem_id" in row and "question" in row
            _collect({name: row[name] for name in TEXTS if name in row} if ours else row, "", texts)
            yield f"{name}:{number}", texts


def _read(file: Path) -> Iterator[dict[str, Any]]:
    if file.suffix != ".parquet":
        yield from read_jsonl(file)
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(batch_size=_BATCH):
                yield from batch.to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{str(file)!r} is not readable Parquet ({error}); give another file") from error


def _collect(value: Any, where: str, texts: dict[str, str]) -> None:
    """All texts in a value; those of one column (or of one key of it) are joined."""
    if isinstance(value, str):
        texts[where] = f"{texts[where]}\n{value}" if where in texts else value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            _collect(inner, f"{where}.{key}" if where else str(key), texts)
    elif isinstance(value, list):
        for inner in value:
            _collect(inner, where, texts)
