"""What a name means: a model, an adapter on the base that it names, or neither."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lema_hub.errors import HubError, InputError
from lema_hub.evals import EvalResult, score
from lema_hub.evals.systems import find

if TYPE_CHECKING:
    from lema_hub.localhub import LocalHub


def test_an_adapter_is_found_with_its_base_and_answers_otherwise(
    result: EvalResult, adapter: Path, llama: Path, runs: Path
) -> None:
    engine = find(str(adapter))
    assert engine.model == "tiny-llama+tiny-adapter"
    found = score(engine, tasks=["nano"], out=runs / "adapter", limit=4)
    written = {row.item_id: row.output for row in result.items() if row.task == "lema:nano"}
    assert any(row.output != written[row.item_id] for row in found.items())
    assert find(str(adapter), base=str(llama)).revision == engine.revision


def test_an_adapter_of_a_hub_comes_with_the_base_it_names(
    at_hub: LocalHub, llama: Path, adapter: Path, tmp_path: Path
) -> None:
    from huggingface_hub import HfApi

    api = HfApi(endpoint=at_hub.url, token=at_hub.token)
    commits = {}
    shutil.copytree(adapter, tmp_path / "adapter")
    settings = json.loads((adapter / "adapter_config.json").read_text())
    settings |= {"base_model_name_or_path": "lema/eval-base", "revision": "v0.1.0"}
    (tmp_path / "adapter" / "adapter_config.json").write_text(json.dumps(settings))
    for repo, folder in (("lema/eval-base", llama), ("lema/eval-adapter", tmp_path / "adapter")):
        api.create_repo(repo)
        commits[repo] = api.upload_folder(repo_id=repo, folder_path=folder).oid
        api.create_tag(repo, tag="v0.1.0")
        api.upload_file(repo_id=repo, path_or_fileobj=b"later", path_in_repo="later.txt")
    engine = find("lema/eval-adapter@v0.1.0")
    assert engine.model == "lema/eval-base+lema/eval-adapter"
    assert engine.revision == f"{commits['lema/eval-base']}+{commits['lema/eval-adapter']}"
    assert find("lema/eval-base@v0.1.0").revision == commits["lema/eval-base"]
    with pytest.raises(InputError, match="is not an adapter"):
        find("lema/eval-base", base=str(llama))
    with pytest.raises(HubError, match="shows no model lema/nothing"):
        find("lema/nothing")


def test_a_broken_adapter_is_named(adapter: Path, tmp_path: Path) -> None:
    place = shutil.copytree(adapter, tmp_path / "broken")
    settings = json.loads((place / "adapter_config.json").read_text())
    (place / "adapter_config.json").write_text(json.dumps(settings | {"base_model_name_or_path": None}))
    with pytest.raises(
        InputError, match=r"names no base model; give one \(lema eval, merge and demo take --base\)"
    ):
        find(str(place))
    (place / "adapter_config.json").write_text("{")
    with pytest.raises(InputError, match=r"adapter_config\.json' cannot be read"):
        find(str(place))


@pytest.mark.parametrize("name", ["/nowhere", "tests", "no such thing"])
def test_a_system_that_is_none_says_so(name: str) -> None:
    with pytest.raises(InputError, match=name.strip("/")):
        find(name)
