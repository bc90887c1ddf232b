"""What may not be published is refused by the command: one line, exit 1, and the Hub is what it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi

from lema_hub.hub.publish import publish_dataset
from lema_hub.localhub import LocalHub
from tests.built import build_dataset
from tests.command import lema

TRAIN = "data/nano/train.parquet"


def change(edit: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        table = edit(pq.read_table(folder / TRAIN))
        pq.write_table(table, folder / TRAIN)

    return spoil


def first(column: str, value: object) -> Callable[[Path], None]:
    """The first row with another value."""

    def edit(table: pa.Table) -> pa.Table:
        field = table.schema.field(column)
        values = pa.array([value, *table[column].to_pylist()[1:]], field.type)
        return table.set_column(table.column_names.index(column), field, values)

    return change(edit)


def as_text(column: str) -> Callable[[Path], None]:
    """A column of another type."""

    def edit(table: pa.Table) -> pa.Table:
        words = pa.array([f"step {value}" for value in table[column].to_pylist()])
        return table.set_column(table.column_names.index(column), column, words)

    return change(edit)


def of_kind(kind: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        shutil.rmtree(folder)
        build_dataset(folder, kind)

    return spoil


CASES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "duplicate ids": (
        change(lambda t: pa.concat_tables([t.slice(0, 11), t.slice(0, 1)])),
        "0.3.0",
        "duplicate rows",
    ),
    "a row without licence": (
        first("license", None),
        "0.3.0",
        "column 'license' of a Correction is null in row 0",
    ),
    "a licence that nobody knows": (
        first("license", "unknown"),
        "0.3.0",
        "1 rows have the licence 'unknown'",
    ),
    "a test question in train": (
        first("problem_id", "gsm8k/test/3"),
        "0.3.0",
        "test questions never enter training",
    ),
    "a column of the wrong type": (
        as_text("incorrect_step"),
        "0.3.0",
        "'incorrect_step' is string; expected int64",
    ),
    "a tag that exists": (lambda _: None, "0.2.0", "has v0.2.0 already"),
    "a version that goes back": (lambda _: None, "0.1.5", "version 0.1.5 goes back"),
    "a repo of another kind": (of_kind("cot"), "0.3.0", "holds corrections, this folder cot"),
}


@pytest.fixture(scope="module")
def published(hub: LocalHub, tmp_path_factory: pytest.TempPathFactory) -> str:
    repo_id = "lema/lema-bad-input"
    api = HfApi(endpoint=hub.url, token=hub.token)
    for number, rows in (("0.1.0", 12), ("0.2.0", 13)):
        folder = build_dataset(tmp_path_factory.mktemp("built"), train=rows)
        publish_dataset(folder, repo_id, version=number, api=api)
    return repo_id


@pytest.mark.parametrize("case", list(CASES))
def test_bad_input_changes_nothing_on_the_hub(
    hub: LocalHub, api: HfApi, published: str, tmp_path: Path, case: str
) -> None:
    spoil, version, message = CASES[case]
    folder = build_dataset(tmp_path / "built", train=14)
    if case.startswith("duplicate"):
        folder = build_dataset(tmp_path / "again", train=12)
    spoil(folder)

    def state() -> object:
        refs = api.list_repo_refs(published, repo_type="dataset")
        info = api.repo_info(published, repo_type="dataset")
        return info.sha, {ref.name: ref.target_commit for ref in (*refs.tags, *refs.branches)}

    before = state()
    done = lema(hub, "publish", "dataset", folder, published, "--version", version)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr
    assert state() == before


def test_publish_prints_what_was_done_and_what_to_type_next(hub: LocalHub, repo_id: str, built: Path) -> None:
    dry = lema(hub, "publish", "dataset", built, repo_id, "--version", "0.1.0", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "config_name: nano" in dry.stdout
    assert "Nothing was sent" in dry.stdout
    done = lema(hub, "publish", "dataset", built, repo_id, "--version", "0.1.0")
    assert done.returncode == 0, done.stderr
    assert f"{hub.url}/datasets/{repo_id}/tree/v0.1.0" in done.stdout
    assert f'load_dataset("{repo_id}", "nano", split="train", revision="v0.1.0")' in done.stdout
    again = lema(hub, "publish", "dataset", built, repo_id, "--version", "0.1.0")
    assert again.returncode == 0, again.stderr
    assert "Finished v0.1.0 as commit" in again.stdout
    assert ", 0 bytes sent" in again.stdout


def test_json_is_one_object(hub: LocalHub, repo_id: str, adapter: Path) -> None:
    done = lema(hub, "publish", "adapter", adapter, repo_id, "--version", "0.1.0", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["repo_id"] == repo_id
    assert len(result["commit"]) == 40
    assert result["bytes"] == sum(result["files"].values())
    assert "PeftModel.from_pretrained" in result["snippet"]


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["dataset", "nothing", "lema/x", "--version", "0.1.0"], {}, "'nothing' is not a folder"),
        (["dataset", "BUILT", "lema/x", "--version", "1.0"], {}, "version '1.0' is not a semantic version"),
        (["dataset", "BUILT", "x", "--version", "0.1.0"], {}, "'x' is not a repo id"),
        (
            ["dataset", "BUILT", "lema/x", "--version", "0.1.0"],
            {"HF_TOKEN": "hf_wrong"},
            "does not know this token",
        ),
        (
            ["dataset", "BUILT", "lema/x", "--version", "0.1.0"],
            {"HF_ENDPOINT": "http://127.0.0.1:9"},
            "no answer from http://127.0.0.1:9",
        ),
        (["adapter", "BUILT", "lema/x", "--version", "0.1.0"], {}, "has no adapter_model.safetensors"),
        (["model", "BUILT", "lema/x", "--version", "0.1.0"], {}, "has no model.safetensors"),
    ],
)
def test_bad_input_is_one_line_and_exit_1(
    hub: LocalHub, built: Path, arguments: list[str], environment: dict[str, str], message: str
) -> None:
    given = [str(built) if argument == "BUILT" else argument for argument in arguments]
    done = lema(hub, "publish", *given, **environment)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("lema: ")
    assert message in done.stderr
