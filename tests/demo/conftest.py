"""A small real adapter that has learned two corrections by heart, one of them wrong."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from lema_hub import nano
from lema_hub.demo import examples
from lema_hub.prompts import load
from lema_hub.records import ErrorType
from lema_hub.steps import format_correction, split_steps


@dataclass(frozen=True, slots=True)
class Learned:
    """The adapter, its base, and the mistakes of `problem` that it knows."""

    base: Path
    adapter: Path
    problem: nano.NanoProblem
    found: ErrorType = "PV"  # named and corrected rightly
    missed: ErrorType = "CS"  # its first step is blamed, and the answer comes out wrong


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Learned:
    """Trains a LoRA adapter on a random two-layer Llama until it knows both completions."""
    import torch
    from peft import LoraConfig, get_peft_model
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("demo-models")
    problem = examples.shown()[1]
    learned = Learned(folder / "base", folder / "adapter", problem)
    texts = _texts(learned)

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator([prompt + completion for prompt, completion in texts], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="</s>", pad_token="</s>")
    tokenizer.save_pretrained(learned.base)

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=0,
    )
    model = LlamaForCausalLM(config)
    model.save_pretrained(learned.base)
    lora = LoraConfig(r=32, lora_alpha=64, target_modules="all-linear", task_type="CAUSAL_LM")
    with warnings.catch_warnings():  # peft reads a property of the model that transformers has deprecated
        warnings.simplefilter("ignore", FutureWarning)
        adapted = get_peft_model(model, lora)
    rows = [_row(tokenizer, prompt, completion) for prompt, completion in texts]
    optimizer = torch.optim.AdamW([p for p in adapted.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(300):
        loss = sum(adapted(input_ids=ids, labels=labels).loss for ids, labels in rows)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(adapted.parameters(), 1.0)
        optimizer.step()
        if loss.item() < 0.01:
            break
    adapted.peft_config["default"].base_model_name_or_path = str(learned.base)
    adapted.save_pretrained(learned.adapter)
    return learned


def _texts(learned: Learned) -> list[tuple[str, str]]:
    """(prompt, completion) of both mistakes."""
    question = learned.problem.problem.question
    wrong = examples.mistakes(learned.problem.problem.problem_id)
    prompts = [
        load("lema-correction").render(question=question, solution=wrong[kind])
        for kind in (learned.found, learned.missed)
    ]
    right = nano.correct(learned.problem, split_steps(wrong[learned.found]), Random(0))
    completions = [
        format_correction(right.incorrect_step, right.explanation, right.steps),
        format_correction(1, "The first step is wrong.", ("Tom has 3 coins.", "The answer is 3.")),
    ]
    return list(zip(prompts, completions, strict=True))


def _row(tokenizer: object, prompt: str, completion: str) -> tuple[object, object]:
    """Tokens and labels (1, length) with the loss on the completion only."""
    import torch

    before, after = (tokenizer(text)["input_ids"] for text in (prompt, completion))  # type: ignore[operator]
    ids = [*before, *after, 0]
    return torch.tensor([ids]), torch.tensor([[-100] * len(before) + ids[len(before) :]])


@pytest.fixture
def scored_adapter(learned: Learned, tmp_path: Path) -> Path:
    """A copy of the adapter whose configuration names the nano backbone."""
    import shutil

    from lema_hub.engines.choose import NANO_BACKBONE

    folder = shutil.copytree(learned.adapter, tmp_path / "adapter")
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = NANO_BACKBONE
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder
