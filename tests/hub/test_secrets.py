"""A secret is neither published nor passed by verify, wherever it stands, and no message repeats it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from lema_hub.artifacts.files import File
from lema_hub.artifacts.manifest import Manifest
from lema_hub.errors import InputError
from lema_hub.hub.collections import gather
from lema_hub.hub.eval_results import publish_results
from lema_hub.hub.publish import publish_adapter, publish_dataset
from lema_hub.hub.secrets import check_secrets, find_leaks
from lema_hub.hub.verify import verify
from lema_hub.records import Rejection
from tests.built import build_dataset, corrections, write_rows
from tests.trained import build_adapter, save_tensors, training

KEY = "sk-proj-" + "Ab3dEf6hIj9lMn2p" * 3
TOKEN = "hf_" + "QwErTyUiOpAsDfGhJkLzXcVbNm12345678"
CONFIGURED = "the pass phrase of 2026"


def in_row(folder: Path) -> None:
    rows = corrections("train", 12)
    told = replace(rows[7], explanation=f"Authorization: Bearer {KEY}")
    write_rows(folder, "nano", "train", [*rows[:7], told, *rows[8:]])


def in_steps(folder: Path) -> None:
    rows = corrections("dev", 4)
    told = replace(rows[2], correct_steps=(*rows[2].correct_steps, f"Use {TOKEN}."))
    write_rows(folder, "nano", "dev", [*rows[:2], told, rows[3]])


def in_rejected(folder: Path) -> None:
    dropped = [
        Rejection(
            "nano/train/1",
            f"path-{n}",
            "answer gate",
            "wrong answer",
            f"401: {KEY}" if n == 1 else "no",
            "text",
        )
        for n in range(3)
    ]
    write_rows(folder, "rejected", "train", dropped)


def in_command(folder: Path) -> None:
    made = Manifest.read(folder)
    replace(made, command=f"lema build --base-url https://me:{KEY}@host/v1").write(folder)


def configured(folder: Path) -> None:
    made = Manifest.read(folder)
    model = replace(made.models[0], name=f"a model called {CONFIGURED}")
    replace(made, models=(model, *made.models[1:])).write(folder)


PLACES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a row": (in_row, r"data/nano/train\.parquet, column 'explanation', row 7 \("),
    "a list": (in_steps, r"data/nano/dev\.parquet, column 'correct_steps', row 2 \(hub token\)"),
    "a rejected row": (in_rejected, r"data/rejected/train\.parquet, column 'detail', row 1 \(api key\)"),
    "the manifest": (in_command, r"manifest\.json, line \d+ \("),
    "a configured secret": (configured, r"manifest\.json, line \d+ \(configured\)"),
}


@pytest.mark.parametrize("place", list(PLACES))
def test_a_secret_is_not_published(
    api: HfApi, repo_id: str, built: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMEBODY_API_KEY", CONFIGURED)
    plant, where = PLACES[place]
    plant(built)
    for dry_run in (True, False):
        with pytest.raises(InputError, match=f"what looks like a secret stands in {where}") as caught:
            publish_dataset(built, repo_id, version="0.1.0", dry_run=dry_run, api=api)
        for secret in (KEY, TOKEN, CONFIGURED):
            assert secret[4:14] not in str(caught.value)
        assert "\n" not in str(caught.value)
    assert not api.repo_exists(repo_id, repo_type="dataset")


def test_a_secret_in_a_model_is_not_published(api: HfApi, repo_id: str, tmp_path: Path) -> None:
    folder = build_adapter(tmp_path / "one", command=f"HF_TOKEN={TOKEN} lema train")
    with pytest.raises(InputError, match=r"secret stands in training\.json, line \d+ \(hub token\)"):
        publish_adapter(folder, repo_id, version="0.1.0", api=api)
    folder = build_adapter(tmp_path / "two")
    name = f"base.{KEY}.lora_A.weight"
    save_tensors(folder / "adapter_model.safetensors", {name: (8, 16)})
    with pytest.raises(InputError, match=r"secret stands in adapter_model\.safetensors, line 1 \(api key\)"):
        publish_adapter(folder, repo_id, version="0.1.0", api=api)
    assert not api.repo_exists(repo_id)


def test_a_secret_in_scores_or_a_title_is_not_sent(api: HfApi, repo_id: str, adapter: Path) -> None:
    publish_adapter(adapter, repo_id, version="0.1.0", api=api)
    head = api.repo_info(repo_id).sha
    with pytest.raises(InputError, match="what looks like a secret stands in"):
        publish_results(repo_id, [replace(training().results[0], split=KEY)], api=api)
    with pytest.raises(InputError, match="what looks like a secret stands in the title"):
        gather(f"My {TOKEN}", [repo_id], api=api)
    assert api.repo_info(repo_id).sha == head


@pytest.mark.parametrize(
    ("name", "where"),
    [("notes.txt", "notes.txt, line 3 (hub token)"), ("eval.yaml", "eval.yaml, line 3 (hub token)")],
)
def test_verify_finds_a_secret_that_somebody_published(
    api: HfApi, repo_id: str, built: Path, name: str, where: str
) -> None:
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    text = f"one\ntwo\ntoken: {TOKEN}\n".encode()
    api.upload_file(path_or_fileobj=text, path_in_repo=name, repo_id=repo_id, repo_type="dataset")
    head = api.repo_info(repo_id, repo_type="dataset").sha
    found = {check.name: check for check in verify(repo_id, head, api=api).checks}["secrets"]
    assert found.verdict == "fail"
    assert where in found.detail
    assert TOKEN[5:15] not in found.detail


def test_every_text_of_a_table_is_searched_and_every_place_named(tmp_path: Path) -> None:
    build_dataset(tmp_path, train=30)
    path = tmp_path / "data/nano/train.parquet"
    assert list(find_leaks([File("data/nano/train.parquet", path)])) == []
    rows = corrections("train", 30)
    rows[4] = replace(rows[4], explanation=f"{KEY} and {TOKEN}")
    rows[29] = replace(rows[29], correct_solution=KEY, explanation=TOKEN)
    write_rows(tmp_path, "nano", "train", rows)
    found = [str(leak) for leak in find_leaks([File("t.parquet", path.read_bytes())])]
    assert sorted(found) == [
        "t.parquet, column 'correct_solution', row 29 (api key)",
        "t.parquet, column 'explanation', row 29 (hub token)",
        "t.parquet, column 'explanation', row 4 (api key)",
    ]


def test_a_secret_on_the_edge_of_a_piece_is_found_once(tmp_path: Path) -> None:
    for before in (2**20 - 20, 2**20 - 1, 2**20, 2**20 + 5):
        text = ("x" * 99 + "\n") * (before // 100) + "y" * (before % 100) + " " + TOKEN + "\nrest"
        line = before // 100 + 1
        found = [str(leak) for leak in find_leaks([File("long.txt", text.encode())])]
        assert found == [f"long.txt, line {line} (hub token)"]
    with pytest.raises(InputError, match="and 1 more places"):
        check_secrets([File("a.json", json.dumps([KEY]).encode()), File(f"{TOKEN}.txt", b"")])
