"""Built datasets to publish: small, and the same every time, so that golden cards stay as they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from huggingface_hub import HfApi

from lema_hub import records
from lema_hub.artifacts import parquet
from lema_hub.artifacts.manifest import (
    Contamination,
    Duplicates,
    HeldOutUse,
    Input,
    Manifest,
    Mix,
    MixPart,
    ModelUse,
    PromptUse,
    Stage,
    Tokens,
)
from lema_hub.hub.publish import publish_dataset
from lema_hub.records import (
    Correction,
    CotExample,
    EvolvedProblem,
    Gate,
    MixedRow,
    Problem,
    ReasoningPath,
    Rejection,
)
from lema_hub.steps import format_correction, join_steps

OFFLINE = HfApi(endpoint="http://127.0.0.1:9", token="hf_any")
"""A client of a Hub that does not answer."""


@dataclass(frozen=True)
class Solved:
    """A problem with its right solution and a wrong one; fixed here, so that golden cards stay as they
    are.
    """

    problem: Problem
    steps: tuple[str, ...]
    wrong: tuple[str, ...]
    first_wrong: int
    error_type: records.ErrorType
    explanation: str


def solved(split: str, index: int) -> Solved:
    """The index-th problem of a split."""
    name = ("Tom", "Mia", "Ben", "Eva", "Sam")[index % 5]
    had, bought, gave = 5 + index, 3 + index % 7, 2 + index % 4
    total, rest = had + bought, had + bought - gave
    problem = Problem(
        problem_id=f"nano/{split}/{index}",
        task="nano",
        split=split,
        question=f"{name} has {had} pens, buys {bought} more and gives {gave} away. How many pens are left?",
        answer=str(rest),
        gold_solution=f"{name} has {had} + {bought} = {total} pens, then {total} - {gave} = {rest} pens.",
        level=None,
        subject=None,
        source_repo="lema_hub.nano",
        source_revision="1",
        license="apache-2.0",
    )
    first = f"{name} has {had} + {bought} = {total} pens."
    steps = (first, f"After giving, {total} - {gave} = {rest} pens are left.", f"The answer is {rest}.")
    wrongs: list[tuple[int, records.ErrorType, tuple[str, ...], str]] = [
        (
            2,
            "OP",
            (first, f"After giving, {total} + {gave} = {total + gave} pens are left."),
            "pens given away are gone",
        ),
        (1, "CA", (f"{name} has {had} + {bought} = {total + 1} pens.",), f"{had} + {bought} is {total}"),
        (
            1,
            "MS",
            (f"{name} gives {gave} away: {had} - {gave} = {had - gave} pens.",),
            "the pens bought are left out",
        ),
    ]
    at, error_type, wrong, why = wrongs[index % 3]
    answer = wrong[-1].rsplit(" = ", 1)[1].split(" ", 1)[0]
    return Solved(
        problem, steps, (*wrong, f"The answer is {answer}."), at, error_type, f"Step {at} is wrong: {why}."
    )


def _path(one: Solved, steps: tuple[str, ...], *, verdict: records.Verdict) -> ReasoningPath:
    return ReasoningPath.make(
        problem_id=one.problem.problem_id,
        model="lema/nano-backbone",
        model_revision="v0.1.0",
        engine="transformers",
        text=join_steps(steps),
        steps=steps,
        answer=steps[-1].removeprefix("The answer is ").removesuffix("."),
        verdict=verdict,
        prompt_id="lema-cot@1",
        temperature=0.7,
        top_p=1.0,
        seed=0,
        finish_reason="stop",
    )


def _prompt(one: Solved) -> str:
    return f"Question: {one.problem.question}\nAnswer:\n"


def corrections(split: str, n: int, *, start: int = 0) -> list[Correction]:
    """Wrong solutions with their corrections."""
    rows = []
    for one in (solved(split, index) for index in range(start, start + n)):
        correct_steps = one.steps[one.first_wrong - 1 :]
        rows.append(
            Correction(
                problem=one.problem,
                path=_path(one, one.wrong, verdict="wrong"),
                incorrect_step=one.first_wrong,
                error_type=one.error_type,
                explanation=one.explanation,
                correct_solution=join_steps((*one.wrong[: one.first_wrong - 1], *correct_steps)),
                correct_steps=correct_steps,
                corrector="nano-exact",
                corrector_prompt_id="lema-correction@1",
                answer_verdict="correct",
                gates=(Gate("numbering", "pass"), Gate("answer", "pass", 1.0)),
                cost_usd=None,
                prompt=_prompt(one),
                completion=format_correction(one.first_wrong, one.explanation, correct_steps),
            )
        )
    return rows


def cot(split: str, n: int, *, start: int = 0) -> list[CotExample]:
    """Right solutions."""
    every = (solved(split, index) for index in range(start, start + n))
    return [
        CotExample(
            problem=one.problem,
            path=_path(one, one.steps, verdict="correct"),
            prompt=_prompt(one),
            completion=join_steps(one.steps),
        )
        for one in every
    ]


def problems(split: str, n: int, *, start: int = 0) -> list[EvolvedProblem]:
    """Questions made of others."""
    every = ((solved(split, index), solved(split, index + 1)) for index in range(start, start + n))
    return [
        EvolvedProblem(
            problem=replace(one.problem, problem_id=f"{one.problem.problem_id}~deeper-0", gold_solution=""),
            seed_id=one.problem.problem_id,
            seed_question=seed.problem.question,
            evolution="deeper",
            evolver="nano-evolver",
            evolver_revision="1",
            evolver_prompt_id="lema-evolve@1",
            solver="lema/nano-backbone",
            solver_revision="v0.1.0",
            solver_prompt_id="lema-cot@1",
            answers=(one.problem.answer, "3", one.problem.answer),
            votes=2,
            cost_usd=None,
        )
        for one, seed in every
    ]


def mix(split: str, n: int, *, start: int = 0) -> list[MixedRow]:
    """Corrections and right solutions, one after the other."""
    rows = []
    for index in range(start, start + n):
        row = (cot if index % 2 else corrections)(split, 1, start=index)[0]
        rows.append(
            MixedRow(
                problem=row.problem,
                path=row.path,
                row_id=records.digest(row.path.path_id, row.prompt, row.completion)[:16],
                form="cot" if index % 2 else "correction",
                source="lema/lema-cot@v0.1.0" if index % 2 else "lema/lema-corrections@v0.1.0",
                corrector=getattr(row, "corrector", None),
                prompt=row.prompt,
                completion=row.completion,
            )
        )
    return rows


MAKERS = {
    "corrections": corrections,
    "cot": cot,
    "problems": problems,
    "mix": mix,
}
MIX = Mix(
    parts=(
        MixPart(source="lema/lema-corrections@v0.1.0", form="correction", available=6, rows=6, tokens=600),
        MixPart(source="lema/lema-cot@v0.1.0", form="cot", available=40, rows=6, tokens=480),
    ),
    tokenizer="lema/nano-backbone",
    tokenizer_revision="v0.1.0",
)


def write_rows(folder: Path, config: str, split: str, rows: list) -> None:
    parquet.write_rows(rows, type(rows[0]), folder / "data" / config / f"{split}.parquet")


def manifest(kind: str, configs: dict[str, dict[str, int]], **changes: object) -> Manifest:
    rows = sum(n for config, splits in configs.items() if config != "rejected" for n in splits.values())
    lost = sum(configs.get("rejected", {}).values())
    made = Manifest(
        kind=kind,
        task="nano",
        command=f"lema build {kind} scripts/recipes/data/nano-{kind}.yaml",
        seed=0,
        inputs=(
            Input(name="nano", repo=None, revision=None, sha256=None, license="apache-2.0", rows=rows + lost),
        ),
        prompts=(
            PromptUse(id="lema-cot@1", role="student", sha256="a" * 64),
            PromptUse(id="lema-correction@1", role="corrector", sha256="b" * 64),
        ),
        models=(
            ModelUse(role="student", name="lema/nano-backbone", revision="v0.1.0", engine="transformers"),
            ModelUse(
                role="corrector", name="nano-exact", revision=None, engine="exact", license="apache-2.0"
            ),
        ),
        stages=(
            Stage(
                name="sample",
                rows_in=rows + lost + 50,
                rows_out=rows + lost,
                dropped={"correct": 48, "unparsed": 2},
            ),
            Stage(
                name="answer gate",
                rows_in=rows + lost,
                rows_out=rows,
                dropped={"wrong answer": lost} if lost else {},
            ),
        ),
        verdicts={"correct": 48, "wrong": rows + lost, "unparsed": 2},
        configs=configs,
        tokens=Tokens(prompt=61_234, completion=12_345),
        cost_usd=None,
        license="apache-2.0",
        packages={"lema_hub": "0.1.0"},
        contamination=Contamination(
            n=13,
            strict=False,
            rows=rows + 2,
            dropped=1,
            phrases=4,
            tests=(HeldOutUse(name="nano", repo="lema_hub.nano", revision="1", questions=1000, hits=1),),
        ),
        duplicates=Duplicates(threshold=0.7, rows=rows + 1, same=0, questions=0, paths=1),
        mix=MIX if kind == "mix" else None,
    )
    return replace(made, **changes)


def build_dataset(
    folder: Path, kind: str = "corrections", *, train: int = 12, dev: int = 4, start: int = 0
) -> Path:
    """A folder as `lema build` writes it, with rejected rows."""
    make = MAKERS[kind]
    write_rows(folder, "nano", "train", make("train", train, start=start))
    write_rows(folder, "nano", "dev", make("dev", dev, start=start))
    dropped = [
        Rejection(
            row.problem.problem_id,
            row.path.path_id,
            "answer gate",
            "wrong answer",
            "3 is not 4",
            row.completion,
        )
        for row in corrections("train", 3, start=start + 1_000)
    ]
    write_rows(folder, "rejected", "train", dropped)
    manifest(kind, {"nano": {"train": train, "dev": dev}, "rejected": {"train": 3}}).write(folder)
    return folder


def preview(folder: Path, repo_id: str = "lema/lema-corrections") -> str:
    """The card that a folder would be published with."""
    return publish_dataset(folder, repo_id, version="0.1.0", dry_run=True, api=OFFLINE).card


def repaired(folder: Path) -> Path:
    """The usual dataset with one explanation repaired and one row dropped."""
    pool = corrections("train", 12)
    write_rows(folder, "nano", "train", [replace(pool[0], explanation="It was misread."), *pool[1:11]])
    write_rows(folder, "nano", "dev", corrections("dev", 4))
    manifest("corrections", {"nano": {"train": 11, "dev": 4}}).write(folder)
    return folder
