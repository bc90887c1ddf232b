"""Cards: compared whole with golden files, checked by the Hub's rules, their snippets run as a user would."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml
from huggingface_hub import DatasetCard, HfApi, ModelCard

from hub.conftest import MAKERS, build_adapter, build_dataset, manifest, save_tensors, training
from lema_hub import records
from lema_hub.artifacts.dataset import RECORDS, read_dataset
from lema_hub.artifacts.manifest import Manifest
from lema_hub.artifacts.training import Agreement, Merged
from lema_hub.cards import templates
from lema_hub.cards.fields import describe
from lema_hub.cards.metadata import check_card, split_card, to_yaml
from lema_hub.errors import InputError
from lema_hub.hub.publish import publish_adapter, publish_dataset, publish_model
from lema_hub.localhub import LocalHub

OFFLINE = HfApi(endpoint="http://127.0.0.1:9", token="hf_any")


def preview(folder: Path, repo_id: str = "lema/lema-corrections") -> str:
    return publish_dataset(folder, repo_id, version="0.1.0", dry_run=True, api=OFFLINE).card


@pytest.mark.parametrize("kind", list(MAKERS))
def test_dataset_card_is_the_golden_one(
    tmp_path: Path, kind: str, golden: Callable[[str, str], None]
) -> None:
    golden(f"{kind}.md", preview(build_dataset(tmp_path, kind), f"lema/lema-{kind}"))


def test_adapter_card_is_the_golden_one(tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    published = publish_adapter(
        build_adapter(tmp_path), "lema/nano-lema", version="0.1.0", dry_run=True, api=OFFLINE
    )
    golden("adapter.md", published.card)


def test_merged_card_is_the_golden_one(tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    save_tensors(tmp_path / "model.safetensors", {"w": (2, 3)})
    (tmp_path / "config.json").write_text("{}")
    made = Merged(
        adapter="lema/nano-lema",
        revision="v0.1.0",
        sha256="c" * 64,
        dtype="float32",
        command="lema merge lema/nano-lema@v0.1.0 --task nano -n 200",
        task="nano",
        split="dev",
        agreement=(
            Agreement(
                base="nf4", prompts=200, same_texts=74, low=0.306, high=0.439, tokens=8752, same_tokens=8530
            ),
            Agreement(
                base="unquantised",
                prompts=200,
                same_texts=200,
                low=0.981,
                high=1.0,
                tokens=80,
                same_tokens=80,
            ),
        ),
    )
    training(merged=made, results=()).write(tmp_path)
    published = publish_model(tmp_path, "lema/nano-merged", version="0.1.0", dry_run=True, api=OFFLINE)
    assert split_card(published.card)[0]["base_model_relation"] == "finetune"
    golden("merged.md", published.card)


def test_adapter_card_says_when_there_are_no_results(tmp_path: Path) -> None:
    folder = build_adapter(tmp_path, results=(), notes=("3 of 800 rows were dropped (no | completion: 3).",))
    card = publish_adapter(folder, "lema/nano-lema", version="0.1.0", dry_run=True, api=OFFLINE).card
    assert "published before it was scored" in card
    assert "model-index" not in card
    assert r"- 3 of 800 rows were dropped (no \| completion: 3)." in card


def test_the_clients_read_the_cards(tmp_path: Path) -> None:
    card = DatasetCard(preview(build_dataset(tmp_path / "data")))
    assert card.data.license == "apache-2.0"
    assert card.data.configs[0]["default"] is True
    published = publish_adapter(
        build_adapter(tmp_path / "adapter"), "lema/nano-lema", version="0.1.0", dry_run=True, api=OFFLINE
    )
    model = ModelCard(published.card)
    assert model.data.base_model == "lema/nano-backbone"
    assert [(r.metric_type, r.metric_value, r.dataset_revision) for r in model.data.eval_results] == [
        ("pass@1", 0.472, "v0.1.0")
    ]


@pytest.mark.parametrize("record", [*RECORDS.values(), records.Rejection])
def test_every_column_is_explained(record: type) -> None:
    described = describe(record)
    assert [field.name for field in described] == list(records.columns(record))
    assert all(field.meaning.endswith(".") for field in described)


def test_a_template_cannot_render_a_number_that_is_missing() -> None:
    with pytest.raises(InputError, match="undefined"):
        templates.render("dataset_cards/parts/versions.md.jinja", {})
    with pytest.raises(InputError, match="Undefined"):
        templates.render(
            "dataset_cards/parts/versions.md.jinja", {"history": [{"version": "1.0.0", "changes": []}]}
        )
    with pytest.raises(InputError, match="a value is None"):
        templates.render(
            "dataset_cards/parts/load.md.jinja",
            {"repo_id": None, "default_config": "a", "default_split": "b", "version": "1.0.0"},
        )


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"rows_in": 70}, "70 rows in, 19 out and 50 dropped, which does not add up"),
        ({"dropped": {"correct": 60, "unparsed": -10}}, "which does not add up"),
        ({"rows_out": 19.5}, r"'stages\[0\]\.rows_out' is '19\.5'; expected int"),
        ({"rows_in": None}, r"'stages\[0\]\.rows_in' is 'None'; expected int"),
        ({"rows_in": ...}, "key 'rows_in' is missing in 'stages\\[0\\]'"),
    ],
)
def test_a_card_with_a_number_that_no_build_made_is_not_produced(
    built: Path, stage: dict[str, object], message: str
) -> None:
    """The counts of a stage are made up, missing or no counts: nothing is rendered."""
    path = built / "manifest.json"
    made = json.loads(path.read_text())
    made["stages"][0] = {
        name: value for name, value in (made["stages"][0] | stage).items() if value is not ...
    }
    path.write_text(json.dumps(made))
    with pytest.raises(InputError, match=message):
        preview(built)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_card_with_a_number_that_is_none_is_not_produced(built: Path, value: float) -> None:
    replace(Manifest.read(built), cost_usd=value).write(built)
    with pytest.raises(InputError, match=r"'cost_usd' is '(nan|inf)'; expected float"):
        preview(built)


def test_no_number_is_typed_into_a_template() -> None:
    """Outside of code, links and the papers' citations, digits in the templates come from the context."""
    import re

    for path in (*Path("dataset_cards").rglob("*.md.jinja"), *Path("model_cards").rglob("*.md.jinja")):
        if path.name == "citation.md.jinja":
            continue
        text = re.sub(
            r"```.*?```|\{\{.*?\}\}|\{%.*?%\}|\([^)]*arxiv[^)]*\)", "", path.read_text(), flags=re.DOTALL
        )
        assert re.findall(r"(?<![\w-])\d+(?!-bit|-256)", text) == [], path


