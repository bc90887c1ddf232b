"""Recorded solutions as judged paths: no model is asked.

Formats:

`openai-gsm8k`  `example_model_solutions.jsonl` of OpenAI's grade-school-math repository: for every GSM8K test
                question four models' solutions with `is_correct`. They may be judged and studied, never trained on.
`vtg`           `dataset.json` of Verify-then-Generate (arXiv 2407.09136): teachers' annotations of wrong solutions.
                `lema_hub.builders.importers.vtg` says how they become corrections.
`prmbench`      `prm800k_train_*.jsonl` of PRMBench (arXiv 2501.03124): errors written into right solutions of MATH
                training questions. `lema_hub.builders.importers.prmbench` says which rows are usable; most are not.
`mr-ben`        `math.json`, `physics.json`, `chemistry.json` of MR-Ben (arXiv 2406.13975): people's annotations of
                solutions of MMLU questions. For training, only for those who say that MMLU is not scored
                (`lema_hub.builders.importers.mr_ben`).
`jsonl`         Our own: one object per line with `question`, `answer` (bare), `solution`, `model`, `license`, and
                optionally `problem_id`, `split` (train, dev or test), `gold_solution`, `level`, `subject`,
                `source_repo`, `source_revision`, `origin`, `is_correct`, and for annotated mistakes `incorrect_step`
                (1-based), `explanation`, `correct_steps` (a list, from the incorrect step on) and `corrector`.

The trap: a question that is known to be a test question stays one, whatever the file calls it.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from lema_hub import tasks
from lema_hub.answers import gold_answer
from lema_hub.artifacts.manifest import Input, ModelUse
from lema_hub.artifacts.paths import Disagreement
from lema_hub.builders.annotated import Annotation, Refused
from lema_hub.builders.built import Built, by_id, test_rejection
from lema_hub.builders.importers import mr_ben, prmbench, vtg
from lema_hub.builders.mistakes import distinct, judged_path
from lema_hub.errors import FormatError, InputError
from lema_hub.json_text import read_jsonl
from lema_hub.records import Origin, Problem, ReasoningPath, Rejection, digest
from lema_hub.steps import CorrectionText, with_answer_step
from lema_hub.tasks.gsm8k import without_calculator
from lema_hub.tasks.load import file_revision

Format = Literal["openai-gsm8k", "vtg", "prmbench", "mr-ben", "jsonl"]
FORMATS: tuple[Format, ...] = typing.get_args(Format)
OPENAI_MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


@dataclass(frozen=True, slots=True)
class Imported:
    """Recorded solutions, judged.

    Attributes:
        problems: The problems that they solve.
        paths: The distinct paths, with counts of every verdict.
        annotations: path_id -> what people wrote of the path, where the format has any.
        compared: How many solutions came with a verdict.
        disagreements: Those whose recorded verdict is not ours.
        source: The file, as an input of a manifest.
    """

    problems: tuple[Problem, ...]
    paths: Built[ReasoningPath]
    annotations: Mapping[str, Annotation]
    compared: int
    disagreements: tuple[Disagreement, ...]
    source: Input

    @property
    def agreement(self) -> float | None:
        """The share of recorded verdicts that are ours; None if none was recorded."""
        return 1 - len(self.disagreements) / self.compared if self.compared else None


@dataclass(frozen=True, slots=True)
class _Recorded:
    problem: Problem
    path: ReasoningPath
    is_correct: bool | None = None
    annotation: Annotation | None = None


@dataclass(frozen=True, slots=True)
class _Unusable:
    """A row that becomes no path; `text` is what it holds of one."""

    problem_id: str
    refused: Refused
    text: str


def import_paths(
    file: Path,
    file_format: Format,
    *,
    task: str = "gsm8k",
    known: Sequence[Problem] = (),
    training: bool = False,
    mmlu_scored: bool | None = None,
    stage: str = "import",
) -> Imported:
    """Read and judge recorded solutions.

    Args:
        file: The file.
        file_format: How it is written.
        task: The problem set of a `jsonl` file; the other formats are about one each.
        known: Problems that are recognised by their question; they lend their id, split and gold answer.
            `vtg` needs GSM8K's and `prmbench` MATH's, because they do not say which are test questions.
        training: Refuse the solutions of test questions (`test_question`), before anything else is done
            with them.
        mmlu_scored: Whether models that are trained on the rows are scored on MMLU: `mr-ben` must be told to be
            trained on, and is refused as `test_question` if so.
        stage: The stage's name in the manifest.

    Raises:
        InputError: The file cannot be read, has no row, or a row is not of its format.
    """
    if file_format not in FORMATS:
        raise InputError(f"no import format {file_format!r}; there are: {', '.join(FORMATS)}")
    if mmlu_scored is not None and file_format != "mr-ben":
        raise InputError(f"mmlu_scored is about mr-ben, not about {file_format}; leave it out")
    by_question = {tasks.question_key(problem.question): problem for problem in known}
    revision = file_revision(file)
    license_id = ""
    entries: Iterable[_Recorded | _Unusable]
    if file_format == "openai-gsm8k":
        entries, license_id = _openai_gsm8k(file, by_question, revision), "mit"
    elif file_format == "vtg":
        entries, license_id = _vtg(file, by_question), vtg.LICENSE
    elif file_format == "prmbench":
        entries, license_id = _prmbench(file, by_question), prmbench.LICENSE
    elif file_format == "mr-ben":
        if training and mmlu_scored is None:
            raise InputError(
                "mr-ben's questions are MMLU test questions; say mmlu_scored: false beside the file if no model "
                "that is trained on them is scored on MMLU"
            )
        entries, license_id = _mr_ben(file, revision, scored=bool(mmlu_scored)), mr_ben.LICENSE
    else:
        entries = _jsonl(file, task, by_question, revision)
    every = list(entries)
    recorded = [entry for entry in every if isinstance(entry, _Recorded)]
    if not every:
        raise InputError(f"{str(file)!r} holds no solution; give a {file_format} file that has some")
    license_id = license_id or ", ".join(sorted({entry.problem.license for entry in recorded}))
    refused = [
        Rejection(entry.problem_id, "", stage, entry.refused.reason, entry.refused.detail, entry.text)
        for entry in every
        if isinstance(entry, _Unusable)
    ]
    if training:
        tests = [entry for entry in recorded if entry.problem.split == "test"]
        refused += [test_rejection(entry.path, stage) for entry in tests]
        recorded = [entry for entry in recorded if entry.problem.split != "test"]
    paths = distinct((entry.path for entry in recorded), failed=refused, stage=stage)
    names = dict.fromkeys(entry.path.model for entry in recorded)
    models = tuple(ModelUse(role="student", name=name, revision=None, engine="import") for name in names)
    return Imported(
        problems=tuple(by_id(entry.problem for entry in recorded).values()),
        paths=replace(paths, models=models),
        annotations={e.path.path_id: e.annotation for e in recorded if e.annotation is not None},
        compared=sum(entry.is_correct is not None for entry in recorded),
        disagreements=tuple(
            Disagreement(
                e.problem.problem_id,
                e.path.model,
                e.is_correct,
                e.path.verdict,
                e.path.answer,
                e.problem.answer,
            )
            for e in recorded
            if e.is_correct is not None and e.is_correct != (e.path.verdict == "correct")
        ),
        source=Input(
            name=file.name,
            repo=None,
            revision=None,
            sha256=revision.removeprefix("sha256:"),
            license=license_id,
            rows=len(every),
            stated=mr_ben.STATED if file_format == "mr-ben" else "",
        ),
    )


def _openai_gsm8k(file: Path, known: Mapping[str, Problem], revision: str) -> Iterable[_Recorded]:
    for index, row in enumerate(read_jsonl(file)):
        question, truth = (
            str(_field(row, "question", file, index)),
            str(_field(row, "ground_truth", file, index)),
        )
        problem = known.get(tasks.question_key(question)) or Problem(
            problem_id=f"gsm8k/test/{index}",
            task="gsm8k",
            split="test",
            question=question,
            answer=gold_answer(truth),
            gold_solution=without_calculator(truth.rsplit("\nA:", 1)[0]),
            level=None,
            subject=None,
            source_repo=tasks.get("gsm8k").source_repo,
            source_revision=revision,
            license="mit",
        )
        for model in OPENAI_MODELS:
            solution = _field(row, model, file, index)
            path = judged_path(
                problem, str(_field(solution, "solution", file, index)), model=f"openai/{model}"
            )
            yield _Recorded(problem, path, bool(_field(solution, "is_correct", file, index)))


def _vtg(file: Path, known: Mapping[str, Problem]) -> Iterable[_Recorded]:
    if not known:
        raise InputError(
            "vtg does not say which of its questions are test questions; load GSM8K first (train and test)"
        )
    rows = vtg.read(file)
    groups: dict[tuple[str, tuple[str, ...]], list[vtg.Row]] = {}
    for row in rows:
        groups.setdefault((row.problem, row.student_steps), []).append(row)
    for index, row in enumerate(rows):
        problem = known.get(tasks.question_key(row.problem))
        if problem is None:
            raise InputError(f"row {index} of {file.name} is on no GSM8K question: {row.problem[:60]!r}")
        problem = replace(problem, license=vtg.LICENSE)
        judged = judged_path(problem, "\n".join(row.student_steps), model=vtg.STUDENT)
        same = groups[row.problem, row.student_steps]
        steps = with_answer_step(row.student_steps, judged.answer)
        error_type = vtg.ERROR_TYPES.get((vtg.chosen(same) or row).error_category)
        path = replace(judged, steps=steps, error_type=error_type)
        annotation = vtg.annotation(same, steps, problem.answer)
        yield _Recorded(problem, path, is_correct=False, annotation=annotation)


def _prmbench(file: Path, known: Mapping[str, Problem]) -> Iterable[_Recorded | _Unusable]:
    if not known:
        raise InputError("prmbench does not bring MATH's answers; load MATH first (train and test)")
    for row in prmbench.read(file):
        problem = known.get(tasks.question_key(row.question)) or known.get(
            tasks.question_key(row.original_question)
        )
        text = "\n".join(row.modified_steps)
        if problem is None:
            refused = Refused("unknown_question", f"no MATH question that was loaded: {row.question[:80]!r}")
            yield _Unusable("", refused, text)
            continue
        found = prmbench.mistake(row, problem)
        if isinstance(found, Refused) and problem.split != "test":
            yield _Unusable(problem.problem_id, found, text)
            continue
        answer = None if isinstance(found, Refused) else found.answer
        steps = row.modified_steps if isinstance(found, Refused) else found.steps
        problem = replace(problem, license=prmbench.LICENSE)
        path = _stated_path(problem, steps, answer, model=prmbench.STUDENT, origin="injected")
        yield _Recorded(problem, path, annotation=None if isinstance(found, Refused) else found.annotation)


def _mr_ben(file: Path, revision: str, *, scored: bool) -> Iterable[_Recorded | _Unusable]:
    task = tasks.get("mr-ben")
    for row in mr_ben.read(file):
        problem = Problem(
            problem_id=f"mr-ben/{row.question_id}",
            task=task.name,
            split="test" if scored else tasks.split_of(row.question),
            question=row.question,
            answer=row.answer,
            gold_solution="",
            level=None,
            subject=row.subject,
            source_repo=task.source_repo,
            source_revision=revision,
            license=mr_ben.LICENSE,
        )
        found = mr_ben.solution(row)
        if isinstance(found, Refused):
            yield _Unusable(problem.problem_id, found, "\n".join(row.steps))
            continue
        path = _stated_path(problem, found.steps, found.answer, model=row.model, origin="other_model")
        yield _Recorded(problem, path, row.is_correct, found.annotation)


def _stated_path(
    problem: Problem, steps: Sequence[str], answer: str | None, *, model: str, origin: Origin
) -> ReasoningPath:
    """Annotated steps as a path that ends in the answer that they state; the steps stay those of the annotation."""
    whole = with_answer_step(steps, answer)
    path = judged_path(problem, "\n".join(whole), model=model, origin=origin)
    if answer is not None and path.answer != answer:  # the last step speaks of its answer in other words
        whole = (*steps, f"The answer is {answer}.")
        path = judged_path(problem, "\n".join(whole), model=model, origin=origin)
    return replace(path, steps=whole)


def _jsonl(file: Path, task: str, known: Mapping[str, Problem], revision: str) -> Iterable[_Recorded]:
    met: dict[str, tuple[int, Problem]] = {problem.problem_id: (-1, problem) for problem in known.values()}
    for index, row in enumerate(read_jsonl(file)):
        question = str(_field(row, "question", file, index))
        split = row.get("split", "train")
        if split not in ("train", "dev", "test"):
            raise FormatError(f"row {index} of {file.name} has split {split!r}; expected train, dev or test")
        problem = known.get(tasks.question_key(question)) or Problem(
            problem_id=str(row.get("problem_id") or f"{task}/{split}/{digest(question)[:12]}"),
            task=task,
            split=tasks.split_of(question) if split == "train" else split,
            question=question,
            answer=str(_field(row, "answer", file, index)),
            gold_solution=str(row.get("gold_solution") or ""),
            level=_text(row, "level"),
            subject=_text(row, "subject"),
            source_repo=str(row.get("source_repo") or file.name),
            source_revision=str(row.get("source_revision") or revision),
            license=str(_field(row, "license", file, index)),
        )
        first, same = met.setdefault(problem.problem_id, (index, problem))
        if (same.question, same.answer, same.split) != (problem.question, problem.answer, problem.split):
            raise FormatError(
                f"row {index} of {file.name} has the problem_id {problem.problem_id!r} of "
                f"{f'row {first}' if first >= 0 else f'a problem of {task}'} but another question, answer or split"
            )
        origin = row.get("origin", "other_model")
        if origin not in typing.get_args(Origin):
            allowed = ", ".join(typing.get_args(Origin))
            raise FormatError(f"row {index} of {file.name} has origin {origin!r}; expected {allowed}")
        path = judged_path(
            problem,
            str(_field(row, "solution", file, index)),
            model=str(_field(row, "model", file, index)),
            origin=origin,
        )
        is_correct = row.get("is_correct")
        if is_correct is not None and not isinstance(is_correct, bool):
            raise FormatError(
                f"row {index} of {file.name} has is_correct {is_correct!r}; expected true or false"
            )
        yield _Recorded(problem, path, is_correct, _annotation(row, file, index))


def _text(row: Mapping[str, Any], name: str) -> str | None:
    """An optional field as text, such as a level that is a number."""
    return None if row.get(name) is None else str(row[name])


def _annotation(row: Mapping[str, Any], file: Path, index: int) -> Annotation | None:
    step = row.get("incorrect_step")
    if step is None:
        return None
    steps = _field(row, "correct_steps", file, index)
    numbered = isinstance(step, int) and not isinstance(step, bool) and step >= 1
    texts = isinstance(steps, list) and len(steps) > 0 and all(isinstance(s, str) for s in steps)
    if not numbered or not texts:
        raise FormatError(
            f"row {index} of {file.name}: incorrect_step must be a number from 1 and correct_steps a list of texts"
        )
    correction = CorrectionText(step, str(_field(row, "explanation", file, index)), step, tuple(steps))
    return Annotation(str(row.get("corrector") or "annotation"), correction)


def _field(row: Any, name: str, file: Path, index: int) -> Any:
    if not isinstance(row, Mapping) or row.get(name) is None:
        raise FormatError(
            f"row {index} of {file.name} has no {name!r}; the formats are in lema_hub/builders/importers/recorded.py"
        )
    return row[name]
