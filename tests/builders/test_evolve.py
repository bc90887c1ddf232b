"""Evolution: seeds from mistakes only, every question kept or counted, gold answers measured against the truth."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from lema_hub import nano, tasks
from lema_hub.answers import judge_answer
from lema_hub.artifacts.manifest import Kind, ModelUse
from lema_hub.builders import evolved, write_dataset
from lema_hub.builders import run as building
from lema_hub.builders.built import Built
from lema_hub.builders.evolve import EvolveRecipe, plan, run
from lema_hub.builders.evolved import Draw, Question, Side, bootstrap, parse_question, restated
from lema_hub.builders.published import Published, open_published
from lema_hub.builders.recipe import load
from lema_hub.engines import Failure, Ledger, Request, Sampling
from lema_hub.engines.evolver import ExactEvolver
from lema_hub.errors import InputError, RecipeError
from lema_hub.nano.problems import evolve as evolve_nano
from lema_hub.records import EVOLUTIONS, Evolution, EvolvedProblem
from tests.builders.conftest import Scripted
from tests.builders.test_corrections import PROBLEM
from tests.endpoint import Endpoint, Reply, reply

if TYPE_CHECKING:
    from lema_hub.localhub import LocalHub

RECIPES = Path(__file__).parents[2] / "scripts" / "recipes" / "data"
SAMPLING = Sampling(temperature=0.7, seed=0)
SEEDS = [
    replace(PROBLEM, problem_id=f"gsm8k/train/{i}", question=f"Tom has {i} pens and 3 caps. How many things?")
    for i in range(10, 30)
]
EVOLVER = ModelUse(role="evolver", name="m", revision=None, engine="scripted")


def test_seeds_are_drawn_with_replacement_and_always_the_same() -> None:
    draws = bootstrap(SEEDS, 200, EVOLUTIONS, seed=0)
    assert draws == bootstrap(SEEDS, 200, EVOLUTIONS, seed=0)
    assert draws[:50] == bootstrap(SEEDS, 50, EVOLUTIONS, seed=0)
    assert draws != bootstrap(SEEDS, 200, EVOLUTIONS, seed=1)
    assert len({draw.problem_id for draw in draws}) == 200  # every draw is a problem of its own
    times = Counter(draw.seed.problem_id for draw in draws)
    assert set(times) == {seed.problem_id for seed in SEEDS}
    assert max(times.values()) > 10  # with replacement: not every seed ten times
    assert all(30 < count < 70 for count in Counter(draw.evolution for draw in draws).values())


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Ada has 3 pens. How many?", "Ada has 3 pens. How many?"),
        ("  New problem: Ada has 3 pens. How many?\n", "Ada has 3 pens. How many?"),
        ("**New Problem:**\n\nAda has 3 pens. How many?", "Ada has 3 pens. How many?"),
        ("### Question: Ada has 3 pens. How many?", "Ada has 3 pens. How many?"),
        ('"Ada has 3 pens. How many?"', "Ada has 3 pens. How many?"),
        ("“Ada has 3 pens. How many?”", "Ada has 3 pens. How many?"),
        ("Ada has 3 pens. How many?\n\nSolution: 3.", "Ada has 3 pens. How many?"),
        ("Ada has 3 pens.\nHow many?\n**Answer:** 3", "Ada has 3 pens.\nHow many?"),
        ("Ada has 3 pens. How many?\nStep 1: She has 3.", "Ada has 3 pens. How many?"),
        (
            "The answer to Ada's question is 3. What was it?",
            "The answer to Ada's question is 3. What was it?",
        ),
        ("Solution: 3", ""),
    ],
)
def test_the_question_is_taken_out_of_an_evolvers_text(text: str, question: str) -> None:
    assert parse_question(text) == question


@pytest.mark.parametrize(
    ("question", "same"),
    [
        ("TOM has 12 pens, and 3 caps: how many things?", True),
        ("Tom has 3 pens and 12 caps. How many things?", True),
        ("Tom has 12 pens and 3 caps. How many things has Tom?", True),
        ("Tom has 13 pens and 3 caps. How many things?", False),  # another number is another problem
        ("Tom has 12 pens and 3 caps and loses half of them. How many things are left?", False),
        ("Each of 12 boats has 3 oars. How many oars are there?", False),
    ],
)
def test_a_question_that_says_its_seed_again_is_restated(question: str, same: bool) -> None:
    assert restated(question, "Tom has 12 pens and 3 caps. How many things?") is same


def test_every_text_becomes_a_question_or_a_counted_rejection(ledger: Ledger) -> None:
    replies: dict[int, str | Failure] = {
        0: "New problem: Ada buys 4 pens on each of 5 days. How many pens?",
        1: Failure(reason="timeout", detail="no answer in 60 s"),
        2: "",
        3: "word " * 400,
        4: SEEDS[4].question.upper(),
        5: "A question that is scored, with 99 pens?",
        6: "A question of the dev side, with 98 pens?",
        7: "A training question, with  97 PENS?",
        8: "ada buys 4 pens on each of 5 days. how many pens?",
        9: "Solution: 42",
    }
    sides: tuple[Side, ...] = ("test", "dev", "train")
    known: dict[str, Side] = {
        tasks.question_key(text): side
        for text, side in zip(
            (
                "A question that is scored, with 99 pens?",
                "A question of the dev side, with 98 pens?",
                "A training question, with 97 pens?",
            ),
            sides,
            strict=True,
        )
    }
    draws = [Draw(seed, "deeper", 0) for seed in SEEDS[:10]]

    def write(request: Request) -> str | Failure:
        assert "The change (deeper):" in request.prompt
        assert request.prompt.endswith("New problem:\n")
        assert "exactly one final answer, a single number." in request.prompt
        return replies[int(str(request.problem_id).rsplit("/", 1)[1]) - 10]

    engine = Scripted(write)
    built = evolved.evolve(draws, engine, ledger, sampling=SAMPLING, known=known, max_characters=500)
    (row,) = built.rows
    assert row.problem == replace(
        SEEDS[0],
        problem_id="gsm8k/train/10~deeper-0",
        question="Ada buys 4 pens on each of 5 days. How many pens?",
        answer="",
        gold_solution="",
    )
    assert [(rejection.problem_id, rejection.reason) for rejection in built.rejected] == [
        (f"gsm8k/train/{11 + i}~deeper-0", reason)
        for i, reason in enumerate(
            [
                "request_timeout",
                "unparsed",
                "too_long",
                "restated",
                "test_question",
                "dev_question",
                "duplicate",
                "duplicate",
                "unparsed",
            ]
        )
    ]
    assert built.rejected[7].detail == "the question is that of gsm8k/train/10~deeper-0"
    (stage,) = built.stages
    assert stage.rows_in - stage.rows_out == sum(stage.dropped.values()) == 9
    sent = engine.sent
    assert evolved.evolve(draws, engine, ledger, sampling=SAMPLING, known=known, max_characters=500) == built
    assert engine.sent == sent + 1  # the failure alone is tried again


def test_a_question_that_is_cut_off_is_dropped(ledger: Ledger) -> None:
    engine = Scripted(lambda _: "Ada buys 4 pens on each of")
    engine.finish_reason = "length"
    built = evolved.evolve([Draw(SEEDS[0], "rarer", 0)], engine, ledger, sampling=SAMPLING, known={})
    assert [rejection.reason for rejection in built.rejected] == ["truncated"]


def test_the_prompt_tells_the_evolutions_apart() -> None:
    draws = [Draw(SEEDS[0], evolution, 0) for evolution in EVOLUTIONS]
    prompts = [
        request.prompt for request in evolved.evolve_requests(draws, prompt="lema-evolve", sampling=SAMPLING)
    ]
    changes = [prompt[prompt.index("The change (") : prompt.index("\n\nWrite only")] for prompt in prompts]
    assert len(set(changes)) == 4
    assert all(len(change) > 80 for change in changes)
    assert {prompt.replace(change, "") for prompt, change in zip(prompts, changes, strict=True)} == {
        prompts[0].replace(changes[0], "")
    }


def questions(n: int) -> list[Question]:
    return [
        Question(
            replace(SEEDS[i], problem_id=f"gsm8k/train/{i}~deeper-0", answer=""),
            Draw(SEEDS[i], "deeper", 0),
            EVOLVER,
            "p",
            0.5,
        )
        for i in range(n)
    ]


@pytest.mark.parametrize(
    ("said", "gold", "votes"),
    [
        (("The answer is 18.", "The answer is 18.", "The answer is 18."), "18", 3),
        (("The answer is 17.", "So $18.00.\nThe answer is 18.", "The answer is 18."), "18", 2),
        (
            ("The answer is 1/2.", "The answer is 3.", "The answer is 0.5."),
            "1/2",
            2,
        ),  # by the judge, not by text
        (("The answer is 18.", "I do not know.", "The answer is 18."), "18", 2),
        (("The answer is 17.", "The answer is 18.", "The answer is 19."), "no_majority", 0),
        (("The answer is 17.", "I do not know.", "The answer is 19."), "no_majority", 0),
        (("I do not know.", "Nor do I.", "Why?"), "no_answer", 0),
        (
            ("The answer is 17.", Failure(reason="timeout", detail="late"), "The answer is 19."),
            "request_timeout",
            0,
        ),
        (("The answer is 17.", Failure(reason="timeout", detail="late"), "The answer is 17."), "17", 2),
    ],
)
def test_the_gold_answer_is_what_most_solutions_say(
    ledger: Ledger, said: tuple[str | Failure, ...], gold: str, votes: int
) -> None:
    solver = Scripted(lambda request: said[request.index], model="solver")
    built = evolved.answer(questions(2), solver, ledger, paths=3, sampling=SAMPLING, prompt="lema-cot")
    (stage,) = built.stages
    if not votes:
        assert not built.rows
        assert stage.dropped == {gold: 2}
        return
    row = built.rows[1]
    assert (row.problem.answer, row.votes, len(row.answers)) == (gold, votes, 3)
    assert (row.seed_id, row.seed_question, row.evolution) == (
        SEEDS[1].problem_id,
        SEEDS[1].question,
        "deeper",
    )
    assert (row.evolver, row.solver, row.cost_usd) == ("m", "solver", 0.5)
    assert [model.role for model in built.models] == ["solver"]


def test_all_answers_can_be_asked_to_agree(ledger: Ledger) -> None:
    solver = Scripted(lambda request: "The answer is 18." if request.index < 2 else "The answer is 17.")
    asked = {"paths": 3, "sampling": SAMPLING, "prompt": "lema-cot"}
    assert len(evolved.answer(questions(1), solver, ledger, **asked).rows) == 1
    assert len(evolved.answer(questions(1), solver, ledger, agree=2, **asked).rows) == 1
    assert evolved.answer(questions(1), solver, ledger, agree=3, **asked).stages[0].dropped == {
        "no_majority": 1
    }


def test_what_is_nearly_an_existing_problem_is_dropped(ledger: Ledger) -> None:
    texts = [
        "Lea, who lives in Rome, buys 4 pens and 7 red caps on Monday. How many things does she buy?",
        "Lea, who lives in Rome, buys 4 pens and 8 red caps on Monday. How many things does she buy?",
        "Each of 4 boats in the harbour of Rome has 7 oars. How many oars are there in all the boats?",
    ]
    asked = [
        replace(question, problem=replace(question.problem, question=text))
        for question, text in zip(questions(3), texts, strict=True)
    ]
    solver = Scripted(lambda _: "The answer is 11.")
    built = evolved.answer(asked, solver, ledger, paths=3, sampling=SAMPLING, prompt="lema-cot")
    old = replace(
        PROBLEM,
        problem_id="gsm8k/train/99",
        split="dev",
        answer="11",
        question=texts[0].replace("buys", "got", 1),
    )
    new = evolved.only_new(built, [old, *SEEDS], threshold=0.7)
    assert [row.problem.question for row in new.rows] == texts[1:]  # other numbers are another problem
    assert [(one.reason, one.problem_id) for one in new.rejected] == [
        ("near_duplicate", asked[0].problem.problem_id)
    ]
    assert new.rejected[0].detail.startswith("question of gsm8k/train/99 (similarity 0.")
    assert [(stage.name, stage.rows_in, stage.rows_out) for stage in new.stages] == [
        ("answer", 3, 3),
        ("only_new", 3, 2),
    ]
    assert len(evolved.only_new(built, [replace(old, answer="12")], threshold=0.7).rows) == 3


def test_nano_problems_evolve_exactly() -> None:
    seen = set()
    for index in range(60):
        for side in ("train", "dev"):
            seed = nano.generate(side, 1, start=index)[0]
            ways: list[Evolution] = ["rarer"] if len(seed.steps) == 4 else ["rarer", "deeper"]
            for evolution in ways:
                made = evolve_nano(seed, evolution, index % 3)
                assert made == nano.load(made.problem.problem_id)
                assert made.problem.problem_id == f"{seed.problem.problem_id}~{evolution}-{index % 3}"
                assert len(made.steps) == len(seed.steps) + (evolution == "deeper")
                assert (made.problem.subject == seed.problem.subject) == (evolution == "deeper")
                assert made.problem.split == side
                assert nano.check(made, nano.solve(made, Random(0))).ok
                seen.add(made.problem.question)
    assert len(seen) > 180  # 200 draws, hardly one twice
    twice = nano.load("nano/train/s2-5~deeper-0~rarer-1")
    assert len(twice.steps) == 3
    with pytest.raises(InputError, match="has 4 steps and cannot be made 'deeper'"):
        nano.load("nano/train/s4-1~deeper-0")
    with pytest.raises(InputError, match="is not the id of a nano problem"):
        nano.load("nano/train/s4-1~concrete-0")


def test_the_exact_evolver_answers_its_prompt_and_no_other(ledger: Ledger) -> None:
    seeds = [problem.problem for problem in nano.generate("train", 30)]
    draws = bootstrap(seeds, 60, ("deeper", "rarer", "concrete"), seed=0)
    built = evolved.evolve(draws, ExactEvolver(), ledger, sampling=SAMPLING, known={})
    for row in built.rows:
        assert nano.load(row.problem.problem_id).problem.question == row.problem.question
    impossible = [
        d for d in draws if d.evolution == "concrete" or (d.evolution == "deeper" and "/s4-" in d.problem_id)
    ]
    assert built.stages[0].dropped["request_not_evolvable"] == len(impossible)
    ((_, failed),) = ExactEvolver().generate([Request(prompt="Hello", sampling=SAMPLING)])
    assert isinstance(failed, Failure)
    assert failed.reason == "not_an_evolution_prompt"


def solver_of(rates: Mapping[int, float]) -> Scripted:
    """Solves nano problems by a set rate per number of steps; what it gets wrong it gets wrong in its own way."""
    truths: dict[str, str] = {}

    def answer(request: Request) -> str:
        problem = nano.load(str(request.problem_id))
        rng = Random(f"{request.problem_id} {request.index}")
        truths[problem.problem.problem_id] = problem.problem.answer
        right = rng.random() < rates[len(problem.steps)]
        return f"The answer is {problem.problem.answer if right else rng.randint(100, 999)}."

    return Scripted(answer, model="solver")


def test_the_majority_is_righter_than_a_sample(ledger: Ledger) -> None:
    """With a solver that is right at rate p and errs at random, two of three agree on a wrong answer hardly ever."""
    seeds = [problem.problem for problem in nano.generate("train", 200, steps=(2, 3))]
    made = evolved.evolve(
        bootstrap(seeds, 400, ("deeper",), seed=0), ExactEvolver(), ledger, sampling=SAMPLING, known={}
    )
    built = evolved.answer(
        made.rows, solver_of({3: 0.6, 4: 0.4}), ledger, paths=3, sampling=SAMPLING, prompt="lema-cot"
    )
    right = [
        judge_answer(row.problem.answer, nano.load(row.problem.problem_id).problem.answer).verdict
        == "correct"
        for row in built.rows
    ]
    assert sum(right) / len(right) > 0.98
    for steps, p in ((3, 0.6), (4, 0.4)):
        asked = sum(len(nano.load(row.problem.problem_id).steps) == steps for row in made.rows)
        kept = sum(len(nano.load(row.problem.problem_id).steps) == steps for row in built.rows)
        assert kept / asked == pytest.approx(p**3 + 3 * p**2 * (1 - p), abs=0.1)


def ids(source: Published, kind: Kind) -> set[str]:
    rows = open_published(source, config="nano", kinds=(kind,)).rows("train")
    return {row.problem.problem_id for row in rows}


def recipe(corrections: Path, **changes: Any) -> EvolveRecipe:
    read = load(
        RECIPES / "nano-evolve.yaml", ["samples=60", f"corrections={{path: {corrections}}}"], EvolveRecipe
    )
    return replace(read, **changes)


@pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")
def test_two_rounds_in_the_nano_world(at_hub: LocalHub, sources: tuple[Path, Path], tmp_path: Path) -> None:
    """Corrections, evolved problems, a fine-tuned student, its mistakes on these, and their corrections."""
    from lema_hub import train as training
    from lema_hub.artifacts.manifest import Manifest
    from lema_hub.hub.publish import publish_adapter, publish_dataset
    from lema_hub.hub.verify import verify

    for folder in sources:
        publish_dataset(folder, f"lema/lema-{folder.name}", version="0.1.0")
    wanted = load(RECIPES / "nano-evolve.yaml", ["samples=160"], EvolveRecipe)
    manifest = run(wanted, tmp_path / "problems", command="lema build evolve nano-evolve.yaml")
    assert run(wanted, tmp_path / "problems", command="lema build evolve nano-evolve.yaml") == manifest
    assert manifest.kind == "problems"
    assert [(source.repo, len(source.revision or "")) for source in manifest.inputs] == [
        ("lema/lema-corrections", 40)
    ]
    assert [model.role for model in manifest.models] == ["corrector", "evolver", "solver"]
    publish_dataset(tmp_path / "problems", "lema/lema-problems", version="0.1.0")
    assert not verify("lema/lema-problems", "v0.1.0").failed

    opened = open_published(
        Published(repo="lema/lema-problems", revision="v0.1.0"), config="nano", kinds=("problems",)
    )
    rows: list[EvolvedProblem] = opened.rows("train")
    assert {row.seed_id for row in rows} <= ids(Published(path=str(sources[0])), "corrections")
    assert {row.problem.split for row in rows} == {"train"}
    right = [row.problem.answer == nano.load(row.problem.problem_id).problem.answer for row in rows]
    assert manifest.measures["share of gold answers that are right"] == sum(right) / len(right)

    trained = training.load(RECIPES.parent / "nano" / "nano-lema.yaml", ["max_steps=1", "save_every=null"])
    training.train(trained, out=tmp_path / "adapter")
    publish_adapter(tmp_path / "adapter", "lema/nano-lema-qlora", version="0.1.0")

    second = building.run(
        load(RECIPES / "nano-round2-corrections.yaml"),
        tmp_path / "second",
        command="c",
    )
    student = next(model for model in second.models if model.role == "student")
    assert student.name == "lema/nano-backbone+lema/nano-lema-qlora"
    assert len((student.revision or "").rpartition("+")[2]) == 40  # the commit of the tag
    assert {model.role for model in second.models} == {"corrector", "evolver", "solver", "student"}
    assert opened.source in second.inputs
    kept = ids(Published(path=str(tmp_path / "second")), "corrections")
    assert kept <= {row.problem.problem_id for row in rows}
    # What the answer gate lets through ends in the gold answer, and the exact corrector ends in the true one.
    wrong_gold = {row.problem.problem_id for row, true in zip(rows, right, strict=True) if not true}
    assert wrong_gold
    assert not kept & wrong_gold
    assert Manifest.read(tmp_path / "second") == second


def test_an_evolved_problem_has_no_annotated_solution_to_learn_from(
    sources: tuple[Path, Path], tmp_path: Path
) -> None:
    run(recipe(sources[0], samples=20), tmp_path / "problems", command="c")
    wanted = load(
        RECIPES / "nano-cot.yaml",
        [f"problems={{path: {tmp_path / 'problems'}, train: 8}}", "students.0.paths=3"],
    )
    manifest = building.run(
        wanted, tmp_path / "cot", command="c", ledger=tmp_path / "problems" / "ledger.sqlite"
    )
    cot = next(stage for stage in manifest.stages if stage.name == "cot")
    rows = open_published(Published(path=str(tmp_path / "cot")), config="nano", kinds=("cot",)).rows("train")
    assert cot.rows_in == cot.rows_out + sum(cot.dropped.values())
    assert {row.path.model for row in rows} == {"lema/nano-backbone"}
    assert len({row.problem.problem_id for row in rows}) <= 8


def test_general_evolution_starts_from_all_training_questions(
    sources: tuple[Path, Path], tmp_path: Path
) -> None:
    from huggingface_hub import HfApi

    from lema_hub.hub.publish import publish_dataset

    general = load(
        RECIPES / "nano-evolve.yaml",
        ["corrections=null", "problems.train=40", "problems.start=500", "samples=20"],
        EvolveRecipe,
    )
    manifest = run(general, tmp_path / "general", command="c")
    rows = open_published(Published(path=str(tmp_path / "general")), config="nano", kinds=("problems",)).rows(
        "train"
    )
    allowed = {problem.problem_id for problem in tasks.load_problems("nano", "train", limit=40, start=500)}
    assert {row.seed_id for row in rows} <= allowed
    assert [(source.name, source.rows) for source in manifest.inputs] == [("nano", 40)]
    offline = HfApi(endpoint="http://127.0.0.1:9", token="hf_any")
    card = publish_dataset(tmp_path / "general", "lema/x", version="0.1.0", dry_run=True, api=offline).card
    assert "*general evolution*" in card
    assert "correction-centric" not in card


def test_a_plan_sends_nothing_and_bounds_what_a_run_sends(sources: tuple[Path, Path], tmp_path: Path) -> None:
    wanted = recipe(sources[0], samples=20)
    evolve, answer = plan(wanted, tmp_path / "out")
    assert (evolve.requests, evolve.exact, answer.requests, answer.exact) == (20, True, 60, False)
    assert not (tmp_path / "out").exists()
    manifest = run(wanted, tmp_path / "out", command="c")
    evolve, _ = plan(wanted, tmp_path / "out")
    assert evolve.answered == manifest.stages[0].rows_in - manifest.stages[0].dropped.get(
        "request_not_evolvable", 0
    )
    _, answer = plan(replace(wanted, samples=200), tmp_path / "out")  # the 20 are the first of the 200
    asked = 3 * manifest.stages[1].rows_in
    assert answer.expected_requests == pytest.approx(asked / evolve.answered * 200 - asked, abs=1)
    assert answer.expected_requests <= answer.requests


def test_questions_of_the_real_task_are_refused_on_every_side(
    shared_data: Path, sources: tuple[Path, Path], tmp_path: Path
) -> None:
    """Real GSM8K: an evolver that copies test, dev and training questions gets none of them through."""
    sides = {
        side: tasks.load_problems("gsm8k", side, path=shared_data / "gsm8k")
        for side in ("train", "dev", "test")
    }
    copied = [sides["test"][0], sides["dev"][0], sides["train"][5]]
    asked = iter(range(10**6))

    class Copier(Endpoint):
        def answer(self, body: dict[str, Any]) -> Reply:
            number = next(asked)
            new = f"Lea has {number} red and {2 * number} blue kites. How many kites?"
            evolving = "The change (" in body["messages"][-1]["content"]
            text = (
                (copied[number].question if number < 3 else new) if evolving else "Step 1: The answer is 12."
            )
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
            return reply({"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 4}})

    with Copier() as endpoint:
        source = f"{{engine: openai, model: m, base_url: '{endpoint.url}'}}"
        path = tmp_path / "evolve.yaml"
        path.write_text(
            f"kind: evolve\ntask: gsm8k\nevolver: {source}\nsolver: {source}\nsamples: 12\nconcurrency: 1\n"
            f"problems: {{path: {shared_data / 'gsm8k'}, train: 100}}\nnear_duplicate: 1.0\n"
            "contamination: {without: [{tests: math, why: not at hand}, {tests: csqa, why: not at hand}]}\n"
        )
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "from lema_hub.cli import main; main()",
                "build",
                "evolve",
                str(path),
                "--out",
                str(tmp_path / "out"),
                "--json",
            ],
            capture_output=True,
            text=True,
            env={**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9"},
            timeout=240,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    evolve, answer, *_ = json.loads(done.stdout)["stages"]
    assert evolve["dropped"] == {"dev_question": 1, "duplicate": 1, "test_question": 1}
    assert (answer["rows_in"], answer["rows_out"]) == (9, 9)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*-evolve.yaml")), ids=lambda path: path.stem)
def test_every_recipe_can_be_read(path: Path) -> None:
    read = load(path, (), EvolveRecipe)
    assert path.stem.startswith(read.task)
    assert read.corrections is not None
    assert read.solver.paths == 3
    assert load(path, ["corrections=null", "problems.train=10"], EvolveRecipe).corrections is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("samples=0", "samples is 0; expected a whole number from 1 to"),
        ("solver.paths=1", "solver.paths is 1; expected a whole number from 2 to"),
        ("solver.agree=1", "solver.agree must be more than half of the 3 paths, got 1"),
        ("solver.agree=4", "solver.agree must be more than half of the 3 paths, got 4"),
        ("evolutions=[]", "evolutions is empty"),
        ("evolutions=[harder]", "evolutions.0 is 'harder'; expected one of constraints, deeper"),
        ("evolver.engine=openai", "nano problems are evolved by the engine exact"),
        ("corrections=null", "the nano world is endless: give corrections"),
    ],
)
def test_a_bad_recipe_is_one_line(change: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load(RECIPES / "nano-evolve.yaml", [change], EvolveRecipe)


def test_a_dataset_of_another_kind_is_no_source_of_seeds(sources: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cot holds cot; expected corrections: give another data set"):
        run(recipe(sources[1]), tmp_path, command="c")
    row = open_published(Published(path=str(sources[0])), config="nano", kinds=("corrections",)).rows("dev")[
        0
    ]
    write_dataset(
        tmp_path / "dev", Built(rows=(row,)), kind="corrections", task="nano", command="c", inputs=()
    )
    with pytest.raises(InputError, match="there is no training question of nano to start from"):
        run(recipe(tmp_path / "dev"), tmp_path, command="c")
