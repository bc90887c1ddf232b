"""What each column of a published dataset means: the prose of a card's table of fields.

Names and types come from the records; `describe` fails for a column that has no sentence here, so that a
column cannot be published unexplained.
"""

from __future__ import annotations

from dataclasses import dataclass

from lema_hub import records
from lema_hub.errors import InputError

_PROBLEM = {
    "problem_id": "The problem: task, split and index in the source.",
    "task": "The problem set.",
    "split": "The split of the problem in its source.",
    "question": "The question.",
    "answer": "The annotated right answer.",
    "gold_solution": "The annotated solution.",
    "level": "The problem's difficulty, where the source has one.",
    "subject": "The problem's subject, where the source has one.",
    "source_repo": "The dataset that the problem comes from.",
    "source_revision": "The revision of that dataset.",
    "license": "The licence of the problem in its source.",
}
_PATH = {
    "path_id": "The solution: a hash of problem, model, revision and text.",
    "model": "The model, or the people, that wrote the solution.",
    "model_revision": "The revision of that model.",
    "engine": "What ran the model; `import` for recorded solutions.",
    "temperature": "Sampling temperature.",
    "top_p": "Nucleus sampling threshold.",
    "seed": "Sampling seed.",
    "prompt_id": "The prompt template: name, version and hash.",
    "path_text": "The solution as it was written.",
    "path_steps": "The solution's steps.",
    "path_answer": "The answer that the solution reaches; null if none was found.",
    "path_verdict": "The judge's verdict on that answer.",
    "origin": "Sampled from the student itself, another model, injected into a right solution, or annotated.",
    "path_error_type": "The type of error that was put into the solution, for injected ones.",
    "finish_reason": "Why the model stopped.",
}
_MISTAKE = {
    "incorrect_step": "The number of the first wrong step, from 1.",
    "error_type": "The type of the error, a code of LEMMA's taxonomy, where known.",
    "answer_verdict": "The judge's verdict on the corrected answer.",
    "gates": "The filters that the row went through: name, verdict and score.",
    "cost_usd": "What the row's generation cost, where known.",
}
_TEXT = {
    "prompt": "The fine-tuning input.",
    "completion": "The fine-tuning output; the loss is on this part only.",
}
_MEANINGS: dict[type, dict[str, str]] = {
    records.Correction: _PROBLEM
    | _PATH
    | _MISTAKE
    | {
        "explanation": "Why that step is wrong.",
        "correct_solution": "The whole right solution: the kept steps, then the corrected ones.",
        "correct_steps": "The corrected steps, from the wrong one on.",
        "corrector": "What wrote the correction.",
        "corrector_prompt_id": "The corrector's prompt template.",
    }
    | _TEXT,
    records.CotExample: _PROBLEM | _PATH | _TEXT,
    records.Trajectory: _PROBLEM
    | _PATH
    | _MISTAKE
    | {
        "wrong_prefix": "The wrong solution up to and including its first wrong step.",
        "transition": "The phrase that turns the solution around.",
        "reflection": "What is wrong, in the solver's own voice.",
        "continuation": "The right continuation.",
        "strategy": "Whether the continuation mends the wrong step or starts afresh.",
        "teacher": "What wrote reflection and continuation.",
        "teacher_prompt_id": "The teacher's prompt template.",
    }
    | _TEXT,
    records.EvolvedProblem: _PROBLEM
    | {
        "problem_id": "The problem: its seed's id, how it was made, and the number of the draw.",
        "answer": "What most of the solver's answers say; nobody checked it.",
        "gold_solution": "Empty: nobody wrote one.",
        "level": "Null: nobody rated it.",
        "subject": "Null: nobody determined it.",
        "source_repo": "The dataset that the seed comes from.",
        "license": "The licence of the seed in its source.",
        "seed_id": "The problem that the question was made of.",
        "seed_question": "That problem's question.",
        "evolution": "How: `constraints`, `deeper`, `rarer` or `concrete`.",
        "evolver": "What wrote the question.",
        "evolver_revision": "The revision of that model.",
        "evolver_prompt_id": "The prompt template that asked for it.",
        "solver": "What answered the question.",
        "solver_revision": "The revision of that model.",
        "solver_prompt_id": "The prompt template that it was asked in.",
        "answers": "Its sampled answers; empty where it gave none.",
        "votes": "How many of them agree with `answer`.",
        "cost_usd": _MISTAKE["cost_usd"],
    },
    records.Problem: _PROBLEM,
    records.Score: {
        "item_id": "The problem: task, split and index in the source.",
        "task": "The LightEval task.",
        "system": "The model that was scored.",
        "revision": "The revision of that model, or the hash of its files.",
        "checkpoint": "A label of the run.",
        "seed": "The seed of this sample.",
        "verdict": "The judge's verdict on the output.",
        "gold": "The annotated right answer.",
        "extracted": "The answer that was read from the output; null if there was none.",
        "output": "What the model wrote.",
        "reason": "Why the judge decided so.",
    },
    records.MixedRow: _PROBLEM
    | _PATH
    | {
        "row_id": "The row: a hash of path, prompt and completion.",
        "form": "What prompt and completion are: the source's own, or what was made of them.",
        "source": "The data set that the row comes from; its row has the same `path_id`.",
        "corrector": "What wrote the correction, where there is one.",
    }
    | _TEXT,
    records.Rejection: {
        "problem_id": _PROBLEM["problem_id"],
        "path_id": _PATH["path_id"],
        "stage": "The stage of the build that dropped the row.",
        "reason": "Why, as it is counted above.",
        "detail": "What exactly was found.",
        "text": "The dropped text.",
    },
}

