"""Counts that contradict each other, and numbers below zero, are refused wherever a dataset is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lema_hub.artifacts.dataset import read_dataset
from lema_hub.artifacts.manifest import Manifest, MixPart
from lema_hub.artifacts.training import Training
from lema_hub.errors import InputError
from tests.built import MIX, build_dataset
from tests.trained import build_adapter

Document = dict[str, Any]


def edit(folder: Path, change: Callable[[Document], object], name: str = "manifest.json") -> None:
    path = folder / name
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d["stages"][0].update(rows_in=5000),
            "5000 rows in, 19 out and 50 dropped, which does not add up",
        ),
        (
            lambda d: d["stages"][1].update(rows_in=100, rows_out=97),
            "counts 16 rows, its last stage 'answer gate' let 97 through",
        ),
        (lambda d: d["stages"][1].update(repaired={"seam": 20}), "20 as 'seam' of stage 'answer gate'"),
        (
            lambda d: d["stages"][1].update(dropped={"other": 3}),
            "holds 3 rows that stage 'answer gate' dropped as",
        ),
        (lambda d: d["contamination"].update(dropped=99), "99 as contamination.dropped, more than the 18"),
        (lambda d: d["contamination"]["tests"][0].update(hits=7), "7 as contamination hits of nano"),
        (lambda d: d["duplicates"].update(paths=40), "40 as the rows dropped as duplicates"),
        (lambda d: d["tokens"].update(prompt=-1), "tokens.prompt is -1; expected no negative number"),
        (lambda d: d.update(cost_usd=-0.5), "cost_usd is -0.5; expected no negative number"),
        (lambda d: d["verdicts"].update(wrong=-19), "verdicts.wrong is -19"),
        (
            lambda d: d["stages"][0]["dropped"].update(correct=60, unparsed=-10),
            "stages.0.dropped.unparsed is -10",
        ),
        (lambda d: d["inputs"][0].update(rows=-1), "inputs.0.rows is -1"),
    ],
)
def test_counts_that_contradict_each_other_are_refused(
    built: Path, change: Callable[[Document], object], message: str
) -> None:
    read_dataset(built)
    edit(built, change)
    with pytest.raises(InputError) as caught:
        read_dataset(built)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mix_takes_no_more_than_there_is(tmp_path: Path) -> None:
    folder = build_dataset(tmp_path, "mix")
    part = MixPart(source="lema/lema-cot@v0.1.0", form="cot", available=4, rows=6, tokens=480)
    replace(Manifest.read(folder), mix=replace(MIX, parts=(MIX.parts[0], part))).write(folder)
    with pytest.raises(InputError, match=r"6 as mix rows of lema/lema-cot@v0\.1\.0, more than the 4"):
        read_dataset(folder)


def test_a_row_that_earned_money_is_refused(built: Path) -> None:
    path = built / "data/nano/train.parquet"
    table = pq.read_table(path)
    column = table.column_names.index("cost_usd")
    costs = [None, -0.01, *[0.5] * (table.num_rows - 2)]
    pq.write_table(table.set_column(column, table.schema.field("cost_usd"), [costs]), path)
    with pytest.raises(InputError, match=r"a row costs -0\.01 USD; no cost is negative"):
        read_dataset(built)


def test_a_seed_and_a_measure_may_be_negative(built: Path) -> None:
    replace(Manifest.read(built), seed=-1, measures={"delta perplexity": -0.25}).write(built)
    assert read_dataset(built).manifest.seed == -1


def test_a_training_record_below_zero_is_refused(tmp_path: Path) -> None:
    folder = build_adapter(tmp_path)
    edit(folder, lambda d: d.update(tokens=-5), "training.json")
    with pytest.raises(InputError, match="tokens is -5; expected no negative number"):
        Training.read(folder)
