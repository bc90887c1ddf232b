"""The licence engine: combinations, clashes, models' terms."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lema_hub.artifacts.manifest import ModelUse
from lema_hub.cards.licenses import combine


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ({"mit": 3}, "mit"),
        ({"mit": 3, "apache-2.0": 1}, "apache-2.0"),
        ({"cc0-1.0": 3, "mit": 1}, "mit"),
        ({"mit": 3, "cc-by-4.0": 1}, "cc-by-4.0"),
        ({"mit": 3, "cc-by-sa-4.0": 1}, "cc-by-sa-4.0"),
        ({"apache-2.0": 3, "cc-by-nc-4.0": 1}, "cc-by-nc-4.0"),
        ({"cc-by-nc-4.0": 3, "cc-by-nc-sa-4.0": 1, "mit": 2}, "cc-by-nc-sa-4.0"),
        ({"mit": 3, "cc-by-nd-4.0": 0}, "mit"),
    ],
)
def test_licences_that_agree_combine_to_the_most_demanding(rows: dict[str, int], expected: str) -> None:
    terms = combine(rows)
    assert terms.license == expected
    assert terms.clashes == ()
    assert terms.duties


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ({"cc-by-sa-4.0": 1, "cc-by-nc-4.0": 2}, "no one licence meets both"),
        ({"cc-by-sa-4.0": 1, "gpl-3.0": 2}, "each want the whole"),
        ({"cc-by-nd-4.0": 1, "mit": 2}, "forbids derived works"),
        ({"unknown": 1, "mit": 2}, "nobody can tell"),
        ({"MIT": 1}, "not a licence identifier"),
        ({"": 1}, "not a licence identifier"),
        ({"llama2": 1}, "licence of models"),
        ({}, "no rows"),
    ],
)
def test_licences_that_clash_leave_none_and_say_why(rows: dict[str, int], reason: str) -> None:
    terms = combine(rows)
    assert terms.license is None
    assert any(reason in clash for clash in terms.clashes)


def model(name: str, terms: str | None = None) -> ModelUse:
    return ModelUse(role="corrector", name=name, revision=None, engine="openai", license=terms)


@pytest.mark.parametrize("name", ["gpt-4", "openai/gpt-4o-mini", "o3", "claude-sonnet-4", "gemini-2.0-flash"])
def test_a_proprietary_corrector_forbids(name: str) -> None:
    terms = combine({"mit": 3}, [model(name)])
    assert terms.license is None
    assert name in terms.clashes[0]


@pytest.mark.parametrize(
    "name", ["openai/gpt-oss-20b", "gpt-neo-125m", "Qwen/Qwen3-8B", "lema/nano-backbone", "olmo"]
)
def test_an_open_corrector_does_not(name: str) -> None:
    assert combine({"mit": 3}, [model(name)]).license == "mit"


@pytest.mark.parametrize(
    "name",
    ["meta-llama/Llama-2-70b-hf", "llama2", "meta-llama/Meta-Llama-3-8B", "codellama/CodeLlama-7b-hf"],
)
def test_a_llama_that_forbids_is_known_by_its_name(name: str) -> None:
    assert combine({"mit": 1}, [model(name)]).license is None
    assert combine({"mit": 1}, [model(name, "apache-2.0")]).license == "mit"


@pytest.mark.parametrize(
    ("name", "duty"),
    [
        ("meta-llama/Llama-3.1-8B", "Built with Llama"),
        ("meta-llama/Llama-4-Scout-17B-16E", "Built with Llama"),
        ("google/gemma-2-9b-it", "Gemma's use restrictions"),
    ],
)
def test_duties_of_open_weights_are_known_by_their_name(name: str, duty: str) -> None:
    terms = combine({"mit": 1}, [model(name)])
    assert terms.license == "mit"
    assert any(duty in one for one in terms.duties)


def test_llama_outputs_forbid_or_oblige_by_version() -> None:
    assert combine({"mit": 1}, [model("meta-llama/Llama-2-7b-hf", "llama2")]).license is None
    terms = combine({"mit": 1}, [model("meta-llama/Llama-3.1-8B", "llama3.1")])
    assert terms.license == "mit"
    assert any("Built with Llama" in duty for duty in terms.duties)


def test_terms_that_nobody_stated_are_named_and_not_taken_for_none() -> None:
    use = ModelUse(role="corrector", name="mistral-large", revision=None, engine="openai")
    unknown = combine({"mit": 3}, [use])
    assert unknown.license == "mit"
    assert any("mistral-large: look up" in duty for duty in unknown.duties)
    stated = combine({"mit": 3}, [replace(use, license="apache-2.0")])
    ours = combine({"mit": 3}, [replace(use, name="lema/nano-backbone", engine="transformers")])
    assert stated.duties == ours.duties == ("keep the notice of the licence and name the sources",)
