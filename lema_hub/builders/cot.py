"""CoT rows: right solutions, annotated and sampled, under LeMa's fine-tuning prompt (LeMa, section 2.2).

    rows = build_cot(problems, paths.rows)

The annotated solution of each problem comes first, then its distinct right paths. A completion is the
solution's text with LeMa's last sentence, `The answer is {answer}.`; steps that were numbered stay
numbered.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from lema_hub import prompts
from lema_hub.artifacts.manifest import PromptUse, Stage
from lema_hub.builders.built import Built, by_id, is_test
from lema_hub.builders.mistakes import judged_path
from lema_hub.records import CotExample, Problem, ReasoningPath, Rejection
from lema_hub.steps import join_steps

GOLD_MODEL = "annotation"
"""The `model` of annotated solutions."""


def build_cot(
    problems: Sequence[Problem],
    paths: Sequence[ReasoningPath] = (),
    *,
    gold: bool = True,
    prompt: str = "lema-cot",
    test_keys: frozenset[str] = frozenset(),
    stage: str = "cot",
) -> Built[CotExample]:
    """CoT rows of problems and of the right ones among some paths.

    Args:
        problems: The problems; each that has an annotated solution gives a row of it if `gold`.
        paths: Judged paths of these problems; all that are not `correct` are passed over.
        gold: Whether annotated solutions become rows.
        prompt: The fine-tuning prompt; its field is `question`.
        test_keys: Hashes (`tasks.question_key`) of questions that must not be trained on.
        stage: The stage's name in the manifest.

    Returns:
        The rows in the order of the problems. Annotated solutions that the judge does not find right
        (`gold_...`), test questions and solutions that occur twice are rejected.

    Example:
        >>> import lema_hub
        >>> built = build_cot(lema_hub.load_problems("nano", "train", limit=1))
        >>> print(built.rows[0].completion)
        Step 1: Anna is 16 - 2 = 14 years old.
        Step 2: The ages of Sara and Anna add up to 16 + 14 = 30 years.
        Step 3: The answer is 30.
    """
    by_problem = by_id(problems)
    template = prompts.load(prompt)
    right: dict[str, list[ReasoningPath]] = defaultdict(list)
    for path in paths:
        if path.verdict == "correct":
            right[path.problem_id].append(path)
    rows: list[CotExample] = []
    rejected: list[Rejection] = []
    seen: set[tuple[str, str]] = set()
    rows_in = 0
    for problem in by_problem.values():
        annotated = gold and bool(problem.gold_solution)  # evolved problems have none
        candidates = [*([annotated_path(problem)] if annotated else []), *right[problem.problem_id]]
        text = template.render(question=problem.question)
        for path in candidates:
            rows_in += 1
            completion = cot_completion(path)
            reason = _reason(problem, path, (text, completion) in seen, test_keys)
            if reason is not None:
                rejected.append(
                    Rejection(problem.problem_id, path.path_id, stage, reason[0], reason[1], path.text)
                )
                continue
            seen.add((text, completion))
            rows.append(CotExample(problem=problem, path=path, prompt=text, completion=completion))
    dropped = Counter(rejection.reason for rejection in rejected)
    return Built(
        rows=tuple(rows),
        rejected=tuple(rejected),
        stages=(
            Stage(name=stage, rows_in=rows_in, rows_out=len(rows), dropped=dict(sorted(dropped.items()))),
        ),
        prompts=(PromptUse(id=template.id, role="fine-tune", sha256=template.sha256),),
    )


def annotated_path(problem: Problem) -> ReasoningPath:
    """The annotated solution of a problem as a path that ends in its answer."""
    text = problem.gold_solution
    if "The answer is" not in text:
        text = f"{text}\nThe answer is {problem.answer}."
    return judged_path(problem, text, model=GOLD_MODEL, origin="annotated")


def cot_completion(path: ReasoningPath) -> str:
    """A path as LeMa's CoT output: numbered if the path's text was, its last sentence the answer."""
    numbered = path.text.lstrip().startswith("Step 1")
    return join_steps(path.steps) if numbered else "\n".join(path.steps)


def _reason(
    problem: Problem, path: ReasoningPath, repeated: bool, test_keys: frozenset[str]
) -> tuple[str, str] | None:
    if is_test(problem, test_keys):
        return "test_question", "the question is a test question; test questions are never trained on"
    if path.verdict != "correct":
        return (
            f"gold_{path.verdict}",
            f"the judge reads {path.answer!r}, the gold answer is {problem.answer!r}",
        )
    if repeated:
        return "duplicate", "another row has the same prompt and completion"
    return None
