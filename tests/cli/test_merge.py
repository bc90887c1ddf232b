"""`lema merge` on an adapter in a folder: what it writes and says, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lema_hub.cli.merge import app
from lema_hub.errors import InputError
from lema_hub.train import TrainResult, train
from tests.train.rows import correction_rows, cot_rows, save_backbone, tiny_recipe, write

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    from dataclasses import replace

    from lema_hub.records import Correction, CotExample

    folder = tmp_path_factory.mktemp("merge")
    recipe = tiny_recipe(
        save_backbone(folder / "tiny-llama", width=64, layers=2, vocabulary=500),
        write(folder / "lema-cot", CotExample, cot_rows(60)),
        write(folder / "lema-corrections", Correction, correction_rows(60)),
    )
    return train(replace(recipe, method="lora", max_steps=1), out=folder / "run")


def test_the_model_is_written_compared_and_recorded(trained: TrainResult, tmp_path: Path) -> None:
    out, base = tmp_path / "merged", trained.adapter.with_name("tiny-llama")
    arguments = [str(trained.adapter), "--out", str(out), "--base", str(base), "-n", "2"]
    done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (agreement,) = json.loads(done.stdout)["agreement"]
    assert (agreement["base"], agreement["prompts"], agreement["same_texts"]) == ("unquantised", 2, 2)
    record = json.loads((out / "training.json").read_text())
    assert record["merged"]["command"] == "lema merge run --task nano -n 2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["merged"]
    with pytest.raises(InputError, match="is not empty; choose another folder"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.mark.parametrize("name", ["./none", "/no/such/folder", "a/b/c", "none"])
def test_what_is_neither_a_folder_nor_on_a_hub_is_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"is neither a folder nor namespace/name\[@version\]"):
        CliRunner().invoke(app, [name, "--out", str(tmp_path / "merged")], catch_exceptions=False)
