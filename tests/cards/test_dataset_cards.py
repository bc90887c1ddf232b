"""Cards: compared whole with golden files, checked by the Hub's rules, their snippets run as a user would."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml

from lema_hub.artifacts.manifest import Manifest
from lema_hub.cards.metadata import split_card
from lema_hub.errors import InputError
from tests.built import MAKERS, build_dataset, manifest, preview


@pytest.mark.parametrize("kind", list(MAKERS))
def test_dataset_card_is_the_golden_one(
    tmp_path: Path, kind: str, golden: Callable[[str, str], None]
) -> None:
    golden(f"{kind}.md", preview(build_dataset(tmp_path, kind), f"lema/lema-{kind}"))


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"rows_in": 70}, "70 rows in, 19 out and 50 dropped, which does not add up"),
        ({"dropped": {"correct": 60, "unparsed": -10}}, "unparsed is -10; expected no negative number"),
        ({"rows_out": 19.5}, r"stages\.0\.rows_out is 19\.5; expected a whole number"),
        ({"rows_in": None}, r"stages\.0\.rows_in is empty; expected a whole number"),
        ({"rows_in": ...}, r"key 'stages\.0\.rows_in' is missing"),
    ],
)
def test_a_card_with_a_number_that_no_build_made_is_not_produced(
    built: Path, stage: dict[str, object], message: str
) -> None:
    """The counts of a stage are made up, missing or no counts: nothing is rendered."""
    path = built / "manifest.json"
    made = json.loads(path.read_text())
    made["stages"][0] = {
        name: value for name, value in (made["stages"][0] | stage).items() if value is not ...
    }
    path.write_text(json.dumps(made))
    with pytest.raises(InputError, match=message):
        preview(built)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_card_with_a_number_that_is_none_is_not_produced(built: Path, value: float) -> None:
    replace(Manifest.read(built), cost_usd=value).write(built)
    with pytest.raises(InputError, match=r"is not valid JSON \((NaN|Infinity) is not a finite number\)"):
        preview(built)


def test_the_card_shows_every_number_of_the_manifest(built: Path) -> None:
    """Change any number of the manifest that the card shows, and the card changes."""
    before = preview(built)
    made = Manifest.read(built)
    for change in (
        {"seed": 4711},
        {"tokens": replace(made.tokens, prompt=471_100)},
        {"cost_usd": 47.11},
        {"verdicts": {**made.verdicts, "wrong": 4711}},
        {
            "stages": (
                replace(made.stages[0], rows_in=69 + 4711, dropped={"correct": 4711 + 50}),
                *made.stages[1:],
            )
        },
        {"packages": {"lema_hub": "47.1.1"}},
        {"measures": {"contaminated rows": 4711.0}},
    ):
        replace(made, **change).write(built)
        assert preview(built) != before, change
    assert {field.name for field in fields(made)} >= {"seed", "tokens", "cost_usd"}
    assert yaml.safe_load(split_card(before)[0]["license"]) == manifest("cot", {}).license
