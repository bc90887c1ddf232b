"""Adapters from folders and Hubs, and their measured hit rates."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from scipy.stats import binomtest

from lema_hub import nano
from lema_hub.artifacts.training import Result, Training
from lema_hub.demo.correctors import LOCALISATION, adapter, measured
from lema_hub.engines.choose import NANO_BACKBONE
from lema_hub.errors import HubError, InputError
from tests.demo.conftest import Learned

pytestmark = pytest.mark.xdist_group("demo")

RESULT = Result(
    task="nano",
    repo="lema_hub.nano",
    revision="1",
    config="nano",
    split="test",
    metric=LOCALISATION,
    value=0.6,
    stderr=0.0219,
    n=500,
)


def _training(*results: Result) -> Training:
    return Training(
        method="qlora",
        base_model=NANO_BACKBONE,
        base_revision=None,
        license="apache-2.0",
        command="lema train",
        recipe={},
        data=(),
        steps=1,
        tokens=1,
        seconds=1.0,
        seed=0,
        losses=(),
        packages={},
        results=results,
    )


def test_the_hit_rate_comes_from_the_adapter_s_own_record(tmp_path: Path) -> None:
    other = dataclasses.replace(RESULT, metric="pass@1", value=0.4)
    control = dataclasses.replace(RESULT, metric="localisation_always_step", value=0.53)
    elsewhere = dataclasses.replace(RESULT, metric="localisation_solving_again", value=0.7, n=80)
    _training(other, control, elsewhere, RESULT).write(tmp_path)
    rate = measured(tmp_path)
    assert rate is not None
    assert (rate.hits, rate.n) == (300, 500)
    assert rate.controls == (("always naming the commonest step", 0.53),)
    interval = binomtest(300, 500).proportion_ci(method="wilson")
    assert (rate.low, rate.high) == pytest.approx((interval.low, interval.high), abs=1e-6)


def test_without_a_result_nothing_is_measured(tmp_path: Path) -> None:
    assert measured(tmp_path) is None
    _training().write(tmp_path)
    assert measured(tmp_path) is None
    (tmp_path / "training.json").write_text("{")
    assert measured(tmp_path) is None


def test_a_nano_adapter_is_put_on_the_shipped_backbone(
    scored_adapter: Path, learned: Learned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nano, "backbone_path", lambda: learned.base)
    _training(RESULT).write(scored_adapter)
    corrector = adapter(str(scored_adapter))
    assert corrector.world == "nano"
    assert corrector.engine.model.startswith(NANO_BACKBONE)
    assert corrector.hit_rate is not None


def test_a_base_that_is_given_is_taken(scored_adapter: Path, learned: Learned) -> None:
    corrector = adapter(str(scored_adapter), base=str(learned.base))
    assert corrector.world == "any"
    assert corrector.engine.model.startswith("base+")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/no/such/folder", "is neither a folder nor a Hub id"),
        ("a/b/c", "is neither a folder nor a Hub id"),
        ("~x/y", "is neither a folder nor a Hub id"),
        ("a b/c", "neither"),
    ],
)
def test_a_name_that_is_no_adapter_is_refused(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        adapter(name)


def test_a_folder_without_an_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"it has no adapter_config\.json"):
        adapter(str(tmp_path))
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 8}))
    with pytest.raises(InputError, match="names no base model"):
        adapter(str(tmp_path))


def test_a_hub_that_is_not_running_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(HubError, match=r"'lema/x' at v0\.1\.0 is not in the cache") as caught:
        adapter("lema/x@v0.1.0")
    assert "\n" not in str(caught.value)
