"""One evaluation through LightEval's pipeline, looked at from all sides."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lema_hub import nano, prompts
from lema_hub.answers import judge
from lema_hub.engines import Ledger, Request, Sampling
from lema_hub.engines.transformers import TransformersEngine
from lema_hub.errors import HubError, InputError
from lema_hub.evals import EvalResult, read_result, score
from lema_hub.records import VERDICTS


def test_every_item_has_a_row_with_what_the_model_wrote(result: EvalResult) -> None:
    rows = [row for row in result.items() if row.task == "lema:nano"]
    assert len(rows) == 12
    assert len({row.item_id for row in rows}) == 12
    for row in rows:
        problem = nano.load(row.item_id).problem  # the item's id makes the problem again
        assert row.gold == problem.answer
        assert row.system == "tiny-llama"
        assert row.revision == result.revision
    assert any(row.output for row in rows)


def test_the_verdicts_are_the_judges(result: EvalResult) -> None:
    for row in result.items():
        if row.verdict != "truncated":
            assert judge(row.output, row.gold).verdict == row.verdict


def test_the_outputs_are_the_engines_own(result: EvalResult, llama: Path, tmp_path: Path) -> None:
    rows = [row for row in result.items() if row.task == "lema:nano"][:3]
    template = prompts.load("lema-cot")
    requests = [
        Request(
            prompt=template.render(question=nano.load(row.item_id).problem.question),
            sampling=Sampling(temperature=0.0, max_tokens=160),
        )
        for row in rows
    ]
    with Ledger(tmp_path / "other.sqlite") as ledger:
        answers = ledger.run(TransformersEngine(llama), requests, stage="again")
    assert [answer.text for answer in answers] == [row.output for row in rows]  # type: ignore[union-attr]


def test_the_summary_agrees_with_the_rows_and_with_lighteval(result: EvalResult) -> None:
    greedy, sampled = result.scores
    rows = result.items()
    assert set(greedy.verdicts) == set(VERDICTS)
    assert sum(greedy.verdicts.values()) == 12
    assert greedy.pass_at_1 == sum(r.verdict == "correct" for r in rows if r.task == "lema:nano") / 12
    assert (greedy.n, greedy.samples, sampled.n, sampled.samples) == (12, 1, 12, 8)
    assert len([r for r in rows if r.task == "lema:nano-maj8"]) == 96
    assert greedy.repo == "lema_hub.nano"
    (own,) = (result.out / "lighteval").rglob("results_*.json")
    reported = json.loads(own.read_text())["results"]
    assert reported["lema:nano|0"]["pass@1"] == pytest.approx(greedy.pass_at_1)
    assert reported["lema:nano|0"]["unparsed"] == pytest.approx(greedy.verdicts["unparsed"] / 12)
    assert reported["lema:nano-maj8|0"]["pass@1"] == pytest.approx(sampled.pass_at_1)
    assert set(reported["lema:nano-maj8|0"]) >= {"maj@8", "pass@1_stderr"}


def test_scores_json_says_what_made_it(result: EvalResult) -> None:
    held = json.loads((result.out / "scores.json").read_text())
    assert held["packages"]["lighteval"] == "0.13.0"
    assert held["revision"].startswith("sha256:")
    assert held["scores"][0]["prompt"].startswith("lema-cot@1#")
    assert held["scores"][0]["max_new_tokens"] == 160
    assert str(result.out.parent) not in json.dumps(held)
    assert read_result(result.out).scores == result.scores


class Silent:
    """An engine of the same name, model and revision that must not be asked."""

    name = "transformers"

    def __init__(self, like: TransformersEngine) -> None:
        self.model, self.revision = like.model, like.revision

    def cost_bound(self, request: object) -> float:
        return 0.0

    def generate(self, requests: object) -> object:
        raise AssertionError("asked again")


def test_the_same_evaluation_is_found_in_its_folder(result: EvalResult, llama: Path) -> None:
    again = score(
        Silent(TransformersEngine(llama)),  # type: ignore[arg-type]
        tasks=["lema:nano", "nano-maj8"], out=result.out, limit=12,
    )  # fmt: skip
    assert again.reused
    assert again.scores == result.scores


def test_in_a_new_folder_the_answers_come_from_the_ledger(
    result: EvalResult, llama: Path, runs: Path
) -> None:
    again = score(Silent(TransformersEngine(llama)), tasks=["nano"], out=runs / "again", limit=12)  # type: ignore[arg-type]
    assert not again.reused
    assert [row for row in result.items() if row.task == "lema:nano"] == again.items()


def test_new_weights_at_an_old_path_are_scored_anew(
    result: EvalResult, llama: Path, other_llama: Path, runs: Path, tmp_path: Path
) -> None:
    place = tmp_path / "tiny-llama"
    shutil.copytree(llama, place)
    before = score(TransformersEngine(place), tasks=["nano"], out=runs / "place", limit=4)
    shutil.rmtree(place)
    shutil.copytree(other_llama, place)
    with pytest.raises(InputError, match="holds an evaluation with revision"):
        score(TransformersEngine(place), tasks=["nano"], out=runs / "place", limit=4)
    after = score(TransformersEngine(place), tasks=["nano"], out=runs / "place", limit=4, overwrite=True)
    assert not after.reused
    assert after.revision != before.revision
    written = {row.item_id: row.output for row in result.items() if row.task == "lema:nano"}
    assert all(row.output != written[row.item_id] for row in after.items())
    assert not list(place.rglob("*.parquet"))  # nothing is left in the model's folder


def test_a_limit_takes_a_part_of_the_larger_one(result: EvalResult, llama: Path, runs: Path) -> None:
    fewer = score(TransformersEngine(llama), tasks=["nano"], out=runs / "fewer", limit=5)
    assert {row.item_id for row in fewer.items()} < {row.item_id for row in result.items()}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": ["nothing"]}, "no task 'lema:nothing'; expected one of lema:gsm8k"),
        ({"tasks": []}, "no task ''"),
        ({"tasks": ["nano"], "limit": 0}, "limit must be >= 1, got 0"),
    ],
)
def test_bad_input_is_named(llama: Path, tmp_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        score(TransformersEngine(llama), out=tmp_path / "run", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_a_hub_that_is_not_there_fails_at_once(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubError, match=r"openai/gsm8k at cc7b047b.*127\.0\.0\.1:9"):
        score(TransformersEngine(llama), tasks=["gsm8k"], out=tmp_path / "run", limit=1)