GATES = {
    "step_exists": "The step named as wrong is a step of the solution.",
    "numbering": "The corrected steps go on where the wrong step was.",
    "answer": "The corrected solution ends in the annotated answer.",
    "changed": "The correction differs from the step that it corrects.",
    "arithmetic": "No equation in the corrected steps is false.",
    "seam": "The corrected steps use what the kept steps found; informs only.",
    "vote": "Enough votes of a second corrector name the same step.",
    "seam_judge": "A model rates the correction excellent or good, not poor.",
}
"""What the known gates look at."""

ERROR_NAMES = {
    "CA": "calculation error",
    "CO": "counting error",
    "CV": "context value error",
    "PV": "previous step value error",
    "HA": "hallucination",
    "UC": "unit conversion error",
    "OP": "operator error",
    "FC": "formula confusion",
    "MS": "missing step",
    "CS": "contradictory step",
    "QM": "question misinterpretation",
    "CC": "confusing concept",
    "NO": "nonsensical output",
}
"""LEMMA's error codes (arXiv 2503.17439, Table 1) in words."""

ERROR_MEANINGS = {
    "CA": "a sum, product or other calculation has a wrong result",
    "CO": "things were counted wrongly",
    "CV": "a wrong number, or one of somebody else, was taken from the question",
    "PV": "a result of an earlier step was taken over wrongly",
    "HA": "something was made up that the question does not say",
    "UC": "units were not converted, or wrongly",
    "OP": "the wrong operation: plus for minus, say",
    "FC": "a wrong formula, or one for another case",
    "MS": "a step that is needed was left out",
    "CS": "a step contradicts an earlier one",
    "QM": "another question was answered than the one asked",
    "CC": "one concept was taken for another",
    "NO": "the text makes no sense",
}
"""The same in a sentence, for readers who do not know the paper."""

ORIGINS = {
    "on_policy": "sampled from the student itself",
    "other_model": "sampled from another model",
    "injected": "right solutions with an error put in",
    "annotated": "written or annotated by people",
}
"""Where a solution comes from, in words."""

TASKS = {
    "nano": "short word problems that a program makes, so that the truth about every step is known",
    "gsm8k": "grade-school word problems with two to eight steps",
    "math": "high-school competition problems",
    "csqa": "questions of common sense with five options",
}
"""What the problems of a task are."""


@dataclass(frozen=True, slots=True)
class Field:
    """A line of the card's table of fields."""

    name: str
    type: str
    meaning: str


def describe(record: type) -> list[Field]:
    """The columns of a record with their types and meanings.

    Raises:
        InputError: A column has no meaning written down.
    """
    meanings = _MEANINGS[record]
    rows = []
    for arrow in records.schema(record):
        if arrow.name not in meanings:
            raise InputError(
                f"column {arrow.name!r} of {record.__name__} has no meaning in {__name__}; write one"
            )
        rows.append(Field(arrow.name, _shown(str(arrow.type)), meanings[arrow.name]))
    return rows


def _shown(arrow_type: str) -> str:
    for old, new in (
        ("list<item: ", "list of "),
        ("list<element: ", "list of "),
        ("double", "float64"),
        (">", ""),
    ):
        arrow_type = arrow_type.replace(old, new)
    return arrow_type.replace("struct<", "struct of ")
