"""Front matter by the Hub's published rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from lema_hub.artifacts.dataset import read_dataset
from lema_hub.cards.metadata import check_card, split_card, to_yaml
from lema_hub.errors import InputError
from lema_hub.hub.publish import publish_dataset
from tests.built import OFFLINE


def card_of(folder: Path) -> tuple[dict, str, list[str]]:
    published = publish_dataset(folder, "lema/x", version="0.1.0", dry_run=True, api=OFFLINE)
    data, text = split_card(published.card)
    return data, text, list(published.files)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(license="apache"), "license is 'apache'; expected an identifier"),
        (lambda d: d.update(license="other"), "license_name is 'None'"),
        (lambda d: d.update(language=["english"]), "language is 'english'; expected an ISO 639 code"),
        (lambda d: d.update(size_categories=["small"]), "size_categories is 'small'"),
        (lambda d: d.update(task_categories=["solving"]), "task_categories is 'solving'"),
        (lambda d: d.update(tags=[1]), "tags is '1'"),
        (lambda d: d["configs"][0].pop("default"), "exactly one of them with default: true"),
        (lambda d: d["configs"][1].update(default=True), "exactly one of them with default: true"),
        (lambda d: d["configs"].pop(1), "every Parquet file in a config"),
        (
            lambda d: d["configs"][0]["data_files"][0].update(path="data/x.parquet"),
            "a file that is published",
        ),
        (lambda d: d["dataset_info"].pop(1), "dataset_info is"),
        (lambda d: d["dataset_info"][0]["splits"].pop(1), "dataset_info.splits is"),
        (lambda d: d.update(source_datasets=["extended|not a repo"]), "source_datasets is"),
        (lambda d: d.update(base_model="a/b"), "base_model_relation is 'None'"),
    ],
)
def test_a_card_that_breaks_a_rule_of_the_hub_is_refused(built: Path, change, message: str) -> None:
    data, text, files = card_of(built)
    check_card(f"---\n{to_yaml(data)}---\n{text}", files=files)
    change(data)
    with pytest.raises(InputError) as caught:
        check_card(f"---\n{to_yaml(data)}---\n{text}", files=files)
    assert message in str(caught.value)


def test_a_card_that_points_at_nothing_is_refused(built: Path) -> None:
    data, text, files = card_of(built)
    with pytest.raises(InputError, match=r"points at 'images/x\.svg'"):
        check_card(f"---\n{to_yaml(data)}---\n{text}\n![x](images/x.svg)\n", files=files)


def test_dataset_info_agrees_with_the_files(built: Path) -> None:
    from datasets import Features

    data, _, _ = card_of(built)
    for split in read_dataset(built).splits:
        info = next(info for info in data["dataset_info"] if info["config_name"] == split.config)
        assert Features._from_yaml_list(info["features"]) == Features.from_arrow_schema(split.table.schema)
        described = {item["name"]: item["num_examples"] for item in info["splits"]}
        assert described[split.name] == split.table.num_rows
