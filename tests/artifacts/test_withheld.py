"""Id-only releases: no text of the source is published, and the rebuild gives the very rows, or says what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi
from transformers import AutoTokenizer

from lema_hub.artifacts.dataset import read_dataset
from lema_hub.artifacts.manifest import Manifest, Stage
from lema_hub.artifacts.parquet import write_table
from lema_hub.artifacts.withheld import MARK, SOURCE, check_withheld, is_withheld, masked, restored, withhold
from lema_hub.builders.rebuild import rebuild
from lema_hub.cards.licenses import combine
from lema_hub.errors import InputError
from lema_hub.hub.publish import publish_dataset
from lema_hub.hub.pull import pull
from lema_hub.hub.verify import verify
from lema_hub.nano import backbone_path
from lema_hub.records import Rejection
from lema_hub.train.data import load
from lema_hub.train.recipe import DataSource
from tests.built import write_rows
from tests.withheld import SOLVED, correction_rows, cot_rows, folder_of, write_source


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_source(tmp_path / "source")


@pytest.mark.parametrize("kind", ["cot", "corrections"])
def test_an_id_only_release_holds_no_text_of_the_source_and_is_rebuilt_row_by_row(
    api: HfApi, repo_id: str, tmp_path: Path, source: Path, kind: str
) -> None:
    rows = cot_rows(source) if kind == "cot" else correction_rows(source)
    built = folder_of(tmp_path, kind, rows)
    with pytest.raises(InputError, match=r"may not be published.*'unknown'.*--ids-only publishes it without"):
        publish_dataset(built, repo_id, version="0.1.0", api=api)
    published = publish_dataset(built, repo_id, version="0.1.0", ids_only=True, api=api)
    assert "## Text that is withheld" in published.card
    assert f"lema rebuild {repo_id}@v0.1.0 --out" in published.card
    assert "license: cc-by-4.0" in published.card

    pulled = pull(repo_id, out=tmp_path / "pulled", api=api).folder
    table = pq.read_table(pulled / "data/gsm8k/train.parquet")
    everything = json.dumps(table.to_pylist()) + "".join(
        path.read_text() for path in pulled.rglob("*") if path.suffix in (".md", ".json", ".svg")
    )
    for question, answer in SOLVED:
        assert question not in everything
        assert answer.splitlines()[0].split("<<")[0] not in everything
    assert all(is_withheld(value) for name in SOURCE for value in table[name].to_pylist())
    assert table["path_id"].to_pylist() == [row.path.path_id for row in rows]
    assert sum(MARK in text for text in table["prompt"].to_pylist()) == len(rows)
    checks = {check.name: check for check in verify(repo_id, api=api).checks}
    assert [check for check in checks.values() if check.verdict == "fail"] == []
    assert checks["contamination"].verdict == "note"

    with pytest.raises(InputError, match="is an id-only release: its questions are withheld; restore them"):
        load(
            [DataSource(path=str(pulled), config="gsm8k")],
            AutoTokenizer.from_pretrained(backbone_path()),
            max_length=9,
        )
    made = rebuild(pulled, out=tmp_path / "whole", sources={"gsm8k": source})
    assert made.rows == {"gsm8k/train": len(rows)}
    again = pq.read_table(tmp_path / "whole/data/gsm8k/train.parquet").to_pylist()
    assert again == [row.to_row() for row in rows]
    assert Manifest.read(tmp_path / "whole").withheld is None


def test_what_could_not_be_put_back_is_refused(source: Path) -> None:
    row = correction_rows(source)[0].to_row()
    assert restored(masked(row), row) == row
    with pytest.raises(InputError, match="holds an imported solution by 'someone'"):
        masked({**row, "engine": "import", "model": "someone"})
    with pytest.raises(InputError, match="in 'explanation', which marks withheld questions"):
        masked({**row, "explanation": f"see {MARK}"})
    with pytest.raises(InputError, match="quotes the question in 'explanation' with other spacing or case"):
        masked({**row, "explanation": row["question"].upper()})


def test_terms_of_models_object_to_ids_too(api: HfApi, repo_id: str, tmp_path: Path, source: Path) -> None:
    built = folder_of(tmp_path, "corrections", correction_rows(source))
    made = Manifest.read(built)
    replace(made, models=(replace(made.models[1], name="gpt-4", license=None),)).write(built)
    with pytest.raises(InputError, match=r"forbid training competing models.*; --i-have-the-right") as caught:
        publish_dataset(built, repo_id, version="0.1.0", ids_only=True, api=api)
    assert "--ids-only" not in str(caught.value)
    assert combine({"unknown": 1}).license is None


def test_a_release_that_says_it_withholds_and_does_not_fails(
    api: HfApi, repo_id: str, tmp_path: Path, source: Path
) -> None:
    rows = correction_rows(source)
    built = folder_of(tmp_path, "corrections", rows)
    publish_dataset(built, repo_id, version="0.1.0", ids_only=True, api=api)
    pulled = pull(repo_id, out=tmp_path / "pulled", api=api).folder
    path = pulled / "data/gsm8k/train.parquet"
    whole, masked_rows = pq.read_table(built / "data/gsm8k/train.parquet"), pq.read_table(path)
    check_withheld(read_dataset(pulled))
    for name in ("question", "answer", "gold_solution", "prompt", None):
        table = masked_rows
        for column in [name] if name else whole.column_names:
            table = table.set_column(
                table.column_names.index(column), table.schema.field(column), whole[column]
            )
        pq.write_table(table, path)
        told = name or "question"
        with pytest.raises(InputError, match=f"row 0 .* holds a withheld text in '{told}'; publish it again"):
            check_withheld(read_dataset(pulled))
    said = [f"As asked.\n{rows[1].problem.question}" if row == 1 else "Fine." for row in range(len(rows))]
    field = masked_rows.schema.field("explanation")
    pq.write_table(masked_rows.set_column(masked_rows.column_names.index("explanation"), field, [said]), path)
    with pytest.raises(InputError, match=r"row 1 .* holds a withheld text in 'explanation'"):
        check_withheld(read_dataset(pulled))
    api.upload_file(
        path_or_fileobj=built / "data/gsm8k/train.parquet",
        path_in_repo="data/gsm8k/train.parquet",
        repo_id=repo_id,
        repo_type="dataset",
    )
    head = api.repo_info(repo_id, repo_type="dataset").sha
    checks = {check.name: check for check in verify(repo_id, head, api=api).checks}
    assert checks["rows"].verdict == "fail"
    assert "holds a withheld text in 'question'" in checks["rows"].detail


def test_an_id_only_release_with_dropped_rows_is_refused_and_not_rebuilt(
    tmp_path: Path, source: Path
) -> None:
    built = folder_of(tmp_path, "corrections", correction_rows(source))
    made = withhold(read_dataset(built), why="a licence")
    folder = tmp_path / "forged"
    write_table(made.splits[0].table, folder / "data/gsm8k/train.parquet")
    dropped = [
        Rejection("gsm8k/train/0", "p", "answer gate", "wrong answer", "3 is not 4", "Ann packs 4 boxes")
    ]
    write_rows(folder, "rejected", "train", dropped)
    stages = (
        *made.manifest.stages[:-1],
        Stage(name="answer gate", rows_in=4, rows_out=3, dropped={"wrong answer": 1}),
    )
    configs = {**made.manifest.configs, "rejected": {"train": 1}}
    replace(made.manifest, stages=stages, configs=configs).write(folder)
    for read in (
        lambda: check_withheld(read_dataset(folder)),
        lambda: rebuild(folder, out=tmp_path / "whole"),
    ):
        with pytest.raises(InputError, match="an id-only release has no config 'rejected'"):
            read()
    assert not (tmp_path / "whole").exists()
