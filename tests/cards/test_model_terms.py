"""What the licences of base models ask of the models made of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import HfApi

from lema_hub.cards.metadata import split_card
from lema_hub.cards.model_terms import check_name, notice_of
from lema_hub.errors import InputError
from lema_hub.hub.publish import publish_adapter
from lema_hub.hub.verify import verify
from tests.trained import build_adapter


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
