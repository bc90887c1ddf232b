"""An adapter goes on the base that it names, and on another one only if somebody says so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lema_hub import nano
from lema_hub.engines.bases import NANO_BACKBONE, Base, base, check_base, named_base
from lema_hub.engines.choose import Source, choose
from lema_hub.errors import HubError, InputError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

    from lema_hub.localhub import LocalHub


def adapter(folder: Path, name: str | None, revision: object = None) -> str:
    folder.mkdir()
    config = {"peft_type": "LORA", "r": 4, "base_model_name_or_path": name, "revision": revision}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return str(folder)


def test_nano_is_the_shipped_folder_at_the_shipped_version_only() -> None:
    shipped = Base(str(nano.backbone_path()), label=NANO_BACKBONE)
    assert base("nano") == base(NANO_BACKBONE) == base(NANO_BACKBONE, "v0.1.0") == shipped
    assert base(str(nano.backbone_path())) == shipped
    assert base(NANO_BACKBONE, "v9.0.0") == Base(NANO_BACKBONE, "v9.0.0")


def test_an_adapter_for_another_model_is_refused_on_nano(tmp_path: Path) -> None:
    other = adapter(tmp_path / "other", "org/another-model", "v1.0.0")
    with pytest.raises(InputError) as caught:
        choose(Source(engine="transformers", model="nano", adapter=other))
    assert "trained on org/another-model@v1.0.0, not on lema/nano-backbone@v0.1.0; give that model" in str(
        caught.value
    )
    assert "\n" not in str(caught.value)
    later = adapter(tmp_path / "later", NANO_BACKBONE, "v0.2.0")
    with pytest.raises(
        InputError, match=r"trained on lema/nano-backbone@v0\.2\.0, not on lema/nano-backbone@v0\.1\.0"
    ):
        choose(Source(engine="transformers", model="nano", adapter=later))


@pytest.mark.parametrize("name", ["nano", NANO_BACKBONE, str(nano.backbone_path())])
def test_an_adapter_for_nano_is_taken(tmp_path: Path, name: str) -> None:
    engine = choose(Source(engine="transformers", model="nano", adapter=adapter(tmp_path / "fits", name)))
    assert engine.model == f"{NANO_BACKBONE}+fits"


def test_folders_are_compared_by_their_hash(tiny_llama: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_llama, tmp_path / "copy")
    mine = adapter(tmp_path / "adapter", str(tiny_llama))
    check_base(mine, None, base(str(copy)))
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    with pytest.raises(InputError, match=r"tiny-llama \(sha256:\w{12}\), not on .*copy \(sha256:\w{12}\)"):
        check_base(mine, None, base(str(copy)))


def test_a_folder_is_known_by_the_hash_in_the_run_s_record(tiny_llama: Path, tmp_path: Path) -> None:
    from lema_hub.snapshots import folder_hash

    mine = adapter(tmp_path / "adapter", "lema/tiny-llama", "v0.1.0")
    with pytest.raises(
        InputError, match=r"trained on lema/tiny-llama@v0\.1\.0, not on .*tiny-llama \(sha256"
    ):
        check_base(mine, None, base(str(tiny_llama)))
    (tmp_path / "adapter" / "run.json").write_text(json.dumps({"backbone": folder_hash(tiny_llama)}))
    check_base(mine, None, base(str(tiny_llama)))


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
def test_models_of_a_hub_are_compared_by_their_commit(
    at_hub: LocalHub, api: HfApi, tiny_llama: Path, tmp_path: Path
) -> None:
    api.create_repo("lema/bases-llama")
    commit = api.upload_folder(repo_id="lema/bases-llama", folder_path=tiny_llama).oid
    api.create_tag("lema/bases-llama", tag="v0.1.0")
    mine = adapter(tmp_path / "adapter", "lema/bases-llama", "v0.1.0")
    check_base(mine, None, base("lema/bases-llama"))  # main is at that commit
    api.upload_file(repo_id="lema/bases-llama", path_or_fileobj=b"{}", path_in_repo="generation_config.json")
    check_base(mine, None, base("lema/bases-llama", commit))
    with pytest.raises(InputError, match=r"lema/bases-llama@v0\.1\.0, not on lema/bases-llama@main"):
        check_base(mine, None, base("lema/bases-llama"))


@pytest.mark.parametrize(("name", "revision"), [(None, None), ("", None), ("org/model", 3), (["x"], None)])
def test_an_adapter_without_a_base_says_so(name: str | None, revision: object) -> None:
    with pytest.raises(
        InputError, match=r"names no base model; give one \(lema eval, merge and demo take --base\)"
    ):
        named_base("runs/lema", {"base_model_name_or_path": name, "revision": revision})


def test_an_adapter_of_a_hub_does_not_choose_a_folder_of_this_machine(
    tiny_llama: Path, tmp_path: Path
) -> None:
    config = {"base_model_name_or_path": str(tiny_llama)}
    with pytest.raises(InputError, match="of a Hub names the folder"):
        named_base("org/adapter", config)
    assert named_base(str(tmp_path), config) == Base(str(tiny_llama))


def test_a_base_that_is_neither_a_folder_nor_on_a_hub_is_named(tmp_path: Path) -> None:
    from lema_hub.evals.systems import find

    with pytest.raises((InputError, HubError), match="is neither a folder nor a Hub id"):
        find(adapter(tmp_path / "adapter", "../none"))


def test_base_says_so_explicitly(tiny_llama: Path, tmp_path: Path) -> None:
    from lema_hub.evals.systems import find

    other = adapter(tmp_path / "other", "org/another-model", "v1.0.0")
    assert find(other, base="nano").model == f"{NANO_BACKBONE}+other"
    assert find(other, base=str(tiny_llama)).model == "tiny-llama+other"