def test_foreign_text_cannot_break_the_card(tmp_path: Path) -> None:
    folder = build_dataset(tmp_path)
    made = Manifest.read(folder)
    nasty = "x | <script>alert(1)</script>\n# heading `code` ```"
    spoiled = replace(
        made,
        command=f"lema build\n```\n{nasty}",
        stages=(replace(made.stages[0], name=nasty, dropped={nasty: 50}),),
        models=(replace(made.models[0], name=nasty),),
    )
    spoiled.write(folder)
    card = preview(folder)
    import re

    outside = re.sub(r"^(`{3,})\w*\n.*?^\1$", "", card, flags=re.DOTALL | re.MULTILINE)
    outside = re.sub(r"(`+)[^`\n].*?\1", "", outside)
    assert "<script>" not in outside
    assert "\n# heading" not in outside
    tables = [line for line in outside.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)


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


def user(hub: LocalHub, code: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run code as a user would: the stock clients, told only where the Hub is."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": hub.token,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(home),
    }
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


READ_BACK = """
import sys
from datasets import load_dataset
repo, one, two = sys.argv[1:] if len(sys.argv) > 1 else ARGS
by_tag = load_dataset(repo, "nano", split="train", revision="v0.1.0")
by_sha = load_dataset(repo, "nano", split="train", revision=one)
assert by_tag.to_list() == by_sha.to_list()
assert len(by_tag) == 12 and len(load_dataset(repo, split="train", revision="v0.2.0")) == 14
assert len(load_dataset(repo, "nano", split="dev", revision=two)) == 4
assert len(load_dataset(repo, "rejected", split="train")) == 3
streamed = list(load_dataset(repo, split="train", revision="v0.1.0", streaming=True))
assert streamed == by_tag.to_list()
import pandas as pd
frame = pd.read_parquet(f"hf://datasets/{repo}@v0.1.0/data/nano/train.parquet")
assert frame["completion"].tolist() == by_tag["completion"]
from lema_hub.records import Correction
assert [Correction.from_row(row).to_row() for row in by_tag] == by_tag.to_list()
print("read", len(by_tag))
"""


