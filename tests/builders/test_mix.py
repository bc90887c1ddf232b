"""Mixes: exact sizes, the same rows every time, texts that lack what they should lack, and a model trains on them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lema_hub import nano
from lema_hub.artifacts.manifest import Mix
from lema_hub.builders import write_dataset
from lema_hub.builders.built import Built
from lema_hub.builders.evolve import EvolveRecipe
from lema_hub.builders.forms import texts
from lema_hub.builders.mix import MixRecipe, Part, mixed, run
from lema_hub.builders.published import Opened, Published, open_published
from lema_hub.builders.recipe import Recipe, load
from lema_hub.errors import FormatError, InputError, RecipeError
from lema_hub.records import Correction, CotExample, MixedRow
from lema_hub.steps import parse_correction
from tests.command import lema_here

if TYPE_CHECKING:
    from lema_hub.localhub import LocalHub

RECIPES = Path(__file__).parents[2] / "scripts" / "recipes" / "data"
Sources = tuple[Path, Path]


@pytest.fixture(scope="session")
def opened(sources: Sources) -> tuple[Opened, Opened]:
    one, other = (
        open_published(Published(path=str(path)), config="nano", kinds=("corrections", "cot"))
        for path in sources
    )
    return one, other


def recipe(sources: Sources, **changes: Any) -> MixRecipe:
    corrections, cot = sources
    parts = changes.pop("parts", ({}, {"fill": True} if changes else {}))
    places = (str(corrections), str(cot))
    return MixRecipe(
        kind="mix",
        task="nano",
        parts=tuple(Part(path=path, **part) for path, part in zip(places, parts, strict=True)),
        **changes,
    )


def train(built: Built[MixedRow]) -> list[MixedRow]:
    return [row for row in built.rows if row.problem.split == "train"]


@given(rows=st.integers(1, 320), seed=st.integers(0, 3))
@settings(max_examples=10, deadline=None)
def test_sizes_are_exact_or_an_error_says_what_is_missing(
    sources: Sources, opened: tuple[Opened, Opened], rows: int, seed: int
) -> None:
    wanted = recipe(sources, rows=rows, seed=seed)
    corrections, cot = (len(source.rows("train")) for source in opened)
    if not corrections <= rows <= corrections + cot:
        missing = (
            "raise rows"
            if rows < corrections
            else rf"{rows - corrections} cot rows of cot are wanted, it has {cot}"
        )
        with pytest.raises(InputError, match=missing):
            mixed(wanted, opened)
        return
    done = mixed(wanted, opened)
    built, mix = done.built, done.mix
    assert done == mixed(wanted, opened)
    assert Counter(row.form for row in train(built)) == Counter(
        correction=corrections, cot=rows - corrections
    )
    assert mix.rows == rows
    assert [(part.available, part.rows) for part in mix.parts] == [
        (corrections, corrections),
        (cot, rows - corrections),
    ]
    for stage in built.stages:
        assert stage.rows_in - stage.rows_out == sum(stage.dropped.values())
    sides = {row.problem.problem_id: set[str]() for row in built.rows}
    for row in built.rows:
        sides[row.problem.problem_id].add(row.problem.split)
    assert all(len(found) == 1 for found in sides.values())
    assert sum(row.problem.split == "dev" for row in built.rows) == sum(
        len(source.rows("dev")) for source in opened
    )


def test_a_larger_mix_holds_the_smaller_and_annotated_rows_are_cut_last(
    sources: Sources, opened: tuple[Opened, Opened]
) -> None:
    small, large = (train(mixed(recipe(sources, rows=rows), opened).built) for rows in (200, 270))
    assert {row.row_id for row in small} < {row.row_id for row in large}
    assert {row.path.origin for row in small if row.form == "cot"} == {"annotated"}
    assert Counter(row.path.origin for row in large if row.form == "cot") == Counter(
        annotated=120, on_policy=30
    )
    other = train(mixed(recipe(sources, rows=200, seed=1), opened).built)
    assert {row.row_id for row in other} != {row.row_id for row in small}


def test_rows_keep_where_they_come_from(sources: Sources, opened: tuple[Opened, Opened]) -> None:
    rows = {(row.source, row.path.path_id): row for row in mixed(recipe(sources), opened).built.rows}
    originals = [
        (source.name, row) for source in opened for split in ("train", "dev") for row in source.rows(split)
    ]
    assert len(rows) == len(originals)
    for name, original in originals:
        row = rows[name, original.path.path_id]
        assert (row.problem, row.path, row.prompt, row.completion) == (
            original.problem, original.path, original.prompt, original.completion,
        )  # fmt: skip
        assert row.corrector == getattr(original, "corrector", None)


def test_corrected_solutions_are_cot_rows_beside_cot(sources: Sources, opened: tuple[Opened, Opened]) -> None:
    parts = ({"form": "corrected_solution"}, {})
    kept = mixed(recipe(sources, parts=parts, duplicates="keep"), opened).built
    mades = [row for row in kept.rows if row.form == "corrected_solution"]
    assert len(mades) == 132
    for row, original in zip(mades, [*opened[0].rows("train"), *opened[0].rows("dev")], strict=True):
        assert (row.prompt, row.completion) == texts(original, "corrected_solution")
        assert row.completion == original.correct_solution
        assert row.prompt.startswith("Please solve the following math problem.")
        assert row.completion.endswith(f"The answer is {row.problem.answer}.")
    done = mixed(recipe(sources, parts=parts), opened)
    dropped, mix = done.built, done.mix
    said = [(row.prompt, row.completion) for row in dropped.rows]
    assert len(set(said)) == len(said)
    assert set(said) == {(row.prompt, row.completion) for row in kept.rows}
    assert dropped.stages[1].dropped == {"duplicate": len(kept.rows) - len(said)}
    assert sum(part.available for part in mix.parts) == len(train(dropped))


@pytest.mark.parametrize("form", ["without_step", "without_explanation", "without_solution"])
def test_an_ablation_lacks_its_field_and_nothing_else(
    sources: Sources, opened: tuple[Opened, Opened], form: str
) -> None:
    built = mixed(recipe(sources, parts=({"form": form}, {})), opened).built
    originals = {row.path.path_id: row for row in [*opened[0].rows("train"), *opened[0].rows("dev")]}
    rows = [row for row in built.rows if row.form == form]
    assert len(rows) == len(originals)
    for row in rows:
        original = originals[row.path.path_id]
        whole = original.prompt + original.completion
        field = {
            "without_step": f"\nIncorrect Step: Step {original.incorrect_step}.",
            "without_explanation": f"\nExplanation: {original.explanation}",
            "without_solution": original.completion[original.completion.index("\nCorrect Solution:") :],
        }[form]
        before, _, after = whole.rpartition(field)
        # The instruction is the first line: it does not ask for what is gone.
        assert (row.prompt + row.completion).split("\n", 1)[1] == (before + after).split("\n", 1)[1]
        asked = row.prompt.split("\n", 1)[0]
        words = {
            "without_step": "incorrect step",
            "without_explanation": "explain",
            "without_solution": "correct the",
        }
        assert words[form] not in asked
        assert all(word in asked for other, word in words.items() if other not in (form, "without_step"))
        with pytest.raises(FormatError):
            parse_correction(row.completion)
        assert parse_correction(original.completion)


def test_a_row_that_is_not_in_lemas_format_has_no_ablation(opened: tuple[Opened, Opened]) -> None:
    row: Correction = opened[0].rows("train")[0]
    with pytest.raises(FormatError, match="no correction in LeMa's format to make 'without_step' of"):
        texts(replace(row, prompt="Correct this."), "without_step")


def test_tokens_are_those_that_a_training_run_sees(sources: Sources, opened: tuple[Opened, Opened]) -> None:
    from transformers import AutoTokenizer

    from lema_hub.train.data import _tokens

    tokenizer = AutoTokenizer.from_pretrained(nano.backbone_path())

    def mix_of(tokens: int) -> tuple[list[MixedRow], Mix]:
        wanted = recipe(sources, tokens=tokens, tokenizer="nano", max_length=384)
        done = mixed(wanted, opened, tokenizer=tokenizer, tokenizer_revision="r")
        return train(done.built), done.mix

    def seen(rows: list[MixedRow]) -> int:
        return sum(
            len(ids) for ids, _, _ in _tokens([(row.prompt, row.completion) for row in rows], tokenizer, 384)
        )

    everything = train(mixed(recipe(sources), opened).built)
    whole, least = seen(everything), seen([row for row in everything if row.form == "correction"])
    for tokens in (least, least + 1234, (least + whole) // 2, whole):
        rows, mix = mix_of(tokens)
        assert mix.tokens == seen(rows)
        assert 0 <= tokens - mix.tokens <= 384
    with pytest.raises(
        InputError, match=f"the other parts have {least} tokens, more than the {least - 1} of the mix"
    ):
        mix_of(least - 1)
    with pytest.raises(InputError, match=f"all its rows have {whole}: 5000 more are wanted of cot"):
        mix_of(whole + 5000)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*-mix.yaml")), ids=lambda path: path.stem)
def test_every_recipe_can_be_read(path: Path) -> None:
    read = load(path, (), MixRecipe)
    assert path.stem.startswith(read.task)
    assert all(part.revision == "v0.1.0" for part in read.parts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("parts: []", "a mix has parts of which one at most has fill, got 0 of 0"),
        ("parts: [{path: a, fill: true}]", "neither rows nor tokens"),
        ("parts: [{path: a}]\nrows: 1\ntokens: 2", "either rows or tokens, got 1 and 2"),
        ("parts: [{path: a, fill: true}]\ntokens: 2", "name a tokenizer"),
        ("parts: [{repo: a/b}]", "revision of 'a/b' is missing; pin"),
        ("parts: [{}]", "a data set is a repo or a path"),
        ("parts: [{path: a, rows: 0}]", "parts.0.rows is 0; expected a whole number from 1 to"),
        ("parts: [{path: a, form: whole}]", "parts.0.form is 'whole'; expected one of cot, correction"),
    ],
)
def test_a_bad_recipe_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.yaml").write_text(f"kind: mix\ntask: nano\n{text}\n")
    with pytest.raises(RecipeError, match=message):
        load(tmp_path / "bad.yaml", (), MixRecipe)


def test_a_recipe_of_another_kind_says_which_command_builds_it() -> None:
    with pytest.raises(
        RecipeError, match=r"nano-evolve.yaml builds evolve; run: lema build evolve .*nano-evolve"
    ):
        load(RECIPES / "nano-evolve.yaml", (), MixRecipe)
    with pytest.raises(RecipeError, match="builds mix; run: lema build mix"):
        load(RECIPES / "nano-ablation-mix.yaml")


@pytest.mark.parametrize("cls", [Recipe, MixRecipe, EvolveRecipe])
def test_a_recipe_for_training_says_which_command_takes_it(cls: type) -> None:
    with pytest.raises(
        RecipeError, match=r"nano-cot.yaml is a recipe for training, .*; run: lema train .*nano-cot"
    ):
        load(RECIPES.parent / "nano/nano-cot.yaml", (), cls)


def test_what_does_not_fit_is_refused(
    sources: Sources, opened: tuple[Opened, Opened], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="cot holds cot, of which no 'without_step' can be made"):
        mixed(recipe(sources, parts=({}, {"form": "without_step"})), opened)
    with pytest.raises(InputError, match="the mix is to have 5 training rows, its parts give"):
        mixed(recipe(sources, parts=({}, {}), rows=5), opened)
    with pytest.raises(InputError, match="has no config 'gsm8k'; it has: nano"):
        open_published(Published(path=str(sources[0])), config="gsm8k", kinds=("corrections",))
    moved: CotExample = opened[1].rows("train")[0]
    moved = replace(moved, problem=replace(moved.problem, split="dev"))
    write_dataset(tmp_path, Built(rows=(moved,)), kind="cot", task="nano", command="c", inputs=())
    wrong = open_published(Published(path=str(tmp_path)), config="nano", kinds=("cot",))
    with pytest.raises(InputError, match=r"nano/train/\S+ is train in corrections and dev in .*splits agree"):
        mixed(recipe(sources), (opened[0], wrong))


def test_the_command_prints_what_was_mixed(sources: Sources, tmp_path: Path) -> None:
    (tmp_path / "mix.yaml").write_text(
        f"kind: mix\ntask: nano\nparts:\n  - {{path: {sources[0]}, form: without_step}}\n"
        f"  - {{path: {sources[1]}, fill: true}}\n"
    )
    command = ["build", "mix", str(tmp_path / "mix.yaml"), "rows=150", "--out", str(tmp_path / "out")]
    done = lema_here(*command, "--json")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert [(part["form"], part["rows"]) for part in printed["mix"]["parts"]] == [
        ("without_step", 120),
        ("cot", 30),
    ]
    assert printed["command"] == "lema build mix mix.yaml rows=150"
    shown = lema_here(*command).stdout
    assert "take without_step: 132 in, 132 out" in shown
    assert "nano: 150 train, " in shown


def test_another_cot_prompt_is_for_the_cot_rows_only(sources: Sources, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    from lema_hub.train import DataSource
    from lema_hub.train import data as training_data

    run(recipe(sources, parts=({"form": "corrected_solution"}, {})), tmp_path / "cot", command="c")
    run(recipe(sources, parts=({"form": "without_step"}, {})), tmp_path / "both", command="c")
    tokenizer = AutoTokenizer.from_pretrained(nano.backbone_path())
    for name, asked in (("cot", {"cot", "corrected_solution"}), ("both", {"cot"})):
        source = DataSource(path=str(tmp_path / name), config="nano")
        loaded = training_data.load([source], tokenizer, max_length=400, prompt="wizardmath-cot")
        mix = open_published(Published(path=str(tmp_path / name)), config="nano", kinds=("mix",)).rows(
            "train"
        )
        assert len(loaded.ids) == len(mix)
        for row, ids, size in zip(mix, loaded.ids, loaded.prompt_lengths, strict=True):
            shown = tokenizer.decode(ids[:size])
            assert ("### Response:" in shown) == (row.form in asked)


def test_a_rebuild_gives_the_same_bytes(sources: Sources, tmp_path: Path) -> None:
    wanted = recipe(sources, rows=200)
    for name in ("one", "other"):
        run(wanted, tmp_path / name, command="lema build mix")
    files = sorted(
        path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()
    )
    assert [str(file) for file in files] == [
        "data/nano/dev.parquet",
        "data/nano/train.parquet",
        "manifest.json",
    ]
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


@pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")
def test_the_recipes_mix_published_data_that_trains_and_is_published(
    at_hub: LocalHub, sources: Sources, tmp_path: Path
) -> None:
    from lema_hub import train as training
    from lema_hub.hub.publish import publish_dataset
    from lema_hub.hub.verify import verify

    for folder in sources:
        publish_dataset(folder, f"lema/lema-{folder.name}", version="0.1.0")
    sizes = {
        "nano-lema-rows-mix": "rows=200",
        "nano-cot-rows-mix": "rows=200",
        "nano-lema-tokens-mix": "tokens=20000",
    }
    for path in sorted(RECIPES.glob("nano-*-mix.yaml")):
        wanted = load(path, [size] if (size := sizes.get(path.stem)) else [], MixRecipe)
        manifest = run(wanted, tmp_path / path.stem, command=f"lema build mix {path.name}")
        assert {source.repo for source in manifest.inputs} == {"lema/lema-corrections", "lema/lema-cot"}
        assert all(len(source.revision or "") == 40 for source in manifest.inputs)
        assert manifest.mix is not None
        assert manifest.configs["nano"]["train"] == manifest.mix.rows
        assert manifest.contamination is not None
        assert [test.name for test in manifest.contamination.tests] == ["nano"]
        publish_dataset(tmp_path / path.stem, f"lema/{path.stem}", version="0.1.0")
    assert not verify(f"lema/{path.stem}", "v0.1.0").failed
    recipe = training.load(
        RECIPES.parent / "nano" / "nano-lema.yaml",
        [
            f"data=[{{repo: lema/{path.stem}, revision: v0.1.0, config: nano}}]",
            "max_steps=2",
            "save_every=null",
        ],
    )
    assert training.train(recipe, out=tmp_path / "run").steps == 2
    used = json.loads((tmp_path / "run" / "training.json").read_text())["data"]
    assert [(source["repo"], source["rows"]) for source in used] == [(f"lema/{path.stem}", manifest.mix.rows)]
