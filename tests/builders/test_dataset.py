from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lema_hub.artifacts.manifest import Manifest
from lema_hub.builders.corrections import build_corrections
from lema_hub.builders.dataset import problem_inputs, write_dataset
from lema_hub.builders.mistakes import distinct
from lema_hub.engines import Ledger
from lema_hub.engines.exact import ExactEngine
from lema_hub.errors import InputError
from lema_hub.records import Correction, Problem, ReasoningPath, Rejection

Mistaken = tuple[list[Problem], list[ReasoningPath]]


def built(mistaken: Mistaken, ledger: Ledger):  # type: ignore[no-untyped-def]
    problems, paths = mistaken
    sampled = distinct(paths, stage="sample")
    rows = build_corrections(problems, sampled.rows, ExactEngine(), ledger).after(sampled)
    refused = Rejection(problems[0].problem_id, "x", "correct", "answer", "wrong", "text")
    return replace(rows, rejected=(*rows.rejected, refused))


def write(out: Path, mistaken: Mistaken, ledger: Ledger) -> Manifest:
    return write_dataset(
        out, built(mistaken, ledger), kind="corrections", task="nano", command="lema build", seed=3,
        inputs=problem_inputs(mistaken[0]),
    )  # fmt: skip


def test_the_folder_holds_what_the_manifest_says(tmp_path: Path, mistaken: Mistaken, ledger: Ledger) -> None:
    import pyarrow.parquet as pq

    manifest = write(tmp_path, mistaken, ledger)
    assert Manifest.read(tmp_path) == manifest
    assert manifest.configs == {"nano": {"train": 120, "dev": 12}, "rejected": {"train": 1}}
    assert [stage.name for stage in manifest.stages] == ["sample", "correct"]
    assert manifest.license == "apache-2.0"
    assert manifest.inputs[0].rows == 132
    for config, splits in manifest.configs.items():
        for split, count in splits.items():
            table = pq.read_table(tmp_path / "data" / config / f"{split}.parquet")
            assert table.num_rows == count
    rows = pq.read_table(tmp_path / "data" / "nano" / "dev.parquet").to_pylist()
    read = [Correction.from_row(row) for row in rows]
    assert {row.problem.split for row in read} == {"dev"}


def test_datasets_loads_the_folder_with_its_features(
    tmp_path: Path, mistaken: Mistaken, ledger: Ledger
) -> None:
    from datasets import load_dataset

    from lema_hub.records import features

    write(tmp_path, mistaken, ledger)
    rows = load_dataset(
        "parquet", data_files=str(tmp_path / "data/nano/train.parquet"), cache_dir=str(tmp_path / "cache")
    )["train"]
    assert rows.features == features(Correction)
    assert rows[0]["gates"][0] == {"name": "step_exists", "verdict": "pass", "score": None}


def test_a_rebuild_gives_the_same_bytes(tmp_path: Path, mistaken: Mistaken, ledger: Ledger) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, mistaken, ledger)
    files = [p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file()]
    assert len(files) == 4
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_no_problem_is_on_both_sides(tmp_path: Path, mistaken: Mistaken, ledger: Ledger) -> None:
    import pyarrow.parquet as pq

    write(tmp_path, mistaken, ledger)
    sides = [
        set(pq.read_table(tmp_path / f"data/nano/{split}.parquet")["problem_id"].to_pylist())
        for split in ("train", "dev")
    ]
    assert not sides[0] & sides[1]


def test_a_test_question_cannot_be_written(tmp_path: Path, mistaken: Mistaken, ledger: Ledger) -> None:
    outcome = built(mistaken, ledger)
    leak = replace(outcome.rows[0], problem=replace(outcome.rows[0].problem, split="test"))
    outcome = replace(outcome, rows=(*outcome.rows, leak))
    with pytest.raises(InputError, match="is of split 'test'; test questions are never"):
        write_dataset(tmp_path, outcome, kind="corrections", task="nano", command="", inputs=[])
    assert not list(tmp_path.rglob("*.parquet"))


def test_nothing_left_is_an_error_with_the_reasons(
    tmp_path: Path, mistaken: Mistaken, ledger: Ledger
) -> None:
    outcome = replace(built(mistaken, ledger), rows=())
    with pytest.raises(InputError, match="every row was dropped"):
        write_dataset(tmp_path, outcome, kind="corrections", task="nano", command="", inputs=[])


def test_an_older_build_leaves_nothing_behind(tmp_path: Path, mistaken: Mistaken, ledger: Ledger) -> None:
    stale = tmp_path / "data" / "old" / "train.parquet"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"")
    write(tmp_path, mistaken, ledger)
    assert not stale.exists()
