"""The whole loop in the nano world, stage by stage: what `lema quickstart` runs.

Everything goes through the same functions as in the real world: the shipped backbone answers, the judge judges, the
exact corrector corrects, builders filter, datasets and adapters are published to a Hub and read back with the stock
clients, LightEval scores. What is in the ledger, trained or published already is found, not made again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from lema_hub.errors import HubError, TagExistsError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

    from lema_hub.builders import Built, Cleaned
    from lema_hub.engines import Engine, Ledger
    from lema_hub.evals import EvalResult
    from lema_hub.evals.localisation import Localisation
    from lema_hub.hub.release import Published
    from lema_hub.records import Problem
    from lema_hub.stats import Estimate

VERSION = "0.1.0"
BACKBONE = "lema/nano-backbone"
CORRECTIONS, COT = "lema/lema-corrections", "lema/lema-cot"
ADAPTERS = {"cot": "lema/nano-cot-qlora", "lema": "lema/nano-lema-qlora"}
STAGES = 9
MISTAKES = 250
"""Number of held-out mistakes, at most, on which the localisation of the wrong step is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much of everything; the defaults take some minutes on two cores."""

    train: int = 600
    dev: int = 60
    paths: int = 4
    test: int = 1000
    steps: int = 120


class Screen(Protocol):
    """Shows progress: a context per stage, which gives a function to be told (done, of how many)."""

    def step(self, title: str) -> AbstractContextManager[Callable[..., None]]: ...


def run(out: Path, sizes: Sizes, screen: Screen) -> dict[str, Any]:
    """The loop, stage by stage; `HF_ENDPOINT` and `HF_TOKEN` point at the Hub to publish to.

    Returns:
        What `--json` prints: `hub_dir`, `dataset`, `adapters`, `counts`, `systems`, `comparison`, ...
    """
    from huggingface_hub import HfApi

    from lema_hub import nano, tasks
    from lema_hub.builders import build_corrections, build_cot, clean, collect_paths
    from lema_hub.engines import Ledger, Sampling
    from lema_hub.engines.exact import ExactEngine
    from lema_hub.engines.transformers import TransformersEngine
    from lema_hub.hub.publish import publish_adapter, publish_model
    from lema_hub.tasks.held_out import load_held_out

    began = time.monotonic()
    api = HfApi(endpoint=os.environ["HF_ENDPOINT"], token=os.environ["HF_TOKEN"], library_name="lema_hub")
    with screen.step("publish the backbone"):
        ensure(publish_model, nano.backbone_path(), BACKBONE, api, "model.safetensors")
    problems = [
        *tasks.load_problems("nano", "train", limit=sizes.train),
        *tasks.load_problems("nano", "dev", limit=sizes.dev),
    ]
    with Ledger(out / "ledger.sqlite") as ledger:
        with screen.step(f"sample {sizes.paths} paths for each of {len(problems)} problems") as progress:
            student = TransformersEngine(BACKBONE, revision=f"v{VERSION}")
            sampling = Sampling(temperature=0.7, max_tokens=tasks.get("nano").max_new_tokens, seed=0)
            paths = collect_paths(
                problems, student, ledger, paths=sizes.paths, sampling=sampling, progress=progress
            )
        with screen.step("correct the wrong ones, filter, build CoT rows") as progress:
            corrected = build_corrections(
                problems, paths.rows, ExactEngine(), ledger, progress=lambda _: progress
            )
            held_out = load_held_out("nano")
            corrections = clean(corrected, held_out)
            cot = clean(build_cot(problems, paths.rows), held_out)
        with screen.step("publish both datasets and load them back"):
            datasets = {
                CORRECTIONS: write_and_publish(
                    out / "corrections", paths, corrections, problems, CORRECTIONS, api
                ),
                COT: write_and_publish(out / "cot", paths, cot, problems, COT, api),
            }
            for repo_id, rows in datasets.items():
                load_back(repo_id, rows)
        runs = {}
        for name, repo_id in ADAPTERS.items():
            with screen.step(f"train {repo_id}: QLoRA, {sizes.steps} steps") as progress:
                runs[name] = train_adapter(name, out / "runs" / name, sizes, progress)
        with screen.step(f"score backbone and adapters on {sizes.test} held-out problems with LightEval"):
            scores = score(out, sizes, runs, ledger)
        with screen.step("find the first wrong step of held-out mistakes"):
            found = locate_mistakes(runs["lema"], sizes, ledger)
        with screen.step("publish both adapters and the report"):
            for name, repo_id in ADAPTERS.items():
                record_results(runs[name], scores[name], found if name == "lema" else None)
                ensure(publish_adapter, runs[name], repo_id, api, "adapter_model.safetensors")
            comparison = report(out, scores)
    return {
        "hub_dir": str(out / "hub"),
        "dataset": {"repo_id": CORRECTIONS, "version": f"v{VERSION}", "rows": datasets[CORRECTIONS]},
        "datasets": [{"repo_id": k, "version": f"v{VERSION}", "rows": v} for k, v in datasets.items()],
        "adapters": [{"repo_id": repo_id, "version": f"v{VERSION}"} for repo_id in ADAPTERS.values()],
        "counts": {
            "verdicts": dict(paths.verdicts),
            "stages": [
                {"name": s.name, "rows_in": s.rows_in, "rows_out": s.rows_out, "dropped": dict(s.dropped)}
                for s in (*paths.stages, *corrections.built.stages, *cot.built.stages)
            ],
        },
        "systems": [systems_row(name, result) for name, result in scores.items()],
        "comparison": comparison,
        "localisation": localisation_row(found),
        "report": str(out / "report" / "report.md"),
        "seconds": round(time.monotonic() - began, 1),
    }


def ensure(publish: Callable[..., Published], folder: Path, repo_id: str, api: HfApi, witness: str) -> None:
    """Publishes a folder, or finds that this version holds just that already.

    Raises:
        TagExistsError: The version is published with other content.
    """
    try:
        publish(folder, repo_id, version=VERSION, api=api)
    except TagExistsError as error:
        kind = "dataset" if witness == "manifest.json" else "model"
        there = api.hf_hub_download(repo_id, witness, repo_type=kind, revision=f"v{VERSION}")
        if Path(there).read_bytes() != (folder / witness).read_bytes():
            raise TagExistsError(
                f"v{VERSION} of {repo_id} was published from other settings; choose another --out, or delete this one"
            ) from error


def write_and_publish(
    folder: Path, paths: Built[Any], rows: Cleaned[Any], problems: list[Problem], repo_id: str, api: HfApi
) -> int:
    """Writes a dataset folder, publishes it, and returns its number of rows."""
    from lema_hub.builders import write_dataset
    from lema_hub.builders.dataset import problem_inputs
    from lema_hub.hub.publish import publish_dataset

    kind: Literal["corrections", "cot"] = "corrections" if repo_id == CORRECTIONS else "cot"
    write_dataset(
        folder,
        rows.built.after(paths),
        kind=kind,
        task="nano",
        command="lema quickstart",
        inputs=problem_inputs(problems),
        contamination=rows.contamination,
        duplicates=rows.duplicates,
    )
    ensure(publish_dataset, folder, repo_id, api, "manifest.json")
    return len(rows.built.rows)


def load_back(repo_id: str, rows: int) -> None:
    """Loads the published version with `datasets` and counts its rows."""
    import datasets

    loaded = datasets.load_dataset(repo_id, "nano", revision=f"v{VERSION}")
    found = sum(split.num_rows for split in loaded.values())
    if found != rows:
        raise HubError(
            f"{repo_id} v{VERSION} loads {found} rows, {rows} were published; run lema hub fsck on the Hub's folder"
        )


def train_adapter(name: str, out: Path, sizes: Sizes, progress: Callable[..., None]) -> Path:
    """Trains the recipe `nano/nano-<name>.yaml` on the published data; both see the same steps and tokens."""
    from lema_hub import train
    from lema_hub.train.shipped import recipe_path

    revision = f"v{VERSION}"
    overrides = [f"max_steps={sizes.steps}", f"backbone_repo={BACKBONE}", f"backbone_revision={revision}"]
    recipe = train.load(recipe_path(f"nano/nano-{name}"), overrides)
    return train.train(
        recipe, out=out, progress=progress, command=f"lema train nano/nano-{name}.yaml"
    ).adapter


def score(out: Path, sizes: Sizes, runs: dict[str, Path], ledger: Ledger) -> dict[str, EvalResult]:
    """The backbone and both adapters on the same held-out problems."""
    from lema_hub import evals, nano
    from lema_hub.engines.transformers import TransformersEngine

    base = nano.backbone_path()
    engines = {"backbone": TransformersEngine(BACKBONE, revision=f"v{VERSION}")}
    engines |= {name: TransformersEngine(base, adapter=run) for name, run in runs.items()}
    return {
        name: evals.score(
            engine,
            tasks=["lema:nano"],
            out=out / "eval" / name,
            ledger=ledger,
            limit=sizes.test,
            overwrite=True,
        )
        for name, engine in engines.items()
    }


def locate_mistakes(adapter: Path, sizes: Sizes, ledger: Ledger) -> Localisation:
    """How often the fine-tuned model names the first wrong step of its own sampled mistakes on held-out problems.

    The controls: always the commonest step, and solving the problem again greedily and naming the first step whose
    calculation differs (the words of a step carry no weight).
    """
    from lema_hub import nano, prompts, tasks
    from lema_hub.builders import collect_paths
    from lema_hub.engines import Request, Response, Sampling
    from lema_hub.engines.transformers import TransformersEngine
    from lema_hub.evals.localisation import Case, localise
    from lema_hub.steps import join_steps, split_steps

    engine: Engine = TransformersEngine(nano.backbone_path(), adapter=adapter)
    problems = tasks.load_problems("nano", "test", limit=sizes.test)
    length = tasks.get("nano").max_new_tokens
    sampling = Sampling(temperature=0.7, max_tokens=length, seed=1)
    paths = collect_paths(problems, engine, ledger, paths=1, sampling=sampling, stage="held-out mistakes")
    wrong = [path for path in paths.rows if path.verdict == "wrong"][:MISTAKES]
    questions = {problem.problem_id: problem.question for problem in problems}
    greedy = Sampling(max_tokens=2 * length)

    def ask(prompt: str, stage: str) -> list[str]:
        requests = [
            Request(
                prompt=prompts.load(prompt).render(
                    question=questions[path.problem_id],
                    **({"solution": join_steps(path.steps)} if prompt == "lema-correction" else {}),
                ),
                sampling=greedy,
            )
            for path in wrong
        ]
        answers = ledger.run(engine, requests, stage=stage)
        return [answer.text if isinstance(answer, Response) else "" for answer in answers]

    cases = [
        Case(
            item_id=path.path_id,
            true_step=nano.check(nano.load(path.problem_id), path.steps).first_wrong or 0,
            correction=correction,
            solution=calculations(path.steps),
            resolved=join_steps(calculations(split_steps(again))),
        )
        for path, correction, again in zip(
            wrong, ask("lema-correction", "localise"), ask("lema-cot", "solve again"), strict=True
        )
    ]
    return localise(cases)


def calculations(steps: Sequence[str]) -> tuple[str, ...]:
    """Each step as its equations, or as its text where it has none."""
    from lema_hub.nano.equations import equations

    return tuple(
        "; ".join(f"{e.x} {e.op} {e.y} = {e.value}" for e in equations(step)) or step for step in steps
    )


def record_results(adapter: Path, scored: EvalResult, found: Localisation | None) -> None:
    """Writes what was measured into the adapter's `training.json`, from where its card takes it."""
    from lema_hub.artifacts.training import Result, Training

    task = scored.scores[0]

    def result(metric: str, value: float, stderr: float | None, n: int) -> Result:
        return Result(
            task=task.task, repo=task.repo, revision=task.revision, config=task.config, split=task.split,
            metric=metric, value=value, stderr=stderr or 0.0, n=n,
        )  # fmt: skip

    results = [result("pass@1", task.pass_at_1, task.stderr, task.n)]
    if found is not None:
        measured = {"": found.named, "_always_step": found.commonest, "_solving_again": found.resolved}
        results += [
            result(f"localisation{suffix}", share.value, share.stderr, share.n)
            for suffix, share in measured.items()
            if share is not None
        ]
    replace(Training.read(adapter), results=tuple(results)).write(adapter)


