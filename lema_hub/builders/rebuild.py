"""The whole rows of an id-only release, made again with the sources that its reader may read.

    rebuild(Path("pulled"), out=Path("rebuilt"))

Problems are loaded from the task that each row names, at the revision that it records, or from a file; every text
is compared with the hash that was published in its place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lema_hub import nano
from lema_hub.artifacts import shards
from lema_hub.artifacts.dataset import Split, read_dataset
from lema_hub.artifacts.parquet import write_table
from lema_hub.artifacts.withheld import check_withheld, restored
from lema_hub.builders.cot import annotated_path, cot_completion
from lema_hub.errors import InputError
from lema_hub.records import Problem
from lema_hub.tasks import load_problems


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was made: `rows` by `config/split`, and how many problems of which source were joined."""

    folder: Path
    rows: dict[str, int]
    problems: dict[str, int]


def rebuild(folder: Path, *, out: Path, sources: Mapping[str, Path] | None = None) -> Rebuilt:
    """Write the whole rows of an id-only release, checked against its hashes.

    Args:
        folder: The pulled release.
        out: Folder to write; it must not exist or be empty.
        sources: Task -> a file or folder in its official format, instead of its Hub.

    Raises:
        InputError: Nothing is withheld, a source lacks a problem, or a text is not the one that was withheld.
        HubError: A source cannot be read.
    """
    import pyarrow as pa

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{str(out)!r} is not empty; choose another folder")
    built = read_dataset(folder)
    if built.manifest.withheld is None:
        raise InputError(f"{str(folder)!r} has all its text; nothing is to rebuild: use it as it is")
    check_withheld(built)
    problems = _problems(built.splits, sources or {})
    tables: dict[str, pa.Table] = {}
    for split in built.splits:
        rows = [restored(row, _texts(row, problems[row["problem_id"]])) for row in split.table.to_pylist()]
        tables |= shards.cut(split.config, split.name, pa.Table.from_pylist(rows, schema=split.table.schema))
    for path, table in tables.items():  # only once every row is right
        write_table(table, out / path)
    licenses = {problem.license for problem in problems.values()}
    license_id = next(iter(licenses)) if len(licenses) == 1 else "other"
    dataclasses.replace(built.manifest, withheld=None, license=license_id).write(out)
    counts: dict[str, int] = {}
    for problem in problems.values():
        counts[problem.source_repo] = counts.get(problem.source_repo, 0) + 1
    return Rebuilt(
        out, {f"{split.config}/{split.name}": split.table.num_rows for split in built.splits}, counts
    )


def _texts(row: Mapping[str, Any], problem: Problem) -> dict[str, Any]:
    texts: dict[str, Any] = {
        "question": problem.question,
        "answer": problem.answer,
        "gold_solution": problem.gold_solution,
    }
    if row.get("origin") == "annotated":
        path = annotated_path(problem)
        texts |= {
            "path_text": path.text,
            "path_steps": list(path.steps),
            "path_answer": path.answer,
            "completion": cot_completion(path),
        }
    return texts


def _problems(splits: Iterable[Split], sources: Mapping[str, Path]) -> dict[str, Problem]:
    """The problems of all rows, by id."""
    wanted: dict[tuple[str, str], dict[str, str]] = {}
    for split in splits:
        names = ("task", "split", "problem_id", "source_revision")
        for task, side, problem_id, revision in zip(
            *(split.table[name].to_pylist() for name in names), strict=True
        ):
            wanted.setdefault((task, side), {})[problem_id] = revision
    found: dict[str, Problem] = {}
    for (task, side), ids in wanted.items():
        if task == "nano":
            found |= {problem_id: nano.load(problem_id).problem for problem_id in ids}
            continue
        for problem in load_problems(task, side, path=sources.get(task)):  # type: ignore[arg-type]  # checked there
            if problem.problem_id in ids:
                found[problem.problem_id] = problem
        if missing := sorted(ids.keys() - found.keys()):
            where = f"{str(sources[task])!r}" if task in sources else f"the {side} problems of {task!r}"
            raise InputError(
                f"{len(missing)} of {len(ids)} problems are missing in {where}, first {missing[0]}, of revision "
                f"{ids[missing[0]]!r}; give that revision's file with --source {task}=PATH"
            )
    return found
