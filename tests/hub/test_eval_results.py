"""Scores on a model's page: the Hub's own format, read back by its client; commits, pull requests,
refusals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from huggingface_hub import HfApi, parse_eval_result_entries

from lema_hub.errors import HubError, InputError
from lema_hub.hub.eval_results import publish_results, result_files
from lema_hub.hub.publish import publish_adapter
from tests.trained import training

RESULTS = training().results


def test_the_client_reads_what_is_written() -> None:
    files = result_files(RESULTS)
    assert list(files) == [".eval_results/lema-nano-pass-1.yaml"]
    (entry,) = parse_eval_result_entries(yaml.safe_load(files[".eval_results/lema-nano-pass-1.yaml"]))
    assert (entry.dataset_id, entry.task_id, entry.value) == ("lema/nano-problems", "lema:nano", 0.472)
    assert entry.dataset_revision == "v0.1.0"
    assert "1000 items" in (entry.notes or "")
    assert "standard error 0.0158" in (entry.notes or "")


def test_scores_without_a_dataset_are_left_out_and_doubles_refused() -> None:
    assert result_files([replace(RESULTS[0], repo="nano")]) == {}
    with pytest.raises(InputError, match=r"two scores are pass@1 of lema:nano"):
        result_files([*RESULTS, *RESULTS])


def test_an_adapter_is_published_with_its_scores_and_later_ones_are_added(
    api: HfApi, repo_id: str, adapter: Path
) -> None:
    publish_adapter(adapter, repo_id, version="0.1.0", api=api)
    assert ".eval_results/lema-nano-pass-1.yaml" in api.list_repo_files(repo_id, revision="v0.1.0")
    before = api.repo_info(repo_id).sha
    publish_results(repo_id, RESULTS, api=api)
    assert api.repo_info(repo_id).sha == before
    sent = publish_results(repo_id, [replace(RESULTS[0], task="lema:gsm8k", repo="openai/gsm8k")], api=api)
    assert sent.url
    assert ".eval_results/lema-gsm8k-pass-1.yaml" in api.list_repo_files(repo_id)
    publish_adapter(adapter, repo_id, version="0.1.1", api=api)
    assert ".eval_results/lema-gsm8k-pass-1.yaml" in api.list_repo_files(repo_id, revision="v0.1.1")


def test_nothing_is_sent_where_there_is_no_model_or_no_score(api: HfApi, repo_id: str) -> None:
    assert publish_results(repo_id, RESULTS, dry_run=True, api=api).url is None
    with pytest.raises(InputError, match="there is no model"):
        publish_results(repo_id, RESULTS, api=api)
    with pytest.raises(InputError, match="none of 0 scores"):
        publish_results(repo_id, [], api=api)


def test_scores_of_somebody_elses_model_go_there_as_a_pull_request(
    api: HfApi, client_of: Callable[[str, str], HfApi], repo_id: str, adapter: Path
) -> None:
    publish_adapter(adapter, repo_id, version="0.1.0", api=api)
    stranger, more = client_of("write", "stranger"), [replace(RESULTS[0], task="lema:math")]
    with pytest.raises(HubError, match="may not write"):
        publish_results(repo_id, more, api=stranger)
    head = api.repo_info(repo_id).sha
    sent = publish_results(repo_id, more, create_pr=True, api=stranger)
    assert api.repo_info(repo_id).sha == head
    assert ".eval_results/lema-math-pass-1.yaml" in api.list_repo_files(repo_id, revision="refs/pr/1")
    assert sent.url
