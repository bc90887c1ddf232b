"""The card of a release: every way to falsify it is found; cards of others need not look like ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from lema_hub.artifacts.manifest import Manifest
from lema_hub.cards import templates
from lema_hub.hub.publish import publish_dataset
from lema_hub.hub.pull import pull
from lema_hub.hub.verify import Check, verify
from tests.hub.test_verify import verdicts

Falsify = Callable[[Path], None]


def text(name: str, old: str, new: str) -> Falsify:
    def change(folder: Path) -> None:
        before = (folder / name).read_text()
        assert old in before
        (folder / name).write_text(before.replace(old, new))

    return change


def drop_row(folder: Path) -> None:
    path = folder / "data/nano/train.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)


def relicense(folder: Path) -> None:
    made = Manifest.read(folder)
    replace(made, inputs=(replace(made.inputs[0], license="cc-by-sa-4.0"),)).write(folder)


@pytest.mark.parametrize(
    ("falsify", "failing"),
    [
        (text("README.md", "holds 16 corrections", "holds 160 corrections"), {"numbers", "words"}),
        (text("README.md", "reasoning breaks", "reasoning shines"), {"words"}),
        (text("images/stages.svg", "answer gate", "question gate"), {"words"}),
        (
            text("README.md", "| `nano` | `train` | 12 |", "| `nano` | `train` | 13,000 |"),
            {"numbers", "words"},
        ),
        (text("README.md", "license: apache-2.0", "license: mit"), {"licence", "words"}),
        (text("README.md", "num_examples: 12", "num_examples: 13"), {"dataset_info", "words"}),
        (
            text("README.md", "- name: seed\n    dtype: int64", "- name: seed\n    dtype: string"),
            {"dataset_info", "words"},
        ),
        (text("README.md", "  default: true\n", ""), {"card", "words"}),
        (text("manifest.json", '"train": 12', '"train": 11'), {"rows"}),
        (drop_row, {"rows"}),
        (relicense, {"licence", "words"}),
    ],
)
def test_a_falsified_release_fails(
    api: HfApi, repo_id: str, built: Path, tmp_path: Path, falsify: Falsify, failing: set[str]
) -> None:
    """The falsified files are committed and the tag moved there, as only an owner of the Hub could."""
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    folder = pull(repo_id, out=tmp_path / "falsified", api=api).folder
    falsify(folder)
    changed = [path for path in folder.rglob("*") if path.is_file() and ".cache" not in path.parts]
    commit = api.create_commit(
        repo_id,
        [CommitOperationAdd(path.relative_to(folder).as_posix(), path) for path in changed],
        repo_type="dataset",
        commit_message="Falsify",
    )
    api.delete_tag(repo_id, tag="v0.1.0", repo_type="dataset")
    api.create_tag(repo_id, tag="v0.1.0", revision=commit.oid, repo_type="dataset")
    found = {check.name for check in verify(repo_id, "v0.1.0", api=api).failed}
    assert found == failing | {"release"}  # the tag is no longer where the release says


def test_a_card_of_another_version_of_the_package_is_a_note_unless_its_numbers_are_wrong(
    api: HfApi, repo_id: str, built: Path, tmp_path: Path
) -> None:
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    folder = pull(repo_id, out=tmp_path / "older", api=api).folder
    text("README.md", "where reasoning breaks", "where it breaks")(folder)
    text("versions.json", templates.maker(), "lema_hub 0.0.9, templates 0123456789ab")(folder)

    def again() -> dict[str, Check]:
        api.upload_folder(
            repo_id=repo_id, repo_type="dataset", folder_path=folder, ignore_patterns=[".cache/**"]
        )
        api.delete_tag(repo_id, tag="v0.1.0", repo_type="dataset")
        api.create_tag(repo_id, tag="v0.1.0", repo_type="dataset")
        return {check.name: check for check in verify(repo_id, "v0.1.0", api=api).checks}

    found = again()
    assert found["numbers"].verdict == "pass"
    assert found["words"].verdict == "note"
    assert "made with lema_hub 0.0.9, templates 0123456789ab, this is lema_hub" in found["words"].detail
    text("README.md", "holds 16 corrections", "holds 1,600 corrections")(folder)
    assert again()["numbers"].verdict == "fail"


@pytest.mark.parametrize(
    ("front", "verdict"),
    [
        ("configs:\n- config_name: default\n  data_files: data/*.parquet\n", ("pass", "pass")),
        ("dataset_info: hello\n", ("pass", "fail")),
        ("dataset_info:\n  splits:\n  - name: train\n", ("pass", "fail")),
    ],
)
def test_cards_of_others_need_not_look_like_ours(
    api: HfApi, repo_id: str, tmp_path: Path, front: str, verdict: tuple[str, str]
) -> None:
    from datasets import Dataset

    folder = tmp_path / "theirs"
    (folder / "data").mkdir(parents=True)
    Dataset.from_dict({"a": [1]}).to_parquet(folder / "data/train.parquet")
    (folder / "README.md").write_text(f"---\nlicense: mit\n{front}---\n# Theirs\n")
    api.create_repo(repo_id, repo_type="dataset")
    api.upload_folder(repo_id=repo_id, folder_path=folder, repo_type="dataset")
    found = verdicts(api, repo_id)
    assert (found["card"], found["rows"]) == verdict


@pytest.mark.parametrize(
    ("name", "content", "check"),
    [
        ("README.md", "---\nlicense: mit\ndataset_info: 5\n---\n# x\n", "dataset_info"),
        ("README.md", "---\nlicense: mit\ndataset_info:\n- config_name: nano\n---\n# x\n", "dataset_info"),
        ("versions.json", '{"versions": []}', "words"),
    ],
)
def test_a_damaged_release_fails_its_check(
    api: HfApi, repo_id: str, built: Path, name: str, content: str, check: str
) -> None:
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    api.upload_file(path_or_fileobj=content.encode(), path_in_repo=name, repo_id=repo_id, repo_type="dataset")
    head = api.repo_info(repo_id, repo_type="dataset").sha
    assert verdicts(api, repo_id, head)[check] == "fail"
