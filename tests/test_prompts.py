"""Prompts: the papers' formats to the letter, and hashes that never move under published data."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import pytest

from lema_hub import prompts
from lema_hub.answers import extract
from lema_hub.answers.choice import options
from lema_hub.errors import InputError
from lema_hub.steps import parse_correction

LITERAL = {
    "lema-cot": "Please solve the following math problem.\nQuestion: Q?\nAnswer: Let's think step by step.\n",
    "lema-correction": (
        "For the following math problem, the original solution is incorrect. Please identify the incorrect step, "
        "explain why it is incorrect, and correct the original solution starting from the incorrect step.\n"
        "Question: Q?\nOriginal Solution:\n{\nStep 1: S.\nStep 2: The answer is 3.\n}\nIncorrect Step:"
    ),
    "lemma-solve": "### Instruction:\nQ?\n\n### Response: Let's think step by step.",
    "wizardmath-cot": (
        "Below is an instruction that describes a task. Write a response that appropriately completes the request."
        "\n\n### Instruction:\nQ?\n\n### Response: Let's think step by step."
    ),
}
FIELDS = {"question": "Q?", "solution": "Step 1: S.\nStep 2: The answer is 3."}
HASHES = {
    "lema-correction-choice.v1.jinja": "e694e249f129ece3",
    "lema-correction.v1.jinja": "5686f5ec502abde4",
    "lema-corrector-csqa.v1.jinja": "782265f6f0b923c6",
    "lema-corrector-gsm8k.v1.jinja": "e543453db65f448a",
    "lema-corrector-math.v1.jinja": "1b869bf0727e9f73",
    "lema-cot-choice.v1.jinja": "769edfc7edfc8f7e",
    "lema-cot.v1.jinja": "747f8094510740d6",
    "lema-evolve.v1.jinja": "df3593b8219e9ced",
    "lema-fewshot-csqa.v1.jinja": "8b4904ebc465c1c8",
    "lema-fewshot-gsm8k.v1.jinja": "4c5b4c649c8bebc2",
    "lema-fewshot-math.v1.jinja": "569fd278017a6469",
    "lema-seam-judge.v1.jinja": "726d573e7169e104",
    "lema-structured.v1.jinja": "4a53ce7cfb6a8294",
    "lemma-solve.v1.jinja": "aa89016b0fba99e9",
    "wizardmath-cot.v1.jinja": "429bd1ca97124bae",
}


@pytest.mark.parametrize("name", LITERAL)
def test_the_formats_of_the_papers_to_the_letter(name: str) -> None:
    assert prompts.load(name, 1).render(**FIELDS) == LITERAL[name]


def test_every_published_template_is_what_it_was() -> None:
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest()[:16] for file in
    files("lema_hub.prompts").iterdir()
             if file.name.endswith(".jinja")}  # fmt: skip
    assert found == HASHES, "a template that made data never changes: write a new version of it"


@pytest.mark.parametrize("file", sorted(HASHES))
def test_an_id_names_file_and_hash(file: str) -> None:
    name, _, rest = file.partition(".v")
    version = int(rest.removesuffix(".jinja"))
    prompt = prompts.load(name, version)
    assert prompt.id == f"{name}@{version}#{HASHES[file][:8]}"
    assert prompt.sha256.startswith(HASHES[file])


@pytest.mark.parametrize("name", ["lema-corrector-gsm8k", "lema-corrector-math", "lema-corrector-csqa"])
def test_a_corrector_prompt_shows_four_corrections_and_asks_for_the_fifth(name: str) -> None:
    text = prompts.load(name).render(**FIELDS)
    assert text.count("\nQuestion: ") == text.count("\nOriginal Solution:\n{\n") == 5
    assert text.endswith(
        "Question: Q?\nOriginal Solution:\n{\nStep 1: S.\nStep 2: The answer is 3.\n}\nIncorrect Step:"
    )
    assert "original solutions may contain errors" in text.partition("\n")[0]
    shown = [part.partition("\n\nQuestion:")[0] for part in text.split("Incorrect Step:")[1:-1]]
    read = [parse_correction(part) for part in shown]
    assert len(read) == 4
    for part, correction in zip(shown, read, strict=True):
        assert correction.first == correction.incorrect_step
        assert ("{\n...\n" in part) == (correction.incorrect_step > 1)
        assert correction.steps[-1].startswith("The answer is ")
    assert len({correction.incorrect_step for correction in read}) > 1


@pytest.mark.parametrize("name", ["lema-fewshot-gsm8k", "lema-fewshot-math", "lema-fewshot-csqa"])
def test_a_few_shot_prompt_shows_solved_problems_and_ends_with_the_question(name: str) -> None:
    text = prompts.load(name).render(question="Q?")
    assert text.count("Question:") >= 4
    assert "Q?" in text.rpartition("Question:")[2]
    assert text.count("The answer is") == text.count("Question:") - 1


def test_the_examples_of_multiple_choice_end_in_one_option_that_the_judge_reads() -> None:
    shown = prompts.load("lema-fewshot-csqa").render(question="Q?").split("\n\nQuestion: ")[1:-1]
    letters = []
    for example in shown:
        question, _, solution = example.partition("\nAnswer: Let's think step by step.\n")
        assert list(options(question)) == list("ABCDE")
        letters.append(extract(solution, style="choice", question=question))
    parts = prompts.load("lema-corrector-csqa").render(**FIELDS).split("\n\nQuestion: ")[1:-1]
    for part in parts:
        question, _, rest = part.partition("\nOriginal Solution:\n")
        original, _, correction = rest.partition("\nIncorrect Step:")
        answers = [
            extract(text.strip("{}\n "), style="choice", question=question) for text in (original, correction)
        ]
        assert answers[0] != answers[1]
        letters.append(answers[1])
    assert len(letters) == 8
    assert set(letters) == set("ABCDE")


def test_a_question_is_taken_as_it_is() -> None:
    question = "Is 3 < 5 & {{ 7 * 7 }} {% raw %} \\frac{1}{2} 'so'?"
    assert question in prompts.load("lema-cot").render(question=question)


def test_the_newest_version_is_the_default() -> None:
    for file in HASHES:
        name = file.partition(".v")[0]
        newest = max(
            int(other.partition(".v")[2].removesuffix(".jinja"))
            for other in HASHES
            if other.startswith(f"{name}.v")
        )
        assert prompts.load(name).version == newest


@pytest.mark.parametrize(
    ("name", "version"), [("lema-kot", None), ("lema-cot", 99), ("../errors", None), ("", 1)]
)
def test_an_unknown_prompt_is_named_with_those_that_there_are(name: str, version: int | None) -> None:
    with pytest.raises(InputError, match=r"no prompt .*choose one of .*lema-cot@1") as raised:
        prompts.load(name, version)
    assert "\n" not in str(raised.value)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(InputError, match=r"lema-correction@1#[0-9a-f]{8}: 'solution' is undefined"):
        prompts.load("lema-correction").render(question="Q?")
