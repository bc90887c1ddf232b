"""Corrections that people wrote: annotated mistakes as LeMa rows, no model asked.

They pass the same gates as a model's corrections; what the annotators refused is refused here with their
reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lema_hub.artifacts.manifest import ModelUse
from lema_hub.builders import gates
from lema_hub.builders.built import Built, by_id
from lema_hub.builders.corrections import gated, outcome, refuse_test
from lema_hub.records import Correction, Problem, ReasoningPath, Rejection
from lema_hub.steps import CorrectionText


@dataclass(frozen=True, slots=True)
class Annotation:
    """What people wrote of one wrong solution.

    Attributes:
        corrector: Who wrote it.
        correction: Their correction; None if it is refused.
        refused: Why it is not a correction: `disputed` (they hold that the question or its gold answer is
            wrong), `annotators_disagree` (on the step), `no_explanation`, or `unfinished` (it stops before the
            answer).
        detail: Their words.
    """

    corrector: str
    correction: CorrectionText | None
    refused: Literal["disputed", "annotators_disagree", "no_explanation", "unfinished"] | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an annotated solution cannot be used at all, not even as a path."""

    reason: str
    detail: str


def sentence(text: str) -> str:
    """A description as one line that begins with a capital letter and ends with a full stop."""
    line = " ".join(text.split())
    if not line:
        return ""
    line = line[0].upper() + line[1:]
    return line if line[-1] in ".!?" else f"{line}."


def build_annotated(
    problems: Sequence[Problem],
    paths: Sequence[ReasoningPath],
    annotations: Mapping[str, Annotation],
    *,
    require: Sequence[gates.GateName] = gates.REQUIRED,
    test_keys: frozenset[str] = frozenset(),
    stage: str = "annotate",
) -> Built[Correction]:
    """Corrections of the wrong ones among some annotated paths.

    Args:
        problems: The problems of the paths.
        paths: Judged paths; those that are not `wrong` or have no annotation are passed over.
        annotations: path_id -> what people wrote of it.
        require: The gates that a row must pass.
        test_keys: Hashes (`tasks.question_key`) of questions that must not be trained on.
        stage: The stage's name in the manifest.

    Returns:
        The corrections in the order of the paths, and a rejection for every other annotated wrong path.
    """
    by_problem = by_id(problems)
    wrong = [path for path in paths if path.verdict == "wrong" and path.path_id in annotations]
    allowed, rejected = refuse_test(by_problem, wrong, test_keys)
    rows: list[Correction] = []
    for path in allowed:
        annotation = annotations[path.path_id]
        if annotation.correction is None:
            reason = annotation.refused or "no_explanation"
            rejected.append(
                Rejection(path.problem_id, path.path_id, stage, reason, annotation.detail, path.text)
            )
            continue
        row = gated(
            by_problem[path.problem_id],
            path,
            annotation.correction,
            corrector=annotation.corrector,
            prompt_id="",
            require=require,
            stage=stage,
        )
        if isinstance(row, Correction):
            rows.append(row)
        else:
            rejected.append(row)
    people = sorted({row.corrector for row in rows})
    models = tuple(ModelUse(role="annotator", name=name, revision=None, engine="import") for name in people)
    return replace(outcome(rows, rejected, rows_in=len(wrong), stage=stage), models=models)
