"""What a dry run says: bounds that hold, and expectations that only the ledger's own past gives."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lema_hub.builders import build_corrections
from lema_hub.builders.built import by_id
from lema_hub.builders.corrections import SAMPLING, correction_requests
from lema_hub.builders.plan import plan, planned
from lema_hub.builders.recipe import load
from lema_hub.engines import Ledger, Request, Sampling
from lema_hub.engines.exact import ExactEngine
from lema_hub.records import Problem, ReasoningPath
from tests.builders.conftest import Scripted

RECIPES = Path(__file__).parents[2] / "scripts" / "recipes" / "data"
Mistaken = tuple[list[Problem], list[ReasoningPath]]


def test_a_plan_without_a_past_is_bounds_and_guesses_nothing(tmp_path: Path) -> None:
    recipe = load(RECIPES / "nano-gates-corrections.yaml", ["problems.train=30"])
    sample, correct, vote = plan(recipe, tmp_path / "out")
    assert (sample.problems, sample.requests, sample.exact) == (30, 120, True)
    assert sample.max_new_tokens == 120 * 160
    assert sample.max_disk_bytes >= 120 * 160
    assert (correct.requests, vote.requests, correct.exact, vote.exact) == (120, 360, False, False)
    assert vote.max_new_tokens == 360 * 16
    for stage in (sample, correct, vote):
        assert (stage.expected_requests, stage.expected_tokens, stage.expected_cost_usd, stage.seconds) == (
            None,
        ) * 4
    assert not (tmp_path / "out").exists()


def test_everybody_who_may_be_asked_is_in_the_plan_with_a_bound(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("[{model: j, input: 1, output: 2, date: 2026-11-01, source: test}]")
    changes = ["problems.train=3", "seam_judge={engine: openai, model: j}", "vote.k=2", "vote.agree=1"]
    recipe = load(RECIPES / "nano-gates-corrections.yaml", changes)
    stages = {stage.stage: stage for stage in plan(recipe, tmp_path, prices=prices)}
    assert list(stages) == ["sample", "correct", "vote", "seam_judge"]
    assert stages["vote"].requests == 24
    judge = stages["seam_judge"]
    assert (judge.requests, judge.max_new_tokens) == (12, 12 * 16)
    assert judge.max_cost_usd is not None
    # The bound holds for a prompt that quotes the longest path twice and the longest correction twice.
    assert judge.max_cost_usd > 12 * (2 * 160 + 2 * 1024) / 1e6
    unpriced = plan(load(RECIPES / "nano-gates-corrections.yaml", changes), tmp_path)[-1]
    assert unpriced.max_cost_usd is None


def test_the_pace_is_that_of_the_time_it_ran(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    requests = [Request(prompt=str(n), sampling=Sampling()) for n in range(100)]
    with Ledger(path) as ledger:
        assert ledger.pace("sample", "scripted-1") is None
        ledger.run(Scripted(lambda request: "x"), requests, stage="sample")
        assert ledger.pace("sample", "scripted-1") is not None
        assert ledger.pace("sample", "another") is None
    with closing(sqlite3.connect(path)) as db:  # an answer a second, and a night between the halves
        db.execute(
            "UPDATE responses SET created = 1000 + rowid_ FROM (SELECT key AS k, row_number() OVER () AS rowid_ "
            "FROM responses) WHERE key = k"
        )
        db.execute("UPDATE responses SET created = created + 30000 WHERE created > 1050")
        db.commit()
    with Ledger(path) as ledger:
        assert ledger.pace("sample", "scripted-1") == pytest.approx(99 / (98 + 60))


def test_a_larger_ledger_never_exceeds_the_bound_on_its_size(mistaken: Mistaken, tmp_path: Path) -> None:
    """The bound is on what comes in, so a whole run in a new file must stay below it."""
    problems, paths = mistaken
    requests = correction_requests(by_id(problems), paths, prompt="lema-correction", sampling=SAMPLING)
    stage = planned("correct", ExactEngine(), requests, None)
    assert stage.requests == len(paths)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        empty = sum(file.stat().st_size for file in tmp_path.iterdir())
        build_corrections(problems, paths, ExactEngine(), ledger)
    size = (tmp_path / "ledger.sqlite").stat().st_size
    assert size - empty <= stage.max_disk_bytes
