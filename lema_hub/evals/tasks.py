"""LightEval tasks `lema:gsm8k`, `lema:math`, `lema:csqa`, `lema:nano`: LeMa's zero-shot CoT, our judge, pinned data.

A module for LightEval's `--custom-tasks`:

    python -m lema_hub.evals.lighteval accelerate "model_name=lema/nano-backbone" "lema:nano" \
        --custom-tasks lema_hub.evals.tasks

Each task is greedy pass@1 (k = 1, n = 1); its twin `...-maj8` samples 8 solutions per item and reports pass@1 as the
share of right samples and maj@8 as the majority vote. Beside them stand the shares of outputs that got no verdict on
their answer (`unparsed`, `truncated`, `timeout`, `crashed`): none of them is silently "wrong".

The traps: `PassAtK` of LightEval changes itself when n is unset, so k and n are explicit here; a task cannot be called
`gsm8k`, built-in names are taken; and LightEval draws `--max-samples` items from a shuffled list, always the same ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from lighteval.metrics.metrics_sample import SampleLevelComputation, SamplingMetric
from lighteval.metrics.utils.metric_utils import SampleLevelMetricGrouping
from lighteval.models.model_output import ModelResponse
from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.requests import Doc, SamplingMethod

from lema_hub import prompts, tasks
from lema_hub.answers import Judgement, judge, majority, pass_at_k
from lema_hub.evals.nano import nano_folder
from lema_hub.records import VERDICTS, AnswerStyle
from lema_hub.tasks import Task

MAJORITY = 8
MAX_NEW_TOKENS = 2048
_NANO = str(nano_folder())


class JudgedPass(SamplingMetric, SampleLevelComputation):  # type: ignore[misc]
    """pass@1, maj@n and the verdicts of the first `n` outputs of an item.

    The judgements are kept in `doc.specific["judgements"]`, which LightEval's details save beside the outputs.
    """

    def __init__(self, *, k: int, n: int, style: AnswerStyle) -> None:
        super().__init__()
        self.k = k
        self.n = n
        self.style = style

    def num_samples(self) -> int:
        """How many outputs LightEval has to generate per item."""
        return self.n

    def compute(self, model_response: ModelResponse, doc: Doc, **_: Any) -> dict[str, float]:
        """The metrics of one item.

        Raises:
            ValueError: There are fewer outputs than `n`.
        """
        outputs = model_response.final_text[: self.n]
        if len(outputs) < self.n:
            raise ValueError(f"{len(outputs)} outputs for item {doc.id}; {self.n} were asked for")
        judgements = [
            judge(
                output,
                doc.choices[0],
                style=self.style,
                finish_reason=reason,
                question=doc.specific["question"],
            )
            for output, reason in zip(outputs, finish_reasons(doc, model_response), strict=False)
        ]
        doc.specific["judgements"] = [dataclasses.asdict(judgement) for judgement in judgements]
        right = [judgement.verdict == "correct" for judgement in judgements]
        scores = {f"pass@{self.k}": pass_at_k(n=self.n, correct=sum(right), k=self.k)}
        if self.n > 1:
            voted = majority([judgement.extracted for judgement in judgements], style=self.style)
            scores[f"maj@{self.n}"] = float(voted is not None and right[voted])
        return scores | {verdict: _share(judgements, verdict) for verdict in VERDICTS if verdict != "correct"}


def finish_reasons(doc: Doc, response: ModelResponse) -> list[str | None]:
    """Why each output ended: as our model says, else from the number of tokens.

    LightEval pads finished outputs of a batch to the longest one, so an output as long as the limit was cut only if it
    does not end in a run of one and the same token.
    """
    told: list[str | None] | None = doc.specific.get("finish_reasons")
    if told is not None:
        return told
    reasons: list[str | None] = []
    for position in range(len(response.text)):
        tokens = (
            [int(t) for t in response.output_tokens[position]]
            if position < len(response.output_tokens)
            else []
        )
        full = doc.generation_size is not None and len(tokens) >= doc.generation_size > 1
        reasons.append("length" if full and tokens[-1] != tokens[-2] else None)
    return reasons


def _share(judgements: Sequence[Judgement], verdict: str) -> float:
    return sum(judgement.verdict == verdict for judgement in judgements) / len(judgements)


def _mean(values: Sequence[float]) -> float:
    """LightEval takes the analytic standard error of an aggregation only if "mean" is in its name."""
    return float(np.mean(values))


def _metric(n: int, style: AnswerStyle) -> SampleLevelMetricGrouping:
    names = ["pass@1", *([f"maj@{n}"] if n > 1 else []), *(v for v in VERDICTS if v != "correct")]
    return SampleLevelMetricGrouping(
        metric_name=names,
        higher_is_better={name: "@" in name for name in names},
        category=SamplingMethod.GENERATIVE,
        sample_level_fn=JudgedPass(k=1, n=n, style=style),
        corpus_level_fn=dict.fromkeys(names, _mean),
    )


def _config(task: Task, *, n: int = 1) -> LightevalTaskConfig:
    template = prompts.load(task.prompt)
    generated = task.name == "nano"  # LightEval reads its problems from a folder

    def prompt(line: dict[str, Any], task_name: str = "") -> Doc:
        """LightEval's row -> prompt; its gold is the bare answer."""
        fields = task.read(line)
        worked = (
            f"{fields.solution}\nThe answer is {fields.answer}.".lstrip()
        )  # what a few-shot example shows
        return Doc(
            task_name=task_name,
            query=template.render(question=fields.question),
            choices=[worked if line.get("__few_shots") else fields.answer],
            gold_index=0,
            specific={
                "item_id": line.get("problem_id", f"{task.name}/{task.test_split}/{line['__index']}"),
                "question": fields.question,
                "prompt": template.id,
            },
        )

    return LightevalTaskConfig(
        name=f"lema:{task.name}" + (f"-maj{n}" if n > 1 else ""),
        prompt_function=prompt,
        hf_repo=_NANO if generated else task.source_repo,
        hf_subset="default" if generated else task.configs[0],
        hf_revision=task.revision,
        hf_avail_splits=["train", task.test_split],
        evaluation_splits=[task.test_split],
        few_shots_split="train",
        few_shots_select="random_sampling_from_train",
        generation_size=task.max_new_tokens if task.name == "nano" else MAX_NEW_TOKENS,
        metrics=[_metric(n, task.style)],
        stop_sequence=[],
        version=1,
    )


TASKS_TABLE = [_config(tasks.get(name), n=n) for name in tasks.SCORED_TASKS for n in (1, MAJORITY)]
