"""No repository gets its own code run, and no pickle is read, wherever a model, a tokenizer or an adapter is loaded."""

from __future__ import annotations

import builtins
import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lema_hub import nano
from lema_hub.engines import Request, Sampling, pretrained
from lema_hub.engines.transformers import TransformersEngine
from lema_hub.errors import EngineError, InputError

PLANTED = """
from pathlib import Path
Path({mark!r}).write_text("run")
from transformers import PretrainedConfig, LlamaForCausalLM, PreTrainedTokenizerFast
class Config(PretrainedConfig):
    model_type = "planted"
class Model(LlamaForCausalLM):
    config_class = Config
class Tokenizer(PreTrainedTokenizerFast):
    pass
"""


@pytest.fixture(autouse=True)
def agreeable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked at the terminal is answered with yes."""
    monkeypatch.setattr(builtins, "input", lambda *_: "y")


@pytest.fixture(params=["unknown type", "known type", "tokenizer"])
def planted(request: pytest.FixtureRequest, tiny_llama: Path, tmp_path: Path) -> Path:
    """A model that asks for code of its own, which would write the file `mark` beside its folder."""
    folder = shutil.copytree(tiny_llama, tmp_path / "planted")
    (folder / "code.py").write_text(PLANTED.format(mark=str(tmp_path / "mark")))
    classes = {"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"}
    classes |= {"AutoTokenizer": [None, "code.Tokenizer"]}
    name = "tokenizer_config.json" if request.param == "tokenizer" else "config.json"
    config = json.loads((folder / name).read_text()) | {"auto_map": classes}
    if request.param == "unknown type":
        config |= {"model_type": "planted", "architectures": ["Model"]}
    if request.param == "tokenizer":
        config |= {"tokenizer_class": "Tokenizer"}
    (folder / name).write_text(json.dumps(config))
    return folder


@pytest.fixture
def on_planted(planted: Path, tmp_path: Path) -> Path:
    """An adapter that names such a model as its base."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    config = {"peft_type": "LORA", "r": 4, "base_model_name_or_path": str(planted), "revision": None}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "adapter_model.safetensors").write_bytes(b"")
    return folder


def _answer(model: str | Path) -> None:
    list(TransformersEngine(model).generate([Request(prompt="Tom", sampling=Sampling(max_tokens=1))]))


def _evaluate(adapter: Path) -> None:
    from lema_hub.evals.systems import find

    engine = find(str(adapter))
    list(engine.generate([Request(prompt="Tom", sampling=Sampling(max_tokens=1))]))


def _diagnose(adapter: Path) -> None:
    from lema_hub.demo import correctors

    engine = correctors.adapter(str(adapter)).engine
    list(engine.generate([Request(prompt="Tom", sampling=Sampling(max_tokens=1))]))


def _merge(adapter: Path) -> None:
    from lema_hub.train.merge import merge

    merge(adapter, out=adapter.parent / "merged")


def _train(model: Path) -> None:
    from lema_hub.train import DataSource, Recipe, prepare

    source = DataSource(path=str(model), config="nano")
    prepare(Recipe(backbone=str(model), data=(source,), rows_per_step=8))


@pytest.mark.parametrize("load", [_answer, _train])
def test_a_model_with_code_of_its_own_is_refused_by_name(planted: Path, load: Callable[[Path], None]) -> None:
    with pytest.raises(
        InputError, match=r"planted' asks to run its own Python code \(.*config\.json has auto_map"
    ) as caught:
        load(planted)
    assert "\n" not in str(caught.value)
    assert not planted.with_name("mark").exists()


@pytest.mark.parametrize("load", [_evaluate, _diagnose, _merge])
def test_an_adapter_does_not_bring_such_a_base(
    on_planted: Path, planted: Path, load: Callable[[Path], None]
) -> None:
    with pytest.raises(InputError, match=r"planted' asks to run its own Python code"):
        load(on_planted)
    assert not planted.with_name("mark").exists()


def test_nothing_is_run_where_the_check_is_passed_over(planted: Path) -> None:
    """`from_pretrained` is told so too: a configuration that it reads otherwise than we do changes nothing."""
    for load in (pretrained.causal_model, pretrained.tokenizer):
        with contextlib.suppress(EngineError):  # where the type of the model is known, it loads as that
            load(planted, name="planted")
    assert not planted.with_name("mark").exists()


def test_pickled_weights_are_refused_by_name(tiny_llama: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    folder = shutil.copytree(tiny_llama, tmp_path / "pickled")
    (folder / "model.safetensors").unlink()
    torch.save(AutoModelForCausalLM.from_pretrained(tiny_llama).state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(
        InputError, match=r"pickled' has no \*\.safetensors: pytorch_model\.bin is a pickle"
    ) as caught:
        _answer(folder)
    assert "\n" not in str(caught.value)
    with pytest.raises(EngineError, match=r"cannot be loaded"):
        pretrained.causal_model(folder, name="pickled")


def test_a_pickled_adapter_is_refused(tiny_llama: Path, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match=r"has no adapter_model\.safetensors; save the adapter"):
        pretrained.adapter_folder(tmp_path)
    (tmp_path / "adapter_model.bin").write_bytes(b"")
    engine = TransformersEngine(tiny_llama, adapter=tmp_path)
    with pytest.raises(InputError, match="a pickle is not read, because it can run code"):
        list(engine.generate([Request(prompt="Tom", sampling=Sampling(max_tokens=1))]))


def test_an_adapter_beside_a_model_does_not_bring_its_base(tiny_llama: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_llama, tmp_path / "both")
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "lema/other"}))
    with pytest.raises(InputError, match="both' holds an adapter beside the model"):
        _answer(folder)


def test_a_safe_model_is_loaded(tiny_llama: Path) -> None:
    assert pretrained.model_folder(tiny_llama) == tiny_llama
    assert pretrained.model_folder(nano.backbone_path()) == nano.backbone_path()
    _answer(tiny_llama)


def test_every_model_of_the_package_is_loaded_here() -> None:
    root = Path(pretrained.__file__).parents[1]
    named = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if "om_pretrained(" in path.read_text()
    }
    assert named == {"engines/pretrained.py", "nano/backbone.py"}  # the latter in its docstring
