"""The folder of a scored run: `scores.json`, the summary, and `items.parquet`, one row per item.

    result = read_result(Path("runs/eval/backbone"))
    result.scores[0].pass_at_1, result.items()[0].verdict

The trap: `scores.json` is written last, so a folder that has one is complete.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from lema_hub.config import parse
from lema_hub.errors import InputError, RecipeError
from lema_hub.json_text import loads
from lema_hub.records import Score, Verdict, schema

SCORES, ITEMS = "scores.json", "items.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskScore:
    """The score on one task; shares are from 0 to 1, items are the sampling unit.

    `low` and `high` bound the 95 % Wilson interval; `verdicts` counts rows of items.parquet, `samples` of them
    for each item. `repo`, `revision`, `config` and `split` say where the items are from.
    """

    task: str
    n: int
    pass_at_1: float
    stderr: float | None
    low: float
    high: float
    verdicts: dict[Verdict, int]
    samples: int
    repo: str
    revision: str | None
    config: str
    split: str
    prompt: str
    max_new_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalResult:
    """A scored system.

    Attributes:
        system: The engine's model.
        revision: Its commit, or the hash of its files.
        engine: What generated.
        checkpoint: A label that is in every row.
        seed: Base of the random streams of sampled tasks.
        limit: Maximum number of items per task.
        scores: One per task.
        packages: Versions of what took part.
        judge: Hash of the judge's sources.
        key: Hash of all that decides the scores.
        out: The run's folder.
        reused: Whether the folder held this evaluation already.
    """

    system: str
    revision: str | None
    engine: str
    checkpoint: str
    seed: int
    limit: int | None
    scores: tuple[TaskScore, ...]
    packages: dict[str, str]
    judge: str
    key: str
    out: Path
    reused: bool = False

    def items(self) -> list[Score]:
        """The rows of items.parquet."""
        return read_items(self.out)


def write_result(result: EvalResult, items: list[Score]) -> None:
    """Write both files, the summary last."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    result.out.mkdir(parents=True, exist_ok=True)
    (result.out / SCORES).unlink(missing_ok=True)
    table = pa.Table.from_pylist([item.to_row() for item in items], schema=schema(Score))
    pq.write_table(table, result.out / f"{ITEMS}.part")
    (result.out / f"{ITEMS}.part").replace(result.out / ITEMS)
    text = json.dumps({"schema": 1, **summary(result)}, indent=2, allow_nan=False) + "\n"
    (result.out / f"{SCORES}.part").write_text(text, encoding="utf-8")
    (result.out / f"{SCORES}.part").replace(result.out / SCORES)


def summary(result: EvalResult) -> dict[str, Any]:
    """What scores.json holds, without its schema number."""
    kept = {field.name: getattr(result, field.name) for field in fields(result)}
    kept.pop("out"), kept.pop("reused")
    return kept | {"scores": [asdict(score) for score in result.scores]}


def read_result(folder: Path) -> EvalResult:
    """The summary of a scored run.

    Raises:
        InputError: The folder holds none, or it cannot be read.

    Example:
        >>> from pathlib import Path
        >>> read_result(Path("runs/eval/nano")).scores[0].n
        4
    """
    path = folder / SCORES
    try:
        held = loads(path.read_bytes(), source=str(path), remedy="score again into a new folder")
        if held.pop("schema") != 1:
            raise ValueError("another schema")
        scores = tuple(parse(score, TaskScore) for score in held.pop("scores"))
        return EvalResult(**held, scores=scores, out=folder, reused=True)
    except OSError as error:
        raise InputError(
            f"{str(folder)!r} is not a scored run: it has no readable {SCORES}; run: lema eval MODEL --out {folder}"
        ) from error
    except (RecipeError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{str(path)!r} cannot be read ({error}); score again into a new folder") from error


def read_items(folder: Path) -> list[Score]:
    """The rows of a scored run.

    Raises:
        InputError: There are none, or they lack a column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / ITEMS
    try:
        rows = pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"{str(path)!r} cannot be read ({' '.join(str(error).split())[:120]}); expected a folder that "
            "lema eval wrote"
        ) from error
    return [Score.from_row(row) for row in rows]
