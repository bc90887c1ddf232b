"""Recorded solutions as judged paths: no model is asked.

    found = import_paths(Path("dataset.json"), "vtg", known=problems, training=True)

Each format has a module of this folder, which says how its rows become paths and corrections:

`openai-gsm8k`  OpenAI's `example_model_solutions.jsonl` (`openai_gsm8k`): for study only, they are of test questions.
`vtg`           Verify-then-Generate's `dataset.json` (`vtg`): teachers' annotations of wrong GSM8K solutions.
`prmbench`      PRMBench's `prm800k_train_*.jsonl` (`prmbench`): errors written into right solutions of MATH questions.
`mr-ben`        MR-Ben's `math.json`, `physics.json`, `chemistry.json` (`mr_ben`): people's annotations of solutions of
                MMLU questions; for training only if MMLU is not scored.
`jsonl`         Our own, one object per line (`jsonl`).

The trap: a question that is known to be a test question stays one, whatever the file calls it.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from lema_hub import tasks
from lema_hub.artifacts.manifest import Input, ModelUse
from lema_hub.artifacts.paths import Disagreement
from lema_hub.builders.annotated import Annotation
from lema_hub.builders.built import Built, by_id, test_rejection
from lema_hub.builders.importers import jsonl, mr_ben, openai_gsm8k, prmbench, vtg
from lema_hub.builders.importers.entry import Given, Recorded, Unusable
from lema_hub.builders.mistakes import distinct
from lema_hub.errors import InputError
from lema_hub.records import Problem, ReasoningPath, Rejection
from lema_hub.tasks.load import file_revision

Format = Literal["openai-gsm8k", "vtg", "prmbench", "mr-ben", "jsonl"]
FORMATS: tuple[Format, ...] = typing.get_args(Format)
_LICENSES = {
    "openai-gsm8k": openai_gsm8k.LICENSE,
    "vtg": vtg.LICENSE,
    "prmbench": prmbench.LICENSE,
    "mr-ben": mr_ben.LICENSE,
}


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
        raise InputError(f"no import format {file_format!r}; choose one of {', '.join(FORMATS)}")
    if mmlu_scored is not None and file_format != "mr-ben":
        raise InputError(f"mmlu_scored is about mr-ben, not about {file_format}; leave it out")
    if file_format == "mr-ben" and training and mmlu_scored is None:
        raise InputError(
            "mr-ben's questions are MMLU test questions; say mmlu_scored: false beside the file if no model "
            "that is trained on them is scored on MMLU"
        )
    given = Given(
        known={tasks.question_key(problem.question): problem for problem in known},
        task=task,
        revision=file_revision(file),
        scored=bool(mmlu_scored),
    )
    every = list(_entries(file, file_format, given))
    recorded = [entry for entry in every if isinstance(entry, Recorded)]
    if not every:
        raise InputError(f"{str(file)!r} holds no solution; give a {file_format} file that has some")
    licenses = {_LICENSES[file_format]} if file_format in _LICENSES else {e.problem.license for e in recorded}
    refused = [
        Rejection(entry.problem_id, "", stage, entry.refused.reason, entry.refused.detail, entry.text)
        for entry in every
        if isinstance(entry, Unusable)
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
            sha256=given.revision.removeprefix("sha256:"),
            license=", ".join(sorted(licenses)),
            rows=len(every),
            stated=mr_ben.STATED if file_format == "mr-ben" else "",
        ),
    )


def _entries(file: Path, file_format: Format, given: Given) -> Iterable[Recorded | Unusable]:
    if file_format == "openai-gsm8k":
        return openai_gsm8k.entries(file, given)
    if file_format == "vtg":
        return vtg.entries(file, given)
    if file_format == "prmbench":
        return prmbench.entries(file, given)
    if file_format == "mr-ben":
        return mr_ben.entries(file, given)
    return jsonl.entries(file, given)
