"""`lema verify`: a release of ours passes, and every way to falsify one is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from lema_hub.artifacts.manifest import Manifest
from lema_hub.cards import templates
from lema_hub.hub.publish import publish_adapter, publish_dataset
from lema_hub.hub.pull import pull
from lema_hub.hub.verify import Check, verify
from tests.built import build_dataset

Falsify = Callable[[Path], None]


def verdicts(api: HfApi, repo_id: str, revision: str | None = None) -> dict[str, str]:
    return {check.name: check.verdict for check in verify(repo_id, revision, api=api).checks}


@pytest.mark.parametrize("kind", ["corrections", "cot"])
def test_a_release_of_ours_passes(api: HfApi, repo_id: str, tmp_path: Path, kind: str) -> None:
    publish_dataset(build_dataset(tmp_path / "one", kind), repo_id, version="0.1.0", api=api)
    publish_dataset(build_dataset(tmp_path / "two", kind, train=14), repo_id, version="0.2.0", api=api)
    names = [
        "release",
        "code",
        "rows",
        "leaks",
        "contamination",
        "card",
        "dataset_info",
        "licence",
        "numbers",
        "words",
    ]
    assert verdicts(api, repo_id, "v0.1.0") == dict.fromkeys(names, "pass")
    assert verdicts(api, repo_id) == dict.fromkeys(names, "pass")


def test_an_adapter_of_ours_passes(api: HfApi, repo_id: str, adapter: Path) -> None:
    publish_adapter(adapter, repo_id, version="0.1.0", api=api)
    names = ["release", "weights", "code", "card", "licence", "numbers", "words"]
    assert verdicts(api, repo_id) == dict.fromkeys(names, "pass")


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


def test_a_dataset_of_somebody_else_is_checked_as_far_as_it_can_be(
    api: HfApi, repo_id: str, tmp_path: Path
) -> None:
    from datasets import Dataset

    Dataset.from_dict({"a": [1, 2, 3]}).to_parquet(tmp_path / "train.parquet")
    card = (
        "---\nlicense: mit\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: "
        "data/train.parquet\n"
        "dataset_info:\n- config_name: default\n  splits:\n  - name: train\n    num_examples: 3\n---\n# "
        "Mine\n"
    )
    api.create_repo(repo_id, repo_type="dataset")
    api.create_commit(
        repo_id,
        [
            CommitOperationAdd("data/train.parquet", tmp_path / "train.parquet"),
            CommitOperationAdd("README.md", card.encode()),
        ],
        repo_type="dataset",
        commit_message="Add",
    )
    assert verdicts(api, repo_id) == {"release": "note", "code": "pass", "card": "pass", "rows": "pass"}
    api.upload_file(
        path_or_fileobj=card.replace("num_examples: 3", "num_examples: 4").encode(),
        path_in_repo="README.md",
        repo_id=repo_id,
        repo_type="dataset",
    )
    assert verdicts(api, repo_id)["rows"] == "fail"


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


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cache.pkl", b"x"),
        ("load.py", b"print()\n"),
        ("data/loader.PY", b"print()\n"),
        ("notes", b"\x80\x04}."),
    ],
)
def test_code_in_a_dataset_fails(api: HfApi, repo_id: str, built: Path, name: str, content: bytes) -> None:
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    api.upload_file(path_or_fileobj=content, path_in_repo=name, repo_id=repo_id, repo_type="dataset")
    found = verdicts(api, repo_id, api.repo_info(repo_id, repo_type="dataset").sha)
    assert found["code"] == "fail"


def test_a_file_that_no_release_made_is_a_note(api: HfApi, repo_id: str, built: Path) -> None:
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    api.upload_file(path_or_fileobj=b"x", path_in_repo="eval.yaml", repo_id=repo_id, repo_type="dataset")
    head = api.repo_info(repo_id, repo_type="dataset").sha
    found = {check.name: check for check in verify(repo_id, head, api=api).checks}
    assert found["files"].verdict == "note"
    assert "1 files are not of this release, nobody has checked them: eval.yaml" in found["files"].detail
    assert found["code"].verdict == "pass"


def test_a_pickle_in_a_model_repo_fails(api: HfApi, repo_id: str, adapter: Path) -> None:
    publish_adapter(adapter, repo_id, version="0.1.0", api=api)
    api.upload_file(path_or_fileobj=b"\x80\x04}.", path_in_repo="optimizer.pt", repo_id=repo_id)
    head = api.repo_info(repo_id).sha
    assert verdicts(api, repo_id, head)["code"] == "fail"
