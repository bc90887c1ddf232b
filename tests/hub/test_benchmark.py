"""Our benchmark on a running Hub: files, versions, scores that point at it, and stock clients that load it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from huggingface_hub import HfApi, parse_eval_result_entries

from lema_hub.errors import HubError, InputError, TagExistsError
from lema_hub.hub import benchmark
from lema_hub.hub.benchmark import on_benchmark, publish_benchmark
from lema_hub.hub.eval_results import publish_results
from lema_hub.hub.publish import publish_adapter, publish_dataset
from lema_hub.localhub import LocalHub
from lema_hub.records import Score
from lema_hub.tasks import load_problems
from tests.trained import training

N = 30
RESULT = replace(training().results[0], repo="lema_hub.nano", revision="1", n=N)


def scores(n: int = N) -> list[Score]:
    """The rows of a run on the first problems; all of them wrong."""
    return [
        Score(
            item_id=problem.problem_id,
            task="lema:nano",
            system="lema/nano-lema",
            revision=None,
            checkpoint="",
            seed=0,
            verdict="wrong",
            gold=problem.answer,
            extracted="0",
            output="The answer is 0.",
            reason="",
        )
        for problem in load_problems("nano", "test", limit=n)
    ]


def test_a_benchmark_is_what_the_hub_knows_as_one(api: HfApi, repo_id: str, tmp_path: Path) -> None:
    published = publish_benchmark(repo_id, version="0.1.0", n=N, api=api)
    files = set(api.list_repo_files(repo_id, repo_type="dataset", revision="v0.1.0"))
    assert files == {".gitattributes", "README.md", "data/test.parquet", "eval.yaml", "versions.json"}
    local = api.hf_hub_download(repo_id, "eval.yaml", repo_type="dataset", revision="v0.1.0")
    described = yaml.safe_load(Path(local).read_text())
    assert set(described) == {"name", "description", "evaluation_framework", "tasks"}
    (task,) = described["tasks"]
    assert (task["id"], task["config"], task["split"]) == ("nano", "default", "test")
    assert described["evaluation_framework"] == "inspect-ai"
    assert described["description"].startswith("30 generated math word problems")
    for part in (
        f"--benchmark {repo_id}@v0.1.0",
        "30 math word problems of 2 to 4 steps",
        "at most 9.13 %",  # the standard error of 30 items, one half of them right
        "| v0.1.0 | 30 | first version |",
        "lema-cot@",
    ):
        assert part in published.card


def test_the_real_one_has_the_problems_that_are_scored(repo_id: str) -> None:
    from lema_hub.evals.nano import SIZES

    made = publish_benchmark(repo_id, version="0.1.0", dry_run=True, api=HfApi(endpoint="http://127.0.0.1:9"))
    assert f"{SIZES['test']:,} math word problems" in made.card
    assert "at most 1.58 %" in made.card


def test_stock_clients_load_it_and_an_old_version_stays(
    hub: LocalHub, api: HfApi, repo_id: str, tmp_path: Path
) -> None:
    first = publish_benchmark(repo_id, version="0.1.0", n=N, api=api)
    with pytest.raises(
        InputError, match=r"would hide that scores changed \(5 problems added; .*publish 0\.2\.0"
    ):
        publish_benchmark(repo_id, version="0.1.1", n=N + 5, api=api)
    second = publish_benchmark(repo_id, version="0.2.0", n=N + 5, api=api)
    assert "| v0.2.0 | 35 | 5 problems added; scores are not comparable |" in second.card
    publish_benchmark(repo_id, version="0.2.1", n=N + 5, api=api)
    with pytest.raises(TagExistsError):
        publish_benchmark(repo_id, version="0.2.1", n=N + 6, api=api)
    script = f"""
import json, datasets
sizes = {{}}
for revision in ("v0.1.0", {first.commit!r}, "v0.2.0"):
    rows = datasets.load_dataset({repo_id!r}, split="test", revision=revision)
    sizes[revision] = [rows.num_rows, rows[0]["answer"]]
