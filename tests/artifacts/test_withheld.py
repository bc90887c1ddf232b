"""Id-only releases: no text of the source is published, and the rebuild gives the very rows, or says what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi
from transformers import AutoTokenizer

from lema_hub.artifacts.manifest import Manifest
from lema_hub.artifacts.withheld import MARK, SOURCE, is_withheld, masked, restored
from lema_hub.builders.rebuild import rebuild
from lema_hub.cards.licenses import combine
from lema_hub.errors import InputError
from lema_hub.hub.publish import publish_dataset
from lema_hub.hub.pull import pull
from lema_hub.hub.verify import verify
from lema_hub.nano import backbone_path
from lema_hub.train.data import load
from lema_hub.train.recipe import DataSource
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

    with pytest.raises(
        InputError, match="is an id-only release: its questions are withheld; make its rows whole"
    ):
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
