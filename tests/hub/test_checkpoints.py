"""Checkpoints: each a commit and a tag beside main, whole or not at all, finished by the same call."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from lema_hub.errors import InputError, TagExistsError
from lema_hub.hub.checkpoints import BRANCH, publish_checkpoints
from lema_hub.hub.publish import publish_adapter
from lema_hub.hub.verify import verify
from lema_hub.localhub import LocalHub
from tests.command import lema
from tests.trained import build_adapter, save_tensors, training


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with two whole checkpoints and one that was being written."""
    folder = build_adapter(tmp_path / "run")
    for step in (40, 80, 120):
        checkpoint = folder / "checkpoints" / f"checkpoint-{step}"
        checkpoint.mkdir(parents=True)
        shutil.copyfile(folder / "adapter_config.json", checkpoint / "adapter_config.json")
        shapes = {"base.q_proj.lora_A.weight": (8, 16), "base.q_proj.lora_B.weight": (16, 8), "x": (step,)}
        save_tensors(checkpoint / "adapter_model.safetensors", shapes)
        (checkpoint / "optimizer.pt").write_bytes(b"\x80\x04}.")
        if step < 120:
            (checkpoint / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    return folder


def tags(api: HfApi, repo_id: str) -> dict[str, str]:
    return {ref.name: ref.target_commit for ref in api.list_repo_refs(repo_id).tags}


def test_every_checkpoint_is_loaded_by_its_tag_and_main_has_none(api: HfApi, repo_id: str, run: Path) -> None:
    made = publish_checkpoints(run, repo_id, version="0.1.0", api=api)
    assert list(made) == ["v0.1.0-step-40", "v0.1.0-step-80"]
    assert tags(api, repo_id) == made
    final = publish_adapter(run, repo_id, version="0.1.0", api=api)
    assert api.repo_info(repo_id).sha == final.commit
    for step in (40, 80):
        tag = f"v0.1.0-step-{step}"
        got = api.hf_hub_download(repo_id, "adapter_model.safetensors", revision=tag)
        expected = run / f"checkpoints/checkpoint-{step}/adapter_model.safetensors"
        assert Path(got).read_bytes() == expected.read_bytes()
        assert "optimizer.pt" not in api.list_repo_files(repo_id, revision=tag)
        card = Path(api.hf_hub_download(repo_id, "README.md", revision=tag)).read_text()
        assert f"**A checkpoint**: the weights after step {step} of the 120 steps" in card
        assert f'revision="{tag}"' in card
        assert "published before it was scored" in card
        checks = {check.name: check.verdict for check in verify(repo_id, tag, api=api).checks}
        assert checks == dict.fromkeys(checks, "pass")
        assert {"release", "weights", "licence", "words"} <= checks.keys()
    assert "A checkpoint" not in final.card


def test_a_kill_between_commit_and_tag_is_finished_by_the_same_call(
    api: HfApi, repo_id: str, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as dying:
        dying.setattr(HfApi, "create_tag", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            publish_checkpoints(run, repo_id, version="0.1.0", api=api)
    assert tags(api, repo_id) == {}
    half = api.list_repo_commits(repo_id, revision=BRANCH)
    made = publish_checkpoints(run, repo_id, version="0.1.0", api=api)
    assert made["v0.1.0-step-40"] == half[0].commit_id
    assert tags(api, repo_id) == made
    before = api.list_repo_commits(repo_id, revision=BRANCH)
    assert publish_checkpoints(run, repo_id, version="0.1.0", api=api) == made
    assert len(api.list_repo_commits(repo_id, revision=BRANCH)) == len(before) == len(half) + 1


def test_a_published_checkpoint_never_changes(api: HfApi, repo_id: str, run: Path) -> None:
    made = publish_checkpoints(run, repo_id, version="0.1.0", api=api)
    training(seed=1).write(run)
    with pytest.raises(TagExistsError, match=r"has v0\.1\.0-step-40 already, with other content"):
        publish_checkpoints(run, repo_id, version="0.1.0", api=api)
    assert tags(api, repo_id) == made


def test_what_is_no_checkpoint_is_refused_before_anything_is_sent(
    api: HfApi, repo_id: str, run: Path
) -> None:
    (run / "checkpoints/checkpoint-80/adapter_model.safetensors").unlink()
    (run / "checkpoints/checkpoint-80/adapter_model.bin").write_bytes(b"\x80\x04}.")
    with pytest.raises(InputError, match=r"has no adapter_model\.safetensors; only checkpoints of adapters"):
        publish_checkpoints(run, repo_id, version="0.1.0", api=api)
    assert not api.repo_exists(repo_id)
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(InputError, match="has no checkpoints; train with save_every"):
        publish_checkpoints(run, repo_id, version="0.1.0", api=api)


def test_the_command_publishes_run_and_checkpoints(
    hub: LocalHub, api: HfApi, repo_id: str, run: Path
) -> None:
    done = lema(hub, "publish", "adapter", run, repo_id, "--version", "0.1.0", "--all-checkpoints")
    assert done.returncode == 0, done.stderr
    assert "checkpoint v0.1.0-step-80 is commit" in done.stderr
    assert sorted(tags(api, repo_id)) == ["v0.1.0", "v0.1.0-step-40", "v0.1.0-step-80"]
