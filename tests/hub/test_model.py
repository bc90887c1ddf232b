"""Adapters and whole models: what is refused, and that the stock clients load what is published."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from hub.conftest import build_adapter, save_tensors, training
from lema_hub.artifacts.model import read_adapter, read_backbone, read_shapes
from lema_hub.cards.metadata import split_card
from lema_hub.cards.model_terms import check_name, notice_of
from lema_hub.errors import InputError, TagExistsError
from lema_hub.hub.publish import publish_adapter, publish_model
from lema_hub.hub.verify import verify


def configure(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "adapter_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def truncate(folder: Path) -> None:
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda f: (f / "adapter_model.bin").write_bytes(pickle.dumps({})),
            "'adapter_model.bin' is a pickle",
        ),
        (lambda f: (f / "adapter_model.safetensors").unlink(), "has no adapter_model.safetensors"),
        (lambda f: (f / "adapter_model.safetensors").write_bytes(b"\x80\x04}."), "no whole safetensors file"),
        (truncate, "no whole safetensors file"),
        (lambda f: (f / "adapter_config.json").unlink(), "no readable adapter_config.json"),
        (lambda f: (f / "adapter_config.json").write_text("[]"), "is no JSON object"),
        (lambda f: (f / "training.json").unlink(), "no readable training.json"),
        (configure(revision=None), "has the base revision None; expected a commit or a tag"),
        (configure(revision="main"), "has the base revision 'main'"),
        (configure(revision="v0.2.0"), "training.json has lema/nano-backbone@v0.1.0"),
        (configure(base_model_name_or_path="/home/me/model"), "which is no repo id"),
        (configure(r=16), "has rank 8, adapter_config.json says 16"),
    ],
)
def test_a_bad_adapter_is_refused(api: HfApi, repo_id: str, adapter: Path, spoil, message: str) -> None:
    spoil(adapter)
    with pytest.raises(InputError) as caught:
        publish_adapter(adapter, repo_id, version="0.1.0", api=api)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not api.repo_exists(repo_id)


def test_what_is_no_model_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        read_adapter(tmp_path / "nothing")
    with pytest.raises(InputError, match=r"has no adapter_model\.safetensors"):
        read_adapter(tmp_path)
    with pytest.raises(InputError, match=r"has no model\.safetensors"):
        read_backbone(tmp_path)


def test_an_adapter_is_no_whole_model(adapter: Path) -> None:
    with pytest.raises(InputError, match=r"holds an adapter.*lema publish adapter"):
        read_backbone(adapter)


def test_code_in_a_model_repo_is_refused(tmp_path: Path) -> None:
    save_tensors(tmp_path / "model.safetensors", {"w": (2,)})
    (tmp_path / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "x.Y"}}))
    training().write(tmp_path)
    with pytest.raises(InputError, match="auto_map"):
        read_backbone(tmp_path)


def test_only_known_files_are_published_and_versions_are_tags(
    api: HfApi, repo_id: str, adapter: Path
) -> None:
    (adapter / "optimizer.pt").write_bytes(pickle.dumps({}))
    (adapter / "run.json").write_text("{}")
    one = publish_adapter(adapter, repo_id, version="0.1.0", api=api)
    assert set(api.list_repo_files(repo_id, revision="v0.1.0")) == {
        ".eval_results/lema-nano-pass-1.yaml",
        ".gitattributes",
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "training.json",
        "versions.json",
    }
    with pytest.raises(TagExistsError):
        publish_adapter(adapter, repo_id, version="0.1.0", api=api)
    training(steps=240).write(adapter)
    two = publish_adapter(adapter, repo_id, version="0.2.0", api=api)
    assert "240 optimisation steps" in two.card
    assert two.bytes < one.bytes
    assert {tag.name: tag.target_commit for tag in api.list_repo_refs(repo_id).tags} == {
        "v0.1.0": one.commit,
        "v0.2.0": two.commit,
    }


def test_an_adapter_does_not_replace_a_whole_model(
    api: HfApi, repo_id: str, adapter: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    save_tensors(folder / "model.safetensors", {"w": (2, 3)})
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    training(method="scratch", base_model=None, base_revision=None).write(folder)
    publish_model(folder, repo_id, version="0.1.0", api=api)
    with pytest.raises(InputError, match="holds a whole model, this folder an adapter"):
        publish_adapter(adapter, repo_id, version="0.2.0", api=api)


def test_llama_adapters_carry_name_phrase_notice_and_licence(
    api: HfApi, repo_id: str, tmp_path: Path
) -> None:
    folder = build_adapter(tmp_path, license="llama3.1")
    with pytest.raises(InputError, match=r"\(1\.b\.i\) asks for names that begin with Llama; name it Llama-"):
        publish_adapter(folder, repo_id, version="0.1.0", api=api)
    named = f"{repo_id.split('/')[0]}/Llama-3.1-8B-{repo_id.split('-')[-1]}"
    with pytest.raises(
        InputError, match="asks for a copy of itself beside the weights; put the file LICENSE"
    ):
        publish_adapter(folder, named, version="0.1.0", api=api)
    assert not api.repo_exists(named)
    (folder / "LICENSE").write_text("The licence's text.\n")
    card = publish_adapter(folder, named, version="0.1.0", api=api).card
    assert "**Built with Llama.**" in card
    notice = Path(api.hf_hub_download(named, "NOTICE", local_dir=tmp_path / "back")).read_text()
    assert notice.startswith("Llama 3.1 is licensed under the Llama 3.1 Community License")
    assert {check.verdict for check in verify(named, api=api).checks} == {"pass"}


@pytest.mark.parametrize(
    ("base", "name", "asked"),
    [
        ("llama2", "lema-7b", None),
        ("llama3", "Llama-lema", "names that begin with Llama 3"),
        ("llama3", "llama3-lema", None),
        ("llama3.2", "lema-3b", "names that begin with Llama"),
        ("llama4", "Llama-4-lema", None),
        ("gemma", "lema-2b", None),
        ("apache-2.0", "lema", None),
        ("unknown", "lema", None),
    ],
)
def test_names_that_licences_ask_for(base: str, name: str, asked: str | None) -> None:
    if asked is None:
        check_name(base, f"lema/{name}")
    else:
        with pytest.raises(InputError, match=asked):
            check_name(base, f"lema/{name}")


def test_a_licence_that_is_none_of_the_hub_s_is_named_and_linked(tmp_path: Path) -> None:
    folder = build_adapter(tmp_path, license="qwen-research")
    (folder / "LICENSE").write_text("The licence's text.\n")
    offline = HfApi(endpoint="http://127.0.0.1:9", token="hf_any")
    card = publish_adapter(folder, "lema/x", version="0.1.0", dry_run=True, api=offline).card
    front = split_card(card)[0]
    assert (front["license"], front["license_name"]) == ("other", "qwen-research")
    assert front["license_link"].startswith("https://huggingface.co/Qwen/")
    assert "research and evaluation only" in card.lower()


def test_a_notice_that_lies_there_is_kept_and_ours_added(tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_text("text")
    (tmp_path / "NOTICE").write_text("Somebody else's notice.\n")
    made = notice_of("gemma", tmp_path)
    assert made is not None
    assert made.startswith(b"Somebody else's notice.\n\nGemma is provided under")
    (tmp_path / "NOTICE").write_bytes(made)
    assert notice_of("gemma", tmp_path) == made


def test_shapes_are_those_of_the_safetensors_library(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(3, 4), "b": torch.ones(5, dtype=torch.int8)}, tmp_path / "x.safetensors")
    assert read_shapes(tmp_path / "x.safetensors") == {"a": (3, 4), "b": (5,)}
