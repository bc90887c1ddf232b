"""The tag of a merged pull request: made by the owner, and only for what was proposed."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from lema_hub.errors import HubError, InputError, TagExistsError
from lema_hub.hub.publish import publish_dataset
from lema_hub.hub.tags import tag_merged
from lema_hub.hub.verify import verify
from tests.hub.test_pull_requests import ClientOf, tags


def test_a_proposed_release_is_merged_and_tagged_by_the_owner(
    api: HfApi, client_of: ClientOf, repo_id: str, built: Path, grown: Path
) -> None:
    first = publish_dataset(built, repo_id, version="0.1.0", api=api)
    ann = client_of("write", "ann")
    proposed = publish_dataset(grown, repo_id, version="next", create_pr=True, api=ann)
    assert (proposed.version, proposed.finished) == ("0.2.0", False)
    assert proposed.pull_request == proposed.url == f"{api.endpoint}/datasets/{repo_id}/discussions/1"
    assert proposed.bytes > 0
    assert tags(api, repo_id) == {"v0.1.0": first.commit}
    said = api.get_discussion_details(repo_id, 1, repo_type="dataset")
    assert (said.title, said.author, said.status) == ("Release 0.2.0", "ann", "open")
    assert f"`lema publish tag {repo_id}` makes v0.2.0" in said.events[0].content  # type: ignore[attr-defined]
    rows = api.hf_hub_download(repo_id, "data/nano/train.parquet", repo_type="dataset", revision="refs/pr/1")
    assert Path(rows).stat().st_size == proposed.files["data/nano/train.parquet"]

    with pytest.raises(InputError, match="no single release to tag"):
        tag_merged(repo_id, api=api)
    api.merge_pull_request(repo_id, 1, repo_type="dataset")
    with pytest.raises(HubError, match="may not write"):
        tag_merged(repo_id, api=ann)
    repo, number, commit = tag_merged(repo_id, api=api)
    assert (repo.repo_type, str(number)) == ("dataset", "0.2.0")
    assert tags(api, repo_id) == {"v0.1.0": first.commit, "v0.2.0": commit}
    assert commit == api.dataset_info(repo_id).sha
    checks = {check.name: check.verdict for check in verify(repo_id, "v0.2.0", api=api).checks}
    assert checks["release"] == "pass"
    assert "fail" not in checks.values()
    with pytest.raises(InputError, match="merged, without a tag: none"):
        tag_merged(repo_id, api=api)
    with pytest.raises(TagExistsError):
        publish_dataset(grown, repo_id, version="0.2.0", create_pr=True, api=ann)


def test_a_merge_that_is_not_what_was_proposed_is_not_tagged(
    api: HfApi, client_of: ClientOf, repo_id: str, built: Path, grown: Path
) -> None:
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    publish_dataset(grown, repo_id, version="0.2.0", create_pr=True, api=client_of("write", "ann"))
    api.create_commit(
        repo_id,
        [CommitOperationAdd(".gitattributes", b"*.parquet filter=lfs diff=lfs merge=lfs -text\n")],
        repo_type="dataset",
        commit_message="Change what the request did not",
    )
    api.merge_pull_request(repo_id, 1, repo_type="dataset")
    with pytest.raises(HubError, match=r"not what refs/pr/1 proposed \(it differs in \.gitattributes\)"):
        tag_merged(repo_id, api=api)
    assert set(tags(api, repo_id)) == {"v0.1.0"}
