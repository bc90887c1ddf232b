"""Trains the nano backbone and its tokenizer from scratch, on one CPU core or a GPU.

    OMP_NUM_THREADS=1 python scripts/make_nano_backbone.py --tokens 24_000_000 --out lema_hub/nano/checkpoint

The diet: chain-of-thought solutions first; later also LeMa corrections of injected errors and LEMMA trajectories, as
web text has them for a real backbone (without them a model this small never learns what a correction is). No loss is
taken on prompts and on wrong steps. Every problem is of the train split and from positions that no builder uses by
default; dev and test problems never occur. Lessons of the pilots that led to these settings are in docs/log.md.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from lema_hub.nano import NanoProblem, correct, generate, inject_any, solve, stream
from lema_hub.nano.corrector import explain
from lema_hub.nano.checker import check
from lema_hub.prompts import load
from lema_hub.records import ErrorType
from lema_hub.steps import ANSWER_STEP, format_correction, format_trajectory, join_steps, split_steps

END, PAD = "<|endoftext|>", "<|pad|>"
VOCABULARY = 1024
FIRST_POSITION = 10_000_000  # builders count from 0: the problems they sample are not those of this stream
PROBLEM_STEPS = (1, 2, 3, 4, 2, 3, 4, 3, 4, 4)
ERROR_WEIGHTS: dict[ErrorType, float] = {
    "CV": 0.28, "PV": 0.22, "OP": 0.12, "MS": 0.1, "CA": 0.1, "CC": 0.05, "QM": 0.05, "HA": 0.04, "UC": 0.02, "CS": 0.02,
}  # fmt: skip
TURNS = ("Wait, that is not right.", "Wait, let me check that.", "Hmm, there is a mistake.")
# Texts that every prompt repeats are one token each: they carry no information, and a step costs two tokens less.
PHRASES = (
    "Please solve the following math problem.\nQuestion:",
    "\nAnswer: Let's think step by step.\n",
    "For the following math problem, the original solution is incorrect. Please identify the incorrect step, explain "
    "why it is incorrect, and correct the original solution starting from the incorrect step.\nQuestion:",
    "\nOriginal Solution:\n{\n",
    "\n}\nIncorrect Step:",
    "Explanation:",
    "Correct Solution:\n{\n",
    "### Instruction:\n",
    "\n\n### Response: Let's think step by step.",
    "The answer is",
    *(f"Step {k}:" for k in range(1, 10)),
)


@dataclass(frozen=True, slots=True)
class Document:
    """Text in pieces; loss is taken where `learn` is true."""

    pieces: tuple[tuple[str, bool], ...]


def chain_of_thought(problem: NanoProblem, rng: Random) -> Document:
    prompt = load("lema-cot").render(question=problem.problem.question)
    return Document(((prompt, False), (join_steps(solve(problem, rng)) + END, True)))


def correction(problem: NanoProblem, rng: Random) -> Document:
    _, wrong = inject_any(problem, rng, weights=ERROR_WEIGHTS)
    text = correct(problem, wrong, rng)
    prompt = load("lema-correction").render(question=problem.problem.question, solution=join_steps(wrong))
    return Document(((prompt, False), (format_correction(text.incorrect_step, text.explanation, text.steps) + END, True)))


def trajectory(problem: NanoProblem, rng: Random) -> Document:
    prompt = load("lemma-solve").render(question=problem.problem.question)
    if rng.random() < 0.5:
        return Document(((prompt, False), ("\n" + join_steps(solve(problem, rng)) + END, True)))
    _, wrong = inject_any(problem, rng, weights=ERROR_WEIGHTS)
    found = check(problem, wrong)
    k = found.first_wrong or 1
    turn = f"{rng.choice(TURNS)} {explain(problem, found, rng)}"
    fresh = rng.random() < 0.3
    rest = solve(problem, rng) if fresh else correct(problem, wrong, rng).steps
    whole = format_trajectory(wrong[:k], turn, rest, first=1 if fresh else k)
    prefix = join_steps(wrong[:k]) + "\n"
    return Document(((prompt + "\n" + prefix, False), (whole.removeprefix(prefix) + END, True)))


def diet(rng: Random, progress: float, warm: float) -> str:
    """The kind of the next document: only chains of thought until `warm` of the run, then the mix."""
    if progress < warm:
        return "cot"
    return rng.choices(("cot", "correction", "trajectory"), (0.62, 0.30, 0.08))[0]


MAKERS = {"cot": chain_of_thought, "correction": correction, "trajectory": trajectory}


def train_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE over the nano world's text: a word or a number up to 99 is one token, and any text round-trips."""
    rng = Random(0)
    problems = stream("train", start=2 * FIRST_POSITION, steps=(1, 2, 3, 4))
    texts = [
        "".join(text for text, _ in MAKERS[kind](next(problems), rng).pieces).replace(END, "")
        for kind in ("cot", "correction", "trajectory")
        for _ in range(4000)
    ]
    for phrase in PHRASES:
        texts = [text.replace(phrase, " ") for text in texts]
    texts += [" ".join(f" {n}" for n in range(100))] * 200
    tokenizer = Tokenizer(models.BPE())
    words = pre_tokenizers.Split(Regex(r" ?\p{L}+| ?\p{N}{1,2}|\s(?=\s)| ?[^\s\p{L}\p{N}]|\s"), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(  # type: ignore[assignment]
        [words, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(PHRASES),
        special_tokens=[END, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(phrase, normalized=False) for phrase in PHRASES])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=END, pad_token=PAD, model_max_length=512, padding_side="left"
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """Right-padded ids (rows, length) and, of the same shape, what to predict (-100: no loss)."""

    ids: torch.Tensor
    labels: torch.Tensor
    tokens: int


def batches(tokenizer: PreTrainedTokenizerFast, *, seed: int, total: int, batch: int, warm: float) -> Iterator[Batch]:
    """Batches of about `batch` real tokens, rows of like length together, until `total` tokens are given."""
    rng = Random(seed)
    problems = stream("train", start=FIRST_POSITION, steps=PROBLEM_STEPS)
    given = 0
    while given < total:
        rows: list[tuple[list[int], list[int]]] = []
        while sum(len(ids) for ids, _ in rows) < 8 * batch:
            document = MAKERS[diet(rng, given / total, warm)](next(problems), rng)
            ids: list[int] = []
            labels: list[int] = []
            for text, learn in document.pieces:
                piece = tokenizer(text, add_special_tokens=False)["input_ids"]
                ids += piece
                labels += piece if learn else [-100] * len(piece)
            rows.append((ids, labels))
        rows.sort(key=lambda row: len(row[0]))
        ready: list[Batch] = []
        while rows:
            taken = [rows.pop()]
            while rows and sum(len(ids) for ids, _ in taken) < batch:
                taken.append(rows.pop())
            length = max(len(ids) for ids, _ in taken)
            pad = tokenizer.pad_token_id
            tokens = sum(len(ids) for ids, _ in taken)
            if tokens < batch // 2:
                break
            ready.append(
                Batch(
                    torch.tensor([ids + [pad] * (length - len(ids)) for ids, _ in taken]),
                    torch.tensor([labels + [-100] * (length - len(labels)) for _, labels in taken]),
                    tokens,
                )
            )
        rng.shuffle(ready)
        for one in ready:
            given += one.tokens
            yield one


def loss_of(model: LlamaForCausalLM, batch: Batch, device: str) -> torch.Tensor:
    """Mean cross-entropy over the positions that are learnt; logits are computed only there."""
    ids, labels = batch.ids.to(device), batch.labels.to(device)
    with torch.autocast(device, dtype=torch.bfloat16):
        hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]  # (rows, length - 1, d)
        wanted = labels[:, 1:] != -100
        logits = model.lm_head(hidden[wanted])  # (learnt positions, vocabulary)
    return functional.cross_entropy(logits.float(), labels[:, 1:][wanted])


def learning_rate(progress: float) -> float:
    """Relative learning rate: a short warm-up, then down to nothing along a cosine."""
    return min(1.0, progress / 0.02) * (0.5 + 0.5 * math.cos(math.pi * progress))


def solve_greedily(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, problems: list[NanoProblem], device: str
) -> dict[str, float]:
    """Greedy pass@1 by number of steps; the answer is the number after `The answer is`."""
    model.eval()
    right: dict[str, list[bool]] = {}
    for start in range(0, len(problems), 100):
        chunk = problems[start : start + 100]
        prompts = [load("lema-cot").render(question=p.problem.question) for p in chunk]
        inputs = tokenizer(prompts, return_tensors="pt", padding=True, return_token_type_ids=False).to(device)
        with torch.no_grad():
            output = model.generate(**inputs, max_new_tokens=110, do_sample=False, pad_token_id=tokenizer.pad_token_id)
        texts = tokenizer.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        for p, text in zip(chunk, texts, strict=True):
            steps = split_steps(text)
            answer = ANSWER_STEP.search(steps[-1]) if steps else None
            right.setdefault(str(p.problem.level), []).append(answer is not None and answer["answer"] == p.problem.answer)
    model.train()
    every = [verdict for verdicts in right.values() for verdict in verdicts]
    return {"all": sum(every) / len(every), **{k: sum(v) / len(v) for k, v in sorted(right.items())}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint")
    parser.add_argument("--tokens", type=int, default=24_000_000, help="tokens to train on")
    parser.add_argument("--batch", type=int, default=4096, help="tokens per step")
    parser.add_argument("--width", type=int, default=160, help="hidden size, a multiple of 32")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--muon", type=float, default=0.012, help="learning rate of the matrices")
    parser.add_argument("--adam", type=float, default=0.004, help="learning rate of embeddings and norms")
    parser.add_argument("--warm", type=float, default=0.5, help="share of the run on chains of thought alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--looks", type=int, default=12, help="how often to score dev problems on the way")
    args = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(args.seed)
    torch.set_num_threads(1 if device == "cpu" else torch.get_num_threads())

    tokenizer = train_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=args.width,
        intermediate_size=args.width * 27 // 10 // 16 * 16,
        num_hidden_layers=args.layers,
        num_attention_heads=args.width // 32,
        num_key_value_heads=args.width // 32,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config).to(device).train()
    parameters = sum(p.numel() for p in model.parameters())
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    optimizers = [
        torch.optim.Muon(matrices, lr=args.muon, weight_decay=0.0),
        torch.optim.AdamW(others, lr=args.adam, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    peaks = [args.muon, args.adam]
    dev = generate("dev", 210)
    curve: list[dict[str, object]] = []
    seen = steps = 0
    began = time.perf_counter()
    recent: list[float] = []
    for batch in batches(tokenizer, seed=args.seed, total=args.tokens, batch=args.batch, warm=args.warm):
        rate = learning_rate(seen / args.tokens)
        for optimizer, peak in zip(optimizers, peaks, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * rate
        loss = loss_of(model, batch, device)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        looked = seen * args.looks // args.tokens
        seen += batch.tokens
        steps += 1
        recent.append(loss.item())
        if steps % 50 == 0 or seen >= args.tokens:
            point: dict[str, object] = {"tokens": seen, "step": steps, "loss": round(sum(recent) / len(recent), 4)}
            recent.clear()
            curve.append(point)
            sys.stderr.write(f"{point} {seen / (time.perf_counter() - began):.0f} tokens/s\n")
        if seen * args.looks // args.tokens > looked:
            score = solve_greedily(model, tokenizer, dev, device)
            curve.append({"tokens": seen, "step": steps, "dev_pass_at_1": score})
            sys.stderr.write(f"dev {score}\n")
            save(args, model, tokenizer, curve, parameters, seen, steps, time.perf_counter() - began)
    save(args, model, tokenizer, curve, parameters, seen, steps, time.perf_counter() - began)


def save(
    args: argparse.Namespace,
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    curve: list[dict[str, object]],
    parameters: int,
    seen: int,
    steps: int,
    seconds: float,
) -> None:
    """Writes weights (as bfloat16, to be computed with in float32), tokenizer and `training.json`."""
    args.out.mkdir(parents=True, exist_ok=True)
    half = LlamaForCausalLM(model.config)
    half.load_state_dict(model.state_dict())
    half.to(torch.bfloat16).save_pretrained(args.out)
    config = json.loads((args.out / "config.json").read_text())
    config["dtype"] = "float32"
    (args.out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    tokenizer.save_pretrained(args.out)
    record = {
        "command": "OMP_NUM_THREADS=1 python scripts/make_nano_backbone.py "
        + " ".join(f"--{k} {v}" for k, v in vars(args).items() if k != "out")
        + " --out lema_hub/nano/checkpoint",
        "parameters": parameters,
        "tokens": seen,
        "steps": steps,
        "seconds": round(seconds),
        "seed": args.seed,
        "packages": {"python": platform.python_version(), "torch": torch.__version__},
        "curve": curve,
    }
    (args.out / "training.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
