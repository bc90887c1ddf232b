"""Our benchmark as a dataset that the Hub knows as one: the test problems, `eval.yaml` and a card.

    publish_benchmark("lema/nano-benchmark", version="0.1.0")
    on_benchmark(results, items, "lema/nano-benchmark@v0.1.0")     # scores that point at it

Format of `eval.yaml`: https://huggingface.co/docs/hub/eval-results. A benchmark that changes a problem is another
benchmark: such a version is never a patch. Problem sets of others are published by their owners, and scores point
there.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import yaml

from lema_hub.artifacts import parquet
from lema_hub.artifacts.files import File
from lema_hub.artifacts.history import Release
from lema_hub.artifacts.parquet import read_table, write_rows
from lema_hub.artifacts.training import Result
from lema_hub.cards import dataset_cards as cards
from lema_hub.cards import fields, metadata, templates
from lema_hub.config import peek
from lema_hub.errors import InputError
from lema_hub.hub import versions
from lema_hub.hub.options import Keywords, PublishOptions
from lema_hub.hub.pull import pull
from lema_hub.hub.release import CARD, Published, past_of, release, require_ours, with_entry
from lema_hub.hub.repo import Repo, State
from lema_hub.hub.versions import Level, Version
from lema_hub.records import Problem, Score
from lema_hub.snapshots import split_name

if TYPE_CHECKING:
    import pyarrow as pa
    from huggingface_hub import HfApi

EVAL = "eval.yaml"
DATA = "data/test.parquet"
TASK_ID = "nano"
_TASK = "lema:nano"
METRIC = "pass@1"
_TITLE = "Nano word problems"


def publish_benchmark(repo_id: str, *, n: int | None = None, **options: Unpack[Keywords]) -> Published:
    """Publish the nano world's test problems as a benchmark.

    Args:
        repo_id: `namespace/name`.
        n: How many problems; by default those that `lema eval` scores.
        **options: `PublishOptions`.

    Raises:
        InputError: The version does not say that problems changed, or the repo holds something else.
        TagExistsError: The version exists with other content.
        HubError: The Hub refused or could not be reached.
    """
    from lema_hub.tasks import load_problems
    from lema_hub.tasks.nano import SCORED

    chosen = PublishOptions(**options)
    number = chosen.number
    repo = Repo.at(repo_id, "dataset", chosen.api)
    problems = load_problems("nano", "test", limit=SCORED if n is None else n)
    if not problems:
        raise InputError(f"n must be >= 1, got {n}")
    with tempfile.TemporaryDirectory(prefix="lema-benchmark-") as staging:
        write_rows(problems, Problem, Path(staging) / DATA)
        table = parquet.to_table(problems, Problem)
        content = [File(DATA, Path(staging) / DATA), File(EVAL, eval_yaml(len(problems)).encode())]

        def draft(state: State | None) -> list[File]:
            require_ours(repo, state, EVAL)
            past = past_of(repo, state)
            earlier = [old for old in versions.of_tags(state.tags if state else ()) if old < number]
            changes: tuple[str, ...] = ("first version",)
            if state is not None and earlier:
                old = pull(repo_id, earlier[-1].tag, repo_type="dataset", patterns=[DATA], api=repo.api)
                level, changes = _compare(read_table(old.folder / DATA), table)
                _check_level(earlier[-1], number, level, changes)
            now, log = with_entry(past, number, len(problems), changes)
            sizes = {file.path: file.size for file in (*content, log)}
            card = benchmark_card(
                problems, repo_id=repo_id, version=str(number), sizes=sizes, history=now.versions
            )
            return [log, File(CARD, card.encode())]

        return release(repo, chosen, content, draft, owned=lambda path: path.startswith("data/"))


def eval_yaml(n: int) -> str:
    """The file at the root by which the Hub knows a benchmark, in the form that Inspect AI runs.

    The prompt is the one of our own scores. Inspect's `match` looks for the number at the end of an output, which
    is stricter than our judge.
    """
    from lema_hub import prompts, tasks

    template = prompts.load(tasks.get("nano").prompt).render(question="{prompt}")
    described = {
        "name": _TITLE,
        "description": f"{n:,} generated math word problems of 2 to 4 steps; {METRIC} of greedy chain of thought.",
        "evaluation_framework": "inspect-ai",
        "tasks": [
            {
                "id": TASK_ID,
                "config": "default",
                "split": "test",
                "field_spec": {"input": "question", "target": "answer"},
                "solvers": [
                    {"name": "prompt_template", "args": {"template": template}},
                    {"name": "generate"},
                ],
                "scorers": [{"name": "match", "args": {"location": "end", "numeric": True}}],
            }
        ],
    }
    return yaml.safe_dump(described, sort_keys=False, allow_unicode=True, width=1000)


def benchmark_card(
    problems: Sequence[Problem],
    *,
    repo_id: str,
    version: str,
    sizes: dict[str, int],
    history: Sequence[Release],
) -> str:
    """The benchmark's card, checked by the Hub's rules.

    Raises:
        InputError: A number is missing, or the card breaks a rule of the Hub.
    """
    from lema_hub import prompts, tasks

    task = tasks.get("nano")
    table = parquet.to_table(problems, Problem)
    steps = sorted({problem.level or "" for problem in problems})
    front = cards.table_front_matter(
        table,
        title=_TITLE,
        license_id=task.license,
        path=DATA,
        size=sizes[DATA],
        tags=["benchmark"],
        original=True,
    )
    kinds: dict[str, Counter[str]] = {}
    for problem in problems:
        kinds.setdefault(problem.subject or "", Counter())[problem.level or ""] += 1
    context = {
        "front_matter": metadata.to_yaml(front),
        "title": _TITLE,
        "repo_id": repo_id,
        "version": version,
        "problems": len(problems),
        "steps": steps,
        "kinds": dict(sorted(kinds.items())),
        "example": problems[0],
        "task": _TASK,
        "task_id": TASK_ID,
        "metric": METRIC,
        "prompt": prompts.load(task.prompt).id,
        "max_new_tokens": task.max_new_tokens,
        # A share's standard error is largest at one half.
        "stderr": 0.5 / len(problems) ** 0.5,
        "fields": fields.describe(Problem),
        "license": task.license,
        "source": task.source_repo,
        "revision": problems[0].source_revision,
        "history": history,
    }
    return metadata.checked(templates.render("dataset_cards/benchmark.md.jinja", context), sizes)


def _compare(old: pa.Table, new: pa.Table) -> tuple[Level, tuple[str, ...]]:
    """What changed since an earlier version, and how much that breaks."""
    columns = [name for name in new.column_names if name in old.column_names]
    before, after = (
        {row["problem_id"]: row for row in table.select(columns).to_pylist()} for table in (old, new)
    )
    added, dropped = len(after.keys() - before.keys()), len(before.keys() - after.keys())
    changed = sum(before[key] != after[key] for key in before.keys() & after.keys())
    counts = {"added": added, "dropped": dropped, "changed": changed}
    said = tuple(f"{n:,} problems {what}" for what, n in counts.items() if n)
    if old.schema != new.schema:
        said = (*said, "columns changed")
    return ("major", (*said, "scores are not comparable")) if said else ("patch", ("no problem changed",))


def _check_level(earlier: Version, number: Version, level: Level, changes: Sequence[str]) -> None:
    deserved = earlier.next(level)
    if number < deserved:
        raise InputError(
            f"version {number} after {earlier} would hide that scores changed ({'; '.join(changes)}); publish "
            f"{deserved} or later"
        )


def on_benchmark(
    results: Sequence[Result], items: Sequence[Score], name: str, *, api: HfApi | None = None
) -> list[Result]:
    """The results of a run with those of our task pointing at a published benchmark, by commit.

    Args:
        results: The run's results.
        items: The rows that they sum up.
        name: `namespace/name@version` of the benchmark; no version means its newest.
        api: The Hub and token to use instead of the clients' own.

    Raises:
        InputError: The run was not scored on the problems and answers of that version.
        HubError: There is no such version, or the Hub cannot be reached.
    """
    repo_id, revision = split_name(name)
    pulled = pull(repo_id, revision, repo_type="dataset", patterns=[DATA, EVAL], api=api)
    if not (pulled.folder / EVAL).is_file() or not (pulled.folder / DATA).is_file():
        raise InputError(f"{name} is not a benchmark of lema_hub: it has no {EVAL} beside {DATA}")
    described = peek(pulled.folder / EVAL, "tasks")
    ids = (
        [task.get("id") for task in described if isinstance(task, dict)]
        if isinstance(described, list)
        else []
    )
    if TASK_ID not in ids:
        raise InputError(f"{name} has no task {TASK_ID!r}; its tasks are: {', '.join(map(str, ids))[:160]}")
    rows = read_table(pulled.folder / DATA).select(["problem_id", "answer"]).to_pylist()
    published = {row["problem_id"]: row["answer"] for row in rows}
    moved = []
    for result in results:
        if result.task == _TASK:
            scored = {item.item_id: item.gold for item in items if item.task == _TASK}
            if scored != published:
                other = next(key for key in {**published, **scored} if published.get(key) != scored.get(key))
                raise InputError(
                    f"the run's {len(scored):,} problems are not the {len(published):,} of {repo_id}@{pulled.revision} "
                    f"(see {other}); score the same ones, or publish that benchmark again"
                )
            result = dataclasses.replace(
                result, task=TASK_ID, repo=repo_id, revision=pulled.commit, config="default", split="test"
            )
        moved.append(result)
    if not any(result.repo == repo_id for result in moved):
        raise InputError(f"the run has no score of {_TASK}, which {repo_id} is the benchmark of")
    return moved