print(json.dumps(sizes))
"""
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_DISABLE_XET": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer = load_problems("nano", "test", limit=1)[0].answer
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "v0.1.0": [N, answer],
        first.commit: [N, answer],
        "v0.2.0": [N + 5, answer],
    }


def test_inspect_ai_runs_it_from_the_hub(hub: LocalHub, api: HfApi, repo_id: str, tmp_path: Path) -> None:
    publish_benchmark(repo_id, version="0.1.0", n=4, api=api)
    answers = [problem.answer for problem in load_problems("nano", "test", limit=4)]
    outputs = [f"Step 1: ... The answer is {answer}." for answer in answers[:3]] + ["No idea."]
    script = f"""
import json
from inspect_ai import eval
from inspect_ai.model import ModelOutput, ModelUsage, get_model
outputs = [ModelOutput.from_content("mockllm/model", text) for text in {outputs!r}]
for output in outputs:
    output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)  # it would count with a download
(log,) = eval(
    "hf/{repo_id}@v0.1.0", model=get_model("mockllm/model", custom_outputs=outputs), display="none", max_samples=1,
    log_dir="logs",
)
assert log.status == "success", log.error
print(json.dumps([log.status, log.results.scores[0].metrics["accuracy"].value, log.samples[0].messages[0].text]))
"""
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_DISABLE_XET": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    status, accuracy, prompt = json.loads(done.stdout.splitlines()[-1])
    assert (status, accuracy) == ("success", 0.75)
    assert prompt.startswith("Please solve the following math problem.\nQuestion: ")


def test_scores_point_at_the_version_that_they_are_of(api: HfApi, repo_id: str, adapter: Path) -> None:
    board, model = f"{repo_id}-board", f"{repo_id}-model"
    published = publish_benchmark(board, version="0.1.0", n=N, api=api)
    publish_adapter(adapter, model, version="0.1.0", api=api)
    other = replace(RESULT, task="lema:gsm8k", repo="openai/gsm8k")
    moved = on_benchmark([RESULT, other], scores(), f"{board}@v0.1.0", api=api)
    assert moved == [
        replace(RESULT, task="nano", repo=board, revision=published.commit, config="default", split="test"),
        other,
    ]
    publish_results(model, moved[:1], api=api)
    local = api.hf_hub_download(model, ".eval_results/nano-pass-1.yaml")
    (entry,) = parse_eval_result_entries(yaml.safe_load(Path(local).read_text()))
    assert (entry.dataset_id, entry.task_id, entry.dataset_revision) == (board, "nano", published.commit)
    assert entry.value == RESULT.value
    assert entry.notes is not None
    assert entry.notes.startswith("pass@1 of 30 items of split test")


def test_scores_of_other_problems_are_refused(api: HfApi, repo_id: str, built: Path) -> None:
    board, rows = f"{repo_id}-board", f"{repo_id}-rows"
    publish_benchmark(board, version="0.1.0", n=N, api=api)
    publish_dataset(built, rows, version="0.1.0", api=api)
    wrong = [replace(scores()[0], gold="-1"), *scores()[1:]]
    for items, name, said in (
        (scores(N - 1), board, "29 problems are not the 30 of"),
        (wrong, f"{board}@0.1.0", r"see nano/test/s2-0"),
        (scores(), rows, "is not a benchmark of lema_hub"),
    ):
        with pytest.raises(InputError, match=said):
            on_benchmark([RESULT], items, name, api=api)
    with pytest.raises(InputError, match="has no score of lema:nano"):
        on_benchmark([replace(RESULT, task="lema:gsm8k", repo="openai/gsm8k")], [], board, api=api)
    with pytest.raises(HubError, match="has no version 'v9'"):
        on_benchmark([RESULT], scores(), f"{board}@v9", api=api)
    with pytest.raises(HubError, match="which lema_hub did not publish"):
        publish_benchmark(rows, version="0.2.0", n=N, api=api)


def test_a_benchmark_is_proposed_as_a_pull_request_too(
    api: HfApi, repo_id: str, client_of: Callable[[str, str], HfApi], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_benchmark(repo_id, version="0.1.0", n=N, api=api)
    monkeypatch.setattr(benchmark, "_TITLE", "Nano word problems, once more")
    made = publish_benchmark(repo_id, version="0.1.1", n=N, create_pr=True, api=client_of("write", "ann"))
    assert made.pull_request == f"{api.endpoint}/datasets/{repo_id}/discussions/1"
