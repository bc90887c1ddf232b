"""Scoring a system: LightEval's pipeline around an engine, one row per item, and a summary.

    result = score(TransformersEngine("lema/nano-backbone"), tasks=["lema:nano"], out=Path("runs/eval/backbone"))
    result.scores[0].pass_at_1

What was scored before is not scored again: an evaluation of the same weights on the same items by the same
judge is read from its folder, and in a new folder its answers come from the ledger. Weights are known by their
hash or commit, never by their path.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import math
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from lema_hub.artifacts.packages import installed
from lema_hub.artifacts.scores import SCORES, EvalResult, TaskScore, read_result, write_result
from lema_hub.engines import Engine, Ledger
from lema_hub.engines.ledger import Progress
from lema_hub.errors import HubError, InputError, MissingExtraError
from lema_hub.records import VERDICTS, Score, digest
from lema_hub.stats import estimate, outcomes
from lema_hub.tasks import SCORED_TASKS

_logger = logging.getLogger(__name__)

TASKS = tuple(f"lema:{name}{votes}" for votes in ("", "-maj8") for name in SCORED_TASKS)
_PACKAGES = ("lighteval", "math-verify", "transformers", "torch", "peft", "datasets", "openai")
_JUDGE = ("answers", "evals/tasks.py")
_ITEMS = ("nano", "prompts", "tasks")


def score(
    engine: Engine,
    *,
    tasks: Sequence[str],
    out: Path,
    ledger: Ledger | None = None,
    seed: int = 0,
    limit: int | None = None,
    checkpoint: str = "",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> EvalResult:
    """Score what an engine answers.

    Args:
        engine: The system.
        tasks: Names from `TASKS`; the leading `lema:` may be left out.
        out: Folder of the run.
        ledger: Where answers are remembered; `ledger.sqlite` beside the run's folder if None.
        seed: Base of the random streams of sampled tasks; greedy tasks do not depend on it.
        limit: Maximum number of items per task, always the same ones.
        checkpoint: A label that goes into every row.
        overwrite: Replace an evaluation of something else in the folder.
        progress: Told of every answer.

    Raises:
        InputError: An unknown task, a limit below 1, or a folder with another evaluation.
        HubError: A task's data cannot be read.
        EngineError: The engine cannot answer.
        MissingExtraError: LightEval is not installed.

    Example:
        >>> from pathlib import Path
        >>> from lema_hub.evals.systems import find
        >>> result = score(find("nano"), tasks=["lema:nano"], out=Path("runs/eval/nano"), limit=4)
        >>> result.scores[0].n
        4
    """
    names = [name if name.startswith("lema:") else f"lema:{name}" for name in dict.fromkeys(tasks)]
    if unknown := [name for name in names if name not in TASKS] or ([] if names else [""]):
        raise InputError(f"no task {unknown[0]!r}; expected one of {', '.join(TASKS)}")
    if limit is not None and limit < 1:
        raise InputError(f"limit must be >= 1, got {limit}")
    judge = _sources_hash(_JUDGE)
    asked = {
        "engine": engine.name, "system": engine.model, "revision": engine.revision, "tasks": names,
        "seed": seed, "limit": limit, "checkpoint": checkpoint,
    }  # fmt: skip
    key = digest(asked, judge, _sources_hash(_ITEMS))
    if (found := _found(out, asked, key, overwrite=overwrite)) is not None:
        _logger.info("%s: found in %s, nothing is generated", engine.model, out)
        return found
    with contextlib.ExitStack() as stack:
        if ledger is None:
            ledger = stack.enter_context(Ledger(out.parent / "ledger.sqlite"))
        details = _details(engine, ledger, names, out=out, seed=seed, limit=limit, progress=progress)
    items: list[Score] = []
    scores: list[TaskScore] = []
    for name in names:
        config, answered = details[name]
        rows = _rows(engine, name, answered, seed=seed, checkpoint=checkpoint)
        items += rows
        scores.append(_task_score(name, config, rows, prompt=answered[0].doc.specific["prompt"]))
    result = EvalResult(
        system=engine.model, revision=engine.revision, engine=engine.name, checkpoint=checkpoint, seed=seed,
        limit=limit, scores=tuple(scores), packages=installed(*_PACKAGES), judge=judge[:16], key=key, out=out,
    )  # fmt: skip
    write_result(result, items)
    return result


def _found(out: Path, asked: dict[str, Any], key: str, *, overwrite: bool) -> EvalResult | None:
    if not (out / SCORES).is_file():
        return None
    held = read_result(out)
    if held.key == key:
        return held
    was = {name: getattr(held, name) for name in asked if name != "tasks"} | {"tasks": _tasks(held)}
    differs = [name for name, value in asked.items() if was[name] != value]
    if differs and not overwrite:
        name = differs[0]
        raise InputError(
            f"{str(out)!r} holds an evaluation with {name} {was[name]!r}, not {asked[name]!r}; "
            "give another folder (--out) or replace it (--overwrite)"
        )
    return None


def _tasks(result: EvalResult) -> list[str]:
    return [score.task for score in result.scores]


def _details(
    engine: Engine,
    ledger: Ledger,
    names: Sequence[str],
    *,
    out: Path,
    seed: int,
    limit: int | None,
    progress: Progress | None,
) -> dict[str, tuple[Any, list[Any]]]:
    """Task -> its LightEval configuration and what LightEval recorded of every item."""
    # Not above: `python -m lema_hub.evals.lighteval` warns if the package has imported it already.
    from lema_hub.evals.lighteval import prepare

    with _quietly(), tempfile.TemporaryDirectory() as cache:
        prepare()
        try:
            from lighteval.logging.evaluation_tracker import EvaluationTracker
            from lighteval.pipeline import ParallelismManager, Pipeline, PipelineParameters
        except ModuleNotFoundError as error:
            raise MissingExtraError(error.name or "lighteval", "eval") from error
        from lema_hub.evals import tasks
        from lema_hub.evals.model import EngineModel

        configs = {config.name: config for config in tasks.TASKS_TABLE if config.name in names}
        for config in configs.values():
            _reach(config.hf_repo, config.hf_revision)
        model = EngineModel(engine, ledger, cache=Path(cache), seed=seed, progress=progress)
        parameters = PipelineParameters(
            launcher_type=ParallelismManager.NONE,
            custom_tasks_directory=tasks,
            max_samples=limit,
            remove_reasoning_tags=False,
        )
        tracker = EvaluationTracker(output_dir=str(out / "lighteval"), save_details=False)
        try:
            pipeline = Pipeline(
                tasks=",".join(names), pipeline_parameters=parameters, evaluation_tracker=tracker, model=model
            )
        except (OSError, ValueError) as error:
            raise HubError(
                f"the items of {', '.join(names)} could not be loaded ({' '.join(str(error).split())[:160]}); "
                "check HF_ENDPOINT, or unset HF_HUB_OFFLINE if they are not in the cache yet"
            ) from error
    pipeline.evaluate()
    pipeline.save_and_push_results()
    details = pipeline.get_details()
    return {name: (configs[name], details[f"{name}|0"]) for name in names}


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """LightEval and what it imports write to the terminal while they start; it goes to the debug log."""
    heard = io.StringIO()
    with contextlib.redirect_stdout(heard), contextlib.redirect_stderr(heard):
        try:
            yield
        finally:
            _logger.debug("%s", heard.getvalue())


def _reach(repo: str, revision: str | None) -> None:
    """Ask the Hub for a data set: a dead endpoint fails here at once, while `load_dataset` retries for a long time.

    Raises:
        HubError: The data set cannot be read.
    """
    import httpx2
    from huggingface_hub import HfApi, constants

    if Path(repo).is_dir() or constants.HF_HUB_OFFLINE:
        return
    try:
        HfApi().dataset_info(repo, revision=revision, timeout=30)
    except (httpx2.HTTPError, OSError) as error:
        raise HubError(
            f"{repo} at {revision or 'main'} cannot be read from {constants.ENDPOINT} "
            f"({type(error).__name__}); check HF_ENDPOINT, or set HF_HUB_OFFLINE=1 if it is in the cache"
        ) from error


def _rows(engine: Engine, name: str, details: Sequence[Any], *, seed: int, checkpoint: str) -> list[Score]:
    """A row per item and sample, sorted by item."""
    rows = [
        Score(
            item_id=detail.doc.specific["item_id"], task=name, system=engine.model, revision=engine.revision,
            checkpoint=checkpoint, seed=1000 * seed + sample, verdict=judgement["verdict"],
            gold=detail.doc.choices[0], extracted=judgement["extracted"], output=output,
            reason=judgement["reason"],
        )
        for detail in details
        for sample, (output, judgement) in enumerate(
            zip(detail.model_response.text, detail.doc.specific["judgements"], strict=True)
        )
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (_natural(row.item_id), row.seed))


def _natural(item_id: str) -> list[tuple[str, int]]:
    """`gsm8k/test/9` before `gsm8k/test/10`."""
    return [(text, int(number or -1)) for text, number in re.findall(r"(\D+)(\d*)", item_id)]


def _task_score(name: str, config: Any, rows: Sequence[Score], *, prompt: str) -> TaskScore:
    from lema_hub import tasks

    measured = estimate(outcomes(rows))
    counts = Counter(row.verdict for row in rows)
    local = Path(config.hf_repo).is_dir()  # made here: the generator and its version are the source
    source = tasks.get("nano")
    return TaskScore(
        task=name,
        n=measured.n,
        pass_at_1=measured.value,
        stderr=None if math.isnan(measured.stderr) else measured.stderr,
        low=measured.low,
        high=measured.high,
        verdicts={verdict: counts[verdict] for verdict in VERDICTS},
        samples=len(rows) // measured.n,
        repo=source.source_repo if local else config.hf_repo,
        revision=source.revision if local else config.hf_revision,
        config=config.hf_subset,
        split="test",
        prompt=prompt,
        max_new_tokens=config.generation_size,
    )


@cache
def _sources_hash(names: tuple[str, ...]) -> str:
    """A hash of sources that decide verdicts or items: a better judge judges again."""
    root = Path(__file__).parents[1]
    hasher = hashlib.sha256()
    for name in names:
        place = root / name
        for source in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if source.suffix in (".py", ".jinja"):
                hasher.update(f"{source.relative_to(root).as_posix()}\n".encode())
                hasher.update(source.read_bytes())
    return hasher.hexdigest()