def report(out: Path, scores: dict[str, EvalResult]) -> dict[str, Any]:
    """Writes report.md, report.json and report.png, and returns the comparison of the two adapters."""
    from lema_hub import evals
    from lema_hub.evals.report import make_report
    from lema_hub.evals.report_files import write_report

    write_report(make_report([scores[name].out for name in ("cot", "lema", "backbone")]), out / "report")
    compared = evals.compare(scores["cot"].items(), scores["lema"].items())
    return {"baseline": ADAPTERS["cot"], "system": ADAPTERS["lema"], **asdict(compared)}


def systems_row(name: str, result: EvalResult) -> dict[str, Any]:
    """A scored system as `--json` prints it."""
    task = result.scores[0]
    return {
        "name": ADAPTERS.get(name, BACKBONE),
        "task": task.task,
        "n": task.n,
        "pass_at_1": task.pass_at_1,
        "stderr": task.stderr,
        "low": task.low,
        "high": task.high,
        "verdicts": task.verdicts,
    }


def localisation_row(found: Localisation) -> dict[str, Any]:
    """The localisation as `--json` prints it: shares with their 95 % intervals."""

    def share(estimate: Estimate) -> dict[str, float]:
        return {"value": estimate.value, "low": estimate.low, "high": estimate.high}

    return {
        "n": found.n,
        "named": share(found.named),
        "unparsed": found.unparsed,
        "always_step": {"step": found.commonest_step, **share(found.commonest)},
        "solving_again": share(found.resolved) if found.resolved else None,
    }
