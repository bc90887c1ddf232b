"""What training is tested on: rows of the nano world, and a random Llama with a tokenizer of its own."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from lema_hub import nano, prompts
from lema_hub.records import Correction, CotExample, ReasoningPath, schema
from lema_hub.steps import format_correction, join_steps, with_answer_step
from lema_hub.train import DataSource, Recipe


def cot_rows(count: int) -> list[dict[str, Any]]:
    rng = random.Random(1)
    rows = []
    for item in nano.generate("train", count):
        problem = item.problem
        text = join_steps(with_answer_step(nano.solve(item, rng), problem.answer))
        path = ReasoningPath.make(
            problem_id=problem.problem_id, model="gold", text=text, steps=(), answer=problem.answer,
            verdict="correct", prompt_id="lema-cot@1",
        )  # fmt: skip
        prompt = prompts.load("lema-cot").render(question=problem.question)
        rows.append(CotExample(problem=problem, path=path, prompt=prompt, completion=text).to_row())
    return rows


def correction_rows(count: int) -> list[dict[str, Any]]:
    rng = random.Random(2)
    rows: list[dict[str, Any]] = []
    for item in nano.generate("train", count):
        problem = item.problem
        injected = nano.inject_any(item, rng)
        wrong = injected[1] if isinstance(injected[0], str) else injected
        text = join_steps(wrong)
        found = nano.correct(item, wrong, rng)
        path = ReasoningPath.make(
            problem_id=problem.problem_id, model="injector", text=text, steps=tuple(wrong), answer="0",
            verdict="wrong", prompt_id="lema-cot@1", origin="injected",
        )  # fmt: skip
        rows.append(
            Correction(
                problem=problem, path=path, incorrect_step=found.incorrect_step, error_type=None,
                explanation=found.explanation, correct_solution="", correct_steps=found.steps,
                corrector="exact", corrector_prompt_id="lema-correction@1", answer_verdict="correct",
                gates=(), cost_usd=None,
                prompt=prompts.load("lema-correction").render(question=problem.question, solution=text),
                completion=format_correction(found.incorrect_step, found.explanation, found.steps),
            ).to_row()
        )  # fmt: skip
    return rows


def write(folder: Path, record: type, rows: list[dict[str, Any]], split: str = "train") -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = folder / "data" / "nano"
    place.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema(record)), place / f"{split}.parquet")
    return folder


def save_backbone(folder: Path, *, width: int, layers: int, vocabulary: int) -> Path:
    """A random Llama and a byte-level tokenizer trained on nano text, as `from_pretrained` takes them."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.train_from_iterator(
        [row["prompt"] + row["completion"] for row in cot_rows(60) + correction_rows(60)],
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=["<pad>", "<eos>"],
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<eos>", pad_token="<pad>")
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=core.get_vocab_size(), hidden_size=width, intermediate_size=width * 2,
        num_hidden_layers=layers, num_attention_heads=width // 32, num_key_value_heads=width // 32,
        max_position_embeddings=512, bos_token_id=None, eos_token_id=1, pad_token_id=0,
        tie_word_embeddings=True,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def tiny_recipe(backbone: Path, cot: Path, corrections: Path) -> Recipe:
    """Four steps of QLoRA with rank 4 on such a backbone."""
    return Recipe(
        backbone=str(backbone),
        backbone_repo="lema/tiny-llama",
        backbone_revision="v0.1.0",
        data=(DataSource(path=str(cot), config="nano"), DataSource(path=str(corrections), config="nano")),
        rank=4,
        max_steps=4,
        tokens_per_step=1500,
        micro_batches=2,
        max_length=400,
        gradient_checkpointing=False,
        optimizer="adamw_torch",
        learning_rate=2e-3,
    )
