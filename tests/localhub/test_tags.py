"""The tags by which a repo is found."""

from __future__ import annotations

import pytest

from lema_hub.localhub import suffixes, tags


def card(header: str) -> str:
    return f"---\n{header}\n---\n# Title\n"


def test_tags_of_a_model() -> None:
    readme = card(
        "license: apache-2.0\nlibrary_name: peft\nbase_model: lema/nano\nbase_model_relation: adapter\n"
        "datasets: [lema/lema-corrections]\npipeline_tag: text-generation\nlanguage: en\ntags: [math, math]"
    )
    found = tags.derive(readme + "See https://arxiv.org/abs/2310.20689.", "model", [], ["safetensors"])
    assert found == [
        "peft", "text-generation", "safetensors", "en", "dataset:lema/lema-corrections",
        "base_model:lema/nano", "base_model:adapter:lema/nano", "license:apache-2.0",
        "math", "arxiv:2310.20689",
    ]  # fmt: skip


def test_tags_of_a_dataset_come_from_card_and_files() -> None:
    readme = card("task_categories: [text-generation]\nsize_categories: n<1K\nlanguage: [en]\nlicense: mit")
    assert tags.derive(readme, "dataset", [], ["parquet"]) == [
        "task_categories:text-generation", "language:en", "size_categories:n<1K", "format:parquet",
        "license:mit",
    ]  # fmt: skip


def test_tags_survive_an_unreadable_header() -> None:
    found = tags.derive(card("a: [") + "arxiv.org/abs/2503.17439", "dataset", [], [])
    assert found == ["arxiv:2503.17439"]


def test_every_suffix_that_makes_a_tag_is_stored() -> None:
    assert {"safetensors", *tags._FORMATS} == suffixes.SUFFIXES


@pytest.mark.parametrize(
    ("files", "library"),
    [(["config.json"], "transformers"), (["adapter_config.json", "config.json"], "peft"), ([], None)],
)
def test_library_is_told_by_the_files(files: list[str], library: str | None) -> None:
    assert tags.library_name({}, files) == library


def test_a_repo_has_a_limited_number_of_tags() -> None:
    readme = f"---\ntags: [{'x' * 201}]\n---\n" + "\n".join(f"arxiv.org/abs/2301.{n:05}" for n in range(3000))
    found = tags.derive(readme, "model", [], [])
    assert (len(found), found[0]) == (1000, "arxiv:2301.00000")
