r"""The forms that a correction takes in LeMa's ablations: as it is, as a right solution, or without a field.

    prompt, completion = texts(correction, "without_explanation")

A correction asks for three fields, `Incorrect Step`, `Explanation` and `Correct Solution`. Without one of them,
exactly two things change: the field is gone from the completion, and the prompt's instruction does not ask for it.

    without_step         the cue that ends the prompt is that of the next field, `Explanation:`
    without_explanation  the step is followed by the corrected solution
    without_solution     the completion ends after the explanation

Every other character stays, the `...` for the kept steps and the number of the first corrected step included: the
corrected solution still shows where it begins. As a right solution (`corrected_solution`), the kept and the corrected
steps are asked for in the CoT prompt, numbered if the wrong solution was written with numbers.
"""

from __future__ import annotations

from lema_hub import prompts, tasks
from lema_hub.errors import FormatError
from lema_hub.records import Correction, Form
from lema_hub.steps import split_steps

_ASKED = (
    "Please identify the incorrect step, explain why it is incorrect, and correct the original solution starting "
    "from the incorrect step."
)
_ASKED_WITHOUT = {
    "without_step": "Please explain why it is incorrect, and correct the original solution.",
    "without_explanation": (
        "Please identify the incorrect step, and correct the original solution starting from the incorrect step."
    ),
    "without_solution": "Please identify the incorrect step, and explain why it is incorrect.",
}
_CUE, _EXPLANATION, _SOLUTION = "Incorrect Step:", "\nExplanation:", "\nCorrect Solution:\n"


def texts(row: Correction, form: Form) -> tuple[str, str]:
    """Prompt and completion of a correction in one of its forms.

    Raises:
        FormatError: The row's own texts are not LeMa's, so it is unknown what to leave out.
    """
    if form == "correction":
        return row.prompt, row.completion
    if form == "corrected_solution":
        numbered = row.path.text.lstrip().startswith("Step 1")
        solution = row.correct_solution if numbered else "\n".join(split_steps(row.correct_solution))
        prompt = tasks.get(row.problem.task).prompt
        return prompts.load(prompt).render(question=row.problem.question), solution
    step = f" Step {row.incorrect_step}."
    field = f"{step}{_EXPLANATION} {row.explanation}{_SOLUTION}"
    instruction = row.prompt.partition("\nQuestion:")[0]
    if (
        form not in _ASKED_WITHOUT
        or instruction.count(_ASKED) != 1
        or not row.prompt.endswith(f"\n{_CUE}")
        or not row.completion.startswith(field)
    ):
        raise FormatError(
            f"path {row.path.path_id} of {row.problem.problem_id} has no correction in LeMa's format to make "
            f"{form!r} of; build the corrections again"
        )
    prompt = row.prompt.replace(_ASKED, _ASKED_WITHOUT[form], 1)
    solution = row.completion[len(field) :]
    if form == "without_step":
        return f"{prompt.removesuffix(_CUE)}Explanation:", f" {row.explanation}{_SOLUTION}{solution}"
    if form == "without_explanation":
        return prompt, f"{step}{_SOLUTION}{solution}"
    return prompt, f"{step}{_EXPLANATION} {row.explanation}"
