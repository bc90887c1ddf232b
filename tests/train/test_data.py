"""Rows become tokens: boundaries, limits, counts, errors."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lema_hub import prompts
from lema_hub.errors import HubError, InputError
from lema_hub.records import CotExample
from lema_hub.train import DataSource
from lema_hub.train.data import IGNORED, digest_of, load
from tests.train.rows import correction_rows, cot_rows, write

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from lema_hub.localhub import LocalHub


def _rows(folder: Path, rows: list[dict[str, Any]], **changes: Any) -> DataSource:
    write(folder, CotExample, [row | changes for row in rows])
    return DataSource(path=str(folder), config="nano")


def test_a_row_is_prompt_then_completion_then_the_end(
    cot: Path, corrections: Path, tokenizer: PreTrainedTokenizerBase
) -> None:
    sources = [DataSource(path=str(folder), config="nano") for folder in (cot, corrections)]
    rows = load(sources, tokenizer, max_length=400)
    asked = cot_rows(60) + correction_rows(60)
    assert len(rows.ids) == 120
    for ids, size, row in zip(rows.ids, rows.prompt_lengths, asked, strict=True):
        assert tokenizer.decode(ids[:size]) == row["prompt"]
        assert tokenizer.decode(ids[size:]) == row["completion"] + "<eos>"
    assert [used.kept for used in rows.used] == [60, 60]
    assert sum(used.tokens for used in rows.used) == sum(rows.lengths)
    dataset = rows.dataset()
    assert set(dataset.column_names) == {"input_ids", "labels"}
    assert sum(label != IGNORED for row in dataset["labels"] for label in row) == sum(
        used.completion_tokens for used in rows.used
    )


def test_what_cannot_be_trained_on_is_counted_by_reason(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase
) -> None:
    good, *rest = cot_rows(6)
    size = len(tokenizer(good["prompt"] + good["completion"])["input_ids"]) + 1
    rows = [
        good,
        rest[0] | {"completion": ""},
        rest[1] | {"prompt": ""},
        rest[2] | {"prompt": "word\n" * size},
        rest[3] | {"prompt": "a\n", "completion": "word\n" * size},
        # This tokenizer makes one token of a space and a word, so the space of the prompt would be eaten.
        rest[4] | {"prompt": "The answer is ", "completion": "The answer is 3."},
    ]
    loaded = load([_rows(tmp_path / "d", rows)], tokenizer, max_length=size)
    (used,) = loaded.used
    assert used.dropped == {
        "boundary_shifts": 1,
        "empty_completion": 1,
        "empty_prompt": 1,
        "prompt_fills_max_length": 1,
    }
    assert (used.read, used.kept, used.truncated) == (6, 2, 1)
    assert used.notes() == [
        "4 of 6 rows of d nano/train were dropped (boundary_shifts: 1, empty_completion: 1, empty_prompt: 1, "
        "prompt_fills_max_length: 1).",
        "1 of 6 rows of d nano/train were cut to the maximum length.",
    ]
    assert loaded.lengths == [size, size]
    assert loaded.ids[0][-1] == tokenizer.eos_token_id
    assert loaded.ids[1][-1] != tokenizer.eos_token_id  # cut: it must not learn to stop there


def test_max_rows_takes_the_same_rows_in_any_order(
    tmp_path: Path, tokenizer: PreTrainedTokenizerBase
) -> None:
    rows = cot_rows(30)
    some = []
    for name, ordered in (("a", rows), ("b", rows[::-1])):
        write(tmp_path / name, CotExample, ordered)
        source = DataSource(path=str(tmp_path / name), config="nano", max_rows=7)
        some.append(load([source], tokenizer, max_length=400))
    assert [ids.tolist() for ids in some[0].ids] == [ids.tolist() for ids in some[1].ids]
    assert some[0].used[0].kept == 7
    assert digest_of(some[0].used) == digest_of(some[1].used)


def test_a_backbone_is_asked_in_its_own_prompt(
    cot: Path, corrections: Path, tokenizer: PreTrainedTokenizerBase
) -> None:
    sources = [DataSource(path=str(folder), config="nano") for folder in (cot, corrections)]
    rows = load(sources, tokenizer, max_length=500, prompt="wizardmath-cot")
    question = cot_rows(1)[0]["question"]
    expected = prompts.load("wizardmath-cot").render(question=question)
    assert tokenizer.decode(rows.ids[0][: rows.prompt_lengths[0]]) == expected
    assert tokenizer.decode(rows.ids[-1]).startswith("For the following math problem, the original solution")


def test_bad_data_is_one_line(tmp_path: Path, cot: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def fails(source: DataSource, message: str) -> None:
        with pytest.raises(InputError) as caught:
            load([source], tokenizer, max_length=400)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)

    fails(DataSource(path=str(tmp_path / "none"), config="nano"), "has no data/nano/train*.parquet")
    fails(DataSource(path=str(cot), config="nano", split="dev"), "has no data/nano/dev*.parquet")
    place = tmp_path / "d" / "data" / "nano"
    place.mkdir(parents=True)
    source = DataSource(path=str(tmp_path / "d"), config="nano")
    pq.write_table(pa.table({"prompt": ["a"]}), place / "train.parquet")
    fails(source, "column 'completion' is missing in d nano/train.parquet (it has: prompt)")
    pq.write_table(pa.table({"prompt": ["a"], "completion": [3]}), place / "train.parquet")
    fails(source, "column 'completion' in d nano/train.parquet holds int64")
    pq.write_table(pa.table({"prompt": ["a"], "completion": [""]}), place / "train.parquet")
    fails(source, "can be trained on (empty_completion: 1)")
    (place / "train.parquet").write_text("no parquet")
    fails(source, "is not a Parquet file")


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the Hub client's own
def test_published_rows_are_read_at_their_tag(
    at_hub: LocalHub, cot: Path, tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    from huggingface_hub import HfApi

    api = HfApi(endpoint=at_hub.url, token=at_hub.token)
    repo = "lema/train-data-test"
    api.create_repo(repo, repo_type="dataset")
    first = api.upload_folder(repo_id=repo, repo_type="dataset", folder_path=cot)
    api.create_tag(repo, tag="v0.1.0", repo_type="dataset")
    shutil.copytree(cot, tmp_path / "changed")
    write(tmp_path / "changed", CotExample, cot_rows(5))
    api.upload_folder(repo_id=repo, repo_type="dataset", folder_path=tmp_path / "changed")
    local = load([DataSource(path=str(cot), config="nano")], tokenizer, max_length=400)
    remote = load([DataSource(repo=repo, revision="v0.1.0", config="nano")], tokenizer, max_length=400)
    assert digest_of(remote.used) == digest_of(local.used)
    assert (remote.used[0].name, remote.used[0].revision) == (repo, first.oid)
    with pytest.raises(HubError, match=r"no revision 'v9\.9\.9'"):
        load([DataSource(repo=repo, revision="v9.9.9", config="nano")], tokenizer, max_length=400)
    with pytest.raises(HubError, match="shows no dataset lema/none"):
        load([DataSource(repo="lema/none", revision="v1", config="nano")], tokenizer, max_length=400)


def test_a_server_that_is_not_running_is_one_line(
    tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubError, match="cannot be reached") as caught:
        load([DataSource(repo="lema/none", revision="v1", config="nano")], tokenizer, max_length=400)
    assert "\n" not in str(caught.value)
