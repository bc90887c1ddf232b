"""Recipes: every one in the repository parses, and every slip is named."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from lema_hub.config import parse
from lema_hub.errors import RecipeError
from lema_hub.train import DataSource, Recipe, load
from lema_hub.train.backbones import KNOWN

ROOT = Path(__file__).resolve().parents[2] / "scripts" / "recipes"
RECIPES = sorted(path for path in ROOT.rglob("*.yaml") if path.parent.name != "data")

SMALL: dict[str, Any] = {
    "backbone": "nano",
    "data": [{"repo": "lema/lema-cot", "revision": "v0.1.0", "config": "nano"}],
    "tokens_per_step": 3000,
}


def _write(folder: Path, **changes: Any) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(SMALL | changes))
    return path


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_recipe_parses_and_names_a_known_backbone(path: Path) -> None:
    recipe = load(path)
    assert recipe.backbone in KNOWN
    assert recipe.backbone == path.parent.name
    assert parse(recipe.to_dict(), Recipe) == recipe


def test_there_are_recipes() -> None:
    assert {path.parent.name for path in RECIPES} >= {"nano", "llama-2-7b", "llama-3.1-8b", "qwen2.5-7b"}


@pytest.mark.parametrize(
    "cot", [path for path in RECIPES if "cot" in path.stem], ids=lambda path: path.parent.name
)
def test_the_two_recipes_of_a_comparison_differ_in_their_data_only(cot: Path) -> None:
    a, b = load(cot).to_dict(), load(cot.with_stem(cot.stem.replace("cot", "lema"))).to_dict()
    assert {key for key in a if a[key] != b[key]} == {"data"}
    assert b["data"][:1] == a["data"]


def test_the_defaults_are_the_paper_s() -> None:
    recipe = parse(SMALL, Recipe)
    assert (recipe.method, recipe.rank, recipe.alpha, recipe.dropout) == ("qlora", 64, 16, 0.05)
    assert (recipe.learning_rate, recipe.schedule, recipe.warmup_steps) == (2e-4, "constant", 0)
    assert (recipe.beta2, recipe.weight_decay, recipe.max_grad_norm) == (0.999, 0.01, 0.3)
    assert (recipe.max_steps, recipe.seed) == (2000, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rankk": 8}, "unknown key 'rankk'; did you mean 'rank'?"),
        ({"learning-rate": 1e-4}, "unknown key 'learning-rate'; did you mean 'learning_rate'?"),
        ({"rank": 0}, "rank is 0; expected a whole number from 1 to 65,536"),
        (
            {"max_steps": 99999999999999},
            "max_steps is 99999999999999; expected a whole number from 1 to 1,000,000",
        ),
        (
            {"tokens_per_step": 10**15},
            "tokens_per_step is 1000000000000000; expected a whole number from 1 to",
        ),
        ({"rank": "big"}, "rank is 'big'; expected a whole number"),
        ({"rank": True}, "rank is True; expected a whole number"),
        ({"rank": 8.5}, "rank is 8.5; expected a whole number"),
        ({"dropout": 1.0}, "dropout must be >= 0 and < 1, got 1.0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan; expected a finite number"),
        ({"learning_rate": float("inf")}, "learning_rate is inf; expected a finite number"),
        ({"method": "lorra"}, "method is 'lorra'; expected one of qlora, lora, full"),
        ({"method": ["qlora"]}, "method is ['qlora']; expected one of qlora, lora, full"),
        ({"gradient_checkpointing": "yes"}, "gradient_checkpointing is 'yes'; expected true or false"),
        ({"rows_per_step": 96}, "either rows_per_step or tokens_per_step, got 96 and 3000"),
        ({"tokens_per_step": None}, "either rows_per_step or tokens_per_step, got None and None"),
        (
            {"tokens_per_step": None, "rows_per_step": 4},
            "rows_per_step must be >= micro_batches, got 4 and 6",
        ),
        ({"push_to": "lema/x"}, "save_every is unset"),
        ({"data": []}, "data is empty"),
        ({"data": "lema/lema-cot"}, "data is 'lema/lema-cot'; expected a list"),
        ({"data": [{"repo": "a/b", "config": "nano"}]}, "revision of 'a/b' is missing; pin the data"),
        (
            {"data": [{"repo": "a/b", "revision": "v1", "confg": "x"}]},
            "unknown key 'data.0.confg'; did you mean 'config'?",
        ),
        ({"kind": "corrections"}, "unknown key 'kind'; expected backbone, data,"),
        ({"data": [{"repo": "a/b", "revision": "v1"}]}, "key 'data.0.config' is missing"),
        ({"data": [{"config": "nano"}]}, "either repo or path"),
        (
            {"data": [{"path": "x", "config": "../y"}]},
            "config must be a plain name such as gsm8k or train, got '../y'",
        ),
    ],
)
def test_a_slip_is_named_with_its_file(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = _write(tmp_path, **changes)
    with pytest.raises(RecipeError) as caught:
        load(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("tokens_per_step: 100\ndata: []\n")
    with pytest.raises(RecipeError, match="key 'backbone' is missing"):
        load(tmp_path / "r.yaml")


@pytest.mark.parametrize("text", ["- 1\n", "a: [", "", "a: !!python/object/apply:os.getcwd []\n"])
def test_a_file_that_is_no_recipe_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(RecipeError) as caught:
        load(tmp_path / "r.yaml")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        load(tmp_path / "none.yaml")


def test_overrides_reach_into_the_data(tmp_path: Path) -> None:
    path = _write(tmp_path)
    recipe = load(
        path,
        [
            "rank=8",
            "learning_rate=1e-3",
            "data.0.revision=v0.2.0",
            "tokens_per_step=null",
            "rows_per_step=12",
        ],
    )
    assert (recipe.rank, recipe.learning_rate) == (8, 1e-3)
    assert (recipe.tokens_per_step, recipe.rows_per_step) == (None, 12)
    assert recipe.data == (DataSource(repo="lema/lema-cot", revision="v0.2.0", config="nano"),)
    local = load(path, ["data=[{path: built, config: nano}]"])
    assert local.data == (DataSource(path="built", config="nano"),)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("rank", "has no '='"),
        ("rnak=8", "unknown key 'rnak'; did you mean 'rank'?"),
        ("data.5.revision=v1", "there is no '5' to go into"),
        ("data.x=v1", "there is no 'x' to go into"),
        ("rank.x=1", "rank is {'x': 1}; expected a whole number"),
        ("rank=[", "the value is not YAML"),
    ],
)
def test_a_bad_override_is_named(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load(_write(tmp_path), [override])
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["nano-corrections", "nano-cot", "nano-evolve", "nano-ablation-mix"])
def test_a_recipe_for_data_says_which_command_takes_it(name: str) -> None:
    kind = name.rpartition("-")[2]
    with pytest.raises(
        RecipeError, match=rf"is a recipe for data, not for training; run: lema build {kind} .*{name}"
    ):
        load(ROOT / f"data/{name}.yaml")


def test_a_recipe_is_its_plain_values(recipe: Recipe) -> None:
    assert parse(recipe.to_dict(), Recipe) == recipe


def test_the_documentation_names_every_key_and_no_other_backbone() -> None:
    text = (ROOT.parents[1] / "docs" / "training.md").read_text(encoding="utf-8")
    keys = {field.name for record in (Recipe, DataSource) for field in dataclasses.fields(record)}
    named = set(re.findall(r"[`{ ]([a-z0-9_]+)[`,}]", text))
    assert keys <= named, keys - named
    assert not [name for name in KNOWN if f"`{name}`" not in text]
