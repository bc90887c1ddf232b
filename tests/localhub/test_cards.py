"""The YAML header: read with care, checked like the Hub does, turned into tags."""

from __future__ import annotations

import time

import pytest

from lema_hub.localhub import cards
from lema_hub.localhub.paths import RepoType


def card(header: str) -> str:
    return f"---\n{header}\n---\n# Title\n"


def test_read_gives_json_safe_data() -> None:
    found = cards.read(card("a: 2024-01-31\nb: .inf\nc: [x, 1, null]\n1: {y: true}"))
    assert found == {"a": "2024-01-31", "b": "inf", "c": ["x", 1, None], "1": {"y": True}}


def test_what_json_or_the_database_cannot_hold_is_replaced() -> None:
    assert cards.json_safe({"\ud800": ["\udfffx", float("nan"), 2**100]}) == {"?": ["?x", "nan", 2**100]}


@pytest.mark.parametrize("readme", ["", "# no header", "---\n---\n# empty", "text\n---\na: 1\n---\n"])
def test_a_readme_without_a_header_is_empty(readme: str) -> None:
    assert cards.read(readme) == {}


def test_a_rule_inside_a_line_does_not_end_the_header() -> None:
    assert cards.read("---\na: x---\nb: 2\n---\n") == {"a": "x---", "b": 2}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("a: [1, 2", "invalid YAML"),
        ("a: b: c", "invalid YAML"),
        ("- a list", "must be a mapping, got list"),
        ("just words", "must be a mapping, got str"),
        ("a: 1\na: 2", "duplicated mapping key 'a', line 2"),
        ("a: !!python/object/apply:os.system [id]", "invalid YAML"),
        ("a: 2024-99-99", "invalid YAML"),
        ("a: &x [*x]", "alias"),
        ("a: " + "[" * 100 + "]" * 100, "nested more than"),
        ("a: *nowhere", "alias"),
        ("a: 0x" + "f" * 100, "128 bits"),
        ("a: " + "9" * 5000, "invalid YAML"),
        ("0x" + "f" * 9000 + ": 1", "invalid YAML"),
        ("? [a, b]\n: 1", "invalid YAML"),
    ],
)
def test_headers_that_cannot_be_read(header: str, message: str) -> None:
    with pytest.raises(cards.CardError, match=message) as caught:
        cards.read(card(header))
    assert "\n" not in str(caught.value)


def test_a_billion_laughs_are_refused_at_once() -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    started = time.process_time()
    with pytest.raises(cards.CardError, match="stands for more than"):
        cards.read(card("\n".join(lines)))
    assert time.process_time() - started < 5


def test_merge_keys_are_counted_at_full_size() -> None:
    lines = ["b0: &b0 {x: 1}"]
    lines += [f"b{n}: &b{n} {{<<: [{', '.join([f'*b{n - 1}'] * 9)}]}}" for n in range(1, 12)]
    with pytest.raises(cards.CardError, match="stands for more than"):
        cards.read(card("\n".join(lines)))


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
        ("model", "pipeline_tag: [a]", '"pipeline_tag"'),
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
        ("space", "sdk: gradio\ncolorFrom: mauve", "colorFrom"),
        ("space", f"sdk: static\nshort_description: {'x' * 61}", "short_description"),
    ],
)
def test_cards_that_are_refused(kind: RepoType, header: str, message: str) -> None:
    assert any(message in error for error in cards.check(card(header), kind).errors)


def test_a_card_without_header_is_a_warning() -> None:
    found = cards.check("# Title", "model")
    assert (found.errors, found.warnings) == ([], ["empty or missing yaml metadata in repo card"])


def test_tags_of_a_model() -> None:
    readme = card(
        "license: apache-2.0\nlibrary_name: peft\nbase_model: lema/nano\nbase_model_relation: adapter\n"
        "datasets: [lema/lema-corrections]\npipeline_tag: text-generation\nlanguage: en\ntags: [math, math]"
    )
    found = cards.tags(
        readme + "See https://arxiv.org/abs/2310.20689.", "model", ["adapter_model.safetensors"]
    )
    assert found == [
        "peft", "text-generation", "safetensors", "en", "dataset:lema/lema-corrections",
        "base_model:lema/nano", "base_model:adapter:lema/nano", "license:apache-2.0",
        "math", "arxiv:2310.20689",
    ]  # fmt: skip


def test_tags_of_a_dataset_come_from_card_and_files() -> None:
    readme = card("task_categories: [text-generation]\nsize_categories: n<1K\nlanguage: [en]\nlicense: mit")
    assert cards.tags(readme, "dataset", ["nano/train.parquet"]) == [
        "task_categories:text-generation", "language:en", "size_categories:n<1K", "format:parquet",
        "license:mit",
    ]  # fmt: skip


def test_tags_survive_an_unreadable_header() -> None:
    assert cards.tags(card("a: [") + "arxiv.org/abs/2503.17439", "dataset", []) == ["arxiv:2503.17439"]


@pytest.mark.parametrize(
    ("files", "library"),
    [(["config.json"], "transformers"), (["adapter_config.json", "config.json"], "peft"), ([], None)],
)
def test_library_is_told_by_the_files(files: list[str], library: str | None) -> None:
    assert cards.library_name({}, files) == library
