from __future__ import annotations

from pathlib import Path

import pytest

from lema_hub.builders.recipe import load
from lema_hub.engines.batch import BatchEngine
from lema_hub.engines.choose import Source, choose
from lema_hub.engines.openai import OpenAIEngine
from lema_hub.engines.pace import Rates
from lema_hub.errors import InputError, RecipeError

_RECIPE = """
kind: corrections
task: gsm8k
students:
  - {engine: openai, model: m, samples_per_request: 4, rates: {requests_per_minute: 600}}
corrector: {engine: openai, model: m, mode: batch, batch_requests: 100}
"""


def test_a_recipe_says_how_an_endpoint_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(_RECIPE)
    recipe = load(file)
    (student,) = recipe.students
    assert student.rates == Rates(requests_per_minute=600)
    assert (student.mode, student.samples_per_request) == ("live", 4)
    assert recipe.corrector is not None
    assert (recipe.corrector.mode, recipe.corrector.batch_requests) == ("batch", 100)
    with pytest.raises(RecipeError, match=r"unknown key 'students\.0\.rates\.rpm'"):
        load(file, ["students.0.rates.rpm=3"])


def test_the_mode_chooses_the_engine_and_not_its_name() -> None:
    live = choose(Source(engine="openai", model="m", base_url="http://a/v1", samples_per_request=3))
    batch = choose(
        Source(engine="openai", model="m", base_url="http://a/v1", mode="batch", batch_requests=10)
    )
    assert isinstance(live, OpenAIEngine)
    assert live.endpoint.samples_per_request == 3
    assert isinstance(batch, BatchEngine)
    assert batch.batch_requests == 10
    assert (batch.name, batch.model, batch.revision) == (live.name, live.model, live.revision)


def test_what_is_for_endpoints_is_refused_for_others() -> None:
    with pytest.raises(InputError, match="are for the engine openai, got them with exact; leave them out"):
        choose(Source(engine="exact", mode="batch"))
    with pytest.raises(InputError, match="samples_per_request must be 1 to 128, got 0"):
        choose(Source(engine="openai", model="m", base_url="http://a/v1", samples_per_request=0))


def test_the_batch_api_costs_half_where_the_list_says_so(tmp_path: Path) -> None:
    batch = choose(Source(engine="openai", model="gpt-4o", base_url="http://a/v1", mode="batch"))
    assert isinstance(batch, BatchEngine)
    assert batch.price is not None
    assert batch.price.cost(1_000_000, 1_000_000) == pytest.approx((2.50 + 10.00) / 2)
    own = tmp_path / "prices.yaml"
    own.write_text("- {model: m, input: 1, output: 2, date: 2026-11-01, source: test}\n")
    unlisted = choose(Source(engine="openai", model="m", base_url="http://a/v1", mode="batch"), prices=own)
    assert isinstance(unlisted, BatchEngine)
    assert unlisted.price is None  # what a batch costs is not guessed
