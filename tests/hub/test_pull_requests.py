"""Releases as pull requests: proposed by a stranger, merged by the owner, tagged after a look."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from lema_hub.errors import HubError, InputError
from lema_hub.hub.eval_results import publish_results
from lema_hub.hub.publish import publish_adapter, publish_dataset
from lema_hub.hub.tags import tag_merged
from lema_hub.localhub import LocalHub
from tests.built import build_dataset
from tests.command import lema
from tests.trained import training

ClientOf = Callable[[str, str], HfApi]


def tags(api: HfApi, repo_id: str, kind: str = "dataset") -> dict[str, str]:
    return {tag.name: tag.target_commit for tag in api.list_repo_refs(repo_id, repo_type=kind).tags}


def pulls(api: HfApi, repo_id: str, kind: str = "dataset") -> list[int]:
    return [one.num for one in api.get_repo_discussions(repo_id, repo_type=kind)]


def test_the_same_command_finds_its_pull_request_again(
    api: HfApi, client_of: ClientOf, repo_id: str, built: Path, grown: Path, tmp_path: Path
) -> None:
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    ann = client_of("write", "ann")
    one = publish_dataset(grown, repo_id, version="0.2.0", create_pr=True, api=ann)
    two = publish_dataset(grown, repo_id, version="0.2.0", create_pr=True, api=ann)
    assert (two.pull_request, two.commit, two.bytes, two.finished) == (one.pull_request, one.commit, 0, True)
    other = build_dataset(tmp_path / "other", train=15)
    with pytest.raises(InputError, match="proposes other content; close it"):
        publish_dataset(other, repo_id, version="0.2.0", create_pr=True, api=ann)
    ben = publish_dataset(other, repo_id, version="0.2.0", create_pr=True, api=client_of("write", "ben"))
    assert ben.pull_request != one.pull_request
    assert pulls(api, repo_id) == [2, 1]
    publish_dataset(other, repo_id, version="0.1.1", api=api)
    with pytest.raises(InputError, match="conflicts with what was published since"):
        publish_dataset(grown, repo_id, version="0.2.0", create_pr=True, api=ann)
    ann.change_discussion_status(repo_id, 1, "closed", repo_type="dataset")
    again = publish_dataset(grown, repo_id, version="0.2.0", create_pr=True, api=ann)
    assert again.pull_request == f"{api.endpoint}/datasets/{repo_id}/discussions/3"


@pytest.mark.parametrize("renamed", [False, True])
def test_the_owner_with_the_folder_tags_by_the_same_command(
    api: HfApi, repo_id: str, built: Path, grown: Path, renamed: bool
) -> None:
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    publish_dataset(grown, repo_id, version="0.2.0", create_pr=True, api=api)
    if renamed:  # nothing in the merge says then what it is: the content does
        api.rename_discussion(repo_id, 1, "More rows", repo_type="dataset")
    api.merge_pull_request(repo_id, 1, repo_type="dataset")
    with pytest.raises(InputError, match=r"lacks only its tag|nothing to propose"):
        publish_dataset(grown, repo_id, version="0.2.0", create_pr=True, api=api)
    done = publish_dataset(grown, repo_id, version="0.2.0", api=api)
    head = api.dataset_info(repo_id).sha
    assert (done.commit, done.bytes, done.finished, done.pull_request) == (head, 0, True, None)
    assert tags(api, repo_id)["v0.2.0"] == head


def test_an_adapter_is_proposed_too(
    api: HfApi, client_of: ClientOf, repo_id: str, adapter: Path, tmp_path: Path
) -> None:
    publish_adapter(adapter, repo_id, version="0.1.0", api=api)
    config = adapter / "adapter_config.json"
    config.write_text(config.read_text().replace('"lora_alpha": 16', '"lora_alpha": 32'))
    ann = client_of("write", "ann")
    proposed = publish_adapter(adapter, repo_id, version="0.1.1", create_pr=True, api=ann)
    assert proposed.pull_request == f"{api.endpoint}/{repo_id}/discussions/1"
    api.merge_pull_request(repo_id, 1)
    assert str(tag_merged(repo_id, api=api)[1]) == "0.1.1"
    assert set(tags(api, repo_id, "model")) == {"v0.1.0", "v0.1.1"}


def test_scores_are_proposed_once(api: HfApi, client_of: ClientOf, repo_id: str, adapter: Path) -> None:
    publish_adapter(adapter, repo_id, version="0.1.0", api=api)
    results = [replace(training().results[0], task="lema:math")]
    ann = client_of("write", "ann")
    sent = [publish_results(repo_id, results, create_pr=True, api=ann).url for _ in range(2)]
    assert sent[0] == sent[1] == f"{api.endpoint}/{repo_id}/discussions/1"
    assert pulls(api, repo_id, "model") == [1]


def test_there_must_be_a_repo_to_open_one_in(api: HfApi, repo_id: str, built: Path) -> None:
    with pytest.raises(InputError, match=r"there is no dataset .* publish without --create-pr"):
        publish_dataset(built, repo_id, version="0.1.0", create_pr=True, api=api)
    api.create_repo(repo_id)
    with pytest.raises(InputError, match=rf"\({repo_id} is a model\)"):
        publish_dataset(built, repo_id, version="0.1.0", create_pr=True, api=api)


def test_the_commands_say_what_to_type_next(
    hub: LocalHub, api: HfApi, repo_id: str, built: Path, grown: Path
) -> None:
    def run(*words: object) -> str:
        done = lema(hub, "publish", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("dataset", built, repo_id, "--version", "0.1.0")
    page = f"{hub.url}/datasets/{repo_id}/discussions/1"
    for said in ("Opened", "Found"):
        out = run("dataset", grown, repo_id, "--version", "0.2.0", "--create-pr")
        assert (
            f"{said} {page}\nIt has no tag yet; make it after the merge.\nnext: lema publish tag {repo_id}"
            in out
        )
    api.merge_pull_request(repo_id, 1, repo_type="dataset")
    out = run("tag", repo_id)
    assert f"{hub.url}/datasets/{repo_id}/tree/v0.2.0 is commit {tags(api, repo_id)['v0.2.0']}" in out
    again = lema(hub, "publish", "tag", repo_id)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr.startswith(f"lema: {repo_id} has no single release to tag")
    gathered = json.loads(run("collection", f"Commands {repo_id}", repo_id, "2310.20689", "--json"))
    assert [item["outcome"] for item in gathered["items"]] == ["added", "added"]
    assert gathered["url"].startswith(f"{hub.url}/collections/lema/commands-")


def test_a_gated_repo_says_whom_to_ask(
    api: HfApi, client_of: ClientOf, repo_id: str, built: Path, grown: Path
) -> None:
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    api.update_repo_settings(repo_id, gated="manual", repo_type="dataset")
    with pytest.raises(HubError, match=rf"{repo_id} is gated; ask for access at http"):
        publish_dataset(grown, repo_id, version="0.2.0", create_pr=True, api=client_of("write", "ann"))
    assert pulls(api, repo_id) == []