def test_what_was_published_is_read_by_the_stock_clients(
    hub: LocalHub, api: HfApi, repo_id: str, built: Path, tmp_path: Path
) -> None:
    one = publish_dataset(built, repo_id, version="0.1.0", api=api)
    two = publish_dataset(build_dataset(tmp_path / "two", train=14), repo_id, version="0.2.0", api=api)
    arguments = f"ARGS = {(repo_id, one.commit, two.commit)!r}\n"
    done = user(hub, arguments + READ_BACK, tmp_path / "home")
    assert done.stdout == "read 12\n", done.stderr


def test_the_snippet_of_the_card_runs(
    hub: LocalHub, api: HfApi, repo_id: str, built: Path, tmp_path: Path
) -> None:
    published = publish_dataset(built, repo_id, version="0.1.0", api=api)
    done = user(hub, published.snippet, tmp_path / "home")
    example = read_dataset(built).splits[0].table.slice(0, 1).to_pylist()[0]
    assert done.stdout == f"{example['prompt']}{example['completion']}\n", done.stderr


def test_licences_that_clash_are_refused_unless_the_right_is_declared(
    api: HfApi, repo_id: str, built: Path
) -> None:
    made = Manifest.read(built)
    closed = tuple(replace(model, name="gpt-4", license=None) for model in made.models)
    replace(made, models=closed).write(built)
    with pytest.raises(InputError, match=r"may not be published: .*gpt-4.*--i-have-the-right"):
        publish_dataset(built, repo_id, version="0.1.0", api=api)
    assert not api.repo_exists(repo_id, repo_type="dataset")
    published = publish_dataset(
        built, repo_id, version="0.1.0", api=api, right="A contract with the provider"
    )
    assert "A contract with the provider" in published.card
    local = api.hf_hub_download(
        repo_id, "manifest.json", repo_type="dataset", local_dir=built.parent / "back"
    )
    assert set(Manifest.read(Path(local)).granted.values()) == {"A contract with the provider"}


def test_a_licence_that_the_rows_contradict_is_refused(built: Path) -> None:
    replace(Manifest.read(built), license="mit").write(built)
    with pytest.raises(InputError, match=r"says licence 'mit', the rows add up to 'apache-2\.0'"):
        preview(built)


def test_the_card_shows_every_number_of_the_manifest(built: Path) -> None:
    """Change any number of the manifest that the card shows, and the card changes."""
    before = preview(built)
    made = Manifest.read(built)
    for change in (
        {"seed": 4711},
        {"tokens": replace(made.tokens, prompt=471_100)},
        {"cost_usd": 47.11},
        {"verdicts": {**made.verdicts, "wrong": 4711}},
        {
            "stages": (
                replace(made.stages[0], rows_in=69 + 4711, dropped={"correct": 4711 + 50}),
                *made.stages[1:],
            )
        },
        {"packages": {"lema_hub": "47.1.1"}},
        {"measures": {"contaminated rows": 4711.0}},
    ):
        replace(made, **change).write(built)
        assert preview(built) != before, change
    assert {field.name for field in fields(made)} >= {"seed", "tokens", "cost_usd"}
    assert yaml.safe_load(split_card(before)[0]["license"]) == manifest("cot", {}).license
