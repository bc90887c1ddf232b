"""What a card must say."""

from __future__ import annotations

import pytest

from lema_hub.localhub import cards
from lema_hub.localhub.paths import RepoType


def card(header: str) -> str:
    return f"---\n{header}\n---\n# Title\n"


@pytest.mark.parametrize(
    ("kind", "header"),
    [
        (
            "model",
            "license: mit\nbase_model: lema/nano\nbase_model_relation: adapter\ntags: [lema]\nlanguage: en",
        ),
        ("dataset", "license: other\nlicense_name: x\nsize_categories: [1K<n<10K]\nlanguage: [en, zh-Hant]"),
        ("dataset", "configs:\n- config_name: nano\n  data_files: nano/*.parquet\n  default: true"),
        ("space", "title: T\nsdk: gradio\ncolorFrom: red\ncolorTo: pink\nshort_description: fine"),
        (
            "model",
            "model-index:\n- name: m\n  results:\n  - task: {type: text-generation}\n"
            "    dataset: {type: g, name: G}\n    metrics: [{type: pass@1, value: 0.5}]",
        ),
    ],
)
def test_cards_that_pass(kind: RepoType, header: str) -> None:
    assert cards.check(card(header), kind).errors == []


@pytest.mark.parametrize(
    ("kind", "header", "message"),
    [
        ("model", "license: my-own", '"license" must be a licence id'),
        ("model", "license: {a: b}", '"license" must be a string'),
        ("model", "language: no", "quote"),
        ("model", "language: English!", "ISO 639"),
        ("model", "tags: {a: b}", '"tags"'),
        ("model", "tags: [1]", '"tags"'),
        ("model", "base_model: [1]", '"base_model"'),
        ("model", "base_model_relation: child", '"base_model_relation"'),
        ("model", "base_model_relation: [merge]", '"base_model_relation"'),
        ("model", "base_model_relation: {a: 1}", '"base_model_relation"'),
        ("model", "pipeline_tag: [a]", '"pipeline_tag"'),
        ("model", "model-index:\n- name: m\n  results: [{task: x, dataset: [y], metrics: [1]}]", "task.type"),
        ("model", "model-index: x", '"model-index" must be a list'),
        ("model", "model-index:\n- results: []", "name"),
        (
            "model",
            "model-index:\n- name: m\n  results:\n  - task: {type: a}\n    metrics: []",
            "dataset.type",
        ),
        ("model", "model-index:\n- name: m\n  results: [1]", "task.type"),
        ("dataset", "configs: nano", '"configs" must be a list'),
        ("dataset", "configs:\n- data_files: x", "config_name"),
        ("dataset", "configs:\n- config_name: a\n- config_name: a", "used twice"),
        ("dataset", "size_categories: big", "size_categories"),
        ("space", "title: T", '"sdk" must be one of'),
        ("space", "sdk: [gradio]", '"sdk" must be one of'),
        ("space", "sdk: gradio\ncolorFrom: mauve", "colorFrom"),
        ("space", "sdk: gradio\ncolorFrom: [red]", "colorFrom"),
        ("space", f"sdk: static\nshort_description: {'x' * 61}", "short_description"),
    ],
)
def test_cards_that_are_refused(kind: RepoType, header: str, message: str) -> None:
    assert any(message in error for error in cards.check(card(header), kind).errors)


def test_a_card_without_header_is_a_warning() -> None:
    found = cards.check("# Title", "model")
    assert (found.errors, found.warnings) == ([], ["empty or missing yaml metadata in repo card"])


def test_a_card_with_many_faults_names_the_first_of_them() -> None:
    found = cards.check(card(f"language: [{', '.join(['x!'] * 1000)}]"), "model")
    assert len(found.errors) == 21
    assert found.errors[-1] == "... and 980 more"
