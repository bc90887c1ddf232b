"""A scored run published item by item, on a running Hub."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from lema_hub.artifacts.scores import EvalResult, TaskScore, read_result, write_result
from lema_hub.cards import metadata
from lema_hub.errors import HubError, InputError
from lema_hub.hub.publish import publish_dataset
from lema_hub.hub.run_results import publish_run
from lema_hub.localhub import LocalHub
from lema_hub.records import VERDICTS, Score
from lema_hub.tasks import load_problems
from tests.command import lema

N, RIGHT = 20, 13


@pytest.fixture
def items() -> list[Score]:
    return [
        Score(
            item_id=problem.problem_id,
            task="lema:nano",
            system="lema/nano-lema",
            revision="v0.1.0",
            checkpoint="",
            seed=0,
            verdict="correct" if index < RIGHT else "unparsed",
            gold=problem.answer,
            extracted=problem.answer if index < RIGHT else None,
            output=f"The answer is {problem.answer}." if index < RIGHT else "<script>alert(1)</script>",
            reason="",
        )
        for index, problem in enumerate(load_problems("nano", "test", limit=N))
    ]


@pytest.fixture
def run(items: list[Score], tmp_path: Path) -> Path:
    """A folder as `lema eval --out` writes it."""
    counts = dict.fromkeys(VERDICTS, 0) | {"correct": RIGHT, "unparsed": N - RIGHT}
    score = TaskScore(
        task="lema:nano", n=N, pass_at_1=RIGHT / N, stderr=0.1067, low=0.4329, high=0.8188, verdicts=counts,
        samples=1, repo="lema_hub.nano", revision="1", config="default", split="test", prompt="lema-cot@1#747f8094",
        max_new_tokens=160,
    )  # fmt: skip
    result = EvalResult(
        system="lema/nano-lema", revision="v0.1.0", engine="transformers", checkpoint="", seed=0, limit=None,
        scores=(score,), packages={"lighteval": "0.13.0"}, judge="ab" * 32, key="cd" * 32, out=tmp_path / "run",
    )  # fmt: skip
    write_result(result, items)
    return tmp_path / "run"


def test_the_command_publishes_rows_summary_and_card(
    hub: LocalHub, api: HfApi, repo_id: str, run: Path, items: list[Score], tmp_path: Path
) -> None:
    done = lema(hub, "publish", "run", str(run), repo_id, "--version", "0.1.0", "--json")
    assert done.returncode == 0, done.stderr
    published = json.loads(done.stdout)
    files = set(api.list_repo_files(repo_id, repo_type="dataset", revision="v0.1.0"))
    assert files == {".gitattributes", "README.md", "data/items.parquet", "scores.json", "versions.json"}
    front, text = metadata.split_card(published["card"])
    assert (front["license"], front["dataset_info"][0]["splits"][0]["num_examples"]) == ("apache-2.0", N)
    for part in (
        "| `lema:nano` | 20 | 65.0 % | 43.3 % to 81.9 % | 10.7 % | 1 |",
        "`lema/nano-lema`, revision `v0.1.0`",
        "at most",
        "`lema-cot@1#747f8094`",
        "95 % interval",
    ):
        assert part in text
    import datasets

    api.snapshot_download(repo_id, repo_type="dataset", revision="v0.1.0", local_dir=tmp_path / "back")
    rows = datasets.load_dataset("parquet", data_files=str(tmp_path / "back" / "data" / "items.parquet"))[
        "train"
    ]
    assert [Score.from_row(row) for row in rows] == items


def test_a_second_run_is_a_second_version_and_the_same_tag_is_refused(
    api: HfApi, repo_id: str, run: Path, items: list[Score]
) -> None:
    told = read_result(run)
    publish_run(told, repo_id, version="0.1.0", api=api)
    second = publish_run(told, repo_id, version="0.2.0", api=api)
    assert "| v0.2.0 | 20 | scored anew |" in second.card
    assert {tag.name for tag in api.list_repo_refs(repo_id, repo_type="dataset").tags} == {"v0.1.0", "v0.2.0"}


def test_what_may_not_be_published(
    api: HfApi, repo_id: str, run: Path, items: list[Score], built: Path, tmp_path: Path
) -> None:
    told = read_result(run)
    offline = HfApi(endpoint="http://127.0.0.1:9", token="none")
    for changed, rows, said in (
        (replace(told, limit=5), items, "scored only 5 items"),
        (told, items[1:], r"counts 13 'correct' of lema:nano, the rows hold 12"),
        (told, [replace(items[0], item_id="other/test/0"), *items[1:]], "no task 'other'"),
    ):
        write_result(replace(told, out=tmp_path / "changed"), rows)
        with pytest.raises(InputError, match=said):
            publish_run(replace(changed, out=tmp_path / "changed"), repo_id, version="0.1.0", api=offline)
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    with pytest.raises(HubError, match="which lema_hub did not publish"):
        publish_run(told, repo_id, version="0.2.0", api=api)
