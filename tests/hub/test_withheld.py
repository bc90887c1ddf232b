"""Id-only releases: no text of the source is published, and the rebuild gives the very rows, or says what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi
from transformers import AutoTokenizer

from hub.conftest import write_rows
from hub.test_cli import lema
from lema_hub import prompts
from lema_hub.artifacts.manifest import Manifest
from lema_hub.artifacts.withheld import MARK, SOURCE, is_withheld, masked, restored
from lema_hub.builders.cot import build_cot
from lema_hub.builders.rebuild import rebuild
from lema_hub.cards.licenses import combine
from lema_hub.errors import InputError
from lema_hub.hub.publish import publish_dataset
from lema_hub.hub.pull import pull
from lema_hub.hub.verify import verify
from lema_hub.localhub import LocalHub
from lema_hub.nano import backbone_path
from lema_hub.records import Correction, CotExample, ReasoningPath
from lema_hub.steps import format_correction, join_steps
from lema_hub.tasks import load_problems
from lema_hub.train.data import load
from lema_hub.train.recipe import DataSource

SOLVED = (
    ("Ann packs 4 boxes of 6 pears. How many pears does she pack?", "4 * 6 = <<4*6=24>>24 pears.\n#### 24"),
    ("Bo reads 12 pages a day. How many pages is that in 5 days?", "12 * 5 = <<12*5=60>>60 pages.\n#### 60"),
    ("Cy had 9 coins and lost 4. How many are left?", "9 - 4 = <<9-4=5>>5 coins.\n#### 5"),
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source" / "train.jsonl"
    path.parent.mkdir()
    path.write_text("".join(json.dumps({"question": q, "answer": a}) + "\n" for q, a in SOLVED))
    return path


def closed(path: Path) -> list:
    """The problems of the file, as if their licence let nobody share them."""
    made = [one for split in ("train", "dev") for one in load_problems("gsm8k", split, path=path)]
    return [replace(one, license="unknown", split="train") for one in made]


def cot_rows(path: Path) -> list[CotExample]:
    """The annotated solution of every problem, and a sampled one."""
    problems = closed(path)
    sampled = [
        ReasoningPath.make(
            problem_id=one.problem_id,
            model="lema/nano-backbone",
            engine="transformers",
            text=f"Step 1: We are asked: {one.question}\nStep 2: The answer is {one.answer}.",
            steps=(f"We are asked: {one.question}", f"The answer is {one.answer}."),
            answer=one.answer,
            verdict="correct",
            prompt_id="lema-cot@1",
        )
        for one in problems
    ]
    rows = list(build_cot(problems, sampled).rows)
    assert len(rows) == 6
    return rows


def correction_rows(path: Path) -> list[Correction]:
    rows = []
    for one in closed(path):
        wrong = ("We add.", "The answer is 99.")
        right = ("We follow the question.", f"The answer is {one.answer}.")
        student = ReasoningPath.make(
            problem_id=one.problem_id,
            model="lema/nano-backbone",
            engine="transformers",
            text=join_steps(wrong),
            steps=wrong,
            answer="99",
            verdict="wrong",
            prompt_id="lema-cot@1",
        )
        rows.append(
            Correction(
                problem=one,
                path=student,
                incorrect_step=1,
                error_type="OP",
                explanation="Nothing is added here.",
                correct_solution=join_steps(right),
                correct_steps=right,
                corrector="m",
                corrector_prompt_id="lema-correction@1",
                answer_verdict="correct",
                gates=(),
                cost_usd=None,
                prompt=prompts.load("lema-cot").render(question=one.question),
                completion=format_correction(1, "Nothing is added here.", right),
            )
        )
    return rows


def folder_of(tmp_path: Path, kind: str, rows: list) -> Path:
    from hub.conftest import manifest

    folder = tmp_path / kind
    write_rows(folder, "gsm8k", "train", rows)
    made = manifest(kind, {"gsm8k": {"train": len(rows)}}, license="other")
    inputs = (replace(made.inputs[0], license="unknown"),)
    replace(made, inputs=inputs, mix=None).write(folder)
    return folder


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


def test_the_command_rebuilds_and_says_what_is_missing(
    hub: LocalHub, api: HfApi, repo_id: str, tmp_path: Path, source: Path
) -> None:
    built = folder_of(tmp_path, "cot", cot_rows(source))
    done = lema(hub, "publish", "dataset", built, repo_id, "--version", "0.1.0", "--ids-only")
    assert done.returncode == 0, done.stderr
    name = f"{repo_id}@v0.1.0"
    done = lema(hub, "rebuild", name, "--out", tmp_path / "whole", "--source", f"gsm8k={source}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("gsm8k/train: 6 rows, every text as its hash says\n")

    changed = tmp_path / "changed.jsonl"
    changed.write_text(source.read_text().replace("Ann packs 4", "Ann packs 5"))
    done = lema(hub, "rebuild", name, "--out", tmp_path / "x", "--source", f"gsm8k={changed}")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert (
        "the source's 'question' is not the one that was withheld; read the recorded revision" in done.stderr
    )
    changed.write_text("".join(source.read_text().splitlines(keepends=True)[:2]))
    done = lema(hub, "rebuild", name, "--out", tmp_path / "x", "--source", f"gsm8k={changed}")
    assert done.returncode == 1
    assert "1 of 3 problems are missing in" in done.stderr
    assert "first gsm8k/train/2" in done.stderr
    assert not (tmp_path / "x").exists()
    done = lema(hub, "rebuild", name, "--out", tmp_path / "x", "--source", "gsm8k")
    assert "--source 'gsm8k' is not TASK=PATH" in done.stderr


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
