"""The figures of a build in its card: Figure 4 as a table and a picture, gates against the truth, what a row took."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from huggingface_hub import HfApi

from lema_hub.artifacts.dataset import read_dataset
from lema_hub.artifacts.figures import GateTruth, Success, Yield
from lema_hub.artifacts.manifest import Manifest
from lema_hub.cards.dataset_cards import draw_pictures
from lema_hub.cards.pictures import Rate, rates
from lema_hub.hub.publish import publish_dataset
from tests.built import build_dataset

SUCCESS = (
    Success(group="all", name="all", wrong=8300, corrected=2300, low=0.267, high=0.287),
    Success(group="student", name="me/my_student", wrong=8300, corrected=2300, low=0.267, high=0.287),
    Success(group="level", name="Level 1", wrong=45, corrected=30, low=0.52, high=0.786),
    Success(group="self", name="own mistakes", wrong=2696, corrected=217, low=0.071, high=0.091),
)
YIELDS = (
    Yield(
        group="all",
        name="all",
        problems=50,
        accepted=20,
        prompt_tokens=900,
        completion_tokens=100,
        cost_usd=0.5,
    ),
    Yield(
        group="level", name="3", problems=5, accepted=0, prompt_tokens=90, completion_tokens=10, cost_usd=None
    ),
)
TRUTH = (
    GateTruth(
        gate="answer", asked=50, failed=10, right=1, made={"answer": 9, "step": 9}, caught={"answer": 9}
    ),
    GateTruth(gate="seam", asked=50, failed=0, right=0, made={"answer": 9, "step": 9}),
)


def built(tmp_path: Path) -> Path:
    folder = build_dataset(tmp_path, "corrections")
    replace(Manifest.read(folder), success=SUCCESS, yields=YIELDS, gate_truth=TRUTH).write(folder)
    return folder


def test_the_card_shows_success_yields_and_truth(tmp_path: Path) -> None:
    folder = built(tmp_path)
    assert Manifest.read(folder).success == SUCCESS
    offline = HfApi(endpoint="http://127.0.0.1:9", token="hf_any")
    card = publish_dataset(folder, "lema/x", version="0.1.0", dry_run=True, api=offline).card
    assert "| all | 8,300 | 2,300 | 27.7 % | 26.7 % to 28.7 % |" in card
    assert "| Level 1 | 45 | 30 | 66.7 % | 52.0 % to 78.6 % |" in card
    assert "| own mistakes | 2,696 | 217 | 8.0 % | 7.1 % to 9.1 % |" in card
    assert "| all | 50 | 20 | 50 | 0.0250 USD |" in card
    assert "| level 3 | 5 | 0 | none kept | not metered |" in card
    assert "| answer | 50 | 10 | 0.900 | 0.500 | answer 9 of 9 |" in card
    assert "| seam | 50 | 0 | none failed | 0.000 | none |" in card
    assert "](images/success.svg)" in card


def test_a_card_without_figures_is_silent_about_them(tmp_path: Path) -> None:
    folder = build_dataset(tmp_path, "corrections")
    assert "images/success.svg" not in draw_pictures(read_dataset(folder))
    exact = replace(Manifest.read(folder), gate_truth=(GateTruth(gate="answer", asked=5, failed=0, right=0),))
    exact.write(folder)
    offline = HfApi(endpoint="http://127.0.0.1:9", token="hf_any")
    card = publish_dataset(folder, "lema/x", version="0.1.0", dry_run=True, api=offline).card
    assert "How often a mistake was corrected" not in card
    assert "The gates against the truth" not in card


def test_the_picture_draws_every_share_where_it_belongs(tmp_path: Path) -> None:
    drawn = ElementTree.fromstring(draw_pictures(read_dataset(built(tmp_path)))["images/success.svg"])
    space = "{http://www.w3.org/2000/svg}"
    dots = [float(dot.attrib["cx"]) for dot in drawn.iter(f"{space}circle")]
    left, right = (float(line.attrib["x1"]) for line in list(drawn.iter(f"{space}line"))[:5:4])
    assert [(x - left) / (right - left) for x in dots] == pytest.approx(
        [row.rate for row in SUCCESS], abs=1e-3
    )
    assert "27.7% of 8,300" in [text.text for text in drawn.iter(f"{space}text")]


def test_a_hostile_name_stays_text() -> None:
    text = rates("t", [Rate("student", '"><script>alert(1)</script>', 0.5, 0.4, 0.6, "1 of 2")])
    assert "<script" not in text
    assert re.search(r"&lt;script|&#34;", text)
