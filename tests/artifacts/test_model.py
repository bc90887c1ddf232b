"""Adapters and whole models: what is refused, and that the stock clients load what is published."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from lema_hub.artifacts.model import read_adapter, read_backbone, read_shapes
from lema_hub.errors import InputError
from lema_hub.hub.publish import publish_adapter
from tests.trained import save_tensors, training


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
        (
            lambda f: (f / "adapter_model.safetensors").write_bytes(b"\x80\x04}."),
            "is not a whole safetensors file",
        ),
        (truncate, "is not a whole safetensors file"),
        (lambda f: (f / "adapter_config.json").unlink(), "adapter_config.json' cannot be read"),
        (lambda f: (f / "adapter_config.json").write_text("[]"), "is not a JSON object"),
        (lambda f: (f / "training.json").unlink(), "no readable training.json"),
        (configure(revision=None), "has the base revision None; expected a commit or a tag"),
        (configure(revision="main"), "has the base revision 'main'"),
        (configure(revision="v0.2.0"), "training.json has lema/nano-backbone@v0.1.0"),
        (configure(base_model_name_or_path="/home/me/model"), "which is not a repo id"),
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
    with pytest.raises(InputError, match="is not a folder"):
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


def test_shapes_are_those_of_the_safetensors_library(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(3, 4), "b": torch.ones(5, dtype=torch.int8)}, tmp_path / "x.safetensors")
    assert read_shapes(tmp_path / "x.safetensors") == {"a": (3, 4), "b": (5,)}
