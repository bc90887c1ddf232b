from __future__ import annotations

from pathlib import Path

import pytest

from lema_hub import prompts, tasks
from lema_hub.builders import run
from lema_hub.builders.recipe import load
from lema_hub.errors import LemaError, RecipeError

FOLDER = Path(__file__).parents[2] / "scripts" / "recipes" / "data"
RECIPES = sorted(
    path for path in FOLDER.rglob("*.yaml") if not path.stem.endswith(("-mix", "-evolve"))
)  # test_mix.py and test_evolve.py read the others


@pytest.mark.parametrize("path", RECIPES, ids=[path.stem for path in RECIPES])
def test_every_recipe_can_be_read_and_names_what_there_is(path: Path) -> None:
    recipe = load(path)
    task = tasks.get(recipe.task)
    assert path.stem.endswith(recipe.kind)
    for source in (*recipe.students, *([recipe.corrector] if recipe.corrector else [])):
        prompts.load(source.prompt or task.prompt)


def test_the_recipes_that_the_docs_name_are_there() -> None:
    names = {path.stem for path in RECIPES}
    assert {"nano-corrections", "nano-cot", "gsm8k-corrections", "gsm8k-cot", "vtg-corrections"} <= names


def test_overrides_reach_every_level() -> None:
    path = FOLDER / "gsm8k-corrections.yaml"
    recipe = load(
        path, ["problems.train=7", "students.0.model=mine", "corrector.engine=exact", "gates=[answer]"]
    )
    assert (recipe.problems.train, recipe.students[0].model, recipe.gates) == (7, "mine", ("answer",))
    assert recipe.corrector is not None
    assert recipe.corrector.engine == "exact"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: cot\ntask: nano\nsede: 1", "line 3: unknown key 'sede'; did you mean 'seed'"),
        (
            "kind: cot\ntask: nano\nstudents: [{engine: exact, modle: m}]",
            "line 3: unknown key 'students.0.modle'; did you mean 'mode",
        ),
        ("kind: cot", "key 'task' is missing"),
        ("kind: lema\ntask: nano", "kind is 'lema'; expected one of corrections, cot"),
        ("kind: cot\ntask: nano\nseed: many", "seed is 'many'; expected a whole number"),
        ("kind: cot\ntask: nano\ngates: answer", "gates is 'answer'; expected a list"),
        ("kind: cot\ntask: nano\ngates: [format]", "gates.0 is 'format'; expected one of step_exists"),
        ("kind: cot\ntask: nano\nproblems: {train: true}", "problems.train is True; expected a whole number"),
        ("- a", "the document is .* expected the keys kind, task"),
        ("kind: [", "not YAML"),
    ],
)
def test_a_bad_recipe_is_named_with_its_file(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=message) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_recipe_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("near_duplicate=2", "near_duplicate must be in"),
        ("contamination.n=0", "contamination.n is 0; expected a whole number from 3 to"),
        ('contamination.without=[{"tests": "none", "why": "x"}]', "names the test set 'none'"),
        ("corrector.prompt=none", "no prompt 'none'"),
        ("corrector.temperature=-1", "temperature must be a number >= 0"),
        ("students.0.temperature=.nan", "temperature is nan; expected a finite number"),
        ("students.0.top_p=3", "top_p must be in"),
        ("students.0.max_tokens=0", "students.0.max_tokens is 0; expected a whole number from 1 to"),
        (
            "students.0.paths=99999999999999",
            "students.0.paths is 99999999999999; expected .* from 1 to 1,000",
        ),
        (
            "problems.train=99999999999999",
            "problems.train is 99999999999999; expected .* from 0 to 10,000,000",
        ),
        ("problems.start=-1", "problems.start is -1; expected .* from 0"),
        (
            "corrector.max_tokens=99999999999999",
            "corrector.max_tokens is 99999999999999; expected .* to 1,000,000",
        ),
        ("vote={engine: exact, k: 99999999999999}", "vote.k is 99999999999999; expected .* from 1 to 1,000"),
        ("concurrency=99999999999999", "concurrency is 99999999999999; expected .* from 1 to 10,000"),
        ("batch_size=0", "batch_size is 0; expected .* from 1 to 10,000"),
        ("seed=99999999999999", "seed is 99999999999999; expected .* from 0 to 4,294,967,295"),
        ("students.0.paths=0", "students.0.paths is 0; expected a whole number from 1 to"),
    ],
)
def test_what_is_wrong_shows_before_anybody_is_asked(tmp_path: Path, change: str, message: str) -> None:
    def build() -> None:
        recipe = load(FOLDER / "nano-corrections.yaml", ["problems.train=2", "problems.dev=0", change])
        run.run(recipe, tmp_path, command="", progress=lambda stage: pytest.fail(f"{stage} began"))

    with pytest.raises(LemaError, match=message):
        build()
