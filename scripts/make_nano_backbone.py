"""Trains the nano backbone and its tokenizer from scratch, on one CPU core or a GPU.

    OMP_NUM_THREADS=1 python scripts/make_nano_backbone.py --out lema_hub/nano/checkpoint

The diet: chain-of-thought solutions first; later also LeMa corrections of injected errors and LEMMA
trajectories, as web text has them for a real backbone (without them a model this small never learns what a
correction is). No loss is taken on prompts and on wrong steps. Every problem is of the train split and from
positions that no builder uses by default; dev and test problems never occur. docs/log.md tells of the pilots.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from lema_hub.answers import judge
from lema_hub.artifacts.training import Loss, Result, Training
from lema_hub.cards.fields import ERROR_NAMES
from lema_hub.hub.publish import publish_model
from lema_hub.nano import NanoProblem, check, correct, generate, inject_any, solve, stream
from lema_hub.nano.corrector import explain
from lema_hub.nano.problems import REVISION, SOURCE
from lema_hub.prompts import load
from lema_hub.records import ErrorType
from lema_hub.steps import format_correction, format_trajectory, join_steps, split_steps

COMMAND = "OMP_NUM_THREADS=1 python scripts/make_nano_backbone.py --out lema_hub/nano/checkpoint"
SCORES = "scores.json"
EXAMINED = 1000
END, PAD = "<|endoftext|>", "<|pad|>"
VOCABULARY = 1024
FIRST_POSITION = 10_000_000  # builders count from 0: the problems they sample are not those of this stream
PROBLEM_STEPS = (1, 2, 3, 4, 2, 3, 4, 3, 4, 4)
ERROR_WEIGHTS: dict[ErrorType, float] = {
    "CV": 0.28, "PV": 0.22, "OP": 0.12, "MS": 0.1, "CA": 0.1, "CC": 0.05, "QM": 0.05, "HA": 0.04,
    "UC": 0.02, "CS": 0.02,
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
    return Document(
        ((prompt, False), (format_correction(text.incorrect_step, text.explanation, text.steps) + END, True))
    )


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
    words = pre_tokenizers.Split(
        Regex(r" ?\p{L}+| ?\p{N}{1,2}|\s(?=\s)| ?[^\s\p{L}\p{N}]|\s"), behavior="isolated"
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [words, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
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


def batches(
    tokenizer: PreTrainedTokenizerFast, *, seed: int, total: int, batch: int, warm: float
) -> Iterator[Batch]:
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
        hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state[
            :, :-1
        ]  # (rows, length - 1, d)
        wanted = labels[:, 1:] != -100
        logits = model.lm_head(hidden[wanted])  # (learnt positions, vocabulary)
    return functional.cross_entropy(logits.float(), labels[:, 1:][wanted])


def learning_rate(progress: float) -> float:
    """Relative learning rate: a short warm-up, then down to nothing along a cosine."""
    return min(1.0, progress / 0.02) * (0.5 + 0.5 * math.cos(math.pi * progress))


def solve_greedily(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, problems: list[NanoProblem]
) -> list[str]:
    """Greedy solutions of the problems."""
    was_training, _ = model.training, model.eval()
    solutions: list[str] = []
    for start in range(0, len(problems), 100):
        prompts = [
            load("lema-cot").render(question=p.problem.question) for p in problems[start : start + 100]
        ]
        inputs = tokenizer(prompts, return_tensors="pt", padding=True, return_token_type_ids=False)
        with torch.no_grad():
            output = model.generate(
                **inputs.to(model.device),
                max_new_tokens=110,
                do_sample=False,
                pad_token_id=tokenizer.pad_token_id,
            )
        new = output[:, inputs["input_ids"].shape[1] :]
        solutions += tokenizer.batch_decode(new, skip_special_tokens=True)
    model.train(was_training)
    return solutions


def pass_at_1(problems: list[NanoProblem], solutions: list[str]) -> dict[str, float]:
    """The share of right answers, over all problems and by their number of steps."""
    right: dict[str, list[bool]] = {"all": []}
    for p, solution in zip(problems, solutions, strict=True):
        verdict = judge(solution, p.problem.answer).verdict == "correct"
        right["all"].append(verdict)
        right.setdefault(f"{p.problem.level} steps", []).append(verdict)
    return {key: round(sum(verdicts) / len(verdicts), 4) for key, verdicts in sorted(right.items())}


def main() -> None:
    """Trains, saves on the way, and scores the saved checkpoint on held-out problems."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint")
    parser.add_argument("--tokens", type=int, default=8_500_000, help="tokens to train on")
    parser.add_argument("--batch", type=int, default=2560, help="tokens per step")
    parser.add_argument("--width", type=int, default=128, help="hidden size, a multiple of 32")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--muon", type=float, default=0.016, help="learning rate of the matrices")
    parser.add_argument("--adam", type=float, default=0.004, help="learning rate of embeddings and norms")
    parser.add_argument("--warm", type=float, default=0.3, help="share of the run on chains of thought alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--looks", type=int, default=16, help="how often to score dev problems on the way")
    parser.add_argument("--examine", action="store_true", help="only score the checkpoint in --out again")
    args = parser.parse_args()
    if args.examine:
        examine(args.out)
        return
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
    losses: list[Loss] = []
    looks: list[dict[str, object]] = []
    seen = steps = 0
    began = time.perf_counter()
    recent: list[float] = []
    for batch in batches(tokenizer, seed=args.seed, total=args.tokens, batch=args.batch, warm=args.warm):
        rate = learning_rate(seen / args.tokens)
        for optimizer, peak in zip(optimizers, peaks, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * rate
        loss = loss_of(model, batch, device)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        looked = seen * args.looks // args.tokens
        seen += batch.tokens
        steps += 1
        recent.append(loss.item())
        if steps % 50 == 0 or seen >= args.tokens:
            losses.append(Loss(step=steps, loss=round(sum(recent) / len(recent), 4)))
            recent.clear()
            speed = seen / (time.perf_counter() - began)
            sys.stderr.write(f"{seen:,} tokens, loss {losses[-1].loss}, {speed:.0f} tokens/s\n")
        if seen * args.looks // args.tokens > looked:
            looks.append(
                {"tokens": seen, "step": steps, **pass_at_1(dev, solve_greedily(model, tokenizer, dev))}
            )
            sys.stderr.write(f"dev {looks[-1]}\n")
            save(args.out, model, tokenizer)
    save(args.out, model, tokenizer)
    settings = {key: value for key, value in vars(args).items() if key not in ("out", "examine")}
    Training(
        method="scratch",
        base_model=None,
        base_revision=None,
        license="apache-2.0",
        command=" ".join([COMMAND, *(f"--{key} {value}" for key, value in settings.items())]),
        recipe={**settings, "parameters": parameters, "device": device, "learning_rate": "cosine to 0"},
        data=(),
        steps=steps,
        tokens=seen,
        seconds=round(time.perf_counter() - began),
        seed=args.seed,
        losses=tuple(losses),
        packages={"python": platform.python_version(), "torch": torch.__version__},
    ).write(args.out)
    (args.out / SCORES).write_text(json.dumps({"dev": looks}, indent=1) + "\n")
    examine(args.out)


def save(out: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    """Writes the tokenizer and the weights: stored as bfloat16, to be computed with in float32."""
    out.mkdir(parents=True, exist_ok=True)
    half = LlamaForCausalLM(model.config)
    half.load_state_dict(model.state_dict())
    half.to(torch.bfloat16).save_pretrained(out)
    config = json.loads((out / "config.json").read_text())
    config["dtype"] = "float32"
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    tokenizer.save_pretrained(out)


def examine(out: Path) -> None:
    """Scores the saved checkpoint on held-out problems and counts its mistakes by type."""
    model, tokenizer = LlamaForCausalLM.from_pretrained(out), PreTrainedTokenizerFast.from_pretrained(out)
    problems = generate("test", EXAMINED)
    solutions = solve_greedily(model, tokenizer, problems)
    scores = pass_at_1(problems, solutions)
    types: Counter[str] = Counter()
    places: Counter[str] = Counter()
    for problem, solution in zip(problems, solutions, strict=True):
        if judge(solution, problem.problem.answer).verdict != "correct":
            found = check(problem, split_steps(solution))
            types[str(found.error_type)] += 1
            places[f"step {found.first_wrong}"] += 1
    record = json.loads((out / SCORES).read_text())
    record["test"] = {"n": EXAMINED, **scores}
    record["mistakes"] = {"type": dict(types.most_common()), "first wrong": dict(sorted(places.items()))}
    (out / SCORES).write_text(json.dumps(record, indent=1) + "\n")
    value = scores["all"]
    result = Result(
        task="lema:nano", repo=SOURCE, revision=REVISION, config="nano", split="test", metric="pass@1",
        value=value, stderr=round((value * (1 - value) / EXAMINED) ** 0.5, 4), n=EXAMINED,
    )  # fmt: skip
    kinds = ", ".join(f"{count} {ERROR_NAMES[code]}" for code, count in types.most_common(4))  # type: ignore[index]
    distinct = len({(problem.template, problem.facts) for problem in problems})
    notes = (
        f"Its {sum(types.values())} mistakes on the {EXAMINED} held-out problems are above all: {kinds}.",
        f"The held-out problems have {distinct} different pairs of structure and numbers; none of them occurs in the "
        "training stream.",
        "It has seen corrections of injected errors and a few trajectories; it has not seen its own mistakes.",
    )
    replace(Training.read(out), results=(result,), notes=notes).write(out)
    draw(out, record["dev"])
    card = publish_model(out, "lema/nano-backbone", version="0.1.0", dry_run=True).card
    (out / "README.md").write_text(card, encoding="utf-8")
    sys.stderr.write(f"test {record['test']}\nmistakes {record['mistakes']}\n")


def draw(out: Path, looks: list[dict[str, float]]) -> None:
    """Draws the curve of the run, `curve.svg`: pass@1 on dev problems against tokens."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "lema_hub"
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.4))
    for key in [key for key in looks[0] if key not in ("tokens", "step")]:
        axes.plot(
            [look["tokens"] / 1e6 for look in looks], [100 * look[key] for look in looks], label=key,
            linewidth=2.4 if key == "all" else 1.2,
        )  # fmt: skip
    axes.set(xlabel="million tokens", ylabel="greedy pass@1 on dev (%)", ylim=(0, 100))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(out / "curve.svg", bbox_inches="tight", metadata={"Date": None})


if __name__ == "__main__":
    main()
