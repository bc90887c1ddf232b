"""Two random Llamas with the same tokenizer and an adapter, and one evaluation that many tests look at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lema_hub import nano, prompts

if TYPE_CHECKING:
    from lema_hub.evals import EvalResult

# Warnings of libraries that cannot be cured here, each with whose it is.
WARNINGS = (
    # peft 0.21 reads an alias that transformers 5.23 deprecates.
    "ignore:`is_gradient_checkpointing` is deprecated:FutureWarning",
    # huggingface_hub 2.4 uploads large files with an argument that its httpx2 deprecates.
    "ignore:Use 'content=:DeprecationWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            for warning in WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


def save_llama(folder: Path, seed: int) -> Path:
    """A random Llama of a few thousand parameters whose tokenizer knows the characters of the nano world."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    text = "".join(made.problem.question for made in nano.generate("train", 200))
    text += prompts.load("lema-cot").template + "Step 0123456789: the answer is +-*/=.%$"
    vocabulary = {token: i for i, token in enumerate(["<s>", "</s>", "<unk>", *sorted(set(text))])}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    raw.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=1024, initializer_range=0.4,
        bos_token_id=0, eos_token_id=1, pad_token_id=None,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_llama(tmp_path_factory.mktemp("models") / "tiny-llama", seed=0)


@pytest.fixture(scope="session")
def other_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other weights in a folder of the same name."""
    return save_llama(tmp_path_factory.mktemp("other") / "tiny-llama", seed=1)


@pytest.fixture(scope="session")
def adapter(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random LoRA adapter on the first Llama, which it names as its base."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("adapters") / "tiny-adapter"
    torch.manual_seed(3)
    settings = LoraConfig(
        r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM"
    )
    get_peft_model(AutoModelForCausalLM.from_pretrained(llama), settings).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def result(llama: Path, runs: Path) -> EvalResult:
    """The random Llama on 12 nano problems, through LightEval's pipeline."""
    from lema_hub.engines.transformers import TransformersEngine
    from lema_hub.evals import score

    assert not os.environ.get("HF_ENDPOINT")  # nothing here needs a Hub
    return score(TransformersEngine(llama), tasks=["nano", "lema:nano-maj8"], out=runs / "llama", limit=12)
