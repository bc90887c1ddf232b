"""Records and rows: exact inverses in memory, through Arrow and Parquet, and through `datasets`."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lema_hub import records
from lema_hub.errors import InputError
from lema_hub.records import (
    Correction,
    CotExample,
    EvolvedProblem,
    Gate,
    MixedRow,
    Problem,
    ReasoningPath,
    Rejection,
    Score,
    Trajectory,
    columns,
    digest,
    schema,
)

RECORDS: list[type] = [
    Gate, Problem, ReasoningPath, Correction, Rejection, CotExample, Trajectory, EvolvedProblem, MixedRow, Score,
]  # fmt: skip

# What Parquet can hold: no lone surrogates, 64 bits, and no NaN, which equals nothing.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
st.register_type_strategy(str, TEXT)
st.register_type_strategy(int, st.integers(-(2**63), 2**63 - 1))
st.register_type_strategy(float, st.floats(allow_nan=False))


def strategy(record: type) -> st.SearchStrategy[Any]:
    """Any record of that type; one that embeds a problem and a path has a path of its own problem."""
    if "path" not in {field.name for field in dataclasses.fields(record)}:
        return st.builds(record)

    def joined(problem: Problem, path: ReasoningPath) -> st.SearchStrategy[Any]:
        own = dataclasses.replace(path, problem_id=problem.problem_id)
        return st.builds(record, problem=st.just(problem), path=st.just(own))

    return st.tuples(st.builds(Problem), st.builds(ReasoningPath)).flatmap(lambda both: joined(*both))


@pytest.mark.parametrize("record", RECORDS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_row_gives_its_record_back(record: Any, data: st.DataObject) -> None:
    made = data.draw(strategy(record))
    row = made.to_row()
    assert list(row) == list(columns(record))
    assert record.from_row(row) == made
    assert record.from_row({**row, "another": 1}).to_row() == row
    assert record.from_row(dict(reversed(row.items()))) == made


@pytest.mark.parametrize("record", RECORDS)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_parquet_and_datasets_give_the_records_back(
    record: Any, data: st.DataObject, tmp_path_factory: Any
) -> None:
    import datasets
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = data.draw(st.lists(strategy(record), min_size=1, max_size=4))
    folder: Path = tmp_path_factory.mktemp("parquet")
    file = folder / "rows.parquet"
    pq.write_table(pa.Table.from_pylist([one.to_row() for one in made], schema=schema(record)), file)
    table = pq.read_table(file)
    assert table.schema.equals(schema(record))
    assert [record.from_row(row) for row in table.to_pylist()] == made
    loaded = datasets.Dataset.from_parquet(str(file), cache_dir=str(folder / "cache"))
    assert loaded.features == records.features(record)
    assert [record.from_row(row) for row in loaded] == made


def test_an_embedded_path_lies_beside_its_problem() -> None:
    assert list(columns(Correction)) == [
        "problem_id", "task", "split", "question", "answer", "gold_solution", "level", "subject", "source_repo",
        "source_revision", "license", "path_id", "model", "model_revision", "engine", "temperature", "top_p", "seed",
        "prompt_id", "path_text", "path_steps", "path_answer", "path_verdict", "origin", "path_error_type",
        "finish_reason", "incorrect_step", "error_type", "explanation", "correct_solution", "correct_steps",
        "corrector", "corrector_prompt_id", "answer_verdict", "gates", "cost_usd", "prompt", "completion",
    ]  # fmt: skip


def test_no_record_shares_a_column_between_two_fields() -> None:
    for record in RECORDS:
        layout = columns(record)
        fields = sum(
            len(dataclasses.fields(hint)) - (name == "path") if name in ("problem", "path") else 1
            for name, hint in typing.get_type_hints(record).items()
        )
        assert len(layout) == len(set(layout)) == fields


PROBLEM = Problem(
    "gsm8k/train/17", "gsm8k", "train", "Q?", "3", "S.", None, None, "openai/gsm8k", "main", "mit"
)
PATH = ReasoningPath.make(
    problem_id="gsm8k/train/17",
    model="m",
    text="T",
    steps=("T",),
    answer="4",
    verdict="wrong",
    prompt_id="lema-cot@1",
)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"path_steps": "T"}, r"column 'path_steps' of a CotExample is 'T'; expected list"),
        ({"path_steps": [1]}, r"column 'path_steps' of a CotExample is 1; expected str"),
        ({"path_steps": None}, r"column 'path_steps' of a CotExample is None; expected list"),
        ({"seed": "0"}, r"column 'seed' of a CotExample is '0'; expected int"),
        ({"seed": True}, r"column 'seed' of a CotExample is True; expected int"),
        ({"seed": 1.0}, r"column 'seed' of a CotExample is 1.0; expected int"),
        ({"temperature": "hot"}, r"column 'temperature' of a CotExample is 'hot'; expected float"),
        ({"question": None}, r"column 'question' of a CotExample is None; expected str"),
        ({"question": 3}, r"column 'question' of a CotExample is 3; expected str"),
        (
            {"path_verdict": "right"},
            r"is 'right'; expected one of correct, wrong, unparsed, truncated, timeout, crashed",
        ),
        ({"path_verdict": None}, r"is None; expected one of correct"),
        ({"path_error_type": "XX"}, r"is 'XX'; expected one of CA, CO"),
        ({"answer": ["long\n" * 100]}, r"column 'answer' of a CotExample is .{77}\.\.\.; expected str"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_its_column(change: dict[str, Any], complaint: str) -> None:
    row = CotExample(PROBLEM, PATH, "P", "C").to_row()
    with pytest.raises(InputError, match=complaint) as raised:
        CotExample.from_row({**row, **change})
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("column", columns(CotExample))
def test_a_missing_column_is_named(column: str) -> None:
    row = CotExample(PROBLEM, PATH, "P", "C").to_row()
    del row[column]
    with pytest.raises(
        InputError, match=f"column '{column}' is missing for a CotExample .*docs/data-format.md"
    ):
        CotExample.from_row(row)


def test_a_gate_is_read_from_what_datasets_gives() -> None:
    gate = Gate.from_row({"score": None, "verdict": "pass", "name": "answer"})
    assert gate == Gate("answer", "pass")
    with pytest.raises(InputError, match="'maybe'; expected one of pass, fail, skipped"):
        Gate.from_row({"name": "answer", "verdict": "maybe", "score": 1})
    assert Gate.from_row({"name": "answer", "verdict": "fail", "score": 1}).score == 1.0


def test_a_path_of_another_problem_cannot_share_a_row() -> None:
    other = dataclasses.replace(PATH, problem_id="gsm8k/train/18")
    with pytest.raises(InputError, match="'gsm8k/train/17' holds a path of problem 'gsm8k/train/18'"):
        CotExample(PROBLEM, other, "P", "C").to_row()


def test_equal_texts_of_one_model_are_one_path() -> None:
    def path_id(**change: Any) -> str:
        given = {"problem_id": "p", "model": "m", "text": "T", "steps": ("T",), "answer": None, "verdict": "unparsed",
                 "prompt_id": "x", **change}  # fmt: skip
        return ReasoningPath.make(**given).path_id

    assert path_id() == path_id(seed=1, temperature=0.7, engine="vllm", verdict="wrong")
    different = [
        path_id(),
        path_id(problem_id="q"),
        path_id(model="n"),
        path_id(model_revision="1"),
        path_id(text="U"),
    ]
    assert len(set(different)) == 5
    assert PATH.path_id == "0d66d50dd61db39b", "published ids must not move"


def test_records_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        PROBLEM.answer = "4"  # type: ignore[misc]
    assert not hasattr(PROBLEM, "__dict__")


@given(
    st.lists(st.one_of(TEXT, st.integers(), st.none()), max_size=4),
    st.lists(st.one_of(TEXT, st.none()), max_size=4),
)
def test_a_digest_tells_different_parts_apart(one: list[Any], other: list[Any]) -> None:
    assert (digest(*one) == digest(*other)) == (one == other)
    assert len(digest(*one)) == 64


def test_a_digest_does_not_depend_on_how_parts_are_cut() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("a", 1) == "2657442bb4a48d62f780ea60395ef2d203da2669fa41cdc1f4f080b25ddb1a6a", (
        "published ids must not move"
    )
