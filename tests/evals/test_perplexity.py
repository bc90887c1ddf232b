"""Delta-PPL: perplexities by hand, whatever the batch, and intervals that know which pairs belong together."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest

from lema_hub import nano
from lema_hub.builders.corrections import corrected
from lema_hub.builders.mistakes import judged_path
from lema_hub.engines.transformers import TransformersEngine
from lema_hub.errors import InputError
from lema_hub.evals.perplexity import Pair, delta_perplexity, mean, pair_of
from lema_hub.records import Correction
from lema_hub.steps import format_correction, join_steps


@pytest.fixture(scope="module")
def engine() -> TransformersEngine:
    return TransformersEngine(nano.backbone_path())


def corrections(n: int) -> list[Correction]:
    """Injected mistakes of held-out problems, exactly corrected."""
    rows = []
    for number, problem in enumerate(nano.generate("dev", n)):
        rng = Random(number)
        _, steps = nano.inject_any(problem, rng)
        path = judged_path(problem.problem, join_steps(steps), model="injector", origin="injected")
        right = nano.correct(problem, steps, rng)
        text = format_correction(right.incorrect_step, right.explanation, right.steps)
        row = corrected(problem.problem, path, text, corrector="exact", prompt_id="p")
        assert isinstance(row, Correction)
        rows.append(row)
    return rows


def test_a_perplexity_is_the_one_by_hand(engine: TransformersEngine) -> None:
    import torch

    texts = [
        (pair.prompt, text) for pair in map(pair_of, corrections(11)) for text in (pair.right, pair.wrong)
    ]
    found = engine.perplexities(texts)
    for (before, after), value in zip(texts, found, strict=True):
        asked = engine._tokenizer(before)["input_ids"]
        whole = torch.tensor(engine._tokenizer(before + after)["input_ids"])
        assert whole[: len(asked)].tolist() == asked
        with torch.inference_mode():
            logs = engine._loaded(input_ids=whole[None]).logits[0].double().log_softmax(-1)
        said = [float(logs[at - 1, whole[at]]) for at in range(len(asked), len(whole))]
        assert value == pytest.approx(math.exp(-sum(said) / len(said)), rel=1e-4)
    assert engine.perplexities(texts[3:4]) == pytest.approx(found[3:4], rel=1e-4)


def test_the_backbone_finds_right_steps_likelier_than_injected_errors(engine: TransformersEngine) -> None:
    rows = corrections(40)
    pairs = [pair_of(row) for row in rows]
    for row, pair in zip(rows, pairs, strict=True):
        assert pair.right.startswith("Step 1: ")
        assert pair.wrong == join_steps(row.path.steps)
        assert (
            pair.right.splitlines()[: row.incorrect_step - 1]
            == pair.wrong.splitlines()[: row.incorrect_step - 1]
        )
    found = delta_perplexity(engine, pairs)
    assert found == delta_perplexity(engine, pairs)
    assert (found.n, found.problems) == (40, 40)
    assert found.delta.value == pytest.approx(np.mean(found.deltas))
    assert found.delta.value == pytest.approx(found.wrong - found.right)
    assert found.delta.low > 0
    assert found.preferred.low > 0.5
    swapped = [Pair(problem_id=p.problem_id, prompt=p.prompt, right=p.wrong, wrong=p.right) for p in pairs]
    assert delta_perplexity(engine, swapped).delta.value == pytest.approx(-found.delta.value, rel=1e-3)


def test_the_interval_resamples_problems_and_not_pairs() -> None:
    rng = np.random.default_rng(0)
    covered, wide = 0, []
    for trial in range(100):
        centres = rng.normal(1.0, 1.0, size=40)  # of 40 problems, each with 5 pairs that hardly differ
        values = np.repeat(centres, 5) + rng.normal(0, 0.1, size=200)
        clustered = mean(values.tolist(), [str(k // 5) for k in range(200)], seed=trial)
        alone = mean(values.tolist(), [str(k) for k in range(200)], seed=trial)
        covered += clustered.low <= 1.0 <= clustered.high
        wide.append((clustered.high - clustered.low) / (alone.high - alone.low))
    assert covered >= 87
    assert np.mean(wide) == pytest.approx(math.sqrt(5), rel=0.1)


def test_what_has_no_perplexity_is_said(engine: TransformersEngine) -> None:
    with pytest.raises(InputError, match="no pairs of a right and a wrong path"):
        delta_perplexity(engine, [])
    with pytest.raises(InputError, match="give a text of at least one token"):
        engine.perplexities([("Question: 1 + 1?", "")])
    with pytest.raises(InputError, match="within a context of"):
        engine.perplexities([("Question: 1 + 1?", "word " * 5000)])
